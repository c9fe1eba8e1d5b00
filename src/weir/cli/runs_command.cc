// weir runs: past runs of a project, looked at and compared.
#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "weir/cli/commands.h"
#include "weir/cli/terminal.h"
#include "weir/observe/quantity.h"
#include "weir/observe/report_text.h"
#include "weir/observe/run_history.h"
#include "weir/observe/text_table.h"

namespace weir::cli {

namespace {

constexpr size_t kIdShown = 8;

struct RunsFlags {
  std::string project = ".";
  std::string format = "text";
  size_t count = 20;
  std::string a;
  std::string b;

  bool json() const { return format == "json"; }
  Result<observe::RunHistory> Open() const {
    WEIR_ASSIGN_OR_RETURN(const std::string folder, WorkFolderOf(RealEnv(), project));
    return observe::RunHistory(RealEnv(), JoinPath(folder, "runs"));
  }
};

std::string HowItEnded(const observe::RunReport& run) {
  if (run.interrupted) return "interrupted";
  return run.exit_code == 0 ? "ok" : "exit " + std::to_string(run.exit_code);
}

Status List(const RunsFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(observe::RunHistory history, flags.Open());
  WEIR_ASSIGN_OR_RETURN(const auto runs, history.Newest(flags.count));
  OrderedJson json = OrderedJson::array();
  constexpr auto kRight = observe::TextTable::kRight;
  observe::TextTable table({{"run"},
                            {"started (UTC)"},
                            {"ended"},
                            {"tables", kRight, 3},
                            {"rows out", kRight},
                            {"rejected", kRight},
                            {"seconds", kRight},
                            {"memory", kRight, 2}});
  for (const observe::RunReport& run : runs) {
    int64_t rows = 0;
    int64_t rejected = 0;
    int64_t tables = 0;
    for (const observe::TableFigures& t : run.tables) {
      rows += t.rows_out;
      rejected += t.rejected();
      tables += t.epoch > 0 ? 1 : 0;
    }
    table.Add({run.run.substr(0, kIdShown), observe::UtcTime(run.started_us), HowItEnded(run),
               observe::Count(tables), observe::Count(rows), observe::Count(rejected),
               fmt::format("{:.2f}", run.seconds),
               observe::Bytes(static_cast<double>(run.peak_memory_bytes))});
    json.push_back({{"run", run.run},
                    {"started_us", run.started_us},
                    {"exit_code", run.exit_code},
                    {"interrupted", run.interrupted},
                    {"tables_committed", tables},
                    {"rows_out", rows},
                    {"rejected", rejected},
                    {"seconds", run.seconds}});
  }
  if (flags.json()) {
    PrintJson(json);
  } else if (runs.empty()) {
    fmt::print("no run is recorded yet: `weir run` makes the first\n");
  } else {
    fmt::print("{}", table.ToString(TerminalWidth(1)));
  }
  return Status::Ok();
}

Status Show(const RunsFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(observe::RunHistory history, flags.Open());
  WEIR_ASSIGN_OR_RETURN(const observe::RunReport run, history.Find(flags.a));
  if (flags.json()) {
    PrintJson(observe::ReportJson(run));
    return Status::Ok();
  }
  fmt::print("{} of project {}, {} UTC, {}\n{}", run.run, run.project,
             observe::UtcTime(run.started_us), HowItEnded(run),
             observe::ReportText(run, TerminalWidth(1)));
  for (const observe::TableFigures& table : run.tables) {
    if (!table.error.empty()) fmt::print("{} failed: {}\n", table.table, table.error);
  }
  return Status::Ok();
}

Status Compare(const RunsFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(observe::RunHistory history, flags.Open());
  WEIR_ASSIGN_OR_RETURN(const observe::RunReport a, history.Find(flags.a));
  WEIR_ASSIGN_OR_RETURN(const observe::RunReport b, history.Find(flags.b));
  if (flags.json()) {
    PrintJson(observe::CompareJson(a, b));
  } else {
    fmt::print("{}", observe::CompareText(a, b, TerminalWidth(1)));
  }
  return Status::Ok();
}

}  // namespace

void AddRunsCommand(CLI::App& app, Outcome& outcome) {
  CLI::App* runs = app.add_subcommand("runs", "past runs: list, show, compare");
  runs->require_subcommand(1);
  const auto add = [&](const char* name, const char* about, Status (*run)(const RunsFlags&)) {
    auto flags = std::make_shared<RunsFlags>();
    CLI::App* command = runs->add_subcommand(name, about);
    if (run == Show) {
      command->add_option("run", flags->a, "id or its beginning, last, last~1 ...")->required();
    } else if (run == Compare) {
      command->add_option("a", flags->a, "id or its beginning, last, last~1 ...")->required();
      command->add_option("b", flags->b, "the run to compare it with")->required();
    } else {
      command->add_option("-n", flags->count, "how many")->capture_default_str();
    }
    command->add_option("project", flags->project, "the project's file or folder")
        ->capture_default_str();
    AddFormatTo(*command, flags->format);
    command->callback([flags, run, &outcome] {
      const Status status = run(*flags);
      if (!status.ok()) outcome.exit_code = Fail(status.error(), flags->format);
    });
  };
  add("list", "the newest runs", List);
  add("show", "one run's report", Show);
  add("compare", "rows, rejected rows and seconds of two runs, table by table", Compare);
}

}  // namespace weir::cli
