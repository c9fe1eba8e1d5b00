// PartitionLog: one partition's facts: which offsets it has and in which segments they lie, its
// producers, its open and aborted transactions. Made from the headers of its batches, in order.
//
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "weir/base/byte_codec.h"
#include "weir/log/batch_header.h"
#include "weir/log/control_batch.h"
#include "weir/log/frame.h"
#include "weir/log/producer_state.h"

namespace weir::log {

// What one segment has of a partition.
struct SegmentPart {
  Position segment = 0;  // first position
  int64_t base_offset = 0;
  int64_t end_offset = 0;  // after the last record
  int64_t max_timestamp = -1;
  uint64_t bytes = 0;  // of batches
  uint64_t batches = 0;
  int64_t appended_ms = 0;  // by the clock of the machine: all of it was there then, or before

  uint64_t frame_bytes() const { return bytes + kFrameHeaderBytes * batches; }
  void Encode(ByteWriter& out) const;
  void Decode(ByteReader& in);
};

struct AbortedTransaction {
  int64_t producer_id = 0;
  int64_t first_offset = 0;
  int64_t marker_offset = 0;
};

// Compaction went over all offsets before `end_offset` for the first time.
struct Cleaned {
  int64_t end_offset = 0;
  int64_t at_ms = 0;
  uint64_t tombstones = 0;  // that it left, to be removed later
};

class PartitionLog {
 public:
  explicit PartitionLog(uint32_t number) : number_(number) {}

  uint32_t number() const { return number_; }
  int64_t next_offset() const { return next_offset_; }    // of the next record
  int64_t durable_end() const { return durable_end_; }    // the high watermark
  int64_t start_offset() const { return start_offset_; }  // the first that is kept
  // Below it no transaction is open.
  int64_t last_stable_offset() const;
  uint64_t bytes() const;  // of the batches from the start offset on, about

  const std::deque<SegmentPart>& parts() const { return parts_; }
  // Ascending by both.
  const std::vector<Cleaned>& cleaned() const { return cleaned_; }
  int64_t cleaned_end() const { return cleaned_.empty() ? 0 : cleaned_.back().end_offset; }
  const ProducerStates& producers() const { return producers_; }
  ProducerStates& producers() { return producers_; }

  // A batch is in the journal. `marker` for control batches; `uptime_ms`: of the monotonic clock.
  void Apply(const BatchHeader& header, const std::optional<Marker>& marker, Position segment,
             int64_t now_ms, int64_t uptime_ms);
  // The part of `segment` that begins at this offset lies elsewhere now, or (if `part` has no
  // batches) nowhere. Nothing happens if it is no longer kept.
  void ReplacePart(Position segment, int64_t base_offset, const SegmentPart& part);
  void SetDurableEnd(int64_t offset);
  // Forgets what lies below; beyond next_offset() is a bug of the caller.
  void SetStartOffset(int64_t offset);

  // Compaction went over everything before `now.end_offset`; tombstones that others had left at or
  // before `swept_ms` are gone.
  void SetCleaned(const Cleaned& now, int64_t swept_ms);

  // Aborted transactions with records in [from, to).
  std::vector<AbortedTransaction> AbortedBetween(int64_t from, int64_t to) const;

  void Encode(ByteWriter& out) const;
  bool Decode(ByteReader& in);

 private:
  uint32_t number_;
  int64_t start_offset_ = 0;
  int64_t next_offset_ = 0;
  int64_t durable_end_ = 0;
  std::deque<SegmentPart> parts_;
  ProducerStates producers_;
  std::deque<AbortedTransaction> aborted_;  // ascending by marker_offset
  std::vector<Cleaned> cleaned_;
  // Ended by a marker that is not durable yet: still open to readers.
  struct Ending {
    int64_t first_offset;
    int64_t marker_offset;
  };
  std::deque<Ending> ending_;  // ascending by marker_offset
};

}  // namespace weir::log
