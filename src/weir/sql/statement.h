// Statements: what a project's .sql files say, before any name is looked up. Our own DDL is taken
// apart here; queries and expressions stay text (Fragment) that DuckDB parses later, with their
// place in the file so that its errors can be shown where the user wrote them.
//
// Syntax: ../../../docs/sql.md. CREATE TABLE, WATERMARK, PRIMARY KEY ... NOT ENFORCED, CREATE
// MATERIALIZED TABLE, INSERT and STATEMENT SET are Flink SQL's; EXPECT ... ON VIOLATION is
// Lakeflow's.
//
// Thread rule: values and pure functions.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "weir/base/result.h"
#include "weir/guard/contract.h"
#include "weir/sql/lexer.h"

namespace weir::sql {

// A piece of a file.
struct Fragment {
  std::shared_ptr<const SourceText> source;
  size_t begin = 0;
  std::string text;

  bool empty() const { return text.empty(); }
  // An error at the byte `offset` of this fragment.
  Error ErrorHere(size_t offset, ErrorCode code, std::string message) const;
};

struct ColumnDefinition {
  std::string name;
  std::string type;      // DuckDB's words; empty for a computed column without a cast
  Fragment computed;     // name AS expr
  std::string metadata;  // METADATA FROM 'key' (or the column's own name)
  bool is_metadata = false;
  bool is_virtual = false;  // METADATA ... VIRTUAL: only read
  bool not_null = false;
  size_t at = 0;  // byte in the file
};

struct Watermark {
  std::string column;
  Fragment expression;
};

// CREATE TABLE: an external source or sink (WITH 'connector'), or a managed Delta table.
// CREATE MATERIALIZED TABLE: a managed table and the flow that fills it.
struct TableStatement {
  std::string name;
  std::shared_ptr<const SourceText> source;  // the file that declares it
  bool materialized = false;
  std::vector<ColumnDefinition> columns;
  std::optional<Watermark> watermark;
  std::vector<std::string> primary_key;
  std::vector<guard::Check> checks;
  std::vector<Fragment> check_places;  // parallel to checks: the text of EXPECT's expression
  std::vector<std::string> partition_columns;
  std::map<std::string, std::string> options;   // WITH
  std::map<std::string, size_t> option_places;  // byte in the file of each name in WITH
  std::string comment;
  Fragment query;  // AS SELECT; empty for a plain CREATE TABLE
};

struct ViewStatement {
  std::string name;
  std::vector<std::string> columns;
  Fragment query;
};

struct InsertStatement {
  std::string table;
  bool overwrite = false;
  std::vector<std::string> columns;
  Fragment query;
};

struct SetStatement {
  std::string key;
  std::string value;
};

// A SELECT (or WITH, VALUES, DESCRIBE, SHOW ...) whose rows are shown at the end of the run.
struct QueryStatement {
  Fragment query;
};

// CREATE MACRO / FUNCTION: handed to DuckDB as it is.
struct MacroStatement {
  std::string name;
  Fragment text;
};

// CREATE TOPIC name WITH ('partitions' = ..., 'retention.ms' = ...)
struct TopicStatement {
  std::string name;
  std::shared_ptr<const SourceText> source;  // the file that declares it
  std::map<std::string, std::string> options;
  std::map<std::string, size_t> option_places;  // byte in the file of each name in WITH
};

struct Statement {
  std::variant<TableStatement, ViewStatement, InsertStatement, SetStatement, QueryStatement,
               MacroStatement, TopicStatement>
      body;
  Fragment text;  // the whole statement
};

// Splits a file into statements. The first error is returned.
Result<std::vector<Statement>> ParseStatements(std::shared_ptr<const SourceText> source);

}  // namespace weir::sql
