// FileScan: one bounded read of a file source, from a position to what the files hold now.
//
// Thread rule: as SourceScan (ports.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/columnar/engine.h"
#include "weir/columnar/ports.h"
#include "weir/connect/files/file_options.h"
#include "weir/connect/files/text_file.h"

namespace weir::connect {

// What a scan needs to know of its source.
struct FileSourceFacts {
  std::string name;
  std::string base_folder;
  FileOptions options;
  columnar::Schema schema;
  std::vector<columnar::MetadataColumn> metadata;  // columns of the schema, the same for a file
  // How many of the schema's first columns the user declared (or all that were inferred); those
  // behind are new columns and `_rescued_data`.
  size_t declared_columns = 0;
};

inline constexpr const char* kRescuedColumn = "_rescued_data";

Result<std::unique_ptr<columnar::SourceScan>> PlanFileScan(
    columnar::Engine& engine, const std::shared_ptr<const FileSourceFacts>& facts,
    const columnar::ScanRequest& request);

// kNotFound that says what the pattern was looked for and what lies there instead.
Error NoFiles(columnar::Engine& engine, const FileSourceFacts& facts);

// kCorrupt unless the file begins and ends as a Parquet file does.
Status CheckParquetFile(FileBytes& file);

}  // namespace weir::connect
