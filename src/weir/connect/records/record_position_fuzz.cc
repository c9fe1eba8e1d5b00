// Any bytes as a recorded position: refused or read, and what is read is written back the same.
#include <cstdint>
#include <string>

#include "weir/connect/records/record_position.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir::connect;
  const auto position = ParseRecordPosition(std::string(reinterpret_cast<const char*>(data), size));
  if (!position.ok() || !position->has_value()) return 0;
  const auto again = ParseRecordPosition(WriteRecordPosition(**position));
  if (!again.ok() || *again != *position) __builtin_trap();
  return 0;
}
