// weir flow: how far each flow is, and the way out when an epoch is in doubt.
#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "weir/cli/commands.h"
#include "weir/cli/terminal.h"
#include "weir/epoch/epoch_log.h"
#include "weir/observe/quantity.h"
#include "weir/observe/text_table.h"

namespace weir::cli {

namespace {

struct FlowFlags {
  ProjectFlags project;
  std::string flow;
  bool retry = false;
  bool discard = false;
  std::string why;
  std::string format = "text";
};

Result<std::unique_ptr<server::ProjectRuntime>> Open(const FlowFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(const auto options, flags.project.ToOptions());
  return server::ProjectRuntime::Open(RealEnv(), options);
}

Status List(const FlowFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(auto runtime, Open(flags));
  observe::TextTable table(
      {{"flow"}, {"table"}, {"epoch", observe::TextTable::kRight}, {"at (UTC)"}, {"state"}});
  OrderedJson json = OrderedJson::array();
  const auto add = [&](const sql::Flow& flow, int64_t epoch, int64_t at_us, const char* state) {
    table.Add({flow.id, flow.table, std::to_string(epoch), epoch > 0 ? observe::UtcTime(at_us) : "",
               state});
    json.push_back({{"flow", flow.id},
                    {"table", flow.table},
                    {"epoch", epoch},
                    {"at_us", at_us},
                    {"state", state}});
  };
  for (const sql::PreparedFlow& prepared : runtime->prepared().flows) {
    const sql::Flow& flow = *prepared.flow;
    epoch::EpochLog log(RealEnv(), runtime->epochs_of(flow));
    WEIR_ASSIGN_OR_RETURN(const auto newest, log.Newest());
    if (!newest) {
      add(flow, 0, 0, "never run");
      continue;
    }
    WEIR_ASSIGN_OR_RETURN(const bool done, log.IsDone(newest->epoch));
    add(flow, newest->epoch, newest->now_us,
        done ? "committed" : "decided; the next run commits it, or says what is in doubt");
  }
  if (flags.format == "json") {
    PrintJson(json);
  } else {
    fmt::print("{}", table.ToString(TerminalWidth(1)));
  }
  return Status::Ok();
}

std::string Joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

Status Resolve(const FlowFlags& flags) {
  if (flags.retry == flags.discard) {
    return Error::User(ErrorCode::kInvalid, "say --retry or --discard")
        .Fix("--retry commits again once the cause is removed; --discard gives the epoch up");
  }
  WEIR_ASSIGN_OR_RETURN(auto runtime, Open(flags));
  WEIR_ASSIGN_OR_RETURN(
      const epoch::Resolved resolved,
      runtime->Resolve(flags.flow,
                       flags.retry ? epoch::Resolution::kRetry : epoch::Resolution::kDiscard,
                       flags.why));
  if (resolved.withdrawn) {
    fmt::print("given up: no table holds the epoch; the next run reads the same input again\n");
  }
  if (!resolved.committed.empty()) {
    fmt::print("committed in {}\n", Joined(resolved.committed));
  }
  if (!resolved.dropped.empty()) {
    fmt::print("lost to {}: the rows of this epoch are not in it\n", Joined(resolved.dropped));
  }
  return Status::Ok();
}

}  // namespace

void AddFlowCommand(CLI::App& app, Outcome& outcome) {
  CLI::App* flow = app.add_subcommand("flow", "how far flows are; decide an epoch in doubt");
  flow->require_subcommand(1);
  auto flags = std::make_shared<FlowFlags>();
  CLI::App* list = flow->add_subcommand("list", "each flow's newest epoch");
  flags->project.AddTo(*list);
  AddFormatTo(*list, flags->format);
  list->callback([flags, &outcome] {
    const Status status = List(*flags);
    if (!status.ok()) outcome.exit_code = Fail(status.error(), flags->format);
  });
  auto given = std::make_shared<FlowFlags>();
  CLI::App* resolve = flow->add_subcommand("resolve", "decide an epoch that is in doubt");
  resolve->add_option("flow", given->flow, "the flow's id or its table")->required();
  given->project.AddTo(*resolve);
  resolve->add_flag("--retry", given->retry, "commit it again: the cause is removed");
  resolve->add_flag("--discard", given->discard,
                    "give it up: its input is read again, unless a table holds it already");
  resolve->add_option("--why", given->why, "kept in the log");
  resolve->callback([given, &outcome] {
    const Status status = Resolve(*given);
    if (!status.ok()) outcome.exit_code = Fail(status.error());
  });
}

}  // namespace weir::cli
