#include "weir/cli/sql_workspace.h"

#include <algorithm>

#include "duckdb/common/error_data.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "duckdb/main/query_result.hpp"
#include "weir/columnar/duckdb_error.h"

namespace weir::cli {

namespace {

bool FirstWordIs(const sql::Fragment& statement, std::initializer_list<const char*> words) {
  auto tokens = sql::Tokenize({"", statement.text});
  return tokens.ok() && std::any_of(words.begin(), words.end(),
                                    [&](const char* word) { return tokens->front().Is(word); });
}

bool IsQuery(const sql::Fragment& statement) {
  return FirstWordIs(statement, {"SELECT", "WITH", "FROM", "VALUES"});
}

// Failures of the machine keep their actor; those of the SQL get their place in the text. A query's
// mistakes are looked for once more by binding it alone: a connection drops the place they are at.
Error StatementError(sql::Session& session, const std::exception& exception,
                     const sql::Fragment& statement, const sql::RewrittenQuery& rewritten) {
  switch (duckdb::ErrorData(exception).Type()) {
    case duckdb::ExceptionType::IO:
    case duckdb::ExceptionType::OUT_OF_MEMORY:
    case duckdb::ExceptionType::PERMISSION:
    case duckdb::ExceptionType::HTTP:
    case duckdb::ExceptionType::INTERRUPT:
      return columnar::FromDuckDB(exception);
    case duckdb::ExceptionType::BINDER:
    case duckdb::ExceptionType::CATALOG:
    case duckdb::ExceptionType::PARSER: {
      if (IsQuery(statement)) {
        const auto bound = session.Bind(statement, std::nullopt);
        if (!bound.ok()) return bound.error();
      }
      return session.Translate(exception, statement, &rewritten);
    }
    default:
      return session.Translate(exception, statement, &rewritten);
  }
}

// EXPLAIN's rows are drawings: (key, text).
bool IsExplanation(const duckdb::QueryResult& result) {
  return result.names.size() == 2 && result.names[0] == "explain_key" &&
         result.names[1] == "explain_value";
}

int64_t WriteExplanation(duckdb::QueryResult& result, const Write& write) {
  int64_t rows = 0;
  while (auto chunk = result.Fetch()) {
    if (chunk->size() == 0) break;
    for (size_t row = 0; row < chunk->size(); ++row) {
      write(chunk->GetValue(1, row).ToString() + "\n");
      ++rows;
    }
  }
  if (result.HasError()) result.ThrowError();
  return rows;
}

}  // namespace

Result<std::unique_ptr<SqlWorkspace>> SqlWorkspace::Open(Env& env,
                                                         const server::ProjectOptions& options,
                                                         bool project_expected) {
  std::unique_ptr<SqlWorkspace> workspace(new SqlWorkspace(env));
  bool has_project = project_expected;
  if (!has_project) {
    auto entries = env.ListDir(options.path);
    if (entries.ok()) {
      has_project = std::any_of(entries->begin(), entries->end(), [](const FileInfo& entry) {
        return !entry.is_directory && entry.path.ends_with(".sql");
      });
    }
  }
  if (has_project) {
    WEIR_ASSIGN_OR_RETURN(workspace->runtime_, server::ProjectRuntime::Open(env, options));
    WEIR_RETURN_IF_ERROR(workspace->Refresh());
    return workspace;
  }
  columnar::EngineOptions engine_options;
  engine_options.memory_bytes = options.memory_bytes;
  engine_options.threads = options.threads;
  engine_options.spill_dir = ".weir/spill";
  engine_options.spill_bytes_max = options.spill_bytes_max;
  WEIR_ASSIGN_OR_RETURN(workspace->engine_, columnar::Engine::Open(env, engine_options));
  WEIR_ASSIGN_OR_RETURN(workspace->session_, sql::Session::Open(*workspace->engine_));
  return workspace;
}

Status SqlWorkspace::Refresh() {
  if (!runtime_) return Status::Ok();
  return sql::DefineEverything(runtime_->session(), runtime_->prepared(), runtime_->catalog(),
                               env_.NowMicros());
}

Result<SqlWorkspace::Ran> SqlWorkspace::Run(const sql::Fragment& statement,
                                            const OutputStyle& style, const Write& write) {
  std::vector<std::string> names;
  if (runtime_) names = runtime_->project().Names();
  WEIR_RETURN_IF_ERROR(RefuseDeclarations(statement, names));
  const int64_t start = env_.MonotonicNanos();
  // now() stays DuckDB's: each statement has its own.
  WEIR_ASSIGN_OR_RETURN(const sql::RewrittenQuery rewritten,
                        sql::RewriteQuery(statement, std::nullopt));
  Ran ran;
  try {
    duckdb::Connection& connection = session().connection();
    // A profile is complete only once the query is.
    const bool whole = FirstWordIs(statement, {"EXPLAIN"});
    std::unique_ptr<duckdb::QueryResult> result;
    if (whole) {
      result = connection.Query(rewritten.text);
    } else {
      result = connection.SendQuery(rewritten.text);
    }
    if (result->HasError()) result->ThrowError();
    ran.rows = IsExplanation(*result) ? WriteExplanation(*result, write)
                                      : WriteRows(*connection.context, *result, style, write);
  } catch (const std::exception& exception) {
    return StatementError(session(), exception, statement, rewritten);
  }
  ran.seconds = static_cast<double>(env_.MonotonicNanos() - start) / 1e9;
  return ran;
}

Status SqlWorkspace::Show(const std::string& sql, const OutputStyle& style, const Write& write) {
  columnar::Engine& engine = runtime_ ? runtime_->engine() : *engine_;
  duckdb::Connection& connection = session().connection();
  WEIR_ASSIGN_OR_RETURN(auto rows, engine.Query(connection, sql));
  return columnar::CatchDuckDB([&]() -> Status {
    WriteRows(*connection.context, *rows, style, write);
    return Status::Ok();
  });
}

std::vector<std::string> SqlWorkspace::Words() {
  std::vector<std::string> words;
  if (runtime_) words = runtime_->project().Names();
  columnar::Engine& engine = runtime_ ? runtime_->engine() : *engine_;
  auto rows = engine.Query(session().connection(),
                           "SELECT DISTINCT column_name FROM duckdb_columns() WHERE NOT internal "
                           "UNION SELECT DISTINCT table_name FROM duckdb_columns() WHERE NOT "
                           "internal UNION SELECT keyword_name FROM duckdb_keywords() "
                           "UNION SELECT function_name || '(' FROM duckdb_functions() "
                           "WHERE regexp_full_match(function_name, '[a-z][a-z0-9_]+') "
                           "AND NOT starts_with(function_name, 'duckdb_') "
                           "AND NOT starts_with(function_name, 'pragma_')");
  if (!rows.ok()) return words;  // completion is a convenience
  for (const auto& row : **rows) words.push_back(row.GetValue<std::string>(0));
  return words;
}

void SqlWorkspace::Interrupt() { session().connection().Interrupt(); }

Result<SplitText> SplitStatements(std::shared_ptr<const sql::SourceText> source) {
  WEIR_ASSIGN_OR_RETURN(const std::vector<sql::Token> tokens, sql::Tokenize(*source));
  SplitText split;
  std::optional<size_t> begin;
  size_t end = 0;
  const auto piece = [&] {
    return sql::Fragment{source, *begin, source->text.substr(*begin, end - *begin)};
  };
  for (const sql::Token& token : tokens) {
    const bool is_end = token.kind == sql::TokenKind::kEnd;
    if (is_end || (token.kind == sql::TokenKind::kSymbol && token.Is(";"))) {
      if (begin && is_end) split.rest = piece();
      if (begin && !is_end) split.statements.push_back(piece());
      begin.reset();
      continue;
    }
    if (!begin) begin = token.begin;
    end = token.end;
  }
  return split;
}

Status RefuseDeclarations(const sql::Fragment& statement, const std::vector<std::string>& names) {
  WEIR_ASSIGN_OR_RETURN(const std::vector<sql::Token> tokens,
                        sql::Tokenize({statement.source->file, statement.text}));
  const auto word = [&](size_t i, const char* text) {
    return i < tokens.size() && tokens[i].Is(text);
  };
  const auto refuse = [&](const std::string& what) {
    return Status(
        statement
            .ErrorHere(0, ErrorCode::kUnsupported, what + " belongs into a .sql file of a project")
            .Fix("write it there and run `weir run`; this shell only looks"));
  };
  if (word(0, "CREATE")) {
    size_t at = word(1, "OR") ? 3 : 1;
    if (word(at, "MATERIALIZED")) return refuse("CREATE MATERIALIZED TABLE");
    if (word(at, "TOPIC")) return refuse("CREATE TOPIC");
    for (size_t i = at; word(at, "TABLE") && i + 2 < tokens.size(); ++i) {
      const bool options =
          word(i, "WITH") && word(i + 1, "(") && tokens[i + 2].kind == sql::TokenKind::kString;
      if (options) return refuse("CREATE TABLE ... WITH");
    }
  }
  if (word(0, "SET") && tokens[1].kind == sql::TokenKind::kString) return refuse("SET 'key'");
  if (word(0, "BEGIN") && word(1, "STATEMENT")) return refuse("STATEMENT SET");
  for (const char* verb : {"INSERT", "UPDATE", "DELETE", "MERGE"}) {
    if (!word(0, verb)) continue;
    size_t at = 1;
    while (word(at, "INTO") || word(at, "FROM") || word(at, "OVERWRITE")) ++at;
    if (at >= tokens.size()) return Status::Ok();
    for (const std::string& name : names) {
      if (sql::EqualsIgnoreCase(tokens[at].text, name)) {
        return refuse(std::string(verb) + " on " + name + " of the project");
      }
    }
  }
  return Status::Ok();
}

}  // namespace weir::cli
