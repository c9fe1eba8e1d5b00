// Per-file statistics: the JSON of add.stats (Delta PROTOCOL, Per-file Statistics), from what the
// Parquet writer knows, and read back for pruning.
//
// Bounds are never tighter than the data: text is cut to 32 characters and a cut maximum gets a
// greater last character, timestamps are cut to milliseconds (readers add one to a maximum), and a
// column with NaN has no bounds.
//
// Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "weir/columnar/parquet_writer.h"
#include "weir/columnar/schema.h"

namespace weir::lake {

// `columns_max`: leaf columns that get statistics, delta.dataSkippingNumIndexedCols; -1: all.
std::string StatsToJson(const columnar::Schema& schema, const columnar::ParquetFileStats& stats,
                        int64_t columns_max);

struct FileStats {
  int64_t rows = -1;  // -1: unknown
  // Of top-level columns, by name; the text casts to the column's type.
  std::map<std::string, std::pair<std::string, std::string>> min_max;
  std::map<std::string, int64_t> nulls;
};

// Statistics are hints: what cannot be read is left out.
FileStats ParseStats(const columnar::Schema& schema, std::string_view json);
// Only numRecords; -1 if it is not there.
int64_t ParseNumRecords(std::string_view json);

}  // namespace weir::lake
