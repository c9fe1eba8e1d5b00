#include "weir/log/record_batch.h"

#include <fmt/format.h>

#include <bit>
#include <cassert>
#include <cstring>
#include <limits>

#include "weir/base/checksum.h"

namespace weir::log {
namespace {

constexpr size_t kLeaderEpochAt = 12;
constexpr size_t kCrcAt = 17;
constexpr size_t kCrcEnd = 21;
constexpr size_t kAttributesAt = 21;
constexpr size_t kMaxTimestampAt = 35;
constexpr int16_t kLogAppendTime = 8;

template <typename T>
void Put(std::span<char> batch, size_t at, T value) {
  assert(at + sizeof(T) <= batch.size());
  for (size_t i = 0; i < sizeof(T); ++i) {
    batch[at + i] = static_cast<char>(value >> (8 * (sizeof(T) - 1 - i)));
  }
}

Error Corrupt(std::string message) {
  return Error::Operator(ErrorCode::kCorrupt, std::move(message));
}

}  // namespace

bool CrcMatches(std::string_view batch, const BatchHeader& header) {
  return Crc32c(batch.substr(kCrcEnd)) == header.crc;
}

Status CheckBatch(std::string_view batch) {
  const auto header = ReadBatchHeader(batch);
  if (!header.has_value()) {
    return Corrupt(fmt::format("{} bytes hold no record batch", batch.size()));
  }
  if (header->total_bytes() != batch.size()) {
    return Corrupt(
        fmt::format("a record batch of {} bytes has {}", header->total_bytes(), batch.size()));
  }
  if (header->magic != 2) {
    return Corrupt(fmt::format("a record batch has magic {}, not 2", header->magic));
  }
  if (!CrcMatches(batch, *header)) {
    return Corrupt(fmt::format("the record batch at offset {} fails its CRC: {:08x}, not {:08x}",
                               header->base_offset, Crc32c(batch.substr(kCrcEnd)), header->crc));
  }
  if (header->codec() > static_cast<int>(Codec::kZstd)) {
    return Corrupt(fmt::format("the record batch at offset {} has codec {}, which is none",
                               header->base_offset, header->codec()));
  }
  if (header->base_offset < 0 || header->last_offset_delta < 0 ||
      header->base_offset > std::numeric_limits<int64_t>::max() - header->last_offset_delta) {
    return Corrupt(fmt::format("a record batch goes from offset {} for {} offsets",
                               header->base_offset, int64_t{header->last_offset_delta} + 1));
  }
  if (header->record_count < 0 || header->record_count > int64_t{header->last_offset_delta} + 1) {
    return Corrupt(fmt::format("the record batch at offset {} has {} records in {} offsets",
                               header->base_offset, header->record_count,
                               int64_t{header->last_offset_delta} + 1));
  }
  return Status::Ok();
}

bool BatchCursor::Next() {
  const auto header = ReadBatchHeader(rest_);
  if (!header.has_value() || header->total_bytes() > rest_.size()) return false;
  header_ = *header;
  bytes_ = rest_.substr(0, header_.total_bytes());
  rest_.remove_prefix(bytes_.size());
  return true;
}

void SetBaseOffset(std::span<char> batch, int64_t base_offset) { Put(batch, 0, base_offset); }

void SetLeaderEpoch(std::span<char> batch, int32_t leader_epoch) {
  Put(batch, kLeaderEpochAt, leader_epoch);
}

void SetMaxTimestamp(std::span<char> batch, bool log_append_time, int64_t max_timestamp) {
  assert(batch.size() >= kBatchHeaderBytes);
  const auto low = static_cast<uint8_t>(batch[kAttributesAt + 1]);
  batch[kAttributesAt + 1] =
      static_cast<char>(log_append_time ? low | kLogAppendTime : low & ~kLogAppendTime);
  Put(batch, kMaxTimestampAt, max_timestamp);
  Put(batch, kCrcAt, Crc32c({batch.data() + kCrcEnd, batch.size() - kCrcEnd}));
}

}  // namespace weir::log
