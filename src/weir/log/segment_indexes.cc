#include "weir/log/segment_indexes.h"

#include <algorithm>

#include "weir/log/batch_header.h"

namespace weir::log {

std::string SegmentIndexes::PathOf(Position first) const {
  std::string digits = std::to_string(first);
  digits.insert(0, 20 - digits.size(), '0');
  return JoinPath(folder_, digits + ".index");
}

SegmentIndexes::Index SegmentIndexes::Open(Position first) {
  std::shared_ptr<SegmentIndex> sealed = std::move(open_);
  open_ = std::make_shared<SegmentIndex>(first);
  if (sealed) Keep(sealed);
  return sealed;
}

Result<SegmentIndexes::Index> SegmentIndexes::Get(Position first, Journal& journal) {
  if (IsOpen(first)) return Index(open_);
  const auto found = cache_.find(first);
  if (found != cache_.end()) {
    uses_.splice(uses_.begin(), uses_, found->second.use);
    return found->second.index;
  }
  auto bytes = env_.ReadFile(PathOf(first));
  if (bytes.ok()) {
    auto index = SegmentIndex::Decode(*bytes);
    if (index.ok() && (*index)->first() == first) {
      Keep(*index);
      return Index(*index);
    }
  }
  auto index = std::make_shared<SegmentIndex>(first);
  WEIR_RETURN_IF_ERROR(journal.ScanSegment(first, [&](const Frame& frame) {
    if (frame.kind != FrameKind::kBatch) return;
    const auto header = ReadBatchHeader(frame.body);
    if (!header) return;
    index->Add(frame.stream, header->base_offset, frame.position,
               static_cast<uint32_t>(frame.end() - frame.position), header->max_timestamp);
  }));
  // What is not durable yet was not scanned: such an index is good for now only.
  const std::vector<Position> segments = journal.Segments();
  const auto next = std::upper_bound(segments.begin(), segments.end(), first);
  const bool is_whole = IsSettled(first) || (next != segments.end() && *next <= journal.durable());
  if (!is_whole) return Index(index);
  // Without the file the next start would scan again; failing to write it harms nothing else.
  (void)Save(*index);
  Keep(index);
  return Index(index);
}

Status SegmentIndexes::Save(const SegmentIndex& index) const {
  return env_.WriteFileAtomic(PathOf(index.first()), index.Encode());
}

void SegmentIndexes::Forget(Position first) {
  const auto found = cache_.find(first);
  if (found != cache_.end()) {
    cache_bytes_ -= found->second.index->memory_bytes();
    uses_.erase(found->second.use);
    cache_.erase(found);
  }
}

void SegmentIndexes::Keep(Index index) {
  const Position first = index->first();
  cache_bytes_ += index->memory_bytes();
  uses_.push_front(first);
  cache_[first] = {std::move(index), uses_.begin()};
  while (cache_bytes_ > kCacheBytes && uses_.size() > 1) {
    const auto oldest = cache_.find(uses_.back());
    cache_bytes_ -= oldest->second.index->memory_bytes();
    cache_.erase(oldest);
    uses_.pop_back();
  }
}

}  // namespace weir::log
