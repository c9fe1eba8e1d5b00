#include "weir/sql/replay.h"

#include <fmt/core.h>

#include "duckdb/main/materialized_query_result.hpp"
#include "weir/epoch/step.h"
#include "weir/guard/quarantine.h"
#include "weir/sql/flow_inputs.h"
#include "weir/sql/quarantine_sink.h"
#include "weir/sql/staged_rows.h"

namespace weir::sql {

using columnar::QuoteLiteral;
using columnar::QuoteName;

namespace {

constexpr const char* kQuarantineView = "__weir_quarantine";
constexpr const char* kReplayTable = "__weir_replay";
constexpr const char* kMendedTable = "__weir_mended";

// The table's columns out of a JSON column `row`.
std::string ColumnsOfJson(const columnar::Schema& schema) {
  std::string list;
  for (const columnar::Field& field : schema.fields) {
    const std::string path = QuoteLiteral("$.\"" + field.name + "\"");
    const bool text = field.type.id() == duckdb::LogicalTypeId::VARCHAR ||
                      field.type.id() == duckdb::LogicalTypeId::BLOB;
    const std::string value = "CAST(row AS JSON) " + std::string(text ? "->> " : "-> ") + path;
    list += (list.empty() ? "" : ", ") + ("CAST((" + value) + ") AS " + field.type.ToString() +
            ") AS " + QuoteName(field.name);
  }
  return list;
}

std::string ColumnNames(const columnar::Schema& schema) {
  std::string list;
  for (const columnar::Field& field : schema.fields) {
    list += (list.empty() ? "" : ", ") + QuoteName(field.name);
  }
  return list;
}

// Makes the quarantine readable by its view; false if there is none.
Result<bool> DefineQuarantine(Session& session, columnar::Catalog& catalog,
                              const std::string& table) {
  auto found = catalog.Table(guard::QuarantineTableName(table));
  if (!found.ok() && found.error().code() == ErrorCode::kNotFound) return false;
  WEIR_ASSIGN_OR_RETURN(auto version, std::move(found));
  WEIR_ASSIGN_OR_RETURN(auto files, version->Files(nullptr));
  WEIR_RETURN_IF_ERROR(
      session.DefineParquet(kQuarantineView, nullptr, version->schema(), files, 0));
  return true;
}

class Replay {
 public:
  Replay(Session& session, const PreparedProject& project, columnar::Catalog& catalog,
         const RunSettings& settings, const ReplayRequest& request, const PreparedFlow& flow)
      : session_(session),
        catalog_(catalog),
        settings_(settings),
        request_(request),
        flow_(flow),
        inputs_(session, project, catalog, flow, settings.now_us),
        log_(session.engine().env(),
             JoinPath(JoinPath(settings.warehouse, "_weir"), flow.flow->id)),
        committer_of_([this](const std::string& sink) { return catalog_.Committer(sink); }) {}

  Result<ReplayOutcome> Run() {
    WEIR_ASSIGN_OR_RETURN(epoch::Recovery recovery, epoch::Recover(log_, committer_of_));
    WEIR_ASSIGN_OR_RETURN(bool there, DefineQuarantine(session_, catalog_, table()));
    if (!there || !recovery.newest) return outcome_;
    WEIR_RETURN_IF_ERROR(TakeRows());
    WEIR_RETURN_IF_ERROR(KeepMended());
    if (mended_.empty()) return outcome_;
    epoch::Manifest manifest = *recovery.newest;  // positions, definition and hashes stay
    manifest.epoch += 1;
    manifest.now_us = settings_.now_us;
    manifest.run_id = settings_.run_id;
    manifest.facts = "{\"replayed\":" + std::to_string(mended_.size()) + "}";
    manifest.tokens.clear();
    WEIR_RETURN_IF_ERROR(WriteSinks(manifest));
    WEIR_RETURN_IF_ERROR(epoch::CommitEpoch(log_, manifest, committer_of_).status());
    outcome_.replayed = static_cast<int64_t>(mended_.size());
    outcome_.epoch = manifest.epoch;
    return outcome_;
  }

 private:
  const std::string& table() const { return flow_.flow->table; }

