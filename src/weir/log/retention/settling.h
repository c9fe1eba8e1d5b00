// Rewriting: moves parts of partitions to a settled segment, piece by piece, on any thread. What it
// leaves behind is dead.
//
// Settling copies batches as they are, but for those below the start offset. Compaction
// (compaction.h) is the other rewriting.
//
// Thread rule: one thread at a time, any.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/log/event_log.h"
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
  virtual ~Rewriting() = default;
  // Does a piece of about this many bytes. True when all is done: index() and moved() are what
  // EventLog::Settle wants.
  virtual Result<bool> Step(uint64_t bytes) = 0;

  Position settled() const { return writer_.first(); }
  const SegmentIndexes::Index& index() const { return index_; }
  const std::vector<MovedPart>& moved() const { return moved_; }
  // Segments that are damaged, found while reading: they are left as they are.
  const std::vector<Position>& damaged() const { return damaged_; }
  uint64_t bytes_written() const { return writer_.bytes(); }

 protected:
  Rewriting(EventLog& log, Position settled)
      : journal_(log.journal()), writer_(journal_.files(), log.indexes(), settled) {}

  // What is to come of a part.
  void BeginPart(const PlannedPart& planned);
  Status Add(const PlannedPart& planned, const BatchHeader& header, std::string_view batch);

  Journal& journal_;
  SettledWriter writer_;
  SegmentIndexes::Index index_;
  std::vector<MovedPart> moved_;
  std::vector<Position> damaged_;
};

class Settling : public Rewriting {
 public:
  // Parts ascending by partition and offset.
  Settling(EventLog& log, Position settled, std::vector<PlannedPart> parts)
      : Rewriting(log, settled), parts_(std::move(parts)) {}

  Result<bool> Step(uint64_t bytes) override;

 private:
  std::vector<PlannedPart> parts_;
  bool open_ = false;
  size_t part_ = 0;
  bool in_part_ = false;
  size_t extent_ = 0;  // of the part
  std::string buffer_;
};

}  // namespace weir::log
