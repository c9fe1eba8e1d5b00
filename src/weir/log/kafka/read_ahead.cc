#include "weir/log/kafka/read_ahead.h"

#include <algorithm>
#include <utility>

namespace weir::log::kafka {

ReadAhead::ReadAhead(EventLog& log, Timers& timers, MetricRegistry& metrics)
    : log_(log),
      timers_(timers),
      used_(metrics.GetCounter("weir_log_read_ahead_bytes_total",
                               "Bytes read before a consumer asked for them, that it then got.")),
      unused_(metrics.GetCounter("weir_log_read_ahead_unused_bytes_total",
                                 "Bytes read ahead that nobody asked for.")),
      bytes_gauge_(metrics.GetGauge("weir_log_read_ahead_waiting_bytes",
                                    "Memory of what was read ahead and not asked for yet.")) {}

ReadAhead::~ReadAhead() {
  if (read_timer_ != 0) timers_.Cancel(read_timer_);
  if (drop_timer_ != 0) timers_.Cancel(drop_timer_);
}

FetchedBatches ReadAhead::Read(uint32_t partition, int64_t offset, const ReadOptions& options) {
  const auto kept = Find(partition, offset);
  if (kept == kept_.end()) return log_.Read(partition, offset, options);
  FetchedBatches batches = std::move(kept->batches);
  PartitionLog* now = log_.FindPartition(partition);
  // Compaction forgets aborted transactions together with their records, which are still in here.
  const bool usable = now != nullptr && offset >= now->start_offset() &&
                      kept->cleaned_end == now->cleaned_end() &&
                      batches.bytes <= options.max_bytes &&
                      ReadBatchHeader(batches.batches.back())->last_offset() < options.end_offset;
  (usable ? used_ : unused_).Add(batches.bytes);
  Remove(kept);
  if (usable) return batches;
  return log_.Read(partition, offset, options);
}

void ReadAhead::Plan(const std::vector<Next>& next) {
  for (const Next& one : next) {
    if (planned_.size() < kPlannedMax) planned_.push_back(one);
  }
  if (planned_.empty() || read_timer_ != 0) return;
  read_timer_ = timers_.After(0, [this] { ReadNext(); });
}

void ReadAhead::ReadNext() {
  read_timer_ = 0;
  const Next next = planned_.front();
  planned_.pop_front();
  PartitionLog* partition = log_.FindPartition(next.partition);
  if (partition != nullptr && Find(next.partition, next.offset) == kept_.end() &&
      bytes_ + next.options.max_bytes <= kBytesMax) {
    Kept kept;
    kept.partition = next.partition;
    kept.offset = next.offset;
    kept.cleaned_end = partition->cleaned_end();
    kept.until_us = timers_.NowUs() + kKeptUs;
    kept.batches = log_.Read(next.partition, next.offset, next.options);
    if (kept.batches.error == KafkaError::kNone && !kept.batches.batches.empty()) {
      for (const auto& buffer : kept.batches.buffers) kept.buffer_bytes += buffer->size();
      bytes_ += kept.buffer_bytes;
      kept_.push_back(std::move(kept));
      bytes_gauge_.Set(static_cast<double>(bytes_));
      if (drop_timer_ == 0) drop_timer_ = timers_.After(kKeptUs, [this] { DropOld(); });
    }
  }
  if (!planned_.empty()) read_timer_ = timers_.After(0, [this] { ReadNext(); });
}

void ReadAhead::DropOld() {
  drop_timer_ = 0;
  const int64_t now = timers_.NowUs();
  while (!kept_.empty() && kept_.front().until_us <= now) {
    unused_.Add(kept_.front().batches.bytes);
    Remove(kept_.begin());
  }
  if (kept_.empty()) return;
  drop_timer_ = timers_.After(kept_.front().until_us - now, [this] { DropOld(); });
}

std::deque<ReadAhead::Kept>::iterator ReadAhead::Find(uint32_t partition, int64_t offset) {
  return std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) {
    return kept.partition == partition && kept.offset == offset;
  });
}

void ReadAhead::Remove(std::deque<Kept>::iterator which) {
  bytes_ -= which->buffer_bytes;
  kept_.erase(which);
  bytes_gauge_.Set(static_cast<double>(bytes_));
}

}  // namespace weir::log::kafka
