#include "weir/lake/scan_sql.h"

#include <algorithm>

#include "weir/columnar/engine.h"
#include "weir/columnar/path_pattern.h"
#include "weir/columnar/ports.h"
#include "weir/lake/paths.h"

namespace weir::lake {
namespace {

using columnar::QuoteLiteral;
using columnar::QuoteName;

bool IsPartitionColumn(const std::vector<std::string>& partition_columns, const std::string& name) {
  return std::find(partition_columns.begin(), partition_columns.end(), name) !=
         partition_columns.end();
}

std::string Typed(const std::string& expression, const duckdb::LogicalType& type) {
  return "CAST(" + expression + " AS " + type.ToString() + ")";
}

}  // namespace

std::string ColumnListSql(const columnar::Schema& schema) {
  std::string out;
  for (const auto& field : schema.fields) {
    out += (out.empty() ? "" : ", ") + QuoteName(field.name);
  }
  return out;
}

std::string PartitionSql(const columnar::Schema& schema,
                         const std::vector<std::string>& partition_columns,
                         const std::vector<ScanFile>& files, bool with_order) {
  std::string select = "(SELECT ";
  select += kScanFileColumn;
  std::string names = kScanFileColumn;
  for (const auto& column : partition_columns) {
    const auto& type = schema.fields[static_cast<size_t>(schema.Find(column))].type;
    select += ", " + Typed(QuoteName(column), type) + " AS " + QuoteName(column);
    names += ", " + QuoteName(column);
  }
  if (with_order) {
    select += std::string(", ") + columnar::kOrderColumn;
    names += std::string(", ") + columnar::kOrderColumn;
  }
  // A first row fixes the number of columns when there are no files, and their type: text.
  std::string rows = "(NULL::VARCHAR";
  for (size_t i = 0; i < partition_columns.size(); ++i) rows += ", NULL::VARCHAR";
  if (with_order) rows += ", NULL::BIGINT";
  rows += ")";
  for (const auto& file : files) {
    rows += ", (" + QuoteLiteral(file.path);
    for (const auto& column : partition_columns) {
      const auto& type = schema.fields[static_cast<size_t>(schema.Find(column))].type;
      const auto found = file.partition_values.find(column);
      const auto text =
          found == file.partition_values.end() ? std::nullopt : CastableText(found->second, type);
      rows += ", " + (text ? QuoteLiteral(*text) : "NULL");
    }
    if (with_order) rows += ", " + std::to_string(file.order_first);
    rows += ")";
  }
  return select + " FROM (VALUES " + rows + ") AS weir_files(" + names + ") WHERE " +
         kScanFileColumn + " IS NOT NULL)";
}

std::string ScanSql(const columnar::Schema& schema,
                    const std::vector<std::string>& partition_columns,
                    const std::vector<ScanFile>& files, bool with_order) {
  // An empty relation of the stored columns: what a file lacks is filled from it by name.
  std::string empty;
  std::string casts;
  for (const auto& field : schema.fields) {
    if (IsPartitionColumn(partition_columns, field.name)) {
      casts += "weir_files." + QuoteName(field.name) + ", ";
      continue;
    }
    empty += Typed("NULL", field.type) + " AS " + QuoteName(field.name) + ", ";
    casts += Typed("weir_rows." + QuoteName(field.name), field.type) + " AS " +
             QuoteName(field.name) + ", ";
  }
  if (with_order) {
    empty += std::string("NULL::BIGINT AS ") + columnar::kOrderColumn + ", ";
    empty += std::string("NULL::BIGINT AS ") + columnar::kSuborderColumn + ", ";
    empty += "NULL::BIGINT AS file_row_number, ";
    casts += std::string("(weir_files.") + columnar::kOrderColumn + " + coalesce(weir_rows." +
             columnar::kOrderColumn + ", weir_rows.file_row_number)) AS " + columnar::kOrderColumn +
             ", coalesce(weir_rows." + columnar::kSuborderColumn + ", 0) AS " +
             columnar::kSuborderColumn + ", ";
  }
  std::string rows = "SELECT " + empty + "NULL::VARCHAR AS ";
  rows += kScanFileColumn;
  rows += " WHERE false";
  if (!files.empty()) {
    std::string list;
    for (const auto& file : files) {
      list += (list.empty() ? "" : ", ") + QuoteLiteral(columnar::PathPattern(file.path));
    }
    rows += " UNION ALL BY NAME SELECT * FROM read_parquet([" + list + "], filename = '" +
            kScanFileColumn + "', union_by_name = true, hive_partitioning = false" +
            (with_order ? ", file_row_number = true)" : ")");
  }
  std::string sql =
      "(SELECT " + casts + "weir_rows." + kScanFileColumn + " FROM (" + rows + ") AS weir_rows";
  if (!partition_columns.empty() || with_order) {
    sql += " JOIN " + PartitionSql(schema, partition_columns, files, with_order) +
           " AS weir_files ON weir_rows." + kScanFileColumn + " = weir_files." + kScanFileColumn;
  }
  return sql + ")";
}

}  // namespace weir::lake
