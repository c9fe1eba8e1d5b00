// Any bytes as an Avro schema, and as records of one that has every type.
#include <cstdint>
#include <string_view>

#include "weir/columnar/codec/avro_schema.h"
#include "weir/columnar/codec/record_fuzz_decode.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir::columnar;
  using duckdb::LogicalType;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)AvroSchema::Parse(std::string(bytes)).ok();
  static const char* const kSchema = R"({"type": "record", "name": "R", "fields": [
    {"name": "i", "type": "int"}, {"name": "l", "type": ["null", "long"]},
    {"name": "s", "type": ["null", "string", "int"]}, {"name": "passed_over", "type": "R2"},
    {"name": "a", "type": {"type": "array", "items": ["null", "double"]}},
    {"name": "m", "type": {"type": "map", "values": {"type": "array", "items": "string"}}},
    {"name": "r", "type": ["null", {"type": "record", "name": "In", "fields": [
      {"name": "d", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9,
                             "scale": 2}},
      {"name": "t", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}]},
    {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["x", "y"]}}]})";
  std::string schema = kSchema;
  const std::string tree =
      R"({"type": "record", "name": "R2", "fields": [)"
      R"({"name": "next", "type": ["null", "R2"]}, {"name": "f", "type": "float"}]})";
  schema.replace(schema.find("\"R2\""), 4, tree);
  FuzzRecords(
      {"avro", {{"schema", schema}}},
      {{{"i", LogicalType::SMALLINT},
        {"l", LogicalType::BIGINT},
        {"s", LogicalType::VARCHAR},
        {"a", LogicalType::LIST(LogicalType::DOUBLE)},
        {"m", LogicalType::MAP(LogicalType::VARCHAR, LogicalType::LIST(LogicalType::VARCHAR))},
        {"r", LogicalType::STRUCT(
                  {{"d", LogicalType::DECIMAL(9, 2)}, {"t", LogicalType::TIMESTAMP_TZ}})},
        {"e", LogicalType::VARCHAR}}},
      bytes);
  return 0;
}
