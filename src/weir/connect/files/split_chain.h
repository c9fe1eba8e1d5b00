// SplitChain: where the first record of each split of one file begins.
//
// A split that starts in the middle of a file cannot know whether its first bytes are inside
// quotes; the split before it knows once it has found its own records. So the start of split k + 1
// is what split k finds behind its last record. Readers take splits in order, find the records of a
// split first and convert them afterwards, so the answer is mostly there when it is asked for; if
// nobody has claimed a split yet, whoever needs the answer finds it.
//
// Invariant: a claim is held only within one call, never between calls; so waiting always ends.
//
// Thread rule: thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "weir/base/result.h"

namespace weir::connect {

class SplitChain {
 public:
  SplitChain(size_t splits, uint64_t first_start) : starts_(splits + 1), claimed_(splits) {
    starts_[0] = first_start;
  }

  // The start of split `split`. Runs find(k, start of k) -> start of k + 1 for splits before it
  // that nobody has looked at.
  using Find = std::function<Result<uint64_t>(size_t split, uint64_t start)>;
  Result<uint64_t> StartOf(size_t split, const Find& find) {
    std::unique_lock lock(mutex_);
    while (!starts_[split]) {
      size_t known = split;
      while (!starts_[known]) --known;
      if (claimed_[known]) {
        changed_.wait(lock);
        continue;
      }
      claimed_[known] = true;
      const uint64_t start = *starts_[known];
      lock.unlock();
      const Result<uint64_t> next = find(known, start);
      lock.lock();
      claimed_[known] = false;
      changed_.notify_all();
      if (!next.ok()) return next.error();
      starts_[known + 1] = *next;
    }
    return *starts_[split];
  }

  // Claims the split for a caller that is about to find its records, so that others wait for
  // Release instead of doing the same. False: somebody else has, or its end is known.
  bool Claim(size_t split) {
    std::lock_guard lock(mutex_);
    if (claimed_[split] || starts_[split + 1]) return false;
    claimed_[split] = true;
    return true;
  }
  void Release(size_t split) {
    std::lock_guard lock(mutex_);
    claimed_[split] = false;
    changed_.notify_all();
  }
  // Split `split` ends where the record at `next` begins.
  void Found(size_t split, uint64_t next) {
    std::lock_guard lock(mutex_);
    starts_[split + 1] = next;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::optional<uint64_t>> starts_;  // split count + 1
  std::vector<bool> claimed_;
};

}  // namespace weir::connect
