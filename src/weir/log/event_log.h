// EventLog: topics and their partitions on one journal. What a broker stands on, without sockets or
// requests.
//
//   WEIR_ASSIGN_OR_RETURN(auto log, EventLog::Open(env, metrics, options, &recovery));
//   log->journal().StartFlushing([&](Position durable) { /* on the log's thread: */
//   log->Advance(durable); }, on_failure); AppendResult appended = log->Append(number, batch);
//   log->WhenDurable(appended.end, [] { answer the producer });
//   FetchedBatches batches = log->Read(number, offset, {.max_bytes = 1 << 20});
//
// Everything that changes goes through the journal first: a group of batches and state changes that
// counts all or not at all. State as of a segment's begin is written aside as a checkpoint.
//
// Thread rule: one thread, the log's; `background` runs what waits for the disk elsewhere.
// Errors: as the journal's; KafkaError where a producer or consumer is to be told.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/metrics.h"
#include "weir/base/result.h"
#include "weir/log/batch_header.h"
#include "weir/log/journal.h"
#include "weir/log/kafka/errors.h"
#include "weir/log/partition_log.h"
#include "weir/log/read_buffers.h"
#include "weir/log/retention/disk_space.h"
#include "weir/log/segment_indexes.h"
#include "weir/log/state_store.h"
#include "weir/log/topics.h"

namespace weir::log {

struct EventLogOptions {
  JournalOptions journal;  // its folder is the log's
  // Runs a task that writes files; inline if not set.
  std::function<void(std::function<void()>)> background;
  DiskSpaceOptions disk;
};

struct EventLogRecovery {
  JournalRecovery journal;
  Position checkpoint = 0;  // replayed from here
  uint64_t frames = 0;      // replayed
  std::vector<std::string> damaged_checkpoints;
};

// A batch of one partition, to be appended. Valid as record_batch.h says; `bytes` is one batch.
struct NewBatch {
  uint32_t partition = 0;
  std::string_view bytes;
  BatchHeader header;            // of `bytes`
  std::optional<Marker> marker;  // for control batches
};

struct AppendResult {
  kafka::KafkaError error = kafka::KafkaError::kNone;
  std::string message;  // for people, if there is more to say
  int64_t base_offset = -1;
  Position end = 0;  // durable when the journal is durable up to here
};

struct ReadOptions {
  uint64_t max_bytes = 1 << 20;
  bool at_least_one = true;  // a batch, however large
  int64_t end_offset = 0;    // batches from here on are not wanted
};

struct FetchedBatches {
  kafka::KafkaError error = kafka::KafkaError::kNone;
  std::vector<std::string_view> batches;  // whole ones, ascending, in `buffers`
  std::vector<std::shared_ptr<std::string>> buffers;
  uint64_t bytes = 0;
};

// What a segment had of a partition lies elsewhere now; nowhere, if `part` has no batches.
struct MovedPart {
  uint32_t partition = 0;
  Position segment = 0;
  int64_t base_offset = 0;
  SegmentPart part;
};

// Compaction went over a partition (PartitionLog::SetCleaned).
struct CleanedPartition {
  uint32_t partition = 0;
  Cleaned cleaned;
  int64_t swept_ms = 0;
};

class EventLog {
 public:
  static Result<std::unique_ptr<EventLog>> Open(Env& env, MetricRegistry& metrics,
                                                const EventLogOptions& options,
                                                EventLogRecovery* recovery);

  // --- what there is ---
  const Topics& topics() const { return topics_; }
  const StateStore& state() const { return state_; }
  PartitionLog* FindPartition(uint32_t number);
  Journal& journal() { return *journal_; }
  const std::string& folder() const { return options_.journal.folder; }

  // --- changes; each is durable at the returned position ---
  // Numbers for new partitions, and a producer id, that were never given before; `changes` gets
  // what must be committed with their use.
  std::vector<uint32_t> NewPartitionNumbers(size_t count, std::vector<StateChange>* changes);
  int64_t NewProducerId(std::vector<StateChange>* changes);
  // Records below this offset are gone.
  static StateChange StartOffset(uint32_t partition, int64_t offset);
  // Batches get their offsets in order; nothing is checked but what the journal checks.
  Result<Position> Commit(const std::vector<NewBatch>& batches,
                          const std::vector<StateChange>& changes,
                          std::vector<int64_t>* base_offsets);
  // One batch of a producer: sequence and epoch are checked, a repeated batch is not kept twice,
  // and none is taken while the disk is too full (kKafkaStorageError; clients try again).
  AppendResult Append(const NewBatch& batch);

