#include "weir/cli/sql_workspace.h"

#include <fmt/core.h>

#include <algorithm>

#include "duckdb/common/error_data.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "duckdb/main/query_result.hpp"
#include "weir/cli/delta_scan.h"
#include "weir/cli/plan_text.h"
#include "weir/columnar/duckdb_error.h"
#include "weir/server/topics/topic_access.h"
#include "weir/server/topics/topic_functions.h"

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
  if (auto error = session.scans().TakeError()) return std::move(*error);
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

// What a syntax error stumbled over may be the name of a table, or the statement's first word.
Error WithNearNames(Error error, const std::vector<std::string>& names) {
  static const std::string kNear = "syntax error at or near \"";
  const size_t at = error.message().find(kNear);
  if (at == std::string::npos) return error;
  std::string word = error.message().substr(at + kNear.size());
  word.resize(word.find('"'));
  std::vector<std::string> known = names;
  if (error.where().ends_with(":1:1")) {
    known = {"SELECT", "WITH",      "FROM", "EXPLAIN", "DESCRIBE",
             "SHOW",   "SUMMARIZE", "COPY", "VALUES"};
  }
  const std::string fix = sql::DidYouMean(word, known);
  return fix.empty() ? error : std::move(error).Fix(fix);
}

// EXPLAIN [ANALYZE] query, without options of the user's own: what comes behind the words.
struct Explained {
  bool analyze = false;
  sql::Fragment query;
};

std::optional<Explained> AsExplain(const sql::Fragment& statement) {
  auto tokens = sql::Tokenize({"", statement.text});
  if (!tokens.ok() || !tokens->front().Is("EXPLAIN")) return std::nullopt;
  Explained explained;
  explained.analyze = tokens->at(1).Is("ANALYZE");
  const sql::Token& first = tokens->at(explained.analyze ? 2 : 1);
  if (first.kind == sql::TokenKind::kEnd || first.Is("(")) return std::nullopt;
  explained.query = {statement.source, statement.begin + first.begin,
                     statement.text.substr(first.begin)};
  return explained;
}

void RegisterTopics(columnar::Engine& engine, const SqlWorkspace::Topics& topics,
                    const std::string& folder) {
  server::RegisterTopicFunctions(
      engine.database(),
      std::make_shared<server::TopicAccess>(engine.env(), topics.client, topics.data, folder));
}

// Statements like SET answer with one column "Success" and no row: nothing to show.
bool HasRows(const duckdb::QueryResult& result) {
  return result.properties.return_type == duckdb::StatementReturnType::QUERY_RESULT;
}

}  // namespace

Result<std::unique_ptr<SqlWorkspace>> SqlWorkspace::Open(Env& env,
                                                         const server::ProjectOptions& options,
                                                         bool project_expected,
                                                         const Topics& topics) {
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
    RegisterTopics(workspace->runtime_->engine(), topics, workspace->runtime_->project().folder);
    return workspace;
  }
  columnar::EngineOptions engine_options;
  engine_options.memory_bytes = options.memory_bytes;
  engine_options.threads = options.threads;
  engine_options.spill_dir = ".weir/spill";
  engine_options.spill_bytes_max = options.spill_bytes_max;
  WEIR_ASSIGN_OR_RETURN(workspace->engine_, columnar::Engine::Open(env, engine_options));
  WEIR_ASSIGN_OR_RETURN(workspace->session_, sql::Session::Open(*workspace->engine_));
  RegisterTopics(*workspace->engine_, topics, "");
  return workspace;
}

Status SqlWorkspace::Refresh() {
  if (!runtime_) return Status::Ok();
  return sql::DefineEverything(runtime_->session(), runtime_->prepared(), runtime_->catalog(),
                               env_.NowMicros());
}

