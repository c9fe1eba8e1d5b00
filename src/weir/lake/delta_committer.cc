#include <algorithm>
#include <set>

#include "weir/base/json_writer.h"
#include "weir/lake/commit.h"
#include "weir/lake/data_files.h"
#include "weir/lake/delta_sink.h"
#include "weir/lake/file_stats.h"
#include "weir/lake/paths.h"
#include "weir/lake/protocol_check.h"
#include "weir/lake/rewrite.h"
#include "weir/lake/row_order.h"
#include "weir/lake/schema_check.h"
#include "weir/lake/schema_json.h"
#include "weir/lake/sink_token.h"
#include "weir/lake/snapshot.h"
#include "weir/lake/staging.h"

namespace weir::lake {
namespace {

using Kind = columnar::WriteMode::Kind;

constexpr uint64_t kRewriteMemoryMax = uint64_t{256} << 20;
// In the names of files that a Commit wrote, as opposed to those of the token.
constexpr const char* kRewriteInfix = "-rw";

std::string JsonString(const std::string& text) {
  JsonWriter json;
  json.String(text);
  return json.Take();
}

std::string JsonStrings(const std::vector<std::string>& texts) {
  JsonWriter json;
  json.BeginArray();
  for (const auto& text : texts) json.String(text);
  json.EndArray();
  return json.Take();
}

// A token as a change to whatever the table is when it is committed.
class TokenChange : public Change {
 public:
  TokenChange(columnar::Engine& engine, const LogStore& log, const SinkToken& token,
              Staging& staging)
      : engine_(engine), log_(log), token_(token), staging_(staging) {
    for (const auto& add : token_.adds) staged_.insert(add.path);
  }

  const std::string& app_id() const override { return token_.flow_id; }
  int64_t app_version() const override { return token_.epoch; }

  Result<PlannedCommit> Plan(const Snapshot* snapshot) override {
    WEIR_RETURN_IF_ERROR(CheckStaged());
    PlannedCommit plan;
    const int64_t now_ms = engine_.env().NowMicros() / 1000;
    plan.actions.transactions.push_back({token_.flow_id, token_.epoch, now_ms});
    for (const std::string& flow : token_.replaced_flows) {
      plan.actions.transactions.push_back({flow, kNoEpoch, now_ms});
    }
    plan.actions.adds = token_.adds;
    if (snapshot == nullptr) {
      WEIR_RETURN_IF_ERROR(PlanTable(plan));
    } else {
      WEIR_RETURN_IF_ERROR(PlanFit(*snapshot, plan));
      order_ = TableOrder(snapshot->files());
      PutBehind(plan, order_.end());
      WEIR_RETURN_IF_ERROR(PlanRemoves(*snapshot, plan));
    }
    Describe(plan);
    return plan;
  }

  bool Rebase(PlannedCommit& plan, const lake::Commit& winner) override {
    const int64_t before = order_.end();
    for (const auto& add : winner.adds) order_.Add(add);
    return PutBehind(plan, order_.end() - before);
  }

  void Discard(const PlannedCommit& plan) override {
    for (const auto& add : plan.actions.adds) {
      if (staged_.contains(add.path)) continue;
      (void)engine_.env().RemoveFile(ResolveLogPath(log_.table(), add.path));
    }
  }

  int64_t rows_removed() const { return rows_removed_; }

 private:
  // Moves the new rows' places behind those of the table; false if their files keep none.
  bool PutBehind(PlannedCommit& plan, int64_t shift) const {
    if (shift == 0) return false;
    bool moved = false;
    for (size_t i = 0; i < token_.adds.size(); ++i) {  // not the rewritten files behind them
      AddFile& add = plan.actions.adds[i];
      const auto order = StoredRowOrder(add);
      if (!order) continue;
      SetRowOrder(add, {order->first + shift, order->end + shift});
      moved = true;
    }
    return moved;
  }

  // What cannot be rebased leaves the epoch in doubt: its rows are kept, a person decides.
  Error InDoubt(const std::string& why) const {
    return Error::User(ErrorCode::kInDoubt, "epoch " + std::to_string(token_.epoch) + " of flow " +
                                                token_.flow_id + " cannot be committed: " + why)
        .At(log_.table())
        .Fix("put the table back as it was, or decide with 'weir flow resolve'");
  }

  // A log entry must not name what somebody has cleaned away in the meantime.
  Status CheckStaged() const {
    for (const auto& add : token_.adds) {
      const std::string path = ResolveLogPath(log_.table(), add.path);
      const auto info = engine_.env().Stat(path);
      if (info.ok() && info->size == static_cast<uint64_t>(add.size)) continue;
      if (!info.ok() && info.error().code() != ErrorCode::kNotFound) return info.error();
      return InDoubt("its file " + path + (info.ok() ? " has changed" : " is gone"));
    }
    return Status();
  }

