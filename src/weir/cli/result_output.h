// Rows of a query as text: a table that fits the terminal, CSV, JSON or Markdown. CSV, JSON and
// Markdown are written as the rows come; a table keeps the first kTableRowsKept of them.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "weir/base/result.h"

namespace duckdb {
class ClientContext;
class MaterializedQueryResult;
class QueryResult;
}  // namespace duckdb

namespace weir::cli {

enum class ResultFormat { kTable, kCsv, kJson, kMarkdown };
// "table", "csv", "json", "markdown"
const std::map<std::string, ResultFormat>& ResultFormats();

struct OutputStyle {
  ResultFormat format = ResultFormat::kTable;
  size_t width = 0;  // of the terminal; 0: nothing is cut and every row kept is shown
};

inline constexpr int64_t kTableRowsKept = 10'000;

using Write = std::function<void(const std::string&)>;
void WriteToStdout(const std::string& text);

// Writes all rows; returns their number. Errors while rows are made come back as they are thrown by
// DuckDB: the caller translates them.
int64_t WriteRows(duckdb::ClientContext& context, duckdb::QueryResult& result,
                  const OutputStyle& style, const Write& write);

// {"columns":[{"name":"a","type":"INTEGER"}],"rows":[[1]]}, for a document made of several results.
std::string ResultJson(duckdb::MaterializedQueryResult& result);

}  // namespace weir::cli
