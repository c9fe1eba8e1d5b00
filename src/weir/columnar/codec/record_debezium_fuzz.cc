// Any bytes as records of Debezium's JSON.
#include <cstdint>
#include <string_view>

#include "weir/columnar/codec/record_fuzz_decode.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir::columnar;
  using duckdb::LogicalType;
  RecordFormatOptions format;
  format.format = "debezium-json";
  format.options.emplace("deletes", "quarantine");
  Schema fields;
  fields.fields.push_back({"id", LogicalType::BIGINT});
  fields.fields.push_back({"name", LogicalType::VARCHAR});
  fields.fields.push_back({"tags", LogicalType::LIST(LogicalType::VARCHAR)});
  FuzzRecords(format, fields, std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
