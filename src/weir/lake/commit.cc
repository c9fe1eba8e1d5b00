#include "weir/lake/commit.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "weir/base/version.h"
#include "weir/lake/checkpoint_writer.h"
#include "weir/lake/protocol_check.h"

namespace weir::lake {
namespace {

constexpr int64_t kAttemptsMax = 100;
constexpr int64_t kImmediateAttempts = 20;  // without conflict: an attempt is a read and a link
constexpr int64_t kBackoffStartUs = 2'000;
constexpr int64_t kBackoffMaxUs = 500'000;

// One run of CommitChange.
class Attempt {
 public:
  Attempt(columnar::Engine& engine, const LogStore& log, Change& change)
      : engine_(engine), env_(engine.env()), log_(log), change_(change) {}

  Result<Committed> Run() {
    for (;;) {
      WEIR_ASSIGN_OR_RETURN(auto snapshot, LoadNewest());
      if (snapshot) {
        const auto done = snapshot->TransactionVersion(change_.app_id());
        if (done && *done >= change_.app_version()) return AlreadyDone(snapshot->version());
      }
      WEIR_ASSIGN_OR_RETURN(PlannedCommit plan, change_.Plan(snapshot.get()));
      auto put = PutOrRebase(snapshot.get(), plan);
      if (!put.ok()) {
        // Whether it was put is not known for certain; files that a log entry may name must stay.
        return std::move(put).error();
      }
      switch (put->end) {
        case End::kPut:
          MaybeCheckpoint(engine_, log_, put->version, CheckpointInterval(snapshot.get()));
          return Committed{put->version, false, attempts_, std::move(plan)};
        case End::kAlreadyDone:
          change_.Discard(plan);
          return AlreadyDone(put->version);
        case End::kPlanAgain:
          change_.Discard(plan);
          if (attempts_ >= kAttemptsMax) return TooManyAttempts();
      }
    }
  }

 private:
  enum class End { kPut, kAlreadyDone, kPlanAgain };
  struct PutResult {
    End end = End::kPut;
    int64_t version = -1;
  };

  static int64_t CheckpointInterval(const Snapshot* snapshot) {
    constexpr int64_t kDefault = 10;
    if (snapshot == nullptr) return kDefault;
    return IntProperty(snapshot->metadata(), "delta.checkpointInterval", kDefault);
  }

  // Null if there is no table.
  Result<std::shared_ptr<const Snapshot>> LoadNewest() {
    auto snapshot = Snapshot::Load(engine_, log_, {});
    if (!snapshot.ok() && snapshot.error().code() == ErrorCode::kNotFound) {
      return std::shared_ptr<const Snapshot>();
    }
    return snapshot;
  }

  Result<PutResult> PutOrRebase(const Snapshot* snapshot, PlannedCommit& plan) {
    const int64_t read_version = snapshot == nullptr ? -1 : snapshot->version();
    int64_t version = read_version + 1;
    if (version == 0) WEIR_RETURN_IF_ERROR(env_.CreateDirsSynced(log_.folder()));
    std::unique_ptr<LogStore::StagedEntry> entry;
    for (;;) {
      attempts_ += 1;
      // To write it again costs more than other writers may leave between two commits.
      if (entry == nullptr || plan.actions.info->in_commit_timestamp_ms) {
        WEIR_ASSIGN_OR_RETURN(plan.actions.info, Info(snapshot, plan, version));
        WEIR_ASSIGN_OR_RETURN(entry, log_.Stage(WriteCommit(plan.actions)));
      }
      const std::string& txn_id = plan.actions.info->txn_id;
      const Status put = entry->PutIfAbsent(version);
      if (put.ok()) return PutResult{End::kPut, version};
      WEIR_ASSIGN_OR_RETURN(const bool ours, Settle(version, txn_id, put));
      if (ours) return PutResult{End::kPut, version};

      // Compare with every commit that is there now, then try behind the last of them.
      const int64_t newest = std::max(version, log_.NewestFrom(version));
      for (; version <= newest; ++version) {
        WEIR_ASSIGN_OR_RETURN(const Commit winner, ReadEntry(version));
        for (const auto& transaction : winner.transactions) {
          if (transaction.app_id == change_.app_id() &&
              transaction.version >= change_.app_version()) {
            return PutResult{End::kAlreadyDone, version};
          }
        }
        const Conflict conflict = snapshot == nullptr
                                      ? Conflict{ConflictKind::kMetadataChanged, ""}
                                      : FindConflict(plan.actions, plan.reads, winner);
        if (conflict.Any()) {
          last_conflict_ = ConflictName(conflict.kind);
          BackOff();
          return PutResult{End::kPlanAgain, version};
        }
        if (change_.Rebase(plan, winner)) entry.reset();  // to be staged anew
      }
      if (attempts_ >= kAttemptsMax) {
        change_.Discard(plan);
        return TooManyAttempts();
      }
      if (attempts_ > kImmediateAttempts) BackOff();
    }
  }