  Status PlanTable(PlannedCommit& plan) {
    if (!token_.table_id.empty()) return InDoubt("the table is gone");
    WEIR_ASSIGN_OR_RETURN(const auto schema, SchemaFromJson(token_.schema_json));
    plan.actions.protocol = ProtocolFor(schema);
    Metadata metadata;
    metadata.id = token_.new_table_id;
    metadata.schema_string = token_.schema_json;
    metadata.partition_columns = token_.partition_columns;
    metadata.configuration = token_.properties;
    metadata.created_time_ms = engine_.env().NowMicros() / 1000;
    plan.actions.metadata = std::move(metadata);
    return Status();
  }

  // The table as it is now still takes the rows as they were written.
  Status PlanFit(const Snapshot& snapshot, PlannedCommit& plan) {
    const Metadata& metadata = snapshot.metadata();
    if (!token_.table_id.empty() && token_.table_id != metadata.id) {
      return InDoubt("another table was made in its place");
    }
    const WriteKind kind =
        token_.mode.kind == Kind::kAppend ? WriteKind::kAppend : WriteKind::kRewrite;
    const Status writable = CheckWritable(snapshot.protocol(), metadata, kind);
    if (!writable.ok()) return InDoubt(writable.error().message());
    if (token_.replace_schema) return PlanNewSchema(snapshot, plan);
    if (metadata.partition_columns != token_.partition_columns) {
      return InDoubt("its partition columns have changed");
    }
    WEIR_ASSIGN_OR_RETURN(const auto schema, SchemaFromJson(token_.schema_json));
    auto fitted = FitSchema(snapshot.schema(), schema, token_.allow_new_columns, log_.table());
    if (!fitted.ok()) return InDoubt(fitted.error().message());
    for (size_t i = 0; i < schema.fields.size(); ++i) {
      // The files have these names; readers look for the table's.
      if (fitted->columns.fields[i].name != schema.fields[i].name) {
        return InDoubt("column '" + schema.fields[i].name + "' is now spelled '" +
                       fitted->columns.fields[i].name + "'");
      }
    }
    if (fitted->added.fields.empty()) return Status();
    Metadata wider = metadata;
    WEIR_ASSIGN_OR_RETURN(wider.schema_string,
                          AppendColumns(metadata.schema_string, fitted->added));
    plan.actions.metadata = std::move(wider);
    for (const auto& field : fitted->added.fields) {
      if (HoldsTimestampNtz(field.type) && !HasFeature(snapshot.protocol(), "timestampNtz")) {
        plan.actions.protocol = WithFeature(snapshot.protocol(), "timestampNtz");
      }
    }
    return Status();
  }

  // A whole overwrite that says what the table is from now on.
  Status PlanNewSchema(const Snapshot& snapshot, PlannedCommit& plan) {
    Metadata changed = snapshot.metadata();
    if (changed.schema_string == token_.schema_json &&
        changed.partition_columns == token_.partition_columns) {
      return Status();
    }
    changed.schema_string = token_.schema_json;
    changed.partition_columns = token_.partition_columns;
    plan.actions.metadata = std::move(changed);
    WEIR_ASSIGN_OR_RETURN(const auto schema, SchemaFromJson(token_.schema_json));
    for (const auto& field : schema.fields) {
      if (HoldsTimestampNtz(field.type) && !HasFeature(snapshot.protocol(), "timestampNtz")) {
        plan.actions.protocol = WithFeature(snapshot.protocol(), "timestampNtz");
      }
    }
    return Status();
  }

  Status PlanRemoves(const Snapshot& snapshot, PlannedCommit& plan) {
    rows_removed_ = 0;
    if (token_.mode.kind == Kind::kAppend) return Status();
    Rewrite rewrite;
    if (token_.mode.kind == Kind::kOverwrite && token_.mode.overwrite_where.empty()) {
      rewrite.removed = snapshot.files();
      for (const auto& file : rewrite.removed) {
        rewrite.rows_removed += std::max<int64_t>(0, ParseNumRecords(file.stats));
      }
      plan.reads.whole_table = true;
    } else {
      DataFilesOptions options;
      options.table = log_.table();
      options.name = token_.staging_id + kRewriteInfix + std::to_string(rewrites_++);
      options.schema = snapshot.schema();
      options.partition_columns = token_.partition_columns;
      options.memory_bytes = std::min(kRewriteMemoryMax, engine_.options().memory_bytes / 5);
      options.stats_columns =
          IntProperty(snapshot.metadata(), "delta.dataSkippingNumIndexedCols", 32);
      WEIR_RETURN_IF_ERROR(staging_.Begin());
      if (token_.mode.kind == Kind::kOverwrite) {
        WEIR_ASSIGN_OR_RETURN(
            rewrite, RewriteWhere(engine_, snapshot, token_.mode.overwrite_where, options));
      } else {
        WEIR_ASSIGN_OR_RETURN(
            rewrite, RewriteKeys(engine_, snapshot, token_.mode.keys, token_.adds, options));
        // Two rows with one key must not come of a blind append that we did not see.
        plan.reads.isolation = Isolation::kSerializable;
      }
      for (const auto& file : rewrite.removed) {
        plan.reads.files.insert(FileKey(file.path, file.deletion_vector));
      }
      plan.reads.may_match = std::move(rewrite.may_match);
    }
    rows_removed_ = rewrite.rows_removed;
    for (auto& add : rewrite.adds) plan.actions.adds.push_back(std::move(add));
    for (const auto& file : rewrite.removed) {
      RemoveFile remove;
      remove.path = file.path;
      remove.deletion_timestamp_ms = engine_.env().NowMicros() / 1000;
      remove.extended_file_metadata = true;
      remove.partition_values = file.partition_values;
      remove.size = file.size;
      remove.deletion_vector = file.deletion_vector;
      plan.actions.removes.push_back(std::move(remove));
    }
    return Status();
  }

