#include "weir/lake/tables.h"

#include "weir/lake/delta_sink.h"
#include "weir/lake/delta_table.h"
#include "weir/lake/log_store.h"
#include "weir/lake/snapshot.h"

namespace weir::lake {

DeltaTables::DeltaTables(Env& env, columnar::Engine& engine) : env_(env), engine_(engine) {}

Result<bool> DeltaTables::Exists(const std::string& path) {
  WEIR_ASSIGN_OR_RETURN(const LogListing listing, LogStore(env_, path).List());
  return !listing.commits.empty() || !listing.checkpoints.empty();
}

Result<std::shared_ptr<const Snapshot>> DeltaTables::LoadSnapshot(const std::string& path,
                                                                  std::optional<int64_t> version) {
  return Snapshot::Load(engine_, LogStore(env_, path), version);
}

Result<std::shared_ptr<columnar::FileTable>> DeltaTables::Table(const std::string& path,
                                                                std::optional<int64_t> version) {
  WEIR_ASSIGN_OR_RETURN(auto snapshot, LoadSnapshot(path, version));
  return std::make_shared<DeltaTable>(LogStore(env_, path), std::move(snapshot));
}

Result<std::unique_ptr<columnar::BatchSink>> DeltaTables::OpenSink(
    const std::string& path, const columnar::SinkOptions& options) {
  return OpenDeltaSink(engine_, LogStore(env_, path), options);
}

Result<std::shared_ptr<columnar::SinkCommitter>> DeltaTables::Committer(const std::string& path) {
  return std::make_shared<DeltaCommitter>(engine_, LogStore(env_, path));
}

Result<std::vector<HistoryEntry>> DeltaTables::History(const std::string& path, size_t limit) {
  const LogStore log(env_, path);
  WEIR_ASSIGN_OR_RETURN(const LogListing listing, log.List());
  std::vector<HistoryEntry> history;
  for (auto it = listing.commits.rbegin(); it != listing.commits.rend(); ++it) {
    if (history.size() == limit) break;
    WEIR_ASSIGN_OR_RETURN(const std::string bytes, log.Read(*it));
    auto commit = ParseCommit(bytes);
    if (!commit.ok()) return std::move(commit).error().At(log.EntryPath(*it));
    HistoryEntry entry;
    entry.version = *it;
    if (commit->info) {
      entry.timestamp_ms = commit->info->timestamp_ms;
      entry.operation = commit->info->operation;
      entry.engine = commit->info->engine_info;
    }
    history.push_back(std::move(entry));
  }
  return history;
}

}  // namespace weir::lake