  // After a put that did not succeed: is the entry ours, after all? An entry that is not there at
  // all means that the put failed for the reason it gave.
  Result<bool> Settle(int64_t version, const std::string& txn_id, const Status& put) {
    auto entry = ReadEntry(version);
    if (!entry.ok()) {
      if (put.error().code() != ErrorCode::kAlreadyExists) return put.error();
      return std::move(entry).error();
    }
    if (!entry->info || entry->info->txn_id != txn_id) return false;
    WEIR_RETURN_IF_ERROR(env_.SyncDir(log_.folder()));
    return true;
  }

  Result<Commit> ReadEntry(int64_t version) {
    WEIR_ASSIGN_OR_RETURN(const std::string bytes, log_.Read(version));
    auto commit = ParseCommit(bytes);
    if (!commit.ok()) return std::move(commit).error().At(log_.EntryPath(version));
    return commit;
  }

  Result<std::optional<CommitInfo>> Info(const Snapshot* snapshot, const PlannedCommit& plan,
                                         int64_t version) {
    CommitInfo info;
    info.timestamp_ms = env_.NowMicros() / 1000;
    info.operation = plan.operation;
    info.operation_parameters = plan.parameters;
    info.operation_metrics = plan.metrics;
    info.user_metadata = plan.user_metadata;
    if (snapshot != nullptr) info.read_version = snapshot->version();
    info.isolation_level =
        plan.reads.isolation == Isolation::kSerializable ? "Serializable" : "WriteSerializable";
    info.is_blind_append = plan.reads.Blind() && plan.actions.removes.empty();
    info.engine_info = "Weir/" + std::string(base::Version());
    info.txn_id = RandomUuid(env_);
    if (snapshot != nullptr && version > 0 &&
        HasFeature(snapshot->protocol(), "inCommitTimestamp") &&
        BoolProperty(snapshot->metadata(), "delta.enableInCommitTimestamps", false)) {
      WEIR_ASSIGN_OR_RETURN(const Commit before, ReadEntry(version - 1));
      const int64_t previous =
          before.info ? before.info->in_commit_timestamp_ms.value_or(before.info->timestamp_ms) : 0;
      info.in_commit_timestamp_ms = std::max(info.timestamp_ms, previous + 1);
    }
    return std::optional<CommitInfo>(std::move(info));
  }

  // The commit that holds the change is looked for among the newest; reports name it.
  Result<Committed> AlreadyDone(int64_t newest) {
    constexpr int64_t kLookBack = 50;
    // Visible may not yet be durable, if the process that put it died in between.
    WEIR_RETURN_IF_ERROR(env_.SyncDir(log_.folder()));
    for (int64_t version = newest; version >= 0 && version > newest - kLookBack; --version) {
      auto commit = ReadEntry(version);
      if (!commit.ok()) break;  // cleaned up: the checkpoint has the txn
      for (const auto& transaction : commit->transactions) {
        if (transaction.app_id == change_.app_id() &&
            transaction.version == change_.app_version()) {
          return Committed{version, true, attempts_, {}};
        }
      }
    }
    return Committed{newest, true, attempts_, {}};
  }

  // Half fixed, half random, doubling: writers that collide once spread out.
  void BackOff() {
    const int64_t exponent = std::min<int64_t>(attempts_ - 1, 8);
    const int64_t delay = std::min(kBackoffStartUs << exponent, kBackoffMaxUs);
    env_.SleepMicros(delay / 2 +
                     static_cast<int64_t>(env_.RandomU64() % static_cast<uint64_t>(delay / 2 + 1)));
  }

  Error TooManyAttempts() const {
    return Error::Retry(ErrorCode::kConflict, "other writers were first " +
                                                  std::to_string(attempts_) +
                                                  " times (last conflict: " + last_conflict_ + ")")
        .At(log_.table())
        .Fix("run again when fewer writers change this table at once");
  }

  columnar::Engine& engine_;
  Env& env_;
  const LogStore& log_;
  Change& change_;
  int64_t attempts_ = 0;
  std::string last_conflict_ = "none";
};

}  // namespace

Result<Committed> CommitChange(columnar::Engine& engine, const LogStore& log, Change& change) {
  return Attempt(engine, log, change).Run();
}

std::string RandomUuid(Env& env) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  uint64_t bits = 0;
  for (int i = 0; i < 32; ++i) {
    if (i % 16 == 0) bits = env.RandomU64();
    uint64_t digit = bits & 15;
    bits >>= 4;
    if (i == 12) digit = 4;
    if (i == 16) digit = 8 | (digit & 3);
    if (i == 8 || i == 12 || i == 16 || i == 20) out.push_back('-');
    out.push_back(kHex[digit]);
  }
  return out;
}

}  // namespace weir::lake
