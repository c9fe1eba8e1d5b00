#include "weir/log/control_batch.h"

#include "weir/base/byte_codec.h"
#include "weir/log/batch_header.h"

namespace weir::log {
namespace {

uint32_t BigEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

}  // namespace

std::optional<Marker> ReadMarker(std::string_view batch) {
  if (batch.size() < kBatchHeaderBytes) return std::nullopt;
  ByteReader in(batch.substr(kBatchHeaderBytes));
  in.Signed();  // length
  in.U8();      // attributes
  in.Signed();  // timestamp delta
  in.Signed();  // offset delta
  const int64_t key_bytes = in.Signed();
  if (!in.ok() || key_bytes < 4) return std::nullopt;
  const std::string_view key = in.Raw(static_cast<uint64_t>(key_bytes));
  const int64_t value_bytes = in.Signed();
  if (!in.ok() || value_bytes < 6) return std::nullopt;
  const std::string_view value = in.Raw(static_cast<uint64_t>(value_bytes));
  if (!in.ok()) return std::nullopt;
  const uint32_t type = BigEndian(key.substr(2, 2));
  if (type > 1) return std::nullopt;
  Marker marker;
  marker.commit = type == 1;
  marker.coordinator_epoch = static_cast<int32_t>(BigEndian(value.substr(2, 4)));
  return marker;
}

}  // namespace weir::log
