#include "weir/cli/result_output.h"

#include <algorithm>
#include <cstdio>

#include "duckdb/common/box_renderer.hpp"
#include "duckdb/common/types/column/column_data_collection.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "duckdb/main/query_result.hpp"
#include "weir/guard/row_json.h"
#include "weir/observe/quantity.h"

namespace weir::cli {

namespace {

constexpr size_t kRowsOnTerminal = 40;

// Calls body(chunk) for each chunk; returns the number of rows.
template <typename Body>
int64_t ForEachChunk(duckdb::QueryResult& result, Body&& body) {
  int64_t rows = 0;
  while (auto chunk = result.Fetch()) {
    if (chunk->size() == 0) break;
    rows += static_cast<int64_t>(chunk->size());
    body(*chunk);
  }
  if (result.HasError()) result.ThrowError();
  return rows;
}

int64_t WriteTable(duckdb::ClientContext& context, duckdb::QueryResult& result, size_t width,
                   const Write& write) {
  duckdb::ColumnDataCollection kept(duckdb::Allocator::DefaultAllocator(), result.types);
  const int64_t rows = ForEachChunk(result, [&](duckdb::DataChunk& chunk) {
    if (static_cast<int64_t>(kept.Count()) < kTableRowsKept) kept.Append(chunk);
  });
  duckdb::BoxRendererConfig config;
  config.max_width = width == 0 ? 1'000'000 : width;
  config.max_rows = width == 0 ? kTableRowsKept : kRowsOnTerminal;
  if (width == 0) config.max_col_width = 1'000'000;
  duckdb::BoxRenderer renderer(config);
  write(renderer.ToString(context, result.names, kept));
  if (static_cast<int64_t>(kept.Count()) < rows) {
    write("(the first " + observe::Count(static_cast<int64_t>(kept.Count())) + " of " +
          observe::Counted(rows, "row") + ")\n");
  }
  return rows;
}

// RFC 4180; NULL is an empty field, an empty text is "".
std::string CsvField(const duckdb::Value& value) {
  if (value.IsNull()) return "";
  const std::string text = value.ToString();
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string MarkdownField(const duckdb::Value& value) {
  std::string out;
  for (const char c : value.ToString()) {
    if (c == '|') out += '\\';
    out += c == '\n' || c == '\r' ? ' ' : c;
  }
  return out;
}

template <typename Field>
std::string Line(const duckdb::DataChunk& chunk, size_t row, const char* separator, Field&& field) {
  std::string line;
  for (size_t column = 0; column < chunk.ColumnCount(); ++column) {
    if (column > 0) line += separator;
    line += field(chunk.GetValue(column, row));
  }
  return line;
}

int64_t WriteCsv(duckdb::QueryResult& result, const Write& write) {
  std::string text;
  for (size_t i = 0; i < result.names.size(); ++i) {
    text += (i ? "," : "") + CsvField(duckdb::Value(result.names[i]));
  }
  write(text + "\n");
  return ForEachChunk(result, [&](duckdb::DataChunk& chunk) {
    text.clear();
    for (size_t row = 0; row < chunk.size(); ++row) text += Line(chunk, row, ",", CsvField) + "\n";
    write(text);
  });
}

int64_t WriteMarkdown(duckdb::QueryResult& result, const Write& write) {
  std::string head = "|";
  std::string rule = "|";
  for (size_t i = 0; i < result.names.size(); ++i) {
    head += " " + MarkdownField(duckdb::Value(result.names[i])) + " |";
    rule += result.types[i].IsNumeric() ? "---:|" : "---|";
  }
  write(head + "\n" + rule + "\n");
  return ForEachChunk(result, [&](duckdb::DataChunk& chunk) {
    std::string text;
    for (size_t row = 0; row < chunk.size(); ++row) {
      text += "| " + Line(chunk, row, " | ", MarkdownField) + " |\n";
    }
    write(text);
  });
}

columnar::Schema SchemaOf(const duckdb::QueryResult& result) {
  columnar::Schema schema;
  for (size_t i = 0; i < result.names.size(); ++i) {
    schema.fields.push_back({result.names[i], result.types[i], true});
  }
  return schema;
}

int64_t WriteJson(duckdb::QueryResult& result, const Write& write) {
  const columnar::Schema schema = SchemaOf(result);
  bool first = true;
  write("[");
  const int64_t rows = ForEachChunk(result, [&](duckdb::DataChunk& chunk) {
    std::string text;
    for (size_t row = 0; row < chunk.size(); ++row) {
      text += (first ? "\n" : ",\n") + guard::RowJson(chunk, row, schema);
      first = false;
    }
    write(text);
  });
  write(first ? "]\n" : "\n]\n");
  return rows;
}

}  // namespace

const std::map<std::string, ResultFormat>& ResultFormats() {
  static const std::map<std::string, ResultFormat> formats = {
      {"table", ResultFormat::kTable},
      {"csv", ResultFormat::kCsv},
      {"json", ResultFormat::kJson},
      {"markdown", ResultFormat::kMarkdown}};
  return formats;
}

void WriteToStdout(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

int64_t WriteRows(duckdb::ClientContext& context, duckdb::QueryResult& result,
                  const OutputStyle& style, const Write& write) {
  switch (style.format) {
    case ResultFormat::kTable:
      return WriteTable(context, result, style.width, write);
    case ResultFormat::kCsv:
      return WriteCsv(result, write);
    case ResultFormat::kJson:
      return WriteJson(result, write);
    case ResultFormat::kMarkdown:
      return WriteMarkdown(result, write);
  }
  return 0;
}

std::string ResultJson(duckdb::MaterializedQueryResult& result) {
  JsonWriter json;
  json.BeginObject().Key("columns").BeginArray();
  for (size_t i = 0; i < result.names.size(); ++i) {
    json.BeginObject().Key("name").String(result.names[i]);
    json.Key("type").String(result.types[i].ToString()).EndObject();
  }
  json.EndArray().Key("rows").BeginArray();
  for (const auto& row : result) {
    json.BeginArray();
    for (size_t i = 0; i < result.names.size(); ++i) {
      guard::AppendValue(row.GetValue<duckdb::Value>(i), &json);
    }
    json.EndArray();
  }
  json.EndArray().EndObject();
  return json.Take();
}

}  // namespace weir::cli
