// weir quarantine: list, show, export, replay.
#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/base/checksum.h"
#include "weir/cli/commands.h"
#include "weir/cli/result_output.h"
#include "weir/cli/terminal.h"
#include "weir/guard/quarantine.h"
#include "weir/sql/replay.h"

namespace weir::cli {

namespace {

struct QuarantineFlags {
  ProjectFlags project;
  std::string table;
  std::string where;
  std::string file;
  int64_t limit = 20;
};

Result<std::unique_ptr<server::ProjectRuntime>> OpenAll(const QuarantineFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(auto options, flags.project.ToOptions());
  WEIR_ASSIGN_OR_RETURN(auto runtime, server::ProjectRuntime::Open(RealEnv(), options));
  WEIR_RETURN_IF_ERROR(sql::DefineEverything(runtime->session(), runtime->prepared(),
                                             runtime->catalog(), runtime->now_us()));
  return runtime;
}

Result<std::string> QuarantineOf(server::ProjectRuntime& runtime, const std::string& table) {
  std::vector<std::string> names;
  for (const sql::PreparedFlow& flow : runtime.prepared().flows) {
    if (sql::EqualsIgnoreCase(flow.flow->table, table)) {
      return columnar::QuoteName(guard::QuarantineTableName(flow.flow->table));
    }
    names.push_back(flow.flow->table);
  }
  return Error::User(ErrorCode::kNotFound, "no flow fills a table named '" + table + "'")
      .Fix(sql::DidYouMean(table, names));
}

Result<int> Print(server::ProjectRuntime& runtime, const std::string& sql) {
  WEIR_ASSIGN_OR_RETURN(auto rows, runtime.engine().Query(runtime.session().connection(), sql));
  WriteRows(*runtime.session().connection().context, *rows,
            {ResultFormat::kTable, TerminalWidth(1)}, WriteToStdout);
  return 0;
}

// Rows in quarantine of every table, by the constraints they broke.
Result<int> List(const QuarantineFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(auto runtime, OpenAll(flags));
  std::string sql;
  for (const sql::PreparedFlow& flow : runtime->prepared().flows) {
    const std::string& table = flow.flow->table;
    sql += (sql.empty() ? "" : " UNION ALL ");
    sql += "SELECT " + columnar::QuoteLiteral(table) +
           " AS \"table\", array_to_string(constraints, ', ') AS constraints, count(*) AS rows, "
           "min(ingest_time) AS first, max(ingest_time) AS last FROM " +
           columnar::QuoteName(guard::QuarantineTableName(table)) + " GROUP BY ALL";
  }
  if (sql.empty()) return 0;
  return Print(*runtime, "SELECT * FROM (" + sql + ") ORDER BY \"table\", rows DESC");
}

Result<int> Show(const QuarantineFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(auto runtime, OpenAll(flags));
  WEIR_ASSIGN_OR_RETURN(std::string quarantine, QuarantineOf(*runtime, flags.table));
  return Print(*runtime,
               "SELECT quarantine_id AS id, array_to_string(constraints, ', ') AS constraints, "
               "message, source, position, coalesce(row, CAST(raw AS VARCHAR)) AS row FROM " +
                   quarantine + (flags.where.empty() ? "" : " WHERE (" + flags.where + "\n)") +
                   " ORDER BY ingest_time, source, position LIMIT " + std::to_string(flags.limit));
}

// JSON lines to mend by hand and give back to replay --from.
Result<int> Export(const QuarantineFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(auto runtime, OpenAll(flags));
  WEIR_ASSIGN_OR_RETURN(std::string quarantine, QuarantineOf(*runtime, flags.table));
  const std::string rows =
      "SELECT quarantine_id, message, source, position, CAST(raw AS VARCHAR) AS raw, "
      "CAST(row AS JSON) AS row FROM " +
      quarantine + (flags.where.empty() ? "" : " WHERE (" + flags.where + "\n)") +
      " ORDER BY ingest_time, source, position";
  WEIR_ASSIGN_OR_RETURN(
      auto written,
      runtime->engine().Query(
          runtime->session().connection(),
          "COPY (" + rows + ") TO " + columnar::QuoteLiteral(flags.file) + " (FORMAT json)"));
  fmt::print("{} rows written to {}\n", written->GetValue(0, 0).ToString(), flags.file);
  return 0;
}

Result<int> Replay(const QuarantineFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(auto options, flags.project.ToOptions());
  WEIR_ASSIGN_OR_RETURN(auto runtime, server::ProjectRuntime::Open(RealEnv(), options));
  WEIR_ASSIGN_OR_RETURN(
      sql::ReplayOutcome outcome,
      runtime->Replay({flags.table, flags.file, flags.where}, Hex64(RealEnv().RandomU64())));
  fmt::print("{} of {} rows went back into {}", outcome.replayed, outcome.asked, flags.table);
  const int64_t left = outcome.asked - outcome.replayed - outcome.unparsed;
  if (left > 0) fmt::print("; {} still break a constraint", left);
  if (outcome.unparsed > 0) {
    fmt::print("; {} never parsed: export them, write their \"row\", replay --from the file",
               outcome.unparsed);
  }
  fmt::print("\n");
  return 0;
}

void Add(CLI::App& parent, Outcome& outcome, const char* name, const char* about,
         Result<int> (*run)(const QuarantineFlags&), const std::string& options) {
  auto flags = std::make_shared<QuarantineFlags>();
  CLI::App* command = parent.add_subcommand(name, about);
  const auto has = [&](char option) { return options.find(option) != std::string::npos; };
  if (has('t'))
    command->add_option("table", flags->table, "the table (not its quarantine)")->required();
  flags->project.AddTo(*command);
  if (has('w')) {
    command->add_option("--where", flags->where, "only rows for which this SQL condition holds");
  }
  if (has('l')) command->add_option("--limit", flags->limit, "most rows to show");
  if (has('o')) {
    command->add_option("--to", flags->file, "file of JSON lines to write")->required();
  }
  if (has('i')) {
    command->add_option("--from", flags->file, "file of mended JSON lines, as export writes them");
  }
  command->callback([flags, run, &outcome] {
    auto code = run(*flags);
    outcome.exit_code = code.ok() ? *code : Fail(code.error());
  });
}

}  // namespace

void AddQuarantineCommand(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand("quarantine", "look at rejected rows and send them back");
  command->require_subcommand(1);
  Add(*command, outcome, "list", "rows in quarantine by table and constraint", List, "");
  Add(*command, outcome, "show", "the rejected rows of a table", Show, "twl");
  Add(*command, outcome, "export", "write rejected rows to a file to be mended", Export, "two");
  Add(*command, outcome, "replay", "send rows that pass today's contract back into the table",
      Replay, "twi");
}

}  // namespace weir::cli
