#include "weir/lake/delta_sink.h"

#include <algorithm>
#include <optional>

#include "duckdb/main/client_context.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/lake/commit.h"
#include "weir/lake/data_files.h"
#include "weir/lake/paths.h"
#include "weir/lake/protocol_check.h"
#include "weir/lake/rewrite.h"
#include "weir/lake/scan_sql.h"
#include "weir/lake/schema_check.h"
#include "weir/lake/schema_json.h"
#include "weir/lake/sink_token.h"
#include "weir/lake/snapshot.h"
#include "weir/lake/staging.h"

namespace weir::lake {
namespace {

using columnar::QuoteName;
using Kind = columnar::WriteMode::Kind;

constexpr uint64_t kMemoryDefault = uint64_t{256} << 20;

WriteKind KindOfWrite(const columnar::WriteMode& mode) {
  return mode.kind == Kind::kAppend ? WriteKind::kAppend : WriteKind::kRewrite;
}

Result<std::shared_ptr<const Snapshot>> NewestOrNull(columnar::Engine& engine,
                                                     const LogStore& log) {
  auto snapshot = Snapshot::Load(engine, log, {});
  if (!snapshot.ok() && snapshot.error().code() == ErrorCode::kNotFound) {
    return std::shared_ptr<const Snapshot>();
  }
  return snapshot;
}

int64_t StatsColumns(const std::map<std::string, std::string>& properties) {
  Metadata metadata;
  metadata.configuration = properties;
  return IntProperty(metadata, "delta.dataSkippingNumIndexedCols", 32);
}

// Hands the rows to the data files, which it keeps alive: when a run fails, writers and sink go in
// any order.
class DeltaSinkWriter : public columnar::SinkWriter {
 public:
  DeltaSinkWriter(std::shared_ptr<DataFiles> files, std::unique_ptr<DataFiles::Writer> writer)
      : files_(std::move(files)), writer_(std::move(writer)) {}
  Status Write(duckdb::ClientContext&, duckdb::DataChunk& chunk) override {
    return writer_->Write(chunk);
  }
  Status Finish(duckdb::ClientContext&) override { return writer_->Finish(); }

 private:
  std::shared_ptr<DataFiles> files_;
  std::unique_ptr<DataFiles::Writer> writer_;  // gone before files_
};

class DeltaSink : public columnar::BatchSink {
 public:
  DeltaSink(columnar::Engine& engine, const LogStore& log, columnar::SinkOptions options,
            std::shared_ptr<const Snapshot> snapshot)
      : engine_(engine),
        log_(log),
        options_(std::move(options)),
        snapshot_(std::move(snapshot)),
        staging_(engine.env(), log_.table(), options_.flow_id, RandomUuid(engine.env())) {}

  ~DeltaSink() override {
    if (prepared_) return;
    files_.reset();  // removes what it wrote
    keyed_.reset();
    (void)staging_.RemoveFiles(snapshot_.get(), "");
    (void)staging_.End();
  }

  // Checks the write against the table and begins it.
  Status Begin() {
    WEIR_RETURN_IF_ERROR(CheckMode());
    WEIR_RETURN_IF_ERROR(FitTable());
    WEIR_RETURN_IF_ERROR(CheckPredicate());
    WEIR_RETURN_IF_ERROR(
        Staging::RemoveLeftovers(engine_.env(), log_.table(), options_.flow_id, snapshot_.get()));
    WEIR_RETURN_IF_ERROR(staging_.Begin());
    DataFilesOptions files = FilesOptions();
    if (!options_.mode.keys.empty()) {
      // All rows of the epoch first, with their order; Prepare keeps the last of each key.
      files.table = staging_.folder();
      files.name = "keyed";
      files.partition_columns.clear();
      files.stats_columns = 0;
      files.keep_order = false;  // two columns of it, instead
      for (const char* order : {columnar::kOrderMajorColumn, columnar::kOrderMinorColumn}) {
        files.schema.fields.push_back({order, duckdb::LogicalType::BIGINT, true});
      }
      keyed_ = std::make_shared<DataFiles>(engine_, std::move(files));
    } else {
      files_ = std::make_shared<DataFiles>(engine_, std::move(files));
    }
    return Status();
  }

  Result<std::unique_ptr<columnar::SinkWriter>> OpenWriter(duckdb::ClientContext&) override {
    const std::shared_ptr<DataFiles>& files = keyed_ ? keyed_ : files_;
    WEIR_ASSIGN_OR_RETURN(auto writer, files->OpenWriter());
    return std::make_unique<DeltaSinkWriter>(files, std::move(writer));
  }

