// Copy on write: which files of a snapshot hold rows that a change replaces, and those files
// written again without these rows.
//
// Files are first ruled out by partition values and statistics, then the rows that are replaced
// are counted per file by a query; only files with such rows are rewritten, and files that lose
// all their rows are only removed.
//
// Thread rule: thread-safe. The files written belong to the caller's change until committed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/columnar/engine.h"
#include "weir/lake/actions.h"
#include "weir/lake/data_files.h"
#include "weir/lake/snapshot.h"

namespace weir::lake {

struct Rewrite {
  std::vector<AddFile> adds;     // the rows that stay
  std::vector<AddFile> removed;  // the files as they were
  int64_t rows_removed = 0;
  // Might this file hold rows that the change replaces? For conflicts with later adds.
  std::function<bool(const AddFile&)> may_match;
};

// Predicates may read files that lie beside the tables, wherever the warehouse is by then:
// read_parquet(getvariable('weir_warehouse') || '/...').
Status SetWarehouse(columnar::Engine& engine, duckdb::Connection& connection,
                    const std::string& table);

// Rows for which the SQL expression is true.
Result<Rewrite> RewriteWhere(columnar::Engine& engine, const Snapshot& snapshot,
                             const std::string& predicate, const DataFilesOptions& options);

// Rows whose key is among the keys of the given files of the same table (NULL equals NULL).
Result<Rewrite> RewriteKeys(columnar::Engine& engine, const Snapshot& snapshot,
                            const std::vector<std::string>& keys, const std::vector<AddFile>& newer,
                            const DataFilesOptions& options);

// Runs a query and writes its rows with all threads. Returns the number of rows.
Result<int64_t> WriteQuery(columnar::Engine& engine, duckdb::Connection& connection,
                           const std::string& sql, DataFiles& files);

}  // namespace weir::lake
