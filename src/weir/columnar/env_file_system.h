// EnvFileSystem: DuckDB's local file system, on Env. It takes the place of DuckDB's own under its
// VirtualFileSystem, so that Parquet, CSV, gzip, zstd and spill files all go through Env, and run
// in simulation.
//
// Thread rule: thread-safe. A handle may be read at positions by many threads at once; the calls
// that move its position belong to one thread.
// Errors are thrown as DuckDB exceptions that carry ours (duckdb_error.h).
#pragma once

#include "duckdb/common/file_system.hpp"
#include "weir/base/env.h"

namespace weir::columnar {

// What DBConfig::file_system takes: DuckDB's VirtualFileSystem with an EnvFileSystem as its local
// one. The Env must outlive it.
duckdb::unique_ptr<duckdb::FileSystem> NewEnvVirtualFileSystem(Env& env);

}  // namespace weir::columnar
