// Engine: the process's one DuckDB instance, opened with our memory budget, spill folder and Env
// file system, and passed down as a value. Sources, sinks and the SQL runner share it.
//
// Memory: DuckDB gets 60 % of the budget (its resident size passes its own limit by half in a
// group-by); the rest is for our readers, writers and the process itself.
//
// Thread rule: thread-safe; a Connection belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "weir/base/env.h"
#include "weir/base/result.h"

namespace duckdb {
class Connection;
class DatabaseInstance;
class FileSystem;
class MaterializedQueryResult;
}  // namespace duckdb

namespace weir {
class MetricRegistry;
}  // namespace weir

namespace weir::columnar {

class MemoryBudget;

struct EngineOptions {
  uint64_t memory_bytes = 0;     // the whole process's budget; 0: 70 % of MachineInfo::memory_bytes
  int threads = 0;               // 0: MachineInfo::cpus
  std::string spill_dir{};       // made when first needed, emptied on close; empty: no spilling
  uint64_t spill_bytes_max = 0;  // 0: 80 % of what is free there at the start
  std::string extension_dir{};   // where httpfs lies; empty: beside libduckdb.so, weir/extensions
  MetricRegistry* metrics = nullptr;  // gets the gauges of the budget; must outlive the engine
};

// What DuckDB holds now.
struct EngineUsage {
  uint64_t memory_bytes = 0;  // in its buffers
  uint64_t spill_bytes = 0;   // in files of spill_dir
};

class Engine {
 public:
  static Result<std::unique_ptr<Engine>> Open(Env& env, const EngineOptions& options);
  virtual ~Engine() = default;

  virtual Env& env() = 0;
  virtual const EngineOptions& options() const = 0;  // with the defaults filled in
  virtual duckdb::DatabaseInstance& database() = 0;
  // The part of memory_bytes that is not DuckDB's, for our own readers and writers.
  virtual MemoryBudget& budget() = 0;
  virtual EngineUsage usage() = 0;
  // Local paths go to Env; http(s):// and s3:// to DuckDB's httpfs once LoadRemoteFiles() was
  // called.
  virtual duckdb::FileSystem& files() = 0;
  virtual Status LoadRemoteFiles() = 0;

  virtual Result<std::unique_ptr<duckdb::Connection>> Connect() = 0;
  // Runs SQL of our own making on a connection and keeps the rows; exceptions become errors.
  virtual Result<std::unique_ptr<duckdb::MaterializedQueryResult>> Query(
      duckdb::Connection& connection, const std::string& sql) = 0;
};

// "'it''s'" and "\"a b\"": for SQL text of our own making.
std::string QuoteLiteral(const std::string& text);
std::string QuoteName(const std::string& name);

}  // namespace weir::columnar