  Result<std::string> Prepare(uint64_t epoch) override {
    SinkToken token;
    if (keyed_) {
      WEIR_RETURN_IF_ERROR(KeepLastOfEachKey());
    }
    WEIR_ASSIGN_OR_RETURN(token.adds, files_->Close());
    token.rows = files_->rows();
    if (!options_.mode.overwrite_where.empty() && !options_.mode.brings_other_rows) {
      WEIR_RETURN_IF_ERROR(CheckRowsMatch(token.adds));
    }
    token.flow_id = options_.flow_id;
    token.epoch = static_cast<int64_t>(epoch);
    token.staging_id = staging_.id();
    token.mode = options_.mode;
    token.allow_new_columns = options_.allow_new_columns;
    token.replace_schema = ReplacesSchema();
    token.replaced_flows = options_.replaced_flows;
    if (snapshot_) token.table_id = snapshot_->metadata().id;
    token.new_table_id = RandomUuid(engine_.env());
    WEIR_ASSIGN_OR_RETURN(token.schema_json, SchemaToJson(schema_));
    token.partition_columns = partition_columns_;
    token.properties = options_.properties;
    token.now_us = options_.now_us;
    prepared_ = true;
    return WriteToken(token);
  }

  columnar::WriteTotals totals() const override {
    const DataFiles& files = keyed_ ? *keyed_ : *files_;
    return {files.rows(), files.bytes(), files.file_count()};
  }

 private:
  Status CheckMode() {
    if (options_.flow_id.empty()) return Error::Bug("a sink without a flow id");
    if (options_.mode.kind == Kind::kChangelog) {
      return Error::User(ErrorCode::kUnsupported, "a Delta table cannot take a changelog yet")
          .At(log_.table())
          .Fix("write the flow as an upsert by its keys");
    }
    if (options_.mode.kind == Kind::kUpsert && options_.mode.keys.empty()) {
      return Error::User(ErrorCode::kInvalid, "an upsert needs key columns").At(log_.table());
    }
    return Status();
  }

  // Sets schema_ (the table's spelling) and partition_columns_.
  Status FitTable() {
    partition_columns_ = options_.partition_columns;
    if (options_.schema.Find(columnar::kOrderColumn) >= 0) {
      options_.keep_order = false;  // somebody's own column
    }
    if (!snapshot_) {
      schema_ = options_.schema;
      WEIR_RETURN_IF_ERROR(CheckProperties(options_.properties));
      // Refuses types that a table cannot hold before anything is written.
      WEIR_RETURN_IF_ERROR(SchemaToJson(schema_).status());
    } else {
      if (ReplacesSchema()) {
        schema_ = options_.schema;
        WEIR_RETURN_IF_ERROR(SchemaToJson(schema_).status());
      }
      const Status writable =
          CheckWritable(snapshot_->protocol(), snapshot_->metadata(), KindOfWrite(options_.mode));
      if (!writable.ok()) return Error(writable.error()).At(log_.table());
      if (!ReplacesSchema()) WEIR_RETURN_IF_ERROR(FitColumns());
    }
    if (snapshot_ && !ReplacesSchema()) {
      const auto& ours = snapshot_->metadata().partition_columns;
      if (!partition_columns_.empty() && !SameNames(partition_columns_, ours)) {
        return Error::User(ErrorCode::kInvalid, "the table is partitioned by (" + Join(ours) +
                                                    "), the write by (" + Join(partition_columns_) +
                                                    ")")
            .At(log_.table())
            .Fix("write with the table's partitioning, or write a new table");
      }
      partition_columns_ = ours;
    }
    for (auto& column : partition_columns_) {
      WEIR_ASSIGN_OR_RETURN(const auto* field, Find(column, "partition column"));
      WEIR_RETURN_IF_ERROR(CheckPartitionType(field->name, field->type));
      column = field->name;
    }
    if (!schema_.fields.empty() && partition_columns_.size() == schema_.fields.size()) {
      return Error::User(ErrorCode::kInvalid, "every column is a partition column")
          .At(log_.table())
          .Fix("leave at least one column out of the partitioning");
    }
    for (auto& key : options_.mode.keys) {
      WEIR_ASSIGN_OR_RETURN(const auto* field, Find(key, "key column"));
      key = field->name;
    }
    return Status();
  }

  bool ReplacesSchema() const {
    return options_.replace_schema && options_.mode.kind == Kind::kOverwrite &&
           options_.mode.overwrite_where.empty();
  }

  Status FitColumns() {
    WEIR_ASSIGN_OR_RETURN(FittedSchema fitted, FitSchema(snapshot_->schema(), options_.schema,
                                                         options_.allow_new_columns, log_.table()));
    schema_ = std::move(fitted.columns);
    return Status();
  }

  Result<const columnar::Field*> Find(const std::string& column, const char* what) {
    const int position = schema_.Find(column);
    if (position < 0) {
      return Error::User(ErrorCode::kNotFound, std::string("the rows have no ") + what + " '" +
                                                   column + "'; they have (" +
                                                   Join(schema_.Names()) + ")")
          .At(log_.table());
    }
    return &schema_.fields[static_cast<size_t>(position)];
  }

  static std::string Join(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
    return out;
  }

  static bool SameNames(const std::vector<std::string>& a, const std::vector<std::string>& b) {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [](const auto& x, const auto& y) {
             return duckdb::StringUtil::CIEquals(x, y);
           });
  }

