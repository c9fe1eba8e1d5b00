// Compaction: a rewriting that leaves of each key the newest record (cleanup.policy=compact).
//
// First the newest offset of each key is looked up in what no compaction went over before; then all
// from the start up to there is copied without records that have a newer one. Offsets stay; a
// batch that loses records is built again with the same header, and the records that stay byte for
// byte. Records of aborted transactions go. Tombstones, and markers of transactions without
// records, go when delete.retention.ms have passed since compaction first went over them: who reads
// on from an older value has that long to meet them.
//
// Records without key stay, and batches that can't be decoded. If the keys are too many for the
// memory, the offsets that were not looked at follow in a next compaction. Producers are remembered
// by the partition, so no empty batches are kept for them; only in the place of the last batch, so
// that who reads to the end gets there.
//
// Thread rule: one thread at a time, any.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "weir/log/record_batch_reader.h"
#include "weir/log/retention/key_offsets.h"
#include "weir/log/retention/settling.h"

namespace weir::log {

struct CompactionPlan {
  uint32_t partition = 0;
  std::vector<PlannedPart> parts;  // ascending by offset
  int64_t dirty_from = 0;          // compaction went over what is before
  int64_t end = 0;                 // not beyond the last stable offset
  std::vector<AbortedTransaction> aborted;
  std::vector<Cleaned> cleaned;
  int64_t delete_retention_ms = 0;
};

struct CompactionOptions {
  uint64_t memory_bytes = 128 << 20;
  uint64_t segment_bytes_max = 256 << 20;
  uint64_t seed = 0;
  int64_t now_ms = 0;
};

class Compaction : public Rewriting {
 public:
  Compaction(EventLog& log, Position settled, std::vector<CompactionPlan> plans,
             const CompactionOptions& options)
      : Rewriting(log, settled),
        plans_(std::move(plans)),
        options_(options),
        newest_(options.seed, options.memory_bytes) {}

  Result<Progress> Step(uint64_t bytes) override;

 private:
  enum class Phase { kBegin, kLookUp, kCopy };

  Status LookUp(const BatchHeader& header, std::string_view batch);
  Status Copy(const PlannedPart& planned, const BatchHeader& header, std::string_view batch);
  bool Aborted(const BatchHeader& header) const;
  // Whether compaction went over the offset long enough ago for tombstones to go.
  bool MayForget(int64_t offset) const;
  // Whether it stays; counts tombstones that do.
  bool Stays(const Record& record);
  // A batch without records and producer in the place of this one.
  Status AddEmpty(const PlannedPart& planned, std::string_view batch);
  Result<std::string> Rebuild(const BatchHeader& header, std::string_view batch,
                              std::string_view records, int32_t count, int64_t max_timestamp);
  void EndPlan();

  const std::vector<CompactionPlan> plans_;
  const CompactionOptions options_;
  KeyOffsets newest_;
  RecordReader reader_;
  size_t plan_ = 0;
  Phase phase_ = Phase::kBegin;
  size_t part_ = 0;
  bool in_part_ = false;
  int64_t end_ = 0;    // of what is compacted
  bool full_ = false;  // no more keys fit
  uint64_t tombstones_ = 0;
  // Producers with records that stay since their last marker.
  std::unordered_map<int64_t, bool> has_records_;
  std::string kept_;
};

}  // namespace weir::log
