// Snapshot: one version of a Delta table, from its newest readable checkpoint and the commits after
// it (Delta PROTOCOL, Action Reconciliation).
//
//   WEIR_ASSIGN_OR_RETURN(auto snapshot, Snapshot::Load(engine, LogStore(env, "tables/orders"),
//   {})); for (const AddFile& file : snapshot->files()) ...
//
// `_last_checkpoint` is a hint for stores where listing is slow; the folder is listed here, so it
// is not read and may be stale or damaged. A damaged checkpoint is passed over for an older one.
//
// Thread rule: immutable once loaded, so thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/columnar/engine.h"
#include "weir/columnar/schema.h"
#include "weir/lake/actions.h"
#include "weir/lake/log_store.h"

namespace weir::lake {

class Snapshot {
 public:
  // The newest version, or the one asked for. kNotFound: no table, or not that version.
  // kUnsupported: the table uses a feature that cannot be read. kCorrupt: the log has gaps.
  static Result<std::shared_ptr<const Snapshot>> Load(columnar::Engine& engine, const LogStore& log,
                                                      std::optional<int64_t> version);

  const std::string& table() const { return table_; }
  int64_t version() const { return version_; }
  int64_t checkpoint_version() const { return checkpoint_version_; }  // -1: none was used
  const Protocol& protocol() const { return protocol_; }
  const Metadata& metadata() const { return metadata_; }
  const columnar::Schema& schema() const { return schema_; }

  // Live files, in the order in which they came into the table.
  const std::vector<AddFile>& files() const { return files_; }
  // Removed files that time travel may still need.
  const std::vector<RemoveFile>& tombstones() const { return tombstones_; }
  const std::map<std::string, SetTransaction>& transactions() const { return transactions_; }
  const std::map<std::string, DomainMetadata>& domains() const { return domains_; }
  // The version of the application's last transaction.
  std::optional<int64_t> TransactionVersion(const std::string& app_id) const;

  // Where a file of this table lies.
  std::string FilePath(const AddFile& file) const;

 private:
  friend class SnapshotBuilder;
  Snapshot() = default;

  std::string table_;
  int64_t version_ = -1;
  int64_t checkpoint_version_ = -1;
  Protocol protocol_;
  Metadata metadata_;
  columnar::Schema schema_;
  std::vector<AddFile> files_;
  std::vector<RemoveFile> tombstones_;
  std::map<std::string, SetTransaction> transactions_;
  std::map<std::string, DomainMetadata> domains_;
};

// What names a file of a table: its path as a reader resolves it, and its deletion vector.
std::string FileKey(const std::string& log_path, const std::optional<DeletionVector>& vector);

}  // namespace weir::lake
