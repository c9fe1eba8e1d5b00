// Any bytes are either refused or one manifest that is written and read back the same. The second
// reading puts a right header before the input, so that the fuzzer gets past the checksum.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "weir/base/checksum.h"
#include "weir/base/json.h"
#include "weir/epoch/manifest.h"

namespace {

void Check(const std::string& bytes) {
  const auto manifest = weir::epoch::DecodeManifest(bytes);
  if (!manifest.ok()) return;
  const auto again = weir::epoch::EncodeManifest(*manifest);
  if (!again.ok()) abort();
  const auto same = weir::epoch::DecodeManifest(*again);
  if (!same.ok() || !(*same == *manifest)) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  Check(bytes);
  Check(weir::ToText(weir::OrderedJson{{"weir", "epoch-manifest"},
                                       {"version", 1},
                                       {"bytes", size},
                                       {"xxh3", weir::Hex64(weir::Xxh3(bytes))}}) +
        "\n" + bytes);
  return 0;
}
