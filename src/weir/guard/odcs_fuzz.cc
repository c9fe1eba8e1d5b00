// Any bytes either become a contract that is valid by our own rules, or are refused.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "weir/guard/odcs.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto document = weir::guard::ParseOdcs(text, "fuzz.yaml", {});
  if (!document.ok()) return 0;
  for (const auto& table : document->tables) {
    if (!weir::guard::Validate(table.contract).ok()) std::abort();
    for (const auto& check : table.contract.checks) {
      if (weir::guard::DescribeCheck(check).empty()) std::abort();
    }
  }
  return 0;
}
