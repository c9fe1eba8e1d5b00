// SettledWriter: writes a settled segment: frames of batches, sorted by partition, offsets as they
// were, at addresses of its own (docs/formats/journal.md).
//
// Until EventLog::Settle has said that parts lie there, the file is garbage, which the next start
// removes.
//
// Thread rule: one thread at a time, any.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "weir/base/env.h"
#include "weir/log/batch_header.h"
#include "weir/log/segment_files.h"
#include "weir/log/segment_indexes.h"

namespace weir::log {

class SettledWriter {
 public:
  SettledWriter(SegmentFiles& files, const SegmentIndexes& indexes, Position first)
      : files_(files),
        indexes_(indexes),
        index_(std::make_shared<SegmentIndex>(first)),
        first_(first) {}

  Status Open();
  // Another part of a partition begins.
  void BeginPart() { index_->Break(); }
  Status Add(uint32_t partition, const BatchHeader& header, std::string_view batch);
  // Segment and index are on disk when it returns.
  Result<SegmentIndexes::Index> Finish();

  Position first() const { return first_; }
  uint64_t bytes() const { return written_ + buffer_.size(); }

 private:
  static constexpr size_t kBufferBytes = 1 << 20;
  Status Write();

  SegmentFiles& files_;
  const SegmentIndexes& indexes_;
  std::shared_ptr<File> file_;
  std::shared_ptr<SegmentIndex> index_;
  const Position first_;
  uint64_t written_ = kSegmentHeaderBytes;
  std::string buffer_;
};

}  // namespace weir::log
