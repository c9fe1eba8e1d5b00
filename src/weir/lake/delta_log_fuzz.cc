// Any bytes are either refused, or a commit that is written and read back the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "weir/lake/actions.h"
#include "weir/lake/file_stats.h"
#include "weir/lake/schema_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  (void)weir::lake::ParseStats({}, bytes);
  (void)weir::lake::ParseNumRecords(bytes);
  const auto schema = weir::lake::SchemaFromJson(bytes);
  if (schema.ok()) {
    const auto json = weir::lake::SchemaToJson(*schema);
    if (!json.ok() || !weir::lake::SchemaFromJson(*json).ok()) abort();
  }
  const auto commit = weir::lake::ParseCommit(bytes);
  if (!commit.ok()) return 0;
  const std::string text = weir::lake::WriteCommit(*commit);
  const auto again = weir::lake::ParseCommit(text);
  if (!again.ok() || weir::lake::WriteCommit(*again) != text) abort();
  if (again->adds.size() != commit->adds.size() || again->protocol != commit->protocol) abort();
  return 0;
}
