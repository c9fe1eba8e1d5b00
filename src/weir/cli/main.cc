// The `weir` command.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "weir/base/errno_error.h"
#include "weir/base/version.h"
#include "weir/cli/commands.h"
#include "weir/sql/lexer.h"

namespace {

// What the arguments that CLI11 refused were meant to be.
struct Wrong {
  std::string command = "weir";  // the innermost one that was named right
  std::string argument;          // the first that it does not know; empty: none, something lacks
  std::string fix;
};

Wrong FindWrong(CLI::App& app, const std::vector<std::string>& arguments) {
  Wrong wrong;
  CLI::App* command = &app;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const auto all = [](CLI::App*) { return true; };
    std::vector<std::string> names;
    CLI::App* found = nullptr;
    for (CLI::App* sub : command->get_subcommands(all)) {
      names.push_back(sub->get_name());
      if (sub->get_name() == argument) found = sub;
    }
    if (found != nullptr) {
      command = found;
      wrong.command += " " + argument;
    } else if (argument.rfind("--", 0) == 0) {
      const std::string name = argument.substr(0, argument.find('='));
      if (const CLI::Option* known = command->get_option_no_throw(name)) {
        const bool has_value = known->get_type_size() > 0 && name == argument;
        if (has_value) ++i;
        continue;
      }
      std::vector<std::string> options;
      for (const CLI::Option* option : command->get_options()) {
        for (const std::string& known : option->get_lnames()) options.push_back("--" + known);
      }
      wrong.argument = name;
      wrong.fix = weir::sql::DidYouMean(name, options);
      return wrong;
    } else if (!names.empty()) {
      wrong.argument = argument;
      wrong.fix = weir::sql::DidYouMean(argument, names);
      return wrong;
    }
  }
  return wrong;
}

// What a full disk or a broken pipe took of the output is gone: a script that goes on with the
// file must not take it for whole.
int WhetherWritten(int exit_code) {
  errno = 0;
  const bool flushed = std::fflush(stdout) == 0;
  if (flushed && std::ferror(stdout) == 0) return exit_code;
  const int problem = errno != 0 ? errno : EIO;
  const int code = weir::cli::Fail(weir::ErrnoError(problem, "write", "standard output"));
  return exit_code == 0 ? code : exit_code;
}

bool AsksForJson(const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const bool next = arguments[i] == "--format" && i + 1 < arguments.size();
    if (arguments[i] == "--format=json" || (next && arguments[i + 1] == "json")) return true;
  }
  return false;
}

int WrongArguments(CLI::App& app, const CLI::ParseError& error,
                   const std::vector<std::string>& arguments) {
  if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
  if (arguments.empty()) {
    fmt::print(stderr, "{}", app.help());
    return 2;
  }
  const Wrong wrong = FindWrong(app, arguments);
  std::string message = error.what();
  if (!wrong.argument.empty() && error.get_name() != "ValidationError") {
    message = wrong.command + " knows no " + (wrong.argument[0] == '-' ? "option '" : "command '") +
              wrong.argument + "'";
  } else if (!message.empty()) {
    message[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(message[0])));
    message = wrong.command + ": " + message;
  }
  const std::string help = "`" + wrong.command + " --help` lists what there is";
  return weir::cli::Fail(weir::Error::User(weir::ErrorCode::kInvalid, message)
                             .Fix(wrong.fix.empty() ? help : wrong.fix + " " + help),
                         AsksForJson(arguments) ? "json" : "text");
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
  weir::cli::AddServeCommand(app, outcome);
  weir::cli::AddTopicCommand(app, outcome);
  weir::cli::AddUserCommand(app, outcome);
  weir::cli::AddFlowCommand(app, outcome);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return WhetherWritten(WrongArguments(app, error, {argv + 1, argv + argc}));
  } catch (const std::system_error&) {  // fmt's, of a write
    if (std::ferror(stdout) == 0) throw;
  }
  return WhetherWritten(outcome.exit_code);
}
