// weir run: the main job.
#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "duckdb/main/materialized_query_result.hpp"
#include "weir/base/checksum.h"
#include "weir/cli/commands.h"

namespace weir::cli {

namespace {

struct RunFlags {
  ProjectFlags project;
  std::vector<std::string> full_refresh;
  bool full_refresh_given = false;
  std::vector<std::string> from_now;
  std::string backfill;
  std::vector<std::string> tables;
};

Result<sql::RunSettings> SettingsOf(const RunFlags& flags, Env& env) {
  sql::RunSettings settings;
  settings.run_id = Hex64(env.RandomU64());
  for (const std::string& table : flags.full_refresh) {
    if (!table.empty()) settings.full_refresh_tables.insert(sql::ToLower(table));
  }
  settings.full_refresh = flags.full_refresh_given && settings.full_refresh_tables.empty();
  for (const std::string& table : flags.from_now) {
    settings.from_now_tables.insert(sql::ToLower(table));
  }
  settings.backfill = flags.backfill;
  for (const std::string& table : flags.tables) {
    settings.backfill_tables.insert(sql::ToLower(table));
  }
  return settings;
}

void PrintFlow(const sql::FlowResult& flow) {
  if (flow.error) {
    fmt::print(stderr, "{}: failed\n", flow.table);
    Fail(*flow.error);
    return;
  }
  if (!flow.outcome) {
    fmt::print(stderr, "{}: skipped, {}\n", flow.table, flow.skipped_because);
    return;
  }
  const sql::FlowOutcome& outcome = *flow.outcome;
  fmt::print(stderr, "{}: {} ({}): {} rows in, {} out, {} quarantined, {} dropped\n", flow.table,
             sql::RefreshKindName(outcome.plan.kind), outcome.plan.reason, outcome.rows_in,
             outcome.rows_out, outcome.rows.quarantined, outcome.rows.dropped);
}

int Run(const RunFlags& flags) {
  Env& env = RealEnv();
  auto options = flags.project.ToOptions();
  if (!options.ok()) return Fail(options.error());
  auto runtime = server::ProjectRuntime::Open(env, *options);
  if (!runtime.ok()) return Fail(runtime.error());
  for (const std::string& note : (*runtime)->project().notes) fmt::print(stderr, "{}\n", note);
  auto settings = SettingsOf(flags, env);
  if (!settings.ok()) return Fail(settings.error());
  auto outcome = (*runtime)->Run(*settings);
  if (!outcome.ok()) return Fail(outcome.error());
  for (const sql::FlowResult& flow : outcome->flows) PrintFlow(flow);
  if (!outcome->ok()) return outcome->ExitCode();
  auto queries = (*runtime)->RunQueries();
  if (!queries.ok()) return Fail(queries.error());
  for (const auto& query : *queries) fmt::print("{}\n", query.rows->ToString());
  return 0;
}

}  // namespace

void AddRunCommand(CLI::App& app, Outcome& outcome) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App* command = app.add_subcommand("run", "run a project to the end of its input");
  flags->project.AddTo(*command);
  CLI::Option* full = command
                          ->add_option("--full-refresh", flags->full_refresh,
                                       "compute everything (or these tables) again from all input")
                          ->expected(0, -1);
  command->add_option("--from-now", flags->from_now,
                      "apply an edited definition of these tables to new rows only");
  command->add_option("--backfill", flags->backfill,
                      "compute again and replace exactly the rows of this predicate");
  command->add_option("--table", flags->tables, "the tables that --backfill is for");
  command->callback([flags, full, &outcome] {
    flags->full_refresh_given = full->count() > 0;
    outcome.exit_code = Run(*flags);
  });
}

}  // namespace weir::cli
