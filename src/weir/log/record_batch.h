// Record batches, magic 2, as bytes (Kafka message format v2; the header's layout is in
// batch_header.h): which are whole and sound, one after the other, and the few fields that a broker
// changes in place. Nothing is copied.
//
//   BatchCursor batches(blob);
//   while (batches.Next()) {
//     WEIR_RETURN_IF_ERROR(CheckBatch(batches.bytes()));
//     ...batches.header().last_offset()...
//   }
//   if (!batches.rest().empty()) ...the last batch is cut off...
//
// Thread rule: values and free functions. The bytes must outlive a cursor.
// Errors: kCorrupt, the batch is not what its producer wrote.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "weir/base/result.h"
#include "weir/log/batch_header.h"

namespace weir::log {

// Attributes, bits 0-2.
enum class Codec : int8_t { kNone = 0, kGzip = 1, kSnappy = 2, kLz4 = 3, kZstd = 4 };

// Exactly one sound batch: its length, magic 2, CRC-32C, a known codec, offsets that do not
// overflow and a count of records that goes with them. A compacted batch may have fewer records
// than offsets, even none. Says nothing about the records: RecordReader does.
Status CheckBatch(std::string_view batch);

// The CRC of the header is the one of the bytes. The batch has at least kBatchHeaderBytes.
bool CrcMatches(std::string_view batch, const BatchHeader& header);

// Walks the batches of a blob by their lengths alone.
class BatchCursor {
 public:
  explicit BatchCursor(std::string_view blob) : rest_(blob) {}

  // False at the end, and where what is left holds no whole batch.
  bool Next();
  const BatchHeader& header() const { return header_; }
  std::string_view bytes() const { return bytes_; }
  // What comes after the current batch; after Next() said false, what is no whole batch.
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  std::string_view bytes_;
  BatchHeader header_;
};

// Both lie outside of the CRC.
void SetBaseOffset(std::span<char> batch, int64_t base_offset);
void SetLeaderEpoch(std::span<char> batch, int32_t leader_epoch);
// Sets the greatest timestamp and whether it stands for all records (LogAppendTime), and the CRC.
void SetMaxTimestamp(std::span<char> batch, bool log_append_time, int64_t max_timestamp);

}  // namespace weir::log
