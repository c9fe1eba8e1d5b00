// SegmentIndex: where in one segment the batches of each partition lie, as extents of neighbouring
// frames, and its file beside the segment ("<first>.index", docs/formats/journal.md).
//
// The file is only a shortcut: what is missing or damaged is made again from the frames.
//
// Limits: an extent is closed at kExtentBytes, so that a reader skips at most that much.
// Thread rule: a SegmentIndex belongs to one thread while it grows; then it is immutable.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"
#include "weir/log/frame.h"

namespace weir::log {

// Neighbouring frames of one partition.
struct Extent {
  int64_t base_offset = 0;  // of the first batch
  Position position = 0;    // of the first frame
  uint32_t bytes = 0;       // frames with their headers
  uint32_t batches = 0;
  int64_t max_timestamp = 0;  // ms, of all batches

  uint64_t batch_bytes() const { return bytes - uint64_t{kFrameHeaderBytes} * batches; }
};

class SegmentIndex {
 public:
  static constexpr uint32_t kExtentBytes = 16 << 10;

  explicit SegmentIndex(Position first) : first_(first) {}

  Position first() const { return first_; }
  // Batches come in the order of their positions.
  void Add(uint32_t partition, int64_t base_offset, Position position, uint32_t frame_bytes,
           int64_t max_timestamp);
  // What is added next is no neighbour of what was added last.
  void Break() { last_end_ = 0; }
  // Ascending by offset; nullptr if the partition has nothing here.
  const std::vector<Extent>* Find(uint32_t partition) const;
  uint64_t extents() const { return extents_; }
  uint64_t frame_bytes() const { return frame_bytes_; }  // of all extents
  uint64_t memory_bytes() const { return extents_ * sizeof(Extent) + parts_.size() * 100; }
  const std::map<uint32_t, std::vector<Extent>>& parts() const { return parts_; }

  std::string Encode() const;
  // kCorrupt for anything that Encode did not write.
  static Result<std::shared_ptr<SegmentIndex>> Decode(std::string_view bytes);

 private:
  Position first_;
  std::map<uint32_t, std::vector<Extent>> parts_;
  uint64_t extents_ = 0;
  uint64_t frame_bytes_ = 0;
  // The frame added last, to see neighbours.
  uint32_t last_partition_ = 0;
  Position last_end_ = 0;
};

}  // namespace weir::log
