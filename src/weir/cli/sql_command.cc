// weir sql: questions about a project's tables, or about any files.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "weir/cli/commands.h"
#include "weir/cli/sql_shell.h"
#include "weir/cli/terminal.h"
#include "weir/cli/topic/topic_command.h"

namespace weir::cli {

namespace {

struct SqlFlags {
  ProjectFlags project;
  bool project_given = false;
  bool statements_given = false;
  std::string statements;
  std::string format = "table";
  TopicFlags topics;
};

Status OneShot(SqlWorkspace& workspace, const SqlFlags& flags, const OutputStyle& style) {
  auto source = std::make_shared<sql::SourceText>();
  source->file = "command line";
  source->text = flags.statements;
  WEIR_ASSIGN_OR_RETURN(SplitText split, SplitStatements(source));
  if (split.rest) split.statements.push_back(*split.rest);
  for (const sql::Fragment& statement : split.statements) {
    WEIR_RETURN_IF_ERROR(workspace.Run(statement, style, WriteToStdout).status());
  }
  return Status::Ok();
}

Status Pipe(SqlShell& shell) {
  for (std::string line; !shell.asked_to_quit() && std::getline(std::cin, line);) {
    WEIR_RETURN_IF_ERROR(shell.Feed(line));
  }
  return shell.asked_to_quit() ? Status::Ok() : shell.Finish();
}

Status Run(const SqlFlags& flags, Env& env) {
  WEIR_ASSIGN_OR_RETURN(server::ProjectOptions options, flags.project.ToOptions());
  options.serve_topics = true;  // for topic() beside tables of the connector 'topic'
  SqlWorkspace::Topics topics;
  WEIR_ASSIGN_OR_RETURN(topics.client, flags.topics.ToOptions("weir-sql"));
  topics.data = flags.topics.data;
  WEIR_ASSIGN_OR_RETURN(auto workspace,
                        SqlWorkspace::Open(env, options, flags.project_given, topics));
  const OutputStyle style{ResultFormats().at(flags.format), TerminalWidth(1)};
  if (flags.statements_given) return OneShot(*workspace, flags, style);
  SqlShell shell(env, *workspace, style, IsTerminal(0) && IsTerminal(1));
  if (!IsTerminal(0)) return Pipe(shell);
  shell.Talk();
  return Status::Ok();
}

}  // namespace

void AddSqlCommand(CLI::App& app, Outcome& outcome) {
  auto flags = std::make_shared<SqlFlags>();
  CLI::App* command =
      app.add_subcommand("sql", "ask a project's tables, or any files: shell, -c, or a pipe");
  flags->project.AddTo(*command);
  command->add_option("-c,--command", flags->statements, "run these statements and end");
  flags->topics.AddTo(*command);
  command->add_option("--format", flags->format, "of the rows")
      ->check(CLI::IsMember(ResultFormats()))
      ->capture_default_str();
  command->callback([command, flags, &outcome] {
    flags->project_given = command->count("project") > 0;
    flags->statements_given = command->count("--command") > 0;
    const Status status = Run(*flags, RealEnv());
    if (!status.ok()) outcome.exit_code = Fail(status.error(), flags->format);
  });
}

}  // namespace weir::cli
