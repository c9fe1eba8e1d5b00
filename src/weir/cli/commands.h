// The commands of `weir`, one registration function each.
#pragma once

#include "weir/cli/command.h"

namespace weir::cli {

void AddQuarantineCommand(CLI::App& app, Outcome& outcome);
void AddRunCommand(CLI::App& app, Outcome& outcome);

}  // namespace weir::cli
