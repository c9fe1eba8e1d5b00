// The commands of `weir`, one registration function each.
#pragma once

#include "weir/cli/command.h"

namespace weir::cli {

void AddCheckCommand(CLI::App& app, Outcome& outcome);
void AddExplainCommand(CLI::App& app, Outcome& outcome);
void AddFlowCommand(CLI::App& app, Outcome& outcome);
void AddInferCommand(CLI::App& app, Outcome& outcome);
void AddInitCommand(CLI::App& app, Outcome& outcome);
void AddQuarantineCommand(CLI::App& app, Outcome& outcome);
void AddRunCommand(CLI::App& app, Outcome& outcome);
void AddRunsCommand(CLI::App& app, Outcome& outcome);
void AddServeCommand(CLI::App& app, Outcome& outcome);
void AddSqlCommand(CLI::App& app, Outcome& outcome);
void AddTestCommand(CLI::App& app, Outcome& outcome);
void AddTopicCommand(CLI::App& app, Outcome& outcome);
void AddUserCommand(CLI::App& app, Outcome& outcome);

}  // namespace weir::cli
