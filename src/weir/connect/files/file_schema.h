// The schema of a file source: as declared, or inferred from the first files.
//
// Inference is deterministic: of the first kSampledFiles files in name order, the first
// kSampledRecords records each. CSV: names from the header (or column0, column1, … without one),
// types by InferType; files are combined by name. JSON: the keys in order of appearance. Text: one
// column `line`. Parquet: the columns of the first file, as DuckDB names their types. Folder names
// (month=3/) add columns at the end.
//
// Thread rule: free functions.
#pragma once

#include <optional>

#include "weir/base/result.h"
#include "weir/columnar/engine.h"
#include "weir/columnar/schema.h"
#include "weir/connect/files/file_scan.h"

namespace weir::connect {

inline constexpr size_t kSampledFiles = 3;
inline constexpr size_t kSampledRecords = 2048;

// The columns of a Parquet file.
Result<columnar::Schema> ParquetSchema(columnar::Engine& engine, const ListedFile& file);

// Sets facts->schema and facts->declared_columns; the other facts are given.
Status FindSchema(columnar::Engine& engine, const std::optional<columnar::Schema>& declared,
                  FileSourceFacts* facts);

}  // namespace weir::connect
