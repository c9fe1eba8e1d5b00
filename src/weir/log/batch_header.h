// BatchHeader: the fixed 61 bytes before the records of a record batch, magic 2 (Kafka's
// DefaultRecordBatch). Big endian. Base offset and leader epoch are outside of the batch's CRC.
//
// Thread rule: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::log {

inline constexpr size_t kBatchHeaderBytes = 61;
// Base offset and length: what stands before the bytes that the length counts.
inline constexpr size_t kBatchLengthEnd = 12;
// Base offset, length and leader epoch: what a broker sets when it takes a batch.
inline constexpr size_t kBatchPrefixBytes = 16;

inline constexpr int64_t kNoProducerId = -1;
inline constexpr int32_t kNoSequence = -1;

struct BatchHeader {
  int64_t base_offset = 0;
  int32_t length = 0;  // bytes after the length field
  int32_t leader_epoch = 0;
  int8_t magic = 2;
  uint32_t crc = 0;  // CRC-32C of everything after it
  int16_t attributes = 0;
  int32_t last_offset_delta = 0;
  int64_t base_timestamp = 0;  // ms
  int64_t max_timestamp = 0;   // ms
  int64_t producer_id = kNoProducerId;
  int16_t producer_epoch = -1;
  int32_t base_sequence = kNoSequence;
  int32_t record_count = 0;

  size_t total_bytes() const { return kBatchLengthEnd + static_cast<size_t>(length); }
  int64_t last_offset() const { return base_offset + last_offset_delta; }
  int codec() const { return attributes & 7; }
  bool log_append_time() const { return (attributes & 8) != 0; }
  bool transactional() const { return (attributes & 16) != 0; }
  bool control() const { return (attributes & 32) != 0; }
  bool idempotent() const { return producer_id != kNoProducerId; }
  // Sequence numbers go on at 0 after the greatest.
  int32_t last_sequence() const { return SequenceAfter(base_sequence, last_offset_delta); }

  static int32_t SequenceAfter(int32_t sequence, int32_t steps) {
    return static_cast<int32_t>((static_cast<int64_t>(sequence) + steps) % (int64_t{1} << 31));
  }
};

// The header of the batch that begins here; nothing if the bytes are too few to hold one or the
// length is not that of a batch. Looks at nothing else: see record_batch.h for what is valid.
std::optional<BatchHeader> ReadBatchHeader(std::string_view bytes);

// The first kBatchPrefixBytes of a batch as the broker keeps it.
void WriteBatchPrefix(int64_t base_offset, int32_t length, int32_t leader_epoch, char* prefix);

}  // namespace weir::log
