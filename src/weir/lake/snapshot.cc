#include "weir/lake/snapshot.h"

#include <algorithm>
#include <unordered_map>

#include "weir/lake/checkpoint_reader.h"
#include "weir/lake/paths.h"
#include "weir/lake/protocol_check.h"
#include "weir/lake/schema_json.h"

namespace weir::lake {

std::string FileKey(const std::string& log_path, const std::optional<DeletionVector>& vector) {
  std::string key = ResolveLogPath("", log_path);
  if (vector) {
    key += '\n' + vector->storage_type + vector->path_or_inline;
    if (vector->offset) key += "@" + std::to_string(*vector->offset);
  }
  return key;
}

// Replays actions in order of versions.
class SnapshotBuilder {
 public:
  void Apply(Commit commit) {
    if (commit.protocol) protocol_ = std::move(commit.protocol);
    if (commit.metadata) metadata_ = std::move(commit.metadata);
    for (auto& transaction : commit.transactions) {
      std::string app_id = transaction.app_id;
      snapshot_->transactions_[std::move(app_id)] = std::move(transaction);
    }
    for (auto& domain : commit.domains) {
      if (domain.removed) {
        snapshot_->domains_.erase(domain.domain);
      } else {
        std::string name = domain.domain;
        snapshot_->domains_[std::move(name)] = std::move(domain);
      }
    }
    // Removes first: a commit may replace a file by itself with another deletion vector.
    for (auto& remove : commit.removes) {
      std::string key = FileKey(remove.path, remove.deletion_vector);
      const auto live = live_.find(key);
      if (live != live_.end()) {
        dead_files_ += 1;
        snapshot_->files_[live->second].path.clear();
        live_.erase(live);
      }
      tombstones_[std::move(key)] = std::move(remove);
    }
    for (auto& add : commit.adds) {
      std::string key = FileKey(add.path, add.deletion_vector);
      tombstones_.erase(key);
      const auto [entry, is_new] = live_.try_emplace(std::move(key), snapshot_->files_.size());
      if (is_new) {
        snapshot_->files_.push_back(std::move(add));
      } else {
        snapshot_->files_[entry->second] = std::move(add);
      }
    }
  }

  Result<std::shared_ptr<const Snapshot>> Finish(const LogStore& log, int64_t version,
                                                 int64_t checkpoint_version) {
    const auto corrupt = [&](const char* what) {
      return Error::Operator(ErrorCode::kCorrupt, std::string("the Delta log has no ") + what +
                                                      " up to version " + std::to_string(version))
          .At(log.folder());
    };
    if (!protocol_) return corrupt("protocol");
    if (!metadata_) return corrupt("metaData");
    auto status = CheckReadable(*protocol_, *metadata_);
    if (!status.ok()) return std::move(status).error().At(log.table());
    snapshot_->table_ = log.table();
    snapshot_->version_ = version;
    snapshot_->checkpoint_version_ = checkpoint_version;
    snapshot_->protocol_ = std::move(*protocol_);
    snapshot_->metadata_ = std::move(*metadata_);
    auto schema = SchemaFromJson(snapshot_->metadata_.schema_string);
    if (!schema.ok()) return std::move(schema).error().At(log.table());
    snapshot_->schema_ = std::move(schema).value();
    for (const auto& column : snapshot_->metadata_.partition_columns) {
      if (snapshot_->schema_.Find(column) < 0) return corrupt("field for a partition column");
    }
    auto& files = snapshot_->files_;
    if (dead_files_ > 0) {
      std::erase_if(files, [](const AddFile& file) { return file.path.empty(); });
    }
    for (const auto& file : files) {
      if (file.deletion_vector) {
        return Error::User(ErrorCode::kUnsupported,
                           "the table has deletion vectors, which Weir cannot read yet")
            .At(log.table())
            .Fix("run REORG TABLE ... APPLY (PURGE) with the engine that wrote it");
      }
    }
    for (auto& [key, remove] : tombstones_) snapshot_->tombstones_.push_back(std::move(remove));
    return std::shared_ptr<const Snapshot>(std::move(snapshot_));
  }

