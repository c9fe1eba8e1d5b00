// Session: a project's names inside DuckDB. Every source, table and view becomes a DuckDB view, so
// that a user's query binds and runs as it stands; what the names read (nothing, new files only,
// everything) is set for each flow.
//
// Errors of DuckDB come back as errors of the user's, with file, line, column and a caret.
//
// Thread rule: one thread at a time. Queries themselves run on all of the engine's threads.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/columnar/engine.h"
#include "weir/columnar/ports.h"
#include "weir/sql/project.h"
#include "weir/sql/rewrite.h"
#include "weir/sql/scan_function.h"
#include "weir/sql/write_function.h"

namespace duckdb {
class Connection;
class Expression;
class LogicalOperator;
class QueryResult;
}  // namespace duckdb

namespace weir::sql {

// A query after DuckDB's binder, before its optimiser.
struct BoundQuery {
  BoundQuery();
  BoundQuery(BoundQuery&&) noexcept;
  BoundQuery& operator=(BoundQuery&&) noexcept;
  ~BoundQuery();

  columnar::Schema schema;
  std::unique_ptr<duckdb::LogicalOperator> plan;
};

class Session {
 public:
  static Result<std::unique_ptr<Session>> Open(columnar::Engine& engine);
  ~Session();

  // --- names ---
  // A text source: rows come from weir_scan(name). `scan` may be null while only binding.
  Status DefineScan(const TableStatement& declared, const columnar::Schema& schema,
                    std::shared_ptr<columnar::SourceScan> scan, int32_t file_base,
                    columnar::UnparsedRows* unparsed);
  // A source that queries plan when they read it; bad rows go to `unparsed`.
  Status DefineSource(const TableStatement& declared, std::shared_ptr<columnar::BatchSource> source,
                      columnar::UnparsedRows* unparsed);
  // A source that cannot be opened now: statements bind, and whoever reads it is told why.
  Status DefineUnreadable(const TableStatement& declared, const columnar::Schema& schema,
                          Error why);
  // Parquet files as a name: of a source (with the declaration's computed columns) or of a table.
  Status DefineParquet(const std::string& name, const TableStatement* declared,
                       const columnar::Schema& schema,
                       const std::vector<columnar::ParquetFile>& files, int32_t file_base);
  Status DefineView(const ViewStatement& view, std::optional<int64_t> now_us);
  Status DefineMacro(const MacroStatement& macro);

  // --- queries ---
  // Names of tables and views that a query mentions, whether they exist or not.
  Result<std::vector<std::string>> TablesIn(const Fragment& query);
  Result<BoundQuery> Bind(const Fragment& query, std::optional<int64_t> now_us);
  // Conditions over one row of this schema, as expressions over the chunk's columns by position.
  Result<std::vector<std::unique_ptr<duckdb::Expression>>> BindConditions(
      const columnar::Schema& schema, const std::vector<Fragment>& conditions,
      std::optional<int64_t> now_us);
  // Runs SQL of our own making to its end; errors from our callbacks come back as they were.
  Status Execute(const std::string& sql);
  // The same for SQL around a user's query: what goes wrong in the query is shown where it stands.
  // `exact`: the query reads no views, whose text DuckDB's positions could mean as well.
  Status ExecuteAround(const std::string& sql, const Fragment& query, std::optional<int64_t> now_us,
                       bool exact);
  // Runs a user's query; the rows are kept.
  Result<std::unique_ptr<duckdb::MaterializedQueryResult>> Query(const Fragment& query,
                                                                 std::optional<int64_t> now_us);
  // Where a message of DuckDB's about `rewritten` points in the user's text.
  Error Translate(const std::exception& exception, const Fragment& query,
                  const RewrittenQuery* rewritten) const;

  columnar::Engine& engine() { return engine_; }
  duckdb::Connection& connection() { return *connection_; }
  Scans& scans() { return *scans_; }
  FlowWrites& writes() { return *writes_; }
  // The progress of the query that runs now, 0 to 100; negative if none does. Any thread.
  double ProgressPercent();

 private:
  explicit Session(columnar::Engine& engine);
  Status CreateView(const std::string& name, const std::string& select);

  columnar::Engine& engine_;
  std::unique_ptr<duckdb::Connection> connection_;
  std::shared_ptr<Scans> scans_ = std::make_shared<Scans>();
  std::shared_ptr<FlowWrites> writes_ = std::make_shared<FlowWrites>();
};

// A type in DuckDB's words or Flink's (STRING, TIMESTAMP_LTZ(3), ROW<...>, ARRAY<...>).
Result<duckdb::LogicalType> ParseType(duckdb::Connection& connection, const std::string& text);
// The columns that a declaration gives to its connector (no computed columns), or nullopt if it
// declares none but metadata columns.
Result<std::optional<columnar::Schema>> DeclaredSchema(Session& session,
                                                       const TableStatement& table);

}  // namespace weir::sql
