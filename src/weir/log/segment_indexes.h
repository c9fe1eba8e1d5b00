// SegmentIndexes: the index of every segment: the open one, which grows, and sealed ones, which are
// loaded when asked for and made again from their segment if their file is missing or damaged.
//
// Limits: loaded ones take at most kCacheBytes; the one used longest ago goes first.
// Thread rule: one thread; Save may run on another.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/log/journal.h"
#include "weir/log/segment_index.h"

namespace weir::log {

class SegmentIndexes {
 public:
  static constexpr uint64_t kCacheBytes = 32 << 20;
  using Index = std::shared_ptr<const SegmentIndex>;

  SegmentIndexes(Env& env, std::string folder) : env_(env), folder_(std::move(folder)) {}

  // The segment that is appended to.
  SegmentIndex& growing() { return *open_; }
  bool IsOpen(Position first) const { return open_ && open_->first() == first; }
  // A new segment is appended to; the one before (if any) is sealed and returned for Save.
  Index Open(Position first);

  // A settled segment was written, with this index.
  void Adopt(Index index) { Keep(std::move(index)); }

  Result<Index> Get(Position first, Journal& journal);
  // Puts the file of a sealed index in place.
  Status Save(const SegmentIndex& index) const;
  std::string PathOf(Position first) const;
  // The segment is gone, or will be.
  void Forget(Position first);

 private:
  struct Cached {
    Index index;
    std::list<Position>::iterator use;
  };
  void Keep(Index index);

  Env& env_;
  const std::string folder_;
  std::shared_ptr<SegmentIndex> open_;
  std::map<Position, Cached> cache_;
  std::list<Position> uses_;  // last used first
  uint64_t cache_bytes_ = 0;
};

}  // namespace weir::log
