// SQL that reads files of a snapshot as rows of its schema: what rewriting and tests run.
//
// Columns that a file lacks are NULL, types are the schema's whatever the file stores, partition
// columns come from the log. One more column, kScanFileColumn, holds the path of the row's file.
//
// Thread rule: pure functions.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/columnar/schema.h"
#include "weir/lake/actions.h"

namespace weir::lake {

inline constexpr const char* kScanFileColumn = "__weir_path";

struct ScanFile {
  std::string path;  // where it lies
  PartitionValues partition_values;
  int64_t order_first = 0;  // row_order.h
};

// A parenthesised SELECT, to stand behind FROM. No files: no rows. `with_order`: two more columns,
// columnar::kOrderColumn with the rows' places in the table, and columnar::kSuborderColumn.
std::string ScanSql(const columnar::Schema& schema,
                    const std::vector<std::string>& partition_columns,
                    const std::vector<ScanFile>& files, bool with_order = false);

// Only kScanFileColumn and the partition columns, one row a file: no data is read. `with_order`:
// order_first as well, as columnar::kOrderColumn.
std::string PartitionSql(const columnar::Schema& schema,
                         const std::vector<std::string>& partition_columns,
                         const std::vector<ScanFile>& files, bool with_order = false);

// "a", "b": the names of columns for a SELECT.
std::string ColumnListSql(const columnar::Schema& schema);

}  // namespace weir::lake
