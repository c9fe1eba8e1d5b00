#include "weir/cli/sql_shell.h"

#include <editline/readline.h>
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "weir/cli/command.h"
#include "weir/cli/terminal.h"
#include "weir/observe/quantity.h"
#include "weir/observe/text_table.h"

namespace weir::cli {

namespace {

constexpr int kHistoryMax = 10'000;

constexpr const char* kHelp =
    "Statements end with ';' and may take several lines. Tab completes names.\n"
    "  .help               this text\n"
    "  .tables             the project's tables, views and sources\n"
    "  .schema NAME        columns of one of them\n"
    "  .mode FORMAT        table, csv, json or markdown\n"
    "  .refresh            look again at what files and table versions there are\n"
    "  .quit               leave (also Ctrl-D)\n"
    "Files need no declaration: SELECT * FROM read_csv('file.csv'), read_json, read_parquet.\n";

// libedit's callbacks carry no argument: the words that complete, sorted.
std::vector<std::string>& CompletionWords() {
  static std::vector<std::string> words;
  return words;
}

char* NextCompletion(const char* text, int state) {
  static size_t next = 0;
  static std::string prefix;
  static bool upper = false;
  const std::vector<std::string>& words = CompletionWords();
  if (state == 0) {
    prefix = sql::ToLower(text);
    upper = *text != '\0' && std::all_of(text, text + std::strlen(text),
                                         [](unsigned char c) { return !std::islower(c); });
    next = 0;
  }
  while (next < words.size()) {
    std::string word = words[next++];
    if (sql::ToLower(word.substr(0, prefix.size())) != prefix) continue;
    if (upper) std::transform(word.begin(), word.end(), word.begin(), ::toupper);
    return strdup(word.c_str());
  }
  return nullptr;
}

char** Complete(const char* text, int, int) {
  rl_attempted_completion_over = 1;  // no file names
  rl_completion_append_character = '\0';
  return rl_completion_matches(text, NextCompletion);
}

// While it lives, Ctrl-C goes to the running statement.
class InterruptCarrier {
 public:
  InterruptCarrier(Env& env, SqlWorkspace& workspace, std::atomic<bool>& interrupted)
      : thread_(env.StartThread("weir-interrupt", [this, &workspace, &interrupted] {
          std::unique_lock lock(mutex_);
          while (
              !stop_asked_.wait_for(lock, std::chrono::milliseconds(50), [&] { return stop_; })) {
            if (interrupted.load()) workspace.Interrupt();
          }
        })) {}
  ~InterruptCarrier() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    stop_asked_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable stop_asked_;
  bool stop_ = false;               // guarded by mutex_
  std::unique_ptr<Thread> thread_;  // joined first
};

std::string Trim(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r;") + 1 - begin);
}

}  // namespace

Status SqlShell::Feed(const std::string& line) {
  if (!in_statement_ && !line.empty() &&
      line[line.find_first_not_of(" \t") == std::string::npos ? 0
                                                              : line.find_first_not_of(" \t")] ==
          '.') {
    ++lines_fed_;
    return Command(Trim(line));
  }
  if (!in_statement_) text_ = std::string(static_cast<size_t>(lines_fed_), '\n');
  text_ += line + "\n";
  ++lines_fed_;
  auto source = std::make_shared<sql::SourceText>();
  source->file = is_terminal_ ? "line" : "stdin";
  source->text = text_;
  auto split = SplitStatements(source);
  if (!split.ok()) {  // an open string or comment: more is to come
    in_statement_ = true;
    return Status::Ok();
  }
  in_statement_ = split->rest.has_value();
  if (in_statement_) {
    const size_t from = split->rest->begin;
    // What stays keeps its place in the input.
    for (size_t i = 0; i < from; ++i) {
      if (text_[i] != '\n') text_[i] = ' ';
    }
  } else {
    text_.clear();
  }
  return RunAll(split->statements);
}

Status SqlShell::Finish() {
  if (!in_statement_) return Status::Ok();
  in_statement_ = false;
  auto source = std::make_shared<sql::SourceText>();
  source->file = "stdin";
  source->text = std::move(text_);
  text_.clear();
  WEIR_ASSIGN_OR_RETURN(SplitText split, SplitStatements(source));
  if (split.rest) split.statements.push_back(*split.rest);
  return RunAll(split.statements);
}

Status SqlShell::RunAll(const std::vector<sql::Fragment>& statements) {
  for (const sql::Fragment& statement : statements) {
    if (is_terminal_) style_.width = TerminalWidth(1);
    WEIR_ASSIGN_OR_RETURN(const SqlWorkspace::Ran ran,
                          workspace_.Run(statement, style_, WriteToStdout));
    if (is_terminal_) {
      fmt::print("{} in {}\n", ran.rows ? observe::Counted(*ran.rows, "row") : std::string("done"),
                 observe::Seconds(ran.seconds));
    }
    std::fflush(stdout);
  }
  return Status::Ok();
}

Status SqlShell::Command(const std::string& line) {
  const size_t blank = line.find(' ');
  const std::string name = line.substr(0, blank);
  const std::string argument = blank == std::string::npos ? "" : Trim(line.substr(blank));
  if (name == ".help") {
    fmt::print("{}", kHelp);
  } else if (name == ".quit" || name == ".exit") {
    quit_ = true;
  } else if (name == ".refresh") {
    return workspace_.Refresh();
  } else if (name == ".tables") {
    observe::TextTable table({{"name"}, {"kind"}, {"columns"}});
    if (const server::ProjectRuntime* runtime = workspace_.project()) {
      for (const auto& [key, relation] : runtime->prepared().relations) {
        std::string columns;
        for (const std::string& column : relation.schema.Names()) {
          columns += (columns.empty() ? "" : ", ") + column;
        }
        const bool made = workspace_.IsMade(relation.declared->name);
        table.Add({relation.declared->name,
                   relation.source                             ? "source"
                   : made                                      ? "table"
                   : SqlWorkspace::WhereSent(relation).empty() ? "table, not made yet"
                                                               : "table, written to a topic",
                   columns});
      }
      for (const sql::ViewStatement* view : runtime->project().views) {
        table.Add({view->name, "view", ""});
      }
    }
    fmt::print("{}", table.ToString(TerminalWidth(1)));
  } else if (name == ".schema") {
    if (argument.empty()) {
      return Error::User(ErrorCode::kInvalid, ".schema needs a name").Fix("`.tables` lists them");
    }
    return workspace_.Show("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM " +
                               columnar::QuoteName(argument) + ")",
                           style_, WriteToStdout);
  } else if (name == ".mode") {
    auto format = ResultFormats().find(argument);
    if (format == ResultFormats().end()) {
      return Error::User(ErrorCode::kInvalid, "'" + argument + "' is not a format")
          .Fix("write table, csv, json or markdown");
    }
    style_.format = format->second;
  } else {
    return Error::User(ErrorCode::kNotFound, "no command '" + name + "'")
        .Fix(sql::DidYouMean(name, {".help", ".tables", ".schema", ".mode", ".refresh", ".quit"}));
  }
  return Status::Ok();
}

// A statement of several lines comes back as one; behind a comment or in a string, a blank is not
// what a line feed is.
void SqlShell::Remember(const std::string& line) {
  if (Trim(line).empty()) return;
  const bool joins = in_statement_ && !remembered_.empty() &&
                     remembered_.find("--") == std::string::npos &&
                     std::count(remembered_.begin(), remembered_.end(), '\'') % 2 == 0;
  if (joins) {
    if (HIST_ENTRY* last = remove_history(history_length - 1)) {
      std::free(const_cast<char*>(last->line));
      std::free(last);
    }
  }
  remembered_ = joins ? remembered_ + " " + line : line;
  add_history(remembered_.c_str());
}

std::string SqlShell::HistoryFile() {
  std::string folder;
  if (auto state = env_.Variable("XDG_STATE_HOME"); state && !state->empty()) {
    folder = *state;
  } else if (auto home = env_.Variable("HOME"); home && !home->empty()) {
    folder = JoinPath(*home, ".local/state");
  } else {
    return "";
  }
  folder = JoinPath(folder, "weir");
  return env_.CreateDirs(folder).ok() ? JoinPath(folder, "history") : "";
}

void SqlShell::Talk() {
  std::atomic<bool>& interrupted = CatchInterrupts();
  InterruptCarrier carrier(env_, workspace_, interrupted);
  CompletionWords() = workspace_.Words();
  std::vector<std::string>& words = CompletionWords();
  for (const char* command : {".help", ".tables", ".schema", ".mode", ".refresh", ".quit"}) {
    words.push_back(command);
  }
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  rl_readline_name = "weir";
  rl_initialize();
  rl_attempted_completion_function = Complete;
  using_history();
  stifle_history(kHistoryMax);
  const std::string history = HistoryFile();
  if (!history.empty()) read_history(history.c_str());

  const server::ProjectRuntime* runtime = workspace_.project();
  fmt::print("{}. `.help` explains, `.quit` leaves.\n",
             runtime ? "project " + runtime->project().name : "no project here: files by path");
  while (!quit_) {
    char* typed = readline(in_statement_ ? " ...> " : "weir> ");
    if (typed == nullptr) {
      if (!interrupted.load()) break;
      fmt::print("\n");
      RearmInterrupts();
      in_statement_ = false;
      continue;
    }
    const std::string line = typed;
    std::free(typed);
    Remember(line);
    const Status status = Feed(line);
    if (!in_statement_) remembered_.clear();
    if (!status.ok()) {
      if (status.error().code() == ErrorCode::kCancelled) {
        fmt::print("interrupted\n");
      } else {
        Fail(status.error());
      }
      lines_fed_ = 0;
      in_statement_ = false;
    }
    if (!in_statement_) lines_fed_ = 0;  // a person counts the lines of the statement
    if (interrupted.load()) RearmInterrupts();
  }
  if (!history.empty()) write_history(history.c_str());
}

}  // namespace weir::cli
