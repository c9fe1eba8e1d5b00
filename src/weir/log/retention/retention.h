// Retention: lets go of what is not wanted any more, and gives its space back.
//
//   Retention retention(env, metrics, log, options, policy_of);
//   every second, on the log's thread: retention.Run(env.NowMicros() / 1000);
//
// Each pass over all partitions moves start offsets by time, by size and by what groups still need,
// batch by batch; counts what is alive in each segment; removes segments without anything alive;
// has those that are mostly dead rewritten. Work that waits for the disk runs in the log's
// background; a call to Run does a bounded part of a pass.
//
// A segment is removed when what killed it is durable and no checkpoint needs it. A checkpoint is
// made when a segment is begun, so an idle log goes on in a new segment from time to time if that
// gives space back.
//
// Thread rule: the log's thread. It must not outlive the log, and the log's background work must
// have ended before it goes.
// Errors: none; what fails is tried again in the next pass, and counted.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/metrics.h"
#include "weir/log/event_log.h"
#include "weir/log/retention/compaction.h"
#include "weir/log/retention/settling.h"
#include "weir/log/topic_config.h"

namespace weir::log {

// What is wanted of one partition.
struct RetentionPolicy {
  bool deletes = true;  // by time and size
  int64_t retention_ms = -1;
  int64_t retention_bytes = -1;
  // The smallest offset that a group still needs: kept, whatever else is said.
  int64_t needed_from = std::numeric_limits<int64_t>::max();

  bool compacts = false;
  int64_t delete_retention_ms = 24 * 3600 * int64_t{1000};
  int64_t min_compaction_lag_ms = 0;
  int64_t max_compaction_lag_ms = std::numeric_limits<int64_t>::max();
  double min_cleanable_ratio = 0.5;

  static RetentionPolicy Of(const TopicSettings& settings);
};

struct RetentionOptions {
  size_t partitions_per_run = 100;
  // An open segment of this age is closed if that gives at least `roll_bytes` back.
  int64_t roll_after_ms = 3'600'000;
  uint64_t roll_bytes = 64 << 10;
  // One of this age is closed if it has what a topic's max.compaction.lag.ms wants compacted.
  int64_t roll_overdue_ms = 10'000;
  // A segment of which at least this share is dead is rewritten.
  double settle_dead_share = 0.5;
  // As many segments that are small (a sixteenth of a segment) are made one.
  size_t merge_segments = 8;
  uint64_t settled_bytes_max = 256 << 20;
  uint64_t rewrite_bytes_per_second = 64 << 20;
  uint64_t compaction_memory_bytes = 128 << 20;
};

class Retention {
 public:
  using PolicyOf = std::function<RetentionPolicy(const Topic&, size_t partition_index)>;

  Retention(Env& env, MetricRegistry& metrics, EventLog& log, const RetentionOptions& options,
            PolicyOf policy_of);
  ~Retention();

  // `now_ms`: wall clock.
  void Run(int64_t now_ms);
  uint64_t passes() const { return passes_; }  // that are complete
  bool rewriting() const { return work_ != nullptr; }

 private:
  // What is known of a partition's first live batch, for the start offset it was looked up with.
  struct Front {
    int64_t start = -1;
    Position segment = 0;
    int64_t base_offset = 0;
    uint64_t dead_bytes = 0;  // of frames below the start offset, in the first part
    uint64_t dead_batches = 0;
    int64_t timestamp = -1;  // of the first batch
    bool known = false;
    uint64_t pass = 0;
  };
  // A rewriting and what its background steps have come to.
  struct Work {
    std::unique_ptr<Rewriting> rewriting;
    std::atomic<bool> running{false};
    Rewriting::Progress progress = Rewriting::Progress::kMore;
    std::optional<Error> error;
    uint64_t counted_bytes = 0;
  };
  struct Doomed {
    Position segment;
    Position after;  // goes when the journal is durable up to here
  };

  void BeginPass();
  // True when the pass is complete.
  bool VisitSome(int64_t now_ms);
  void EndPass(int64_t now_ms);
  void LookUpFront(PartitionLog& partition, Front& front);
  int64_t StartOf(PartitionLog& partition, const Front& front, const RetentionPolicy& policy,
                  int64_t now_ms);
  void Count(const PartitionLog& partition, const Front& front);
  void RemoveDoomed();
  // A part is moved as a whole: nothing may come to it, and all of it must be there to be read.
  bool IsOpen(const PartitionLog& partition, const SegmentPart& part);
  // Notes the partition if it is worth to be compacted.
  void ConsiderCompaction(const PartitionLog& partition, const RetentionPolicy& policy,
                          int64_t now_ms);
  void PlanCompaction(int64_t now_ms);
  void PlanSettling(std::vector<Position> segments);
  void Rewrite(int64_t now_ms);

  Env& env_;
  EventLog& log_;
  const RetentionOptions options_;
  const PolicyOf policy_of_;

  // The pass.
  std::string topic_;  // visited up to here
  bool in_pass_ = false;
  std::vector<Position> sealed_;  // when it began
  std::unordered_map<Position, uint64_t> live_;
  struct Dirty {
    double ratio = 0;
    uint32_t partition = 0;
    int64_t end = 0;
    int64_t delete_retention_ms = 0;
  };
  std::vector<Dirty> dirty_;
  uint64_t open_dirty_bytes_ = 0;  // would be compacted if the open segment was closed
  bool open_overdue_ = false;      // some of them should have been
  uint64_t passes_ = 0;
  std::unordered_map<uint32_t, Front> fronts_;
  std::string buffer_;

  std::vector<Doomed> doomed_;
  std::set<Position> untouchable_;  // damaged: not rewritten
  std::set<uint32_t> uncleanable_;  // partitions with damage: not compacted
  bool compacted_last_ = false;
  std::shared_ptr<Work> work_;
  int64_t rewrote_ms_ = 0;
  double allowance_ = 0;  // bytes to rewrite

  Counter& moved_;
  Counter& removed_segments_;
  Counter& rewritten_bytes_;
  Counter& failures_;
  Gauge& dead_bytes_;
};

}  // namespace weir::log
