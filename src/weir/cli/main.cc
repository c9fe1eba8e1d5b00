// The `weir` command.
#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "weir/base/version.h"
#include "weir/cli/commands.h"

int main(int argc, char** argv) {
  CLI::App app{"weir: files and events in, checked and shaped by SQL, trusted tables out"};
  app.require_subcommand(1);
  app.set_version_flag(
      "--version", fmt::format("weir {} ({}, {})\n{}", weir::base::Version(), weir::base::Commit(),
                               weir::base::Compiler(), weir::base::LibraryVersions()));
  weir::cli::Outcome outcome;
  weir::cli::AddRunCommand(app, outcome);
  weir::cli::AddQuarantineCommand(app, outcome);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;  // wrong arguments are the user's to mend
  }
  return outcome.exit_code;
}