  DataFilesOptions FilesOptions() const {
    DataFilesOptions files;
    files.table = log_.table();
    files.name = staging_.id();
    files.schema = schema_;
    files.keep_order = options_.keep_order;
    files.partition_columns = partition_columns_;
    files.memory_bytes = options_.memory_bytes == 0 ? kMemoryDefault : options_.memory_bytes;
    files.stats_columns =
        StatsColumns(snapshot_ ? snapshot_->metadata().configuration : options_.properties);
    return files;
  }

  Status KeepLastOfEachKey() {
    WEIR_ASSIGN_OR_RETURN(const auto staged, keyed_->Close());
    files_ = std::make_shared<DataFiles>(engine_, FilesOptions());
    if (staged.empty()) return Status();
    std::string paths;
    for (const auto& file : staged) {
      const std::string path = JoinPath(staging_.folder(), UriDecodePath(file.path));
      paths += (paths.empty() ? "" : ", ") + columnar::QuoteLiteral(path);
    }
    std::string keys;
    for (const auto& key : options_.mode.keys) keys += (keys.empty() ? "" : ", ") + QuoteName(key);
    WEIR_ASSIGN_OR_RETURN(auto connection, engine_.Connect());
    std::string columns = ColumnListSql(schema_);
    if (options_.keep_order) {
      columns += std::string(", ") + columnar::kOrderMajorColumn + ", ";
      columns += columnar::kOrderMinorColumn;
    }
    const std::string sql =
        "SELECT " + columns + " FROM read_parquet([" + paths +
        "], hive_partitioning = false) QUALIFY row_number() OVER (PARTITION BY " + keys +
        " ORDER BY " + columnar::kOrderMajorColumn + " DESC, " + columnar::kOrderMinorColumn +
        " DESC) = 1";
    return WriteQuery(engine_, *connection, sql, *files_).status();
  }

  // A wrong name in the predicate shows before anything is written, not at the commit.
  Status CheckPredicate() {
    if (options_.mode.overwrite_where.empty()) return Status();
    WEIR_ASSIGN_OR_RETURN(auto connection, engine_.Connect());
    WEIR_RETURN_IF_ERROR(SetWarehouse(engine_, *connection, log_.table()));
    auto bound =
        engine_.Query(*connection, "SELECT 1 FROM " + ScanSql(schema_, partition_columns_, {}) +
                                       " WHERE (" + options_.mode.overwrite_where + "\n)");
    if (bound.ok()) return Status();
    return Error::User(ErrorCode::kInvalid, "the predicate (" + options_.mode.overwrite_where +
                                                ") of an overwrite: " + bound.error().message())
        .At(log_.table());
  }

  // An overwrite that brings rows outside of what it replaces would double them on its next run.
  Status CheckRowsMatch(const std::vector<AddFile>& adds) {
    if (adds.empty()) return Status();
    std::vector<ScanFile> files;
    for (const auto& add : adds) {
      files.push_back({ResolveLogPath(log_.table(), add.path), add.partition_values});
    }
    WEIR_ASSIGN_OR_RETURN(auto connection, engine_.Connect());
    WEIR_RETURN_IF_ERROR(SetWarehouse(engine_, *connection, log_.table()));
    WEIR_ASSIGN_OR_RETURN(
        auto result,
        engine_.Query(*connection, "SELECT count(*) FROM " +
                                       ScanSql(schema_, partition_columns_, files) + " WHERE (" +
                                       options_.mode.overwrite_where + "\n) IS NOT TRUE"));
    const auto outside = result->GetValue(0, 0).GetValue<int64_t>();
    if (outside == 0) return Status();
    return Error::User(ErrorCode::kInvalid,
                       std::to_string(outside) + " of the new rows do not satisfy the predicate (" +
                           options_.mode.overwrite_where + ") of the rows they replace")
        .At(log_.table())
        .Fix("filter the query by the same predicate");
  }

  columnar::Engine& engine_;
  const LogStore log_;
  columnar::SinkOptions options_;
  const std::shared_ptr<const Snapshot> snapshot_;  // null: no table yet
  Staging staging_;
  columnar::Schema schema_;
  std::vector<std::string> partition_columns_;
  std::shared_ptr<DataFiles> keyed_;  // with keys: the rows as they came
  std::shared_ptr<DataFiles> files_;
  bool prepared_ = false;
};

}  // namespace

Result<std::unique_ptr<columnar::BatchSink>> OpenDeltaSink(columnar::Engine& engine,
                                                           const LogStore& log,
                                                           const columnar::SinkOptions& options) {
  WEIR_ASSIGN_OR_RETURN(auto snapshot, NewestOrNull(engine, log));
  auto sink = std::make_unique<DeltaSink>(engine, log, options, std::move(snapshot));
  WEIR_RETURN_IF_ERROR(sink->Begin());
  return sink;
}

}  // namespace weir::lake