  // What history shows, in the words other engines use.
  void Describe(PlannedCommit& plan) const {
    int64_t bytes = 0;
    for (const auto& add : plan.actions.adds) bytes += add.size;
    const auto count = [](size_t n) { return std::to_string(n); };
    if (token_.mode.kind == Kind::kUpsert) {
      plan.operation = "MERGE";
      plan.parameters["predicate"] = JsonString(JsonStrings(token_.mode.keys));
      plan.metrics["numSourceRows"] = std::to_string(token_.rows);
      plan.metrics["numTargetRowsUpdated"] = std::to_string(rows_removed_);
      plan.metrics["numTargetRowsInserted"] = std::to_string(token_.rows - rows_removed_);
      plan.metrics["numTargetRowsDeleted"] = "0";
      plan.metrics["numTargetFilesAdded"] = count(plan.actions.adds.size());
      plan.metrics["numTargetFilesRemoved"] = count(plan.actions.removes.size());
    } else {
      plan.operation = "WRITE";
      const bool append = token_.mode.kind == Kind::kAppend;
      plan.parameters["mode"] = JsonString(append ? "Append" : "Overwrite");
      plan.parameters["partitionBy"] = JsonString(JsonStrings(token_.partition_columns));
      if (!token_.mode.overwrite_where.empty()) {
        plan.parameters["predicate"] = JsonString(token_.mode.overwrite_where);
      }
      plan.metrics["numFiles"] = count(plan.actions.adds.size());
      plan.metrics["numOutputRows"] = std::to_string(token_.rows);
      plan.metrics["numOutputBytes"] = std::to_string(bytes);
      if (!append) plan.metrics["numRemovedFiles"] = count(plan.actions.removes.size());
    }
    JsonWriter user;
    user.BeginObject();
    user.Key("flow").String(token_.flow_id);
    user.Key("epoch").Int(token_.epoch);
    user.EndObject();
    plan.user_metadata = user.Take();
  }

  columnar::Engine& engine_;
  const LogStore& log_;
  const SinkToken& token_;
  Staging& staging_;
  std::set<std::string> staged_;  // paths that belong to the token
  TableOrder order_;              // of what the plan was made for
  int rewrites_ = 0;
  int64_t rows_removed_ = 0;
};

}  // namespace

DeltaCommitter::DeltaCommitter(columnar::Engine& engine, LogStore log)
    : engine_(engine), log_(std::move(log)) {}

Result<columnar::CommitResult> DeltaCommitter::Commit(const std::string& text) {
  WEIR_ASSIGN_OR_RETURN(const SinkToken token, ParseToken(text));
  Env& env = engine_.env();
  Staging staging(env, log_.table(), token.flow_id, token.staging_id);
  // Files that an earlier Commit of this token wrote and did not get to put.
  const bool rewrites = token.mode.kind == Kind::kUpsert || !token.mode.overwrite_where.empty();
  if (rewrites && env.Exists(staging.folder())) {
    auto snapshot = Snapshot::Load(engine_, log_, {});
    if (snapshot.ok()) WEIR_RETURN_IF_ERROR(staging.RemoveFiles(snapshot->get(), kRewriteInfix));
  }
  TokenChange change(engine_, log_, token, staging);
  WEIR_ASSIGN_OR_RETURN(Committed committed, CommitChange(engine_, log_, change));
  // The folder is only a note to clean up; the next sink of the flow removes it otherwise.
  (void)staging.End();

  columnar::CommitResult result;
  result.version = committed.version;
  result.already_done = committed.already_done;
  result.attempts = committed.attempts;
  if (!committed.already_done) {
    result.rows_added = token.rows;
    result.rows_removed = change.rows_removed();
    result.files_added = static_cast<int64_t>(committed.plan.actions.adds.size());
    result.files_removed = static_cast<int64_t>(committed.plan.actions.removes.size());
  }
  return result;
}

Status DeltaCommitter::Abort(const std::string& text) {
  WEIR_ASSIGN_OR_RETURN(const SinkToken token, ParseToken(text));
  auto snapshot = Snapshot::Load(engine_, log_, {});
  if (!snapshot.ok() && snapshot.error().code() != ErrorCode::kNotFound) {
    return std::move(snapshot).error();  // which files the log names must be known
  }
  Staging staging(engine_.env(), log_.table(), token.flow_id, token.staging_id);
  WEIR_RETURN_IF_ERROR(staging.RemoveFiles(snapshot.ok() ? snapshot->get() : nullptr, ""));
  return staging.End();
}

}  // namespace weir::lake
