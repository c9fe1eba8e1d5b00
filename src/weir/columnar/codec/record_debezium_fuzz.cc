// Any bytes as records of Debezium's JSON.
#include <cstdint>
#include <string_view>

#include "weir/columnar/codec/record_fuzz_decode.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir::columnar;
  using duckdb::LogicalType;
  FuzzRecords({"debezium-json", {{"deletes", "quarantine"}}},
              {{{"id", LogicalType::BIGINT},
                {"name", LogicalType::VARCHAR},
                {"tags", LogicalType::LIST(LogicalType::VARCHAR)}}},
              std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
