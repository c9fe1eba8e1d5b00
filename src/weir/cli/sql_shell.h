// SqlShell: takes lines, runs statements when their semicolon has come, and dot commands at once.
// The same for a person at a terminal (Talk: history, completion, prompts) and for a pipe (Feed).
//
// Thread rule: one thread; a second one, in Talk, only carries Ctrl-C to the running statement.
#pragma once

#include <atomic>
#include <string>

#include "weir/cli/sql_workspace.h"

namespace weir::cli {

class SqlShell {
 public:
  SqlShell(Env& env, SqlWorkspace& workspace, OutputStyle style, bool is_terminal)
      : env_(env), workspace_(workspace), style_(style), is_terminal_(is_terminal) {}

  // One line, without its line feed. The first error of the line's statements.
  Status Feed(const std::string& line);
  // What was fed and not closed by a semicolon is run as it is.
  Status Finish();

  bool asked_to_quit() const { return quit_; }
  bool in_statement() const { return in_statement_; }

  // Reads from the terminal until .quit or the end of input; errors are shown, not fatal.
  void Talk();

 private:
  Status RunAll(const std::vector<sql::Fragment>& statements);
  Status Command(const std::string& line);
  std::string HistoryFile();
  void Remember(const std::string& line);

  Env& env_;
  SqlWorkspace& workspace_;
  OutputStyle style_;
  const bool is_terminal_;
  bool quit_ = false;
  bool in_statement_ = false;
  std::string text_;        // not yet run, behind as many line feeds as lines were run before
  std::string remembered_;  // of the statement being typed, as history holds it
  int64_t lines_fed_ = 0;   // so that errors name the line of the whole input
};

}  // namespace weir::cli
