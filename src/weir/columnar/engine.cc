#include "weir/columnar/engine.h"

#include <dlfcn.h>

#include <algorithm>
#include <utility>

#include "duckdb/common/allocator.hpp"
#include "duckdb/common/file_system.hpp"
#include "duckdb/common/virtual_file_system.hpp"
#include "duckdb/main/config.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/database.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "duckdb/storage/block_allocator.hpp"
#include "duckdb/storage/buffer_manager.hpp"
#include "duckdb/storage/storage_info.hpp"
#include "weir/columnar/duckdb_error.h"
#include "weir/columnar/env_file_system.h"
#include "weir/columnar/memory_budget.h"

namespace weir::columnar {
namespace {

// Of the process's budget. DuckDB's resident memory passes its own limit by half in a group-by; the
// rest is for our readers and writers.
constexpr double kDuckDBShare = 0.6;
constexpr double kMachineShare = 0.7;
constexpr double kSpillShare = 0.8;

// Memory that a thread's allocator may keep for itself; DuckDB's default of 128 MiB a thread would
// be a quarter of a small budget.
constexpr uint64_t kAllocatorKeepsMax = uint64_t{128} << 20;

// Free bytes at the nearest folder above that exists.
Result<uint64_t> FreeBytesFor(Env& env, std::string path) {
  while (!env.Exists(path) && ParentPath(path) != path) path = ParentPath(path);
  return env.FreeDiskBytes(path);
}

// Extensions lie beside DuckDB's library, wherever this process loaded it from: ../lib/weir of an
// installation, build/deps of a build tree.
std::string DefaultExtensionDir(Env& env) {
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(&duckdb::DuckDB::LibraryVersion), &info) == 0 ||
      info.dli_fname == nullptr) {
    return "";
  }
  const std::string lib = ParentPath(info.dli_fname);
  const std::string installed = JoinPath(lib, "weir/extensions");
  if (env.Exists(installed)) return installed;
  return JoinPath(ParentPath(ParentPath(lib)), "extensions");
}

Result<EngineOptions> WithDefaults(Env& env, EngineOptions options) {
  const MachineInfo machine = env.Machine();
  if (options.memory_bytes == 0) {
    options.memory_bytes =
        static_cast<uint64_t>(static_cast<double>(machine.memory_bytes) * kMachineShare);
  }
  if (options.threads <= 0) options.threads = std::max(1, machine.cpus);
  if (options.extension_dir.empty()) options.extension_dir = DefaultExtensionDir(env);
  if (!options.spill_dir.empty() && options.spill_bytes_max == 0) {
    WEIR_ASSIGN_OR_RETURN(const uint64_t free, FreeBytesFor(env, options.spill_dir));
    options.spill_bytes_max = static_cast<uint64_t>(static_cast<double>(free) * kSpillShare);
  }
  return options;
}

class DuckDBEngine : public Engine {
 public:
  DuckDBEngine(Env& env, EngineOptions options)
      : env_(env),
        options_(std::move(options)),
        budget_(options_.memory_bytes - DuckDBBytes(), options_.metrics) {}

  Status Start() {
    return CatchDuckDB([&]() -> Status {
      duckdb::DBConfig config;
      config.file_system = NewEnvVirtualFileSystem(env_);
      const uint64_t memory = DuckDBBytes();
      config.options.maximum_memory = memory;
      // What DuckDB would make itself, but it would look up the machine's memory in files first,
      // and its start does not survive an error there.
      config.allocator = duckdb::make_uniq<duckdb::Allocator>();
      config.block_allocator = duckdb::make_uniq<duckdb::BlockAllocator>(
          *config.allocator, DEFAULT_BLOCK_ALLOC_SIZE, memory, 0);
      config.options.maximum_threads = static_cast<uint64_t>(options_.threads);
      config.options.use_temporary_directory = !options_.spill_dir.empty();
      config.options.temporary_directory = options_.spill_dir;
      config.options.allocator_flush_threshold =
          std::min(kAllocatorKeepsMax, memory / (16 * static_cast<uint64_t>(options_.threads)));
      config.options.allocator_bulk_deallocation_flush_threshold =
          std::min(uint64_t{512} << 20, memory / 8);
      const auto set = [&](const char* name, duckdb::Value value) {
        config.SetOptionByName(name, value);
      };
      // Nothing is fetched, and nothing written into a home folder, by itself.
      set("autoinstall_known_extensions", duckdb::Value::BOOLEAN(false));
      set("autoload_known_extensions", duckdb::Value::BOOLEAN(false));
      set("allow_community_extensions", duckdb::Value::BOOLEAN(false));
      set("allow_persistent_secrets", duckdb::Value::BOOLEAN(false));
      set("extension_directory", duckdb::Value(options_.extension_dir));
      // Would keep a second copy of what the system's page cache has.
      set("enable_external_file_cache", duckdb::Value::BOOLEAN(false));
      database_ = std::make_unique<duckdb::DuckDB>(nullptr, &config);
      if (!options_.spill_dir.empty()) {  // DuckDB takes no notice of it in the configuration
        duckdb::BufferManager::GetBufferManager(database()).SetSwapLimit(options_.spill_bytes_max);
      }

      WEIR_ASSIGN_OR_RETURN(auto connection, Connect());
      return Query(*connection, "SET GLOBAL TimeZone = 'UTC'").status();
    });
  }

