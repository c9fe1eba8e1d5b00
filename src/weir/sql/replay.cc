#include "weir/sql/replay.h"

#include <fmt/core.h>

#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/columnar/parquet_writer.h"
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

// DuckDB's paths ($."name") can't say every name: a quote ends it, a star means all.
std::string JsonPointer(const std::string& name) {
  std::string pointer = "/";
  for (const char c : name) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
  return pointer;
}

// The table's columns out of a JSON column `row`.
std::string ColumnsOfJson(const columnar::Schema& schema) {
  std::string list;
  for (const columnar::Field& field : schema.fields) {
    const std::string path = QuoteLiteral(JsonPointer(field.name));
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
    WEIR_ASSIGN_OR_RETURN(const int64_t mended, Count(kMendedTable));
    if (mended == 0) return outcome_;
    epoch::Manifest manifest = *recovery.newest;  // positions, definition and hashes stay
    manifest.epoch += 1;
    manifest.now_us = settings_.now_us;
    manifest.run_id = settings_.run_id;
    manifest.facts = "{\"replayed\":" + std::to_string(mended) + "}";
    manifest.tokens.clear();
    WEIR_RETURN_IF_ERROR(WriteSinks(manifest));
    WEIR_RETURN_IF_ERROR(epoch::CommitEpoch(log_, manifest, committer_of_).status());
    RemoveRows(session_.engine().env(), log_, manifest.epoch);
    outcome_.replayed = mended;
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
    if (!request_.from_file.empty()) WEIR_RETURN_IF_ERROR(CheckLines(rows));
    WEIR_ASSIGN_OR_RETURN(outcome_.asked, Count(rows));
    WEIR_ASSIGN_OR_RETURN(outcome_.unparsed, Count(rows + " WHERE row IS NULL"));
    Status taken = session_.Execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT quarantine_id, {} FROM {} WHERE row IS NOT NULL",
        kReplayTable, ColumnsOfJson(flow_.schema), rows));
    if (taken.ok()) return taken;
    return std::move(taken).error().While("taking rows out of the quarantine of " + table());
  }

  // A row that the file has more often than the quarantine would be in the table more than once.
  Status CheckLines(const std::string& rows) {
    WEIR_ASSIGN_OR_RETURN(
        auto twice,
        session_.engine().Query(
            session_.connection(),
            fmt::format("SELECT quarantine_id FROM (SELECT quarantine_id, count(*) AS lines FROM "
                        "{} GROUP BY ALL) JOIN (SELECT quarantine_id, count(*) AS there FROM {} "
                        "GROUP BY ALL) USING (quarantine_id) WHERE lines > there LIMIT 1",
                        rows, kQuarantineView)));
    if (twice->RowCount() == 0) return Status::Ok();
    return Error::User(ErrorCode::kInvalid, "the row of quarantine_id " +
                                                twice->GetValue(0, 0).ToString() +
                                                " stands there more than once")
        .At(request_.from_file)
        .Fix("keep one line of it");
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
    WEIR_ASSIGN_OR_RETURN(const std::string passes,
                          PassesChecks(flow_.contract, flags, settings_.now_us));
    return session_.Execute(
        fmt::format("CREATE OR REPLACE TEMP TABLE {} AS SELECT r.* FROM {} AS r SEMI JOIN "
                    "(SELECT * FROM ({}) WHERE {}) AS f ON r.rowid = f.{}",
                    kMendedTable, kReplayTable, flagged, passes, columnar::kOriginOffsetColumn));
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
    WEIR_ASSIGN_OR_RETURN(
        leaving.mode,
        ReplaceQuarantined(session_, log_, manifest.epoch,
                           fmt::format("SELECT DISTINCT quarantine_id FROM {}", kMendedTable)));
    leaving.now_us = settings_.now_us;
    QuarantineSink quarantine(catalog_, session_.engine(), guard::QuarantineTableName(table()),
                              leaving);
    WEIR_RETURN_IF_ERROR(quarantine.Open());
    WEIR_RETURN_IF_ERROR(KeepTheOthers(quarantine));
    WEIR_ASSIGN_OR_RETURN(std::string token, sink->Prepare(manifest.epoch));
    manifest.tokens.push_back({table(), std::move(token)});
    WEIR_ASSIGN_OR_RETURN(auto leaving_token, quarantine.Prepare(manifest.epoch));
    manifest.tokens.push_back({quarantine.table(), std::move(*leaving_token)});
    return Status::Ok();
  }

  // Rows that are the same in everything, such as those of a UNION ALL of a source with itself,
  // have one quarantine_id: of these, as many leave as were mended.
  Status KeepTheOthers(QuarantineSink& quarantine) {
    WEIR_ASSIGN_OR_RETURN(
        auto rows,
        session_.engine().Query(
            session_.connection(),
            fmt::format("SELECT {0} FROM (SELECT *, row_number() OVER (PARTITION BY quarantine_id) "
                        "AS __weir_number FROM {1} SEMI JOIN {2} USING (quarantine_id)) JOIN "
                        "(SELECT quarantine_id, count(*) AS __weir_mended FROM {2} GROUP BY ALL) "
                        "USING (quarantine_id) WHERE __weir_number > __weir_mended",
                        ColumnNames(guard::QuarantineSchema()), kQuarantineView, kMendedTable)));
    while (auto chunk = rows->Fetch()) {
      if (chunk->size() == 0) break;
      WEIR_RETURN_IF_ERROR(quarantine.Write(*chunk));
    }
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

Result<columnar::WriteMode> ReplaceQuarantined(Session& session, const epoch::EpochLog& log,
                                               uint64_t epoch, const std::string& ids) {
  columnar::Engine& engine = session.engine();
  WEIR_ASSIGN_OR_RETURN(auto found, engine.Query(session.connection(), ids));
  columnar::WriteMode mode;
  if (found->RowCount() == 0) return mode;
  const std::string path = log.RowsPath(epoch);
  WEIR_RETURN_IF_ERROR(engine.env().CreateDirsSynced(log.folder()));
  const columnar::Schema schema{{{"quarantine_id", duckdb::LogicalType::VARCHAR, false}}};
  WEIR_ASSIGN_OR_RETURN(auto connection, engine.Connect());
  connection->BeginTransaction();
  duckdb::ClientContext& context = *connection->context;
  WEIR_ASSIGN_OR_RETURN(auto writer, columnar::ParquetWriter::Create(context, path, schema, {}));
  WEIR_ASSIGN_OR_RETURN(auto local, writer->NewLocal(context));
  while (auto chunk = found->Fetch()) {
    if (chunk->size() == 0) break;
    WEIR_RETURN_IF_ERROR(local->Write(context, *chunk));
  }
  WEIR_RETURN_IF_ERROR(local->Finish(context));
  WEIR_RETURN_IF_ERROR(writer->Close(context).status());
  WEIR_RETURN_IF_ERROR(engine.env().SyncDir(log.folder()));
  connection->Commit();
  mode.kind = columnar::WriteMode::Kind::kOverwrite;
  mode.brings_other_rows = true;
  // The flow's folder in _weir, and the file in it.
  const std::string flow = BaseName(log.folder());
  mode.overwrite_where =
      "quarantine_id IN (SELECT quarantine_id FROM read_parquet(getvariable('weir_warehouse') || " +
      QuoteLiteral("/_weir/" + flow + "/" + BaseName(path)) + "))";
  return mode;
}

Result<columnar::WriteMode> ReplaceQuarantinedWhere(Session& session, const epoch::EpochLog& log,
                                                    uint64_t epoch, columnar::Catalog& catalog,
                                                    const PreparedFlow& flow,
                                                    const std::string& condition) {
  WEIR_ASSIGN_OR_RETURN(bool there, DefineQuarantine(session, catalog, flow.flow->table));
  if (!there) return columnar::WriteMode();
  return ReplaceQuarantined(session, log, epoch,
                            "SELECT DISTINCT quarantine_id FROM (SELECT quarantine_id, " +
                                ColumnsOfJson(flow.schema) + " FROM " + kQuarantineView +
                                " WHERE row IS NOT NULL) WHERE (" + condition + "\n)");
}

void RemoveRows(Env& env, const epoch::EpochLog& log, uint64_t epoch) {
  // What can't be removed is forgotten with its epoch.
  (void)env.RemoveFile(log.RowsPath(epoch)).ok();
}

}  // namespace weir::sql
