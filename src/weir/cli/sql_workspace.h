// SqlWorkspace: where `weir sql` runs statements: over a project's names as its tables and files
// are now, or, without a project, plain SQL over files by path. Nothing is written to the project.
//
// Thread rule: one thread at a time, but for Interrupt.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/cli/result_output.h"
#include "weir/server/project_runtime.h"
#include "weir/server/topics/kafka_client.h"

namespace weir::cli {

class SqlWorkspace {
 public:
  // Whose topics topic('name') and the tables of system mean.
  struct Topics {
    server::KafkaClientOptions client;  // without servers: those of the folder
    std::string data;                   // "": as weir.toml of the project's folder says, else
                                        // data/ there; without a project the working directory's
  };
  // `project_expected`: a folder without .sql files is an error, not a workspace without project.
  static Result<std::unique_ptr<SqlWorkspace>> Open(Env& env, const server::ProjectOptions& options,
                                                    bool project_expected, const Topics& topics);

  // The project, or null.
  const server::ProjectRuntime* project() const { return runtime_.get(); }
  // Of a project: whether the name is no table of it, or a run has made the table.
  bool IsMade(const std::string& name);
  // Where the rows of a table are that is written to a topic; "" for other tables.
  static std::string WhereSent(const sql::Relation& relation);
  sql::Session& session() { return runtime_ ? runtime_->session() : *session_; }
  // Looks again at what files and table versions there are.
  Status Refresh();

  struct Ran {
    std::optional<int64_t> rows;  // none: the statement has no rows to show
    double seconds = 0;
  };
  // Runs one statement and writes its rows.
  Result<Ran> Run(const sql::Fragment& statement, const OutputStyle& style, const Write& write);
  // The rows of SQL of our own making.
  Status Show(const std::string& sql, const OutputStyle& style, const Write& write);

  // Names for completion: tables, views, columns, functions, keywords.
  std::vector<std::string> Words();

  void Interrupt();  // the statement that runs, if any; any thread

 private:
  explicit SqlWorkspace(Env& env) : env_(env) {}
  void TellOfEmpty(const sql::Fragment& statement);
  Status Explain(const sql::Fragment& query, bool analyze, const OutputStyle& style,
                 const Write& write);

  Env& env_;
  std::unique_ptr<server::ProjectRuntime> runtime_;
  std::unique_ptr<columnar::Engine> engine_;  // without a project
  std::unique_ptr<sql::Session> session_;
};

// The statements of a text, cut at their semicolons. `rest` is where the text after the last one
// begins, if it holds anything (a statement that is not closed yet).
struct SplitText {
  std::vector<sql::Fragment> statements;
  std::optional<sql::Fragment> rest;
};
// Errors: an unclosed string, name or comment.
Result<SplitText> SplitStatements(std::shared_ptr<const sql::SourceText> source);

// What is a project's to declare and not a shell's to run: CREATE MATERIALIZED TABLE, CREATE TABLE
// ... WITH, SET 'key' = ..., INSERT into the project's tables. `names`: of the project.
Status RefuseDeclarations(const sql::Fragment& statement, const std::vector<std::string>& names);

}  // namespace weir::cli
