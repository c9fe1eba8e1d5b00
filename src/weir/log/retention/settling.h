// Rewriting: moves parts of partitions to settled segments, piece by piece, on any thread. What it
// leaves behind is dead.
//
// Settling copies batches as they are, but for those below the start offset. Compaction
// (compaction.h) is the other rewriting.
//
// Thread rule: one thread at a time, any.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/env.h"
#include "weir/log/event_log.h"
#include "weir/log/retention/extent_reader.h"
#include "weir/log/retention/settled_writer.h"

namespace weir::log {

// A part as it was when the work was planned.
struct PlannedPart {
  uint32_t partition = 0;
  SegmentPart part;
  int64_t start_offset = 0;     // batches that end below are not wanted
  SegmentIndexes::Index index;  // of the part's segment
};

class Rewriting {
 public:
  enum class Progress {
    kMore,
    kSegment,  // this segment is full: to be settled, then Continue
    kDone,     // to be settled, and that is all
  };

  virtual ~Rewriting() = default;
  // Does a piece of about this many bytes. After kSegment and kDone, index(), moved() and cleaned()
  // are what EventLog::Settle wants.
  virtual Result<Progress> Step(uint64_t bytes) = 0;
  // With a next settled segment.
  void Continue(Position settled);

  Position settled() const { return writer_->first(); }
  const SegmentIndexes::Index& index() const { return index_; }
  const std::vector<MovedPart>& moved() const { return moved_; }
  const std::vector<CleanedPartition>& cleaned() const { return cleaned_; }
  // Where damage was found while reading: it is left as it is.
  const std::vector<PlannedPart>& damaged() const { return damaged_; }
  uint64_t bytes_written() const { return earlier_bytes_ + writer_->bytes(); }

 protected:
  Rewriting(EventLog& log, Position settled);

  // The segment's file is made.
  Status OpenSegment();
  // What comes is of this part.
  void BeginPart(const PlannedPart& planned);
  Status Add(const PlannedPart& planned, const BatchHeader& header, std::string_view batch);
  // Ends the segment.
  Status Finish();

  // Visits the part's batches that end after `from`, up to `*bytes` of them, which is reduced. True
  // if none is left; otherwise it is to be called again. Visiting ends where the visitor fails.
  using Visit = std::function<Status(const BatchHeader& header, std::string_view batch)>;
  Result<bool> Walk(const PlannedPart& planned, int64_t from, uint64_t* bytes, const Visit& visit);
  // Walk begins at the part's begin.
  void Rewind() { walking_ = false; }

  uint64_t segment_bytes() const { return writer_->bytes(); }

 private:
  EventLog& log_;
  std::unique_ptr<SettledWriter> writer_;
  bool open_ = false;
  uint64_t earlier_bytes_ = 0;
  SegmentIndexes::Index index_;
  std::vector<MovedPart> moved_;
  std::vector<PlannedPart> damaged_;
  bool walking_ = false;
  size_t extent_ = 0;  // of the part that is walked
  std::string buffer_;

 protected:
  std::vector<CleanedPartition> cleaned_;
};

class Settling : public Rewriting {
 public:
  // Parts ascending by partition and offset.
  Settling(EventLog& log, Position settled, std::vector<PlannedPart> parts)
      : Rewriting(log, settled), parts_(std::move(parts)) {}

  Result<Progress> Step(uint64_t bytes) override;

 private:
  const std::vector<PlannedPart> parts_;
  size_t part_ = 0;
  bool in_part_ = false;
};

}  // namespace weir::log