  Env& env() override { return env_; }
  const EngineOptions& options() const override { return options_; }
  duckdb::DatabaseInstance& database() override { return *database_->instance; }
  MemoryBudget& budget() override { return budget_; }
  EngineUsage usage() override {
    auto& buffers = duckdb::BufferManager::GetBufferManager(database());
    return {.memory_bytes = buffers.GetUsedMemory(), .spill_bytes = buffers.GetUsedSwap()};
  }
  duckdb::FileSystem& files() override { return database_->GetFileSystem(); }

  Status LoadRemoteFiles() override {
    const std::string path = JoinPath(options_.extension_dir, "httpfs.duckdb_extension");
    if (!env_.Exists(path)) {
      return Error::Operator(ErrorCode::kNotFound,
                             path + ": no such file; http:// and s3:// need it")
          .Fix("install Weir whole: the file lies in lib/weir/extensions");
    }
    WEIR_ASSIGN_OR_RETURN(auto connection, Connect());
    WEIR_RETURN_IF_ERROR(Query(*connection, "LOAD " + QuoteLiteral(path)).status());
    return UseObjectStore(*connection);
  }

  Result<std::unique_ptr<duckdb::Connection>> Connect() override {
    return CatchDuckDB([&]() -> Result<std::unique_ptr<duckdb::Connection>> {
      return std::make_unique<duckdb::Connection>(*database_);
    });
  }

  Result<std::unique_ptr<duckdb::MaterializedQueryResult>> Query(duckdb::Connection& connection,
                                                                 const std::string& sql) override {
    return CatchDuckDB([&]() -> Result<std::unique_ptr<duckdb::MaterializedQueryResult>> {
      auto result = connection.Query(sql);
      if (result->HasError()) return FromDuckDB(result->GetErrorObject());
      return std::unique_ptr<duckdb::MaterializedQueryResult>(result.release());
    });
  }

 private:
  // Keys and region come from the variables that every S3 program knows: httpfs reads them itself,
  // but not the one for stores other than AWS.
  Status UseObjectStore(duckdb::Connection& connection) {
    auto url = env_.Variable("AWS_ENDPOINT_URL_S3");
    if (!url) url = env_.Variable("AWS_ENDPOINT_URL");
    if (!url || url->empty()) return Status::Ok();
    const size_t scheme = url->find("://");
    if (scheme == std::string::npos) {
      return Error::User(ErrorCode::kInvalid, "AWS_ENDPOINT_URL = '" + *url + "' is no URL")
          .Fix("write it with its scheme: http://127.0.0.1:9000");
    }
    std::string host = url->substr(scheme + 3);
    while (!host.empty() && host.back() == '/') host.pop_back();
    const bool tls = url->compare(0, scheme, "https") == 0;
    return Query(connection, "SET GLOBAL s3_endpoint = " + QuoteLiteral(host) +
                                 "; SET GLOBAL s3_url_style = 'path'; SET GLOBAL s3_use_ssl = " +
                                 (tls ? "true" : "false"))
        .status();
  }

  uint64_t DuckDBBytes() const {
    return static_cast<uint64_t>(static_cast<double>(options_.memory_bytes) * kDuckDBShare);
  }

  Env& env_;
  const EngineOptions options_;
  MemoryBudget budget_;
  std::unique_ptr<duckdb::DuckDB> database_;
};

}  // namespace

Result<std::unique_ptr<Engine>> Engine::Open(Env& env, const EngineOptions& options) {
  WEIR_ASSIGN_OR_RETURN(EngineOptions filled, WithDefaults(env, options));
  auto engine = std::make_unique<DuckDBEngine>(env, std::move(filled));
  WEIR_RETURN_IF_ERROR(engine->Start());
  return engine;
}

std::string QuoteLiteral(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += '\'';
    quoted += c;
  }
  return quoted + "'";
}

std::string QuoteName(const std::string& name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace weir::columnar
