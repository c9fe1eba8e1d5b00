// ReadAhead: what a consumer that reads through a partition asks for next, read while the answer
// before is on its way: it waits for the disk's bytes, and the broker for it, only once.
//
// Limits: kBytesMax in what nobody asked for yet, kPlannedMax reads that are planned; beyond these
// nothing is read ahead. What nobody asks for within kKeptUs is dropped.
// Thread rule: the log's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "weir/base/metrics.h"
#include "weir/log/event_log.h"
#include "weir/log/timers.h"

namespace weir::log::kafka {

class ReadAhead {
 public:
  static constexpr uint64_t kBytesMax = 32 << 20;
  static constexpr size_t kPlannedMax = 64;
  static constexpr int64_t kKeptUs = 1'000'000;

  struct Next {
    uint32_t partition = 0;
    int64_t offset = 0;
    ReadOptions options;
  };

  ReadAhead(EventLog& log, Timers& timers, MetricRegistry& metrics);
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // As EventLog::Read; without a read if this was read ahead.
  FetchedBatches Read(uint32_t partition, int64_t offset, const ReadOptions& options);
  // Reads these soon, one between two other events.
  void Plan(const std::vector<Next>& next);

  uint64_t bytes() const { return bytes_; }

 private:
  struct Kept {
    uint32_t partition = 0;
    int64_t offset = 0;
    int64_t cleaned_end = 0;  // of the partition, when it was read
    int64_t until_us = 0;
    uint64_t buffer_bytes = 0;
    FetchedBatches batches;
  };

  std::deque<Kept>::iterator Find(uint32_t partition, int64_t offset);
  void ReadNext();
  void DropOld();
  void Remove(std::deque<Kept>::iterator which);

  EventLog& log_;
  Timers& timers_;
  std::deque<Next> planned_;
  std::deque<Kept> kept_;  // the oldest first
  uint64_t bytes_ = 0;     // of the buffers that kept_ holds
  Timers::Id read_timer_ = 0;
  Timers::Id drop_timer_ = 0;
  Counter& used_;
  Counter& unused_;
  Gauge& bytes_gauge_;
};

}  // namespace weir::log::kafka