Result<SqlWorkspace::Ran> SqlWorkspace::Run(const sql::Fragment& written, const OutputStyle& style,
                                            const Write& write) {
  columnar::Engine& engine = runtime_ ? runtime_->engine() : *engine_;
  WEIR_ASSIGN_OR_RETURN(const sql::Fragment statement,
                        ResolveDeltaScans(written, session(), engine));
  std::vector<std::string> names;
  if (runtime_) names = runtime_->project().Names();
  WEIR_RETURN_IF_ERROR(RefuseDeclarations(statement, names));
  const int64_t start = env_.MonotonicNanos();
  if (const auto explained = AsExplain(statement)) {
    WEIR_RETURN_IF_ERROR(Explain(explained->query, explained->analyze, style, write));
    return Ran{std::nullopt, static_cast<double>(env_.MonotonicNanos() - start) / 1e9};
  }
  // now() stays DuckDB's: each statement has its own.
  WEIR_ASSIGN_OR_RETURN(const sql::RewrittenQuery rewritten,
                        sql::RewriteQuery(statement, std::nullopt));
  Ran ran;
  try {
    duckdb::Connection& connection = session().connection();
    const auto result = connection.SendQuery(rewritten.text);
    if (result->HasError()) result->ThrowError();
    if (HasRows(*result)) ran.rows = WriteRows(*connection.context, *result, style, write);
  } catch (const std::exception& exception) {
    return WithNearNames(StatementError(session(), exception, statement, rewritten), names);
  }
  TellOfEmpty(statement);
  ran.seconds = static_cast<double>(env_.MonotonicNanos() - start) / 1e9;
  return ran;
}

// Rows that runs write to a topic are not in the warehouse.
std::string SqlWorkspace::WhereSent(const sql::Relation& relation) {
  const auto& options = relation.declared->options;
  const auto option = [&](const char* name, const std::string& otherwise) {
    const auto found = options.find(name);
    return found == options.end() ? otherwise : found->second;
  };
  const std::string connector = option("connector", "");
  if (connector != "kafka" && connector != "topic") return "";
  const std::string name = relation.declared->name;
  const std::string topic = option("topic", name);
  const std::string servers = option("properties.bootstrap.servers", "");
  if (connector == "topic") {
    return fmt::format("rows of {} are in the topic: FROM topic('{}')", name, topic);
  }
  return fmt::format("rows of {} are in the topic: `weir sql --server {}` and FROM topic('{}')",
                     name, servers, topic);
}

// A table that no run has made yet answers with no row: that is not what its rows are.
void SqlWorkspace::TellOfEmpty(const sql::Fragment& statement) {
  if (!runtime_ || !IsQuery(statement)) return;
  const auto mentioned = session().TablesIn(statement);
  if (!mentioned.ok()) return;
  for (const std::string& name : *mentioned) {
    if (IsMade(name)) continue;
    if (const std::string sent = WhereSent(*runtime_->prepared().Find(name)); !sent.empty()) {
      fmt::print(stderr, "note: {}\n", sent);
      continue;
    }
    fmt::print(stderr, "note: no run has made {} yet: `weir run`\n", name);
  }
}

bool SqlWorkspace::IsMade(const std::string& name) {
  const sql::Relation* relation = runtime_->prepared().Find(name);
  if (relation == nullptr || relation->source) return true;
  const auto table = runtime_->catalog().Table(relation->declared->name);
  return table.ok() || table.error().code() != ErrorCode::kNotFound;
}

Status SqlWorkspace::Explain(const sql::Fragment& query, bool analyze, const OutputStyle& style,
                             const Write& write) {
  WEIR_ASSIGN_OR_RETURN(sql::RewrittenQuery rewritten, sql::RewriteQuery(query, std::nullopt));
  const std::string head = analyze ? "EXPLAIN (ANALYZE, FORMAT JSON) " : "EXPLAIN (FORMAT JSON) ";
  std::string answer;
  try {
    const auto result = session().connection().Query(head + rewritten.text);
    if (result->HasError()) result->ThrowError();
    answer = result->GetValue(1, 0).ToString();
  } catch (const std::exception& exception) {
    for (auto& [to, from] : rewritten.places) to += head.size();
    std::vector<std::string> names;
    if (runtime_) names = runtime_->project().Names();
    return WithNearNames(StatementError(session(), exception, query, rewritten), names);
  }
  const std::string tables = runtime_ ? runtime_->warehouse() + "/" : "";
  WEIR_ASSIGN_OR_RETURN(const OrderedJson plan, PlanJson(answer, [&](const std::string& path) {
                          if (tables.empty() || !path.starts_with(tables)) return path;
                          return path.substr(tables.size(),
                                             path.find('/', tables.size()) - tables.size());
                        }));
  write(style.format == ResultFormat::kJson ? ToText(plan, 1) + "\n" : PlanText(plan, style.width));
  return Status::Ok();
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