 private:
  std::shared_ptr<Snapshot> snapshot_{new Snapshot()};
  std::optional<Protocol> protocol_;
  std::optional<Metadata> metadata_;
  std::unordered_map<std::string, size_t> live_;  // key -> position in files_
  std::map<std::string, RemoveFile> tombstones_;  // ordered, so that checkpoints are repeatable
  size_t dead_files_ = 0;
};

namespace {

Error NoTable(const LogStore& log) {
  return Error::User(ErrorCode::kNotFound, "there is no Delta table here (no commit in _delta_log)")
      .At(log.table());
}

// The commits to replay on top of a checkpoint at `base` (-1: none), up to `version`.
Status CheckContiguous(const LogStore& log, const std::vector<int64_t>& commits, int64_t base,
                       int64_t version) {
  int64_t expected = base + 1;
  for (auto it = std::upper_bound(commits.begin(), commits.end(), base);
       it != commits.end() && *it <= version; ++it, ++expected) {
    if (*it != expected) break;
  }
  if (expected == version + 1) return Status();
  return Error::Operator(ErrorCode::kCorrupt, "the Delta log has no entry for version " +
                                                  std::to_string(expected) +
                                                  ", and no checkpoint that stands for it")
      .At(log.folder())
      .Fix("restore the missing entry from a copy");
}

}  // namespace

Result<std::shared_ptr<const Snapshot>> Snapshot::Load(columnar::Engine& engine,
                                                       const LogStore& log,
                                                       std::optional<int64_t> version) {
  WEIR_ASSIGN_OR_RETURN(const LogListing listing, log.List());
  int64_t newest = listing.commits.empty() ? -1 : listing.commits.back();
  if (!listing.checkpoints.empty()) {
    newest = std::max(newest, listing.checkpoints.back().version);
  }
  if (newest < 0) return NoTable(log);
  const int64_t target = version.value_or(newest);
  if (target < 0 || target > newest) {
    return Error::User(ErrorCode::kNotFound, "the table has no version " + std::to_string(target) +
                                                 "; the newest is " + std::to_string(newest))
        .At(log.table());
  }

  // From the newest checkpoint that can be read back to none at all.
  std::optional<Error> damaged;
  for (auto it = listing.checkpoints.rbegin();; ++it) {
    SnapshotBuilder builder;
    int64_t base = -1;
    if (it != listing.checkpoints.rend()) {
      if (it->version > target) continue;
      auto checkpoint = ReadCheckpoint(engine, log, *it);
      if (!checkpoint.ok()) {
        if (!damaged) damaged = checkpoint.error();
        continue;
      }
      base = it->version;
      builder.Apply(std::move(checkpoint).value());
    }
    Status contiguous = CheckContiguous(log, listing.commits, base, target);
    if (!contiguous.ok()) {
      // A damaged checkpoint is the better explanation of a log that does not reach back.
      if (damaged) return *std::move(damaged);
      return std::move(contiguous).error();
    }
    for (int64_t entry = base + 1; entry <= target; ++entry) {
      WEIR_ASSIGN_OR_RETURN(const std::string bytes, log.Read(entry));
      auto commit = ParseCommit(bytes);
      if (!commit.ok()) return std::move(commit).error().At(log.EntryPath(entry));
      builder.Apply(std::move(commit).value());
    }
    return builder.Finish(log, target, base);
  }
}

std::optional<int64_t> Snapshot::TransactionVersion(const std::string& app_id) const {
  const auto found = transactions_.find(app_id);
  if (found == transactions_.end()) return std::nullopt;
  return found->second.version;
}

std::string Snapshot::FilePath(const AddFile& file) const {
  return ResolveLogPath(table_, file.path);
}

}  // namespace weir::lake
