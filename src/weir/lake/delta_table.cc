#include "weir/lake/delta_table.h"

#include "weir/lake/file_stats.h"
#include "weir/lake/paths.h"
#include "weir/lake/sink_token.h"

namespace weir::lake {

DeltaTable::DeltaTable(LogStore log, std::shared_ptr<const Snapshot> snapshot)
    : log_(std::move(log)), snapshot_(std::move(snapshot)) {}

columnar::ParquetFile DeltaTable::ToParquetFile(const AddFile& add, const RowOrder& order) const {
  columnar::ParquetFile file;
  file.path = snapshot_->FilePath(add);
  file.size = static_cast<uint64_t>(add.size);
  file.rows = ParseNumRecords(add.stats);
  for (const auto& column : snapshot_->metadata().partition_columns) {
    const auto& field =
        snapshot_->schema().fields[static_cast<size_t>(snapshot_->schema().Find(column))];
    const auto value = add.partition_values.find(column);
    file.constants[field.name] = value == add.partition_values.end()
                                     ? std::nullopt
                                     : CastableText(value->second, field.type);
  }
  file.order_base = order.first;
  file.order_end = order.end;
  file.has_order = StoredRowOrder(add).has_value();
  return file;
}

std::optional<uint64_t> DeltaTable::CommittedEpoch(const std::string& flow_id) const {
  const auto version = snapshot_->TransactionVersion(flow_id);
  if (!version || *version <= kNoEpoch) return std::nullopt;
  return static_cast<uint64_t>(*version);
}

Result<std::vector<columnar::ParquetFile>> DeltaTable::Files(
    const columnar::Predicate* predicate) const {
  std::vector<columnar::ParquetFile> files;
  TableOrder order;
  for (const auto& add : snapshot_->files()) {
    columnar::ParquetFile file = ToParquetFile(add, order.Add(add));
    if (predicate != nullptr) {
      const FileStats stats = ParseStats(snapshot_->schema(), add.stats);
      if (!predicate->MayMatch(file.constants, stats.min_max)) continue;
    }
    files.push_back(std::move(file));
  }
  return files;
}

Result<std::optional<std::vector<columnar::ParquetFile>>> DeltaTable::AppendedSince(
    int64_t version) const {
  using Files = std::vector<columnar::ParquetFile>;
  if (version > snapshot_->version()) return std::optional<Files>();
  Files files;
  TableOrder order;  // places among these files alone
  for (int64_t entry = version + 1; entry <= snapshot_->version(); ++entry) {
    auto bytes = log_.Read(entry);
    if (!bytes.ok()) {
      if (bytes.error().code() == ErrorCode::kNotFound) return std::optional<Files>();
      return std::move(bytes).error();
    }
    auto commit = ParseCommit(*bytes);
    if (!commit.ok()) return std::move(commit).error().At(log_.EntryPath(entry));
    for (const auto& remove : commit->removes) {
      if (remove.data_change) return std::optional<Files>();
    }
    for (const auto& add : commit->adds) {
      if (add.data_change) files.push_back(ToParquetFile(add, order.Add(add)));
    }
  }
  return std::optional<Files>(std::move(files));
}

}  // namespace weir::lake
