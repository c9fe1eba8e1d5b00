// delta_scan('path') and delta_scan('path', version => 3) in a statement of `weir sql`: Delta
// tables by path, as read_csv and read_parquet read files by path.
//
// Each call is replaced by the name of a view over the files of that version, of the same length:
// places in messages stay right.
//
// Thread rule: one thread at a time.
#pragma once

#include "weir/columnar/engine.h"
#include "weir/sql/session.h"

namespace weir::cli {

// Paths are relative to the working directory. kNotFound with its place: no table, no such version.
Result<sql::Fragment> ResolveDeltaScans(const sql::Fragment& statement, sql::Session& session,
                                        columnar::Engine& engine);

}  // namespace weir::cli
