// DeltaTable: a snapshot as the port that queries read, columnar::FileTable.
//
// Thread rule: thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/columnar/ports.h"
#include "weir/lake/log_store.h"
#include "weir/lake/row_order.h"
#include "weir/lake/snapshot.h"

namespace weir::lake {

class DeltaTable : public columnar::FileTable {
 public:
  DeltaTable(LogStore log, std::shared_ptr<const Snapshot> snapshot);

  const columnar::Schema& schema() const override { return snapshot_->schema(); }
  std::vector<std::string> partition_columns() const override {
    return snapshot_->metadata().partition_columns;
  }
  int64_t version() const override { return snapshot_->version(); }
  std::string id() const override { return snapshot_->metadata().id; }
  std::optional<uint64_t> CommittedEpoch(const std::string& flow_id) const override;
  // Constants are texts that cast to the column's type.
  Result<std::vector<columnar::ParquetFile>> Files(
      const columnar::Predicate* predicate) const override;
  // nullopt too when the log no longer reaches back to that version. Compactions (commits whose
  // actions all say dataChange = false) are passed over: their rows were there before.
  Result<std::optional<std::vector<columnar::ParquetFile>>> AppendedSince(
      int64_t version) const override;

 private:
  columnar::ParquetFile ToParquetFile(const AddFile& add, const RowOrder& order) const;

  LogStore log_;
  std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace weir::lake