  Result<int64_t> Count(const std::string& from) {
    WEIR_ASSIGN_OR_RETURN(
        auto rows, session_.engine().Query(session_.connection(), "SELECT count(*) FROM " + from));
    return rows->GetValue(0, 0).GetValue<int64_t>();
  }

  Status TakeRows() {
    const std::string where = request_.where.empty() ? "true" : "(" + request_.where + "\n)";
    const std::string chosen = fmt::format("(SELECT * FROM {} WHERE {})", kQuarantineView, where);
    std::string rows = chosen;
    if (!request_.from_file.empty()) {
      rows = "(SELECT f.quarantine_id, CAST(f.row AS VARCHAR) AS row FROM read_json(" +
             QuoteLiteral(request_.from_file) +
             ", format = 'newline_delimited', columns = {quarantine_id: 'VARCHAR', row: 'JSON'}) "
             "AS f SEMI JOIN " +
             chosen + " AS q USING (quarantine_id))";
    }
    WEIR_ASSIGN_OR_RETURN(outcome_.asked, Count(rows));
    WEIR_ASSIGN_OR_RETURN(outcome_.unparsed, Count(rows + " WHERE row IS NULL"));
    Status taken = session_.Execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT quarantine_id, {} FROM {} WHERE row IS NOT NULL",
        kReplayTable, ColumnsOfJson(flow_.schema), rows));
    if (taken.ok()) return taken;
    return std::move(taken).error().While("taking rows out of the quarantine of " + table());
  }

  // Rows that no check of today's contract rejects.
  Status KeepMended() {
    StageRelations relations;
    relations.staged = fmt::format(
        "(SELECT *, 0 AS {}, rowid AS {}, 0 AS {}, rowid AS {}, 0 AS {} FROM {})",
        columnar::kOriginFileColumn, columnar::kOriginOffsetColumn, columnar::kOriginLengthColumn,
        columnar::kOrderColumn, columnar::kSuborderColumn, kReplayTable);
    relations.now_us = settings_.now_us;
    if (!flow_.flow->external) {
      WEIR_ASSIGN_OR_RETURN(relations.existing, inputs_.WholeRelation(table()));
    }
    for (const guard::Check& check : flow_.contract.checks) {
      if (check.kind != guard::CheckKind::kReferences) continue;
      WEIR_ASSIGN_OR_RETURN(relations.references[check.reference_table],
                            inputs_.WholeRelation(check.reference_table));
    }
    std::vector<size_t> flags;
    WEIR_ASSIGN_OR_RETURN(std::string flagged,
                          FlaggedSelect(flow_.contract, flow_.schema, relations, &flags));
    WEIR_RETURN_IF_ERROR(session_.Execute(
        fmt::format("CREATE OR REPLACE TEMP TABLE {} AS SELECT r.* FROM {} AS r SEMI JOIN "
                    "(SELECT * FROM ({}) WHERE {}) AS f ON r.rowid = f.{}",
                    kMendedTable, kReplayTable, flagged, PassesChecks(flow_.contract, flags),
                    columnar::kOriginOffsetColumn)));
    WEIR_ASSIGN_OR_RETURN(
        auto rows,
        session_.engine().Query(session_.connection(),
                                fmt::format("SELECT quarantine_id FROM {}", kMendedTable)));
    for (size_t i = 0; i < rows->RowCount(); ++i) {
      mended_.push_back(rows->GetValue(0, i).ToString());
    }
    return Status::Ok();
  }

