// The `filesystem` connector: files of CSV, JSON, text lines or Parquet as a BatchSource.
//
//   CREATE TABLE flights_raw (...) WITH ('connector' = 'filesystem', 'path' = 'data/*.csv.gz',
//                                        'format' = 'csv', 'csv.null-literal' = 'NA');
//
// docs/sources.md is the user's page (formats, options, what a second run reads);
// docs/design/file-sources.md says how it works.
//
// Thread rule: OpenFileSource and the source it returns are thread-safe; the rest as in ports.h.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "weir/base/result.h"
#include "weir/columnar/engine.h"
#include "weir/columnar/ports.h"
#include "weir/columnar/schema.h"

namespace weir::connect {

struct FileSourceOptions {
  std::string name;                                  // for messages: the table's name
  std::map<std::string, std::string> options;        // the WITH clause, keys as written
  std::optional<columnar::Schema> declared;          // nullopt: names and types are inferred
  std::string base_folder;                           // relative paths are resolved against it
  std::vector<columnar::MetadataColumn> metadata{};  // those among `declared`, or all
};

// Checks the options and finds the schema: of the declared columns (with those of the folder names
// when hive partitions are on, and with `_rescued_data` when 'schema.evolution' = 'rescue'), else
// by looking at the first files. kUser errors: unknown options ("did you mean"), values that are
// not understood, no file found while the schema has to be inferred.
Result<std::shared_ptr<columnar::BatchSource>> OpenFileSource(columnar::Engine& engine,
                                                              const FileSourceOptions& options);

}  // namespace weir::connect
