// weir run: the main job.
#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/base/checksum.h"
#include "weir/base/version.h"
#include "weir/cli/commands.h"
#include "weir/cli/result_output.h"
#include "weir/cli/run_watch.h"
#include "weir/cli/terminal.h"
#include "weir/observe/report_text.h"
#include "weir/observe/run_history.h"
#include "weir/server/lineage_events.h"

namespace weir::cli {

namespace {

struct RunFlags {
  ProjectFlags project;
  std::vector<std::string> full_refresh;
  bool full_refresh_given = false;
  std::vector<std::string> from_now;
  std::string backfill;
  std::vector<std::string> tables;
  std::string format = "text";
  std::string metrics_file;
  std::string lineage;  // file or URL
};

sql::RunSettings SettingsOf(const RunFlags& flags, Env& env) {
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
  settings.trace_lineage = !flags.lineage.empty();
  for (const std::string& table : flags.tables) {
    settings.backfill_tables.insert(sql::ToLower(table));
  }
  return settings;
}

bool ReadsRemote(const sql::Project& project) {
  for (const sql::TableStatement* source : project.sources) {
    auto path = source->options.find("path");
    if (path != source->options.end() && path->second.find("://") != std::string::npos) return true;
  }
  return false;
}

class RunCommand {
 public:
  RunCommand(const RunFlags& flags, Env& env) : flags_(flags), env_(env) {}

  int Run() {
    const int code = RunProject();
    if (flags_.format == "json") PrintDocument(code);
    return code;
  }

 private:
  int RunProject() {
    auto options = flags_.project.ToOptions();
    if (!options.ok()) return Failed(options.error());
    auto opened = server::ProjectRuntime::Open(env_, *options);
    if (!opened.ok()) return Failed(opened.error());
    server::ProjectRuntime& runtime = **opened;
    for (const std::string& note : runtime.project().notes) {
      fmt::print(stderr, "note: {}\n", note);
      notes_.push_back(note);
    }
    std::atomic<bool>& interrupted = CatchInterrupts();
    sql::RunSettings settings = SettingsOf(flags_, env_);
    settings.interrupted = &interrupted;
    RunWatch watch(env_, runtime, interrupted, IsTerminal(2));
    auto outcome = runtime.Run(settings);
    watch.Stop();
    if (!outcome.ok()) return Failed(outcome.error());
    for (const std::string& note : outcome->notes) {
      fmt::print(stderr, "{}\n", note);
      notes_.push_back(note);
    }
    report_ = observe::ReportFromSpans(runtime.spans().Spans(), watch.sampled());
    report_.interrupted = interrupted.load();
    report_.exit_code = report_.interrupted ? kExitInterrupted : outcome->ExitCode();
    Describe(runtime);
    Show(*outcome);
    Keep(runtime);
    TellLineage(runtime, settings.run_id, *outcome);
    if (report_.exit_code != 0) return report_.exit_code;
    return Answer(runtime);
  }

  int Failed(const Error& error) {
    errors_.push_back(ErrorJson(error));
    return Fail(error);
  }

  // What the spans do not know.
  void Describe(server::ProjectRuntime& runtime) {
    const MachineInfo machine = env_.Machine();
    report_.version = std::string(base::Version());
    report_.started_us = runtime.now_us();
    report_.cpus = machine.cpus;
    report_.machine = machine.description;
    report_.threads = runtime.engine().options().threads;
    report_.memory_budget_bytes = static_cast<int64_t>(runtime.engine().options().memory_bytes);
    report_.peak_memory_bytes = static_cast<int64_t>(env_.Usage().peak_resident_bytes);
    report_.reads_remote = ReadsRemote(runtime.project());
    has_report_ = true;
  }

  void Show(const sql::ProjectOutcome& outcome) {
    fmt::print(stderr, "{}", observe::ReportText(report_, TerminalWidth(2)));
    std::string committed;
    for (const sql::FlowResult& flow : outcome.flows) {
      if (flow.outcome && flow.outcome->epoch > 0) {
        committed += (committed.empty() ? "" : ", ") + flow.table;
      }
      if (!flow.error) continue;
      if (report_.interrupted && flow.error->code() == ErrorCode::kCancelled) continue;
      Failed(*flow.error);
    }
    if (!report_.interrupted) return;
    fmt::print(stderr, "interrupted: {}; the next run goes on from there\n",
               committed.empty() ? "nothing was committed"
                                 : "committed before it: " + committed + "; nothing of the others");
  }

  // The run is done and stays done if its record cannot be kept.
  void Keep(server::ProjectRuntime& runtime) {
    observe::RunHistory history(env_, JoinPath(runtime.work_folder(), "runs"));
    Status kept = history.Save(report_);
    if (!kept.ok()) {
      fmt::print(stderr, "warning: the run is not recorded: {}\n", kept.error().ToString());
    }
    if (flags_.metrics_file.empty()) return;
    kept = env_.WriteFileAtomic(flags_.metrics_file, observe::ReportPrometheus(report_));
    if (!kept.ok()) {
      fmt::print(stderr, "warning: no metrics written: {}\n", kept.error().ToString());
    }
  }

  void TellLineage(server::ProjectRuntime& runtime, const std::string& run_id,
                   const sql::ProjectOutcome& outcome) {
    if (flags_.lineage.empty()) return;
    const Status sent =
        server::SendLineage(env_, flags_.lineage, server::LineageEvents(runtime, run_id, outcome));
    if (!sent.ok()) {
      fmt::print(stderr, "warning: lineage was not sent: {}\n", sent.error().ToString());
    }
  }

  // The project's own SELECTs.
  int Answer(server::ProjectRuntime& runtime) {
    auto queries = runtime.RunQueries();
    if (!queries.ok()) return Failed(queries.error());
    for (auto& query : *queries) {
      if (flags_.format == "json") {
        auto rows = ParseJson(ResultJson(*query.rows));
        if (!rows.ok()) return Failed(rows.error());
        OrderedJson answer;
        answer["sql"] = query.text;
        answer["columns"] = (*rows)["columns"];
        answer["rows"] = (*rows)["rows"];
        answers_.push_back(std::move(answer));
        continue;
      }
      duckdb::ClientContext& context = *runtime.session().connection().context;
      WriteRows(context, *query.rows, {ResultFormat::kTable, TerminalWidth(1)}, WriteToStdout);
    }
    return 0;
  }

  void PrintDocument(int code) {
    OrderedJson document;
    document["exit_code"] = code;
    if (has_report_) document["report"] = observe::ReportJson(report_);
    document["notes"] = notes_;
    document["errors"] = errors_;
    document["queries"] = answers_;
    PrintJson(document);
  }

  const RunFlags& flags_;
  Env& env_;
  observe::RunReport report_;
  bool has_report_ = false;
  OrderedJson notes_ = OrderedJson::array();
  OrderedJson errors_ = OrderedJson::array();
  OrderedJson answers_ = OrderedJson::array();
};

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
  AddFormatTo(*command, flags->format);
  command->add_option("--metrics-file", flags->metrics_file,
                      "write the report's figures there as Prometheus text");
  command->add_option("--lineage", flags->lineage,
                      "send OpenLineage events to this file or http(s):// URL");
  command->callback([flags, full, &outcome] {
    flags->full_refresh_given = full->count() > 0;
    outcome.exit_code = RunCommand(*flags, RealEnv()).Run();
  });
}

}  // namespace weir::cli