  Status WriteSinks(epoch::Manifest& manifest) {
    columnar::SinkOptions options;
    options.flow_id = flow_.flow->id;
    options.epoch = manifest.epoch;
    options.schema = flow_.schema;
    options.partition_columns = flow_.partition_columns;
    options.now_us = settings_.now_us;
    options.memory_bytes = session_.engine().options().memory_bytes / 5;
    options.mode.keys = flow_.primary_key;
    if (!flow_.primary_key.empty()) options.mode.kind = columnar::WriteMode::Kind::kUpsert;
    WEIR_ASSIGN_OR_RETURN(auto sink, catalog_.OpenSink(table(), options));
    auto write = std::make_shared<FlowWrite>();
    write->flow_id = flow_.flow->id;
    write->table_columns = flow_.schema.fields.size();
    if (!flow_.primary_key.empty()) write->behind = FlowWrite::Behind::kOrder;
    write->table = sink.get();
    write->open_gate = [](int) { return std::shared_ptr<const guard::GatePlan>(); };
    session_.writes().Set(write);
    Status copied = session_.Execute("COPY (SELECT " + ColumnNames(flow_.schema) + " FROM " +
                                     kMendedTable + ") TO " + QuoteLiteral(flow_.flow->id) +
                                     " (FORMAT weir_write, USE_TMP_FILE false)");
    session_.writes().Remove(flow_.flow->id);
    WEIR_RETURN_IF_ERROR(std::move(copied));

    columnar::SinkOptions leaving;
    leaving.flow_id = flow_.flow->id;
    leaving.epoch = manifest.epoch;
    leaving.schema = guard::QuarantineSchema();
    leaving.mode = ReplaceQuarantined(mended_);
    leaving.now_us = settings_.now_us;
    QuarantineSink quarantine(catalog_, session_.engine(), guard::QuarantineTableName(table()),
                              leaving);
    WEIR_RETURN_IF_ERROR(quarantine.Open());
    WEIR_ASSIGN_OR_RETURN(std::string token, sink->Prepare(manifest.epoch));
    manifest.tokens.push_back({table(), std::move(token)});
    WEIR_ASSIGN_OR_RETURN(auto leaving_token, quarantine.Prepare(manifest.epoch));
    manifest.tokens.push_back({quarantine.table(), std::move(*leaving_token)});
    return Status::Ok();
  }

  Session& session_;
  columnar::Catalog& catalog_;
  const RunSettings& settings_;
  const ReplayRequest& request_;
  const PreparedFlow& flow_;
  FlowInputs inputs_;
  epoch::EpochLog log_;
  epoch::CommitterOf committer_of_;
  std::vector<std::string> mended_;  // quarantine ids
  ReplayOutcome outcome_;
};

}  // namespace

Result<ReplayOutcome> ReplayQuarantine(Session& session, const PreparedProject& project,
                                       columnar::Catalog& catalog, const RunSettings& settings,
                                       const ReplayRequest& request) {
  for (const PreparedFlow& flow : project.flows) {
    if (!EqualsIgnoreCase(flow.flow->table, request.table)) continue;
    return Replay(session, project, catalog, settings, request, flow).Run();
  }
  return Error::User(ErrorCode::kNotFound, "no flow fills a table named '" + request.table + "'")
      .Fix(DidYouMean(request.table, project.project->Names()));
}

Result<std::vector<std::string>> QuarantinedIds(Session& session, columnar::Catalog& catalog,
                                                const PreparedFlow& flow,
                                                const std::string& condition) {
  std::vector<std::string> ids;
  WEIR_ASSIGN_OR_RETURN(bool there, DefineQuarantine(session, catalog, flow.flow->table));
  if (!there) return ids;
  WEIR_ASSIGN_OR_RETURN(auto rows, session.engine().Query(
                                       session.connection(),
                                       "SELECT quarantine_id FROM (SELECT quarantine_id, " +
                                           ColumnsOfJson(flow.schema) + " FROM " + kQuarantineView +
                                           " WHERE row IS NOT NULL) WHERE (" + condition + "\n)"));
  for (size_t i = 0; i < rows->RowCount(); ++i) ids.push_back(rows->GetValue(0, i).ToString());
  return ids;
}

columnar::WriteMode ReplaceQuarantined(const std::vector<std::string>& ids) {
  columnar::WriteMode mode;
  if (ids.empty()) return mode;
  mode.kind = columnar::WriteMode::Kind::kOverwrite;
  mode.brings_other_rows = true;
  mode.overwrite_where = "quarantine_id IN (";
  for (size_t i = 0; i < ids.size(); ++i) {
    mode.overwrite_where += (i ? ", " : "") + QuoteLiteral(ids[i]);
  }
  mode.overwrite_where += ")";
  return mode;
}

}  // namespace weir::sql
