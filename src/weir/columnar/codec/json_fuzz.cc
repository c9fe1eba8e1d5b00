// Any bytes as newline JSON and as a JSON array: no crash, every document is a row or a failure,
// and the same ones for every size of block.
#include <cstdint>
#include <string>

#include "weir/columnar/codec/codec_fuzz_text.h"
#include "weir/columnar/codec/json_array.h"
#include "weir/columnar/codec/json_decode.h"
#include "weir/columnar/schema.h"

namespace weir::columnar {
namespace {

std::string ReadAll(std::string_view text, const ColumnPlan& plan, bool array, size_t block,
                    size_t max_record) {
  duckdb::vector<duckdb::LogicalType> types;
  for (const PlannedColumn& column : plan.columns) types.push_back(column.type);
  TextBlockOptions options;
  options.dialect = CsvDialect::Lines();
  options.block_bytes = block;
  options.max_record_bytes = max_record;
  PieceReader bytes(text, 1 + block % 13);
  const auto decoder = NewJsonDecoder(plan, {.depth_max = 5});
  std::string out;
  if (array) {
    JsonArrayReader reader(&bytes, options);
    AppendAll(reader, *decoder, types, &out);
  } else {
    TextBlockReader reader(&bytes, options);
    AppendAll(reader, *decoder, types, &out);
  }
  return out;
}

}  // namespace
}  // namespace weir::columnar

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir::columnar;
  using duckdb::LogicalType;
  if (size < 2 || size > 4096) return 0;
  ColumnPlan plan;
  plan.columns.push_back(OffsetColumn());
  const std::pair<const char*, LogicalType> columns[] = {
      {"a", LogicalType::INTEGER},
      {"b", LogicalType::VARCHAR},
      {"c", LogicalType::LIST(LogicalType::STRUCT({{"d", LogicalType::DECIMAL(9, 2)}}))},
      {"m", LogicalType::MAP(LogicalType::VARCHAR, LogicalType::DATE)}};
  for (const auto& [name, type] : columns) {
    PlannedColumn column;
    column.name = column.key = name;
    column.type = type;
    plan.columns.push_back(column);
    plan.known_keys.push_back(name);
  }
  if (data[0] & 1) {
    plan.rescue = true;
    PlannedColumn rescued;
    rescued.from = PlannedColumn::From::kRescued;
    rescued.type = LogicalType::VARCHAR;
    plan.columns.push_back(rescued);
  }
  const size_t block = 1 + (data[0] >> 1);
  const size_t max_record = data[1] & 1 ? 1 << 20 : 1 + (data[1] >> 1);
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  for (const bool array : {false, true}) {
    const std::string expected = ReadAll(text, plan, array, 1 << 20, max_record);
    if (ReadAll(text, plan, array, block, max_record) != expected) __builtin_trap();
  }
  PieceReader bytes(text, 4096);
  TextBlockOptions options;
  options.dialect = CsvDialect::Lines();
  TextBlockReader reader(&bytes, options);
  TextBlock found;
  Schema schema;
  if (reader.Next(&found).value()) InferJson(found, 100, &schema);
  return 0;
}
