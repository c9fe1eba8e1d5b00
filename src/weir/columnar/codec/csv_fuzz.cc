// Any bytes as CSV, with any dialect: no crash, and the same rows and failures for every size of
// split and block, with masks and with the state machine alone.
#include <cstdint>
#include <string>

#include "weir/columnar/codec/codec_fuzz_text.h"
#include "weir/columnar/codec/csv_decode.h"

namespace weir::columnar {
namespace {

std::string ReadAll(std::string_view text, const CsvDecodeOptions& decode, const ColumnPlan& plan,
                    size_t split, size_t block, size_t max_record, bool simd) {
  duckdb::vector<duckdb::LogicalType> types;
  for (const PlannedColumn& column : plan.columns) types.push_back(column.type);
  std::string out;
  uint64_t start = 0;
  for (uint64_t stop = split; start < text.size(); stop += split) {
    if (start >= stop) continue;
    TextBlockOptions options;
    options.dialect = decode.dialect;
    options.start = start;
    options.stop = stop;
    options.block_bytes = block;
    options.max_record_bytes = max_record;
    options.allow_simd = simd;
    PieceReader bytes(text.substr(start), 1 + block % 13);
    TextBlockReader reader(&bytes, options);
    CsvDecoder decoder(decode, plan);
    AppendAll(reader, decoder, types, &out);
    start = reader.next_start();
  }
  return out;
}

}  // namespace
}  // namespace weir::columnar

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir::columnar;
  if (size < 3 || size > 4096) return 0;
  CsvDecodeOptions decode;
  if (data[0] & 1) decode.dialect.escape = '\\';
  if (data[0] & 2) decode.dialect.comment = '#';
  if (data[0] & 4) decode.dialect.quote.reset();
  if (data[0] & 8) decode.null_literals = {"NA", "-"};
  decode.field_count = 1 + data[1] % 4;
  const size_t max_record = 1 + data[2];
  ColumnPlan plan;
  plan.columns.push_back(OffsetColumn());
  const duckdb::LogicalType types[] = {duckdb::LogicalType::VARCHAR, duckdb::LogicalType::INTEGER,
                                       duckdb::LogicalType::DECIMAL(9, 2),
                                       duckdb::LogicalType::DATE};
  for (uint32_t i = 0; i < decode.field_count; ++i) {
    PlannedColumn column;
    column.name = "c";
    column.field = static_cast<int>(i);
    column.type = types[i];
    plan.columns.push_back(column);
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 3, size - 3);
  const std::string expected = ReadAll(text, decode, plan, 1 << 20, 1 << 20, max_record, false);
  const size_t split = 1 + (data[0] >> 4) * 7;
  const size_t block = 1 + (data[1] >> 2) * 3;
  if (ReadAll(text, decode, plan, 1 << 20, 1 << 20, max_record, true) != expected) __builtin_trap();
  if (ReadAll(text, decode, plan, split, 1 << 20, max_record, true) != expected) __builtin_trap();
  if (ReadAll(text, decode, plan, 1 << 20, block, max_record, true) != expected) __builtin_trap();
  if (ReadAll(text, decode, plan, split, block, max_record, true) != expected) __builtin_trap();
  return 0;
}
