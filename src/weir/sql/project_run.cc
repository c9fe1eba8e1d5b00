#include "weir/sql/project_run.h"

#include <algorithm>
#include <set>

#include "weir/guard/quarantine.h"

namespace weir::sql {

namespace {

// Rows that do not parse are the flows' business; a query leaves them out.
class SkipUnparsed final : public columnar::UnparsedRows {
 public:
  bool Add(columnar::UnparsedRow) override { return true; }
};

void SetOutcome(ScopedSpan& span, const FlowOutcome& outcome) {
  std::string notes;
  for (const std::string& note : outcome.notes) notes += note + "\n";
  if (!notes.empty()) span.Set("notes", notes);
  span.Set("rows_in", outcome.rows_in)
      .Set("rows_out", outcome.rows_out)
      .Set("rows_unparsed", outcome.rows.unparsed)
      .Set("rows_dropped", outcome.rows.dropped)
      .Set("rows_quarantined", outcome.rows.quarantined)
      .Set("rows_warned", outcome.rows.warned)
      .Set("score", outcome.score)
      .Set("bytes_written", outcome.written.bytes)
      .Set("files_written", outcome.written.files)
      .Set("version", outcome.commit.version)
      .Set("epoch", outcome.epoch)
      .Set("recovered", outcome.recovered);
  if (!outcome.checks_json.empty()) span.Set("checks", outcome.checks_json);
}

void SetUsage(ScopedSpan& span, const ProcessUsage& before, const ProcessUsage& after) {
  span.Set("cpu_seconds", after.user_cpu_seconds + after.system_cpu_seconds -
                              before.user_cpu_seconds - before.system_cpu_seconds)
      .Set("io_wait_seconds", after.io_wait_seconds - before.io_wait_seconds)
      .Set("disk_read_bytes", after.read_bytes - before.read_bytes)
      .Set("disk_written_bytes", after.written_bytes - before.written_bytes)
      .Set("peak_memory_bytes", after.peak_resident_bytes);
}

int Severity(int exit_code) {
  switch (exit_code) {
    case 4:
      return 4;
    case 2:
      return 3;
    case 3:
      return 2;
    default:
      return exit_code;
  }
}

}  // namespace

int ProjectOutcome::ExitCode() const {
  int worst = 0;
  for (const FlowResult& flow : flows) {
    const int code = flow.error ? flow.error->ExitCode() : 0;
    if (Severity(code) > Severity(worst)) worst = code;
  }
  return worst;
}

Status CheckSettings(const PreparedProject& project, const RunSettings& settings) {
  std::vector<std::string> tables;
  for (const PreparedFlow& flow : project.flows) tables.push_back(flow.flow->table);
  for (const auto& [flag, names] : {std::pair{"--full-refresh", settings.full_refresh_tables},
                                    std::pair{"--from-now", settings.from_now_tables},
                                    std::pair{"--table", settings.backfill_tables}}) {
    for (const std::string& name : names) {
      const bool known = std::any_of(tables.begin(), tables.end(), [&](const std::string& table) {
        return EqualsIgnoreCase(table, name);
      });
      if (known) continue;
      return Error::User(ErrorCode::kNotFound,
                         std::string(flag) + ": no flow fills a table named '" + name + "'")
          .Fix(DidYouMean(name, tables));
    }
  }
  if (!settings.backfill.empty() && settings.backfill_tables.empty()) {
    return Error::User(ErrorCode::kInvalid, "--backfill needs to know which table it is for")
        .Fix("add --table NAME");
  }
  return Status::Ok();
}

ProjectOutcome RunProject(Session& session, const PreparedProject& project,
                          columnar::Catalog& catalog, const RunSettings& settings, SpanLog& spans,
                          ScopedSpan& run_span, RunProgress& progress) {
  ProjectOutcome outcome;
  std::map<std::string, std::string> failed;  // lower-case table -> why tables below are skipped
  FlowRunner runner(session, project, catalog, settings, progress);
  Env& env = session.engine().env();
  for (const PreparedFlow& flow : project.flows) {
    FlowResult result;
    result.table = flow.flow->table;
    ScopedSpan span(spans, "table", run_span);
    span.Set("table", result.table).Set("flow", flow.flow->id);
    for (const std::string& input : flow.inputs) {
      if (auto it = failed.find(ToLower(input)); it != failed.end()) {
        result.skipped_because = it->second;
      }
    }
    if (settings.Interrupted()) result.skipped_because = "the run was interrupted";
    if (!result.skipped_because.empty()) {
      span.Set("skipped", result.skipped_because);
      failed[ToLower(result.table)] = result.skipped_because;
      outcome.flows.push_back(std::move(result));
      continue;
    }
    const ProcessUsage before = env.Usage();
    auto ran = runner.Run(flow, spans, span);
    SetUsage(span, before, env.Usage());
    if (ran.ok()) {
      SetOutcome(span, *ran);
      result.outcome = std::move(ran).value();
    } else {
      span.Set("error", ran.error().message());
      failed[ToLower(result.table)] = result.table + " failed";
      result.error = std::move(ran).error();
    }
    outcome.flows.push_back(std::move(result));
  }
  return outcome;
}

Status DefineEverything(Session& session, const PreparedProject& project,
                        columnar::Catalog& catalog, int64_t now_us) {
  static SkipUnparsed skip;
  session.scans().Clear();
  for (const auto& [key, relation] : project.relations) {
    const TableStatement& declared = *relation.declared;
    if (relation.source && relation.source->planned_when_read()) {
      WEIR_RETURN_IF_ERROR(session.DefineSource(declared, relation.source, &skip));
      continue;
    }
    if (relation.source) {
      auto planned = relation.source->Plan(columnar::ScanRequest{});
      if (!planned.ok()) {
        WEIR_RETURN_IF_ERROR(
            session.DefineUnreadable(declared, relation.schema, std::move(planned).error()));
        continue;
      }
      const std::shared_ptr<columnar::SourceScan> scan = std::move(planned).value();
      if (const auto* files = scan->parquet_files()) {
        WEIR_RETURN_IF_ERROR(
            session.DefineParquet(declared.name, &declared, relation.schema, *files, 0));
      } else {
        WEIR_RETURN_IF_ERROR(session.DefineScan(declared, relation.schema, scan, 0, &skip));
      }
      continue;
    }
    for (const std::string& name : {declared.name, guard::QuarantineTableName(declared.name)}) {
      auto table = catalog.Table(name);
      if (!table.ok()) {
        if (table.error().code() != ErrorCode::kNotFound) return std::move(table).error();
        if (name != declared.name) {
          WEIR_RETURN_IF_ERROR(
              session.DefineParquet(name, nullptr, guard::QuarantineSchema(), {}, 0));
        }
        continue;
      }
      WEIR_ASSIGN_OR_RETURN(auto files, (*table)->Files(nullptr));
      WEIR_RETURN_IF_ERROR(session.DefineParquet(name, nullptr, (*table)->schema(), files, 0));
    }
  }
  for (const ViewStatement* view : project.views) {
    WEIR_RETURN_IF_ERROR(session.DefineView(*view, now_us));
  }
  return Status::Ok();
}

}  // namespace weir::sql
