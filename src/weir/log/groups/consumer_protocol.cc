#include "weir/log/groups/consumer_protocol.h"

#include <cstdint>

namespace weir::log {
namespace {

// Big endian.
bool TakeInt(std::string_view& bytes, size_t size, int32_t* value) {
  if (bytes.size() < size) return false;
  uint32_t read = 0;
  for (size_t i = 0; i < size; ++i) read = (read << 8) | static_cast<uint8_t>(bytes[i]);
  *value = size == 2 ? static_cast<int16_t>(read) : static_cast<int32_t>(read);
  bytes.remove_prefix(size);
  return true;
}

}  // namespace

std::optional<std::vector<std::string>> SubscribedTopics(std::string_view metadata) {
  int32_t version = 0;
  int32_t count = 0;
  if (!TakeInt(metadata, 2, &version) || version < 0) return std::nullopt;
  if (!TakeInt(metadata, 4, &count) || count < 0) return std::nullopt;
  std::vector<std::string> topics;
  for (int32_t i = 0; i < count; ++i) {
    int32_t size = 0;
    if (!TakeInt(metadata, 2, &size) || size < 0) return std::nullopt;
    if (metadata.size() < static_cast<size_t>(size)) return std::nullopt;
    topics.emplace_back(metadata.substr(0, static_cast<size_t>(size)));
    metadata.remove_prefix(static_cast<size_t>(size));
  }
  return topics;
}

}  // namespace weir::log
