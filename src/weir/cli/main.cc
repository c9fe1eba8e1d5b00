// The `weir` command.
#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "weir/base/version.h"
#include "weir/cli/commands.h"
#include "weir/sql/lexer.h"

namespace {

// "did you mean 'run'?" for the first word that is no command, or option that its command lacks.
std::string Hint(CLI::App& app, const std::vector<std::string>& arguments) {
  CLI::App* command = &app;
  for (const std::string& argument : arguments) {
    const auto all = [](CLI::App*) { return true; };
    std::vector<std::string> names;
    CLI::App* found = nullptr;
    for (CLI::App* sub : command->get_subcommands(all)) {
      names.push_back(sub->get_name());
      if (sub->get_name() == argument) found = sub;
    }
    if (found != nullptr) {
      command = found;
    } else if (argument.rfind("--", 0) == 0) {
      const std::string name = argument.substr(2, argument.find('=') - 2);
      if (command->get_option_no_throw("--" + name) != nullptr) continue;
      std::vector<std::string> options;
      for (const CLI::Option* option : command->get_options()) {
        for (const std::string& known : option->get_lnames()) options.push_back("--" + known);
      }
      return weir::sql::DidYouMean("--" + name, options);
    } else if (!names.empty()) {
      return weir::sql::DidYouMean(argument, names);
    }
  }
  return "";
}

int WrongArguments(CLI::App& app, const CLI::ParseError& error,
                   const std::vector<std::string>& arguments) {
  if (app.exit(error) == 0) return 0;  // --help, --version
  const std::string hint = Hint(app, arguments);
  if (!hint.empty()) fmt::print(stderr, "  fix: {}\n", hint);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"weir: files and events in, checked and shaped by SQL, trusted tables out"};
  app.require_subcommand(1);
  app.set_version_flag(
      "--version", fmt::format("weir {} ({}, {})\n{}", weir::base::Version(), weir::base::Commit(),
                               weir::base::Compiler(), weir::base::LibraryVersions()));
  weir::cli::Outcome outcome;
  weir::cli::AddInitCommand(app, outcome);
  weir::cli::AddRunCommand(app, outcome);
  weir::cli::AddCheckCommand(app, outcome);
  weir::cli::AddExplainCommand(app, outcome);
  weir::cli::AddTestCommand(app, outcome);
  weir::cli::AddSqlCommand(app, outcome);
  weir::cli::AddInferCommand(app, outcome);
  weir::cli::AddQuarantineCommand(app, outcome);
  weir::cli::AddRunsCommand(app, outcome);
  weir::cli::AddFlowCommand(app, outcome);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return WrongArguments(app, error, {argv + 1, argv + argc});
  }
  return outcome.exit_code;
}
