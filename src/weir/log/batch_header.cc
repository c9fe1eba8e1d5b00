#include "weir/log/batch_header.h"

#include <bit>
#include <cstring>
#include <type_traits>

namespace weir::log {
namespace {

template <typename T>
T Swap(T value) {
  if constexpr (sizeof(T) == 8)
    return static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(value)));
  if constexpr (sizeof(T) == 4)
    return static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(value)));
  if constexpr (sizeof(T) == 2)
    return static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(value)));
  return value;
}

template <typename T>
T Get(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return std::endian::native == std::endian::little ? Swap(value) : value;
}

template <typename T>
void Put(char* at, T value) {
  if (std::endian::native == std::endian::little) value = Swap(value);
  std::memcpy(at, &value, sizeof(value));
}

}  // namespace

std::optional<BatchHeader> ReadBatchHeader(std::string_view bytes) {
  if (bytes.size() < kBatchHeaderBytes) return std::nullopt;
  const char* at = bytes.data();
  BatchHeader header;
  header.base_offset = Get<int64_t>(at);
  header.length = Get<int32_t>(at + 8);
  if (header.length < static_cast<int32_t>(kBatchHeaderBytes - kBatchLengthEnd)) {
    return std::nullopt;
  }
  header.leader_epoch = Get<int32_t>(at + 12);
  header.magic = static_cast<int8_t>(at[16]);
  header.crc = Get<uint32_t>(at + 17);
  header.attributes = Get<int16_t>(at + 21);
  header.last_offset_delta = Get<int32_t>(at + 23);
  header.base_timestamp = Get<int64_t>(at + 27);
  header.max_timestamp = Get<int64_t>(at + 35);
  header.producer_id = Get<int64_t>(at + 43);
  header.producer_epoch = Get<int16_t>(at + 51);
  header.base_sequence = Get<int32_t>(at + 53);
  header.record_count = Get<int32_t>(at + 57);
  return header;
}

void WriteBatchPrefix(int64_t base_offset, int32_t length, int32_t leader_epoch, char* prefix) {
  Put(prefix, base_offset);
  Put(prefix + 8, length);
  Put(prefix + 12, leader_epoch);
}

}  // namespace weir::log