  // --- durability ---
  // What the journal said to be durable; wakes who waits for it.
  void Advance(Position durable);
  // Now, if Advance was told so already.
  void WhenDurable(Position position, std::function<void()> then);
  // Called by Advance for each partition whose durable end moved.
  void OnPartitionAdvanced(std::function<void(uint32_t)> f) { on_advanced_ = std::move(f); }

  // --- reading ---
  FetchedBatches Read(uint32_t partition, int64_t offset, const ReadOptions& options);
  // The first batch that may hold a record at or after this timestamp, at or above the start
  // offset: its base offset (the start offset, if that lies within it), or nothing.
  Result<std::optional<int64_t>> BatchAtTimestamp(uint32_t partition, int64_t timestamp);
  // The greatest timestamp of the records from the start offset on and before `end`, in ms; -1 if
  // there are none.
  Result<int64_t> MaxTimestamp(uint32_t partition, int64_t end);

  // --- segments, for retention (retention/retention.h) ---
  // Goes on in a new segment; what was open gets its index and a checkpoint soon.
  Result<Position> Roll();
  int64_t open_since_ms() const { return open_since_ms_; }  // the segment that is appended to
  const SegmentIndex& open_index() { return indexes_.growing(); }
  Result<SegmentIndexes::Index> IndexOf(Position segment) {
    return indexes_.Get(segment, *journal_);
  }
  const SegmentIndexes& indexes() const { return indexes_; }
  // No checkpoint needs what is before it to be replayed.
  Position unneeded_before() const { return unneeded_before_.load(); }
  // A name for a settled segment, never given before in this process.
  Position NewSettledSegment();
  // A settled segment is on disk with its index file: the parts are read from there from now on.
  Result<Position> Settle(const SegmentIndexes::Index& index, const std::vector<MovedPart>& moved,
                          const std::vector<CleanedPartition>& cleaned);
  // Nothing in it is needed any more: its files go in the background. What can't be removed now
  // is found by the next start.
  void RemoveSegment(Position first);
  void InBackground(std::function<void()> task) const;

 private:
  EventLog(Env& env, MetricRegistry& metrics, const EventLogOptions& options);

  Status Replay(const Frame& frame, Position segment);
  Status ReplayBatch(const Frame& frame, Position segment);
  void ApplyChange(const StateChange& change);
  void ApplySettled(std::string_view moved);
  void ForgetPartition(uint32_t number);
  // What a crash left behind: half-written files, indexes of removed segments.
  Status SweepFolder();
  // Settled segments that nobody refers to.
  void SweepSettled();
  void CheckpointsChanged();
  void ApplyBatch(PartitionLog& partition, const BatchHeader& header,
                  const std::optional<Marker>& marker, Position position, size_t frame_bytes,
                  Position segment);
  // The journal went on in a new segment: seals the index of the one before and keeps a checkpoint.
  void Rolled(Position segment);
  std::string EncodeState() const;
  bool DecodeState(std::string_view content);

  // Adds the batches of some neighbouring extents to `out`.
  Status ReadExtents(uint32_t partition, Position position, uint64_t bytes, int64_t offset,
                     const ReadOptions& options, FetchedBatches* out);

  static constexpr uint64_t kKeptReadBytesMax = 32 << 20;  // an answer to a fetch, and the next
  static const char* const kSettledEvent;  // a change that happens once and is no row of state

  Env& env_;
  const EventLogOptions options_;
  StateStore state_;
  Topics topics_;
  std::unordered_map<uint32_t, std::unique_ptr<PartitionLog>> partitions_;
  uint32_t next_partition_ = 1;
  int64_t next_producer_id_ = 0;
  SegmentIndexes indexes_;
  std::unique_ptr<Journal> journal_;
  DiskSpace disk_;
  int64_t open_since_ms_ = 0;
  Position next_settled_ = kSettledBit;
  std::atomic<Position> unneeded_before_{0};

  struct Appended {
    Position end;
    uint32_t partition;
    int64_t end_offset;
  };
  Position advanced_to_ = 0;
  std::deque<Appended> undurable_;                                  // ascending
  std::deque<std::pair<Position, std::function<void()>>> waiting_;  // ascending
  std::vector<uint32_t> advanced_;
  std::function<void(uint32_t)> on_advanced_;

  // Reused from call to call.
  std::vector<NewFrame> frames_;
  std::vector<Position> positions_;
  std::vector<std::array<char, kBatchPrefixBytes>> prefixes_;
  ReadBuffers read_buffers_{kKeptReadBytesMax};

  Counter& damaged_batches_;
};

}  // namespace weir::log
