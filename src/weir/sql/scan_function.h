// weir_scan('name'): the table function through which DuckDB's parallel pipelines read a
// BatchSource. A Scans object says what each name reads during one flow's run; it is registered
// once with the database and filled anew for each flow.
//
// Thread rule: Scans is thread-safe; DuckDB calls the function from its worker threads.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/columnar/ports.h"

namespace duckdb {
class DatabaseInstance;
class LogicalGet;
class LogicalOperator;
}  // namespace duckdb

namespace weir::sql {

// What one name reads in the current run, and how far it is.
struct ActiveScan {
  std::string name;
  columnar::Schema schema;
  std::shared_ptr<columnar::SourceScan> scan;  // null while statements are only bound
  std::optional<Error> unreadable;             // why there is none: whoever reads is told
  // Instead of a scan, for queries that keep no position: planned when it is read, with what the
  // query's filters leave to be read.
  std::shared_ptr<columnar::BatchSource> source;
  columnar::UnparsedRows* unparsed = nullptr;  // set while rows are read
  int32_t file_base = 0;  // added to the scan's file ordinals, so that they differ between scans
  uint64_t total_bytes = 0;
  // What the query reads of it, in the order of readers: set when it is planned, and the same for
  // each of its scans, so that they see the same rows fail in the same sequence.
  std::vector<uint64_t> columns;
  // A query may stop early (LIMIT) or never ask (a join with an empty side), but a position is
  // complete only when all splits were read to their end. It may read a split more than once (a
  // join of a source with itself): a row that does not parse is reported by the first to meet it.
  struct SplitState {
    std::atomic<bool> ended{false};
    std::atomic<int64_t> unparsed{0};  // reported
  };
  std::unique_ptr<SplitState[]> split_states;
  std::atomic<uint64_t> bytes_read{0};
  std::atomic<int64_t> rows_read{0};
};

class Scans {
 public:
  void Clear();
  void Set(std::shared_ptr<ActiveScan> scan);
  std::shared_ptr<ActiveScan> Find(const std::string& name) const;
  std::vector<std::shared_ptr<ActiveScan>> All() const;

  // Reads what queries left unread, for its positions and its rows that do not parse.
  Status ReadRest();

  // Parquet files that DuckDB's own readers read on behalf of a name: ParquetTag says whose.
  struct ParquetInput {
    std::string name;
    std::map<std::string, int64_t> ordinals;  // by path
    bool has_order = false;                   // some have columnar::kOrderColumn
  };
  void SetParquet(ParquetInput input);
  std::shared_ptr<const ParquetInput> FindParquet(const std::string& name) const;

  // The first error met inside a DuckDB callback, with its own actor and fix, which an exception
  // through DuckDB would lose.
  void SetError(Error error);
  std::optional<Error> TakeError();

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<ActiveScan>> scans_;
  std::map<std::string, std::shared_ptr<const ParquetInput>> parquet_;  // by name
  std::optional<Error> error_;
};

void RegisterScanFunction(duckdb::DatabaseInstance& database, std::shared_ptr<Scans> scans);

// The name that this operator of a bound plan reads, if it reads one of ours.
std::optional<std::string> ScannedName(const duckdb::LogicalGet& get, const Scans& scans);
// The same for an operator of DuckDB's Parquet reader, with its files; null: it is none of ours.
std::shared_ptr<const Scans::ParquetInput> ParquetInputOf(const duckdb::LogicalGet& get,
                                                          const Scans& scans);
bool IsScanFunction(const duckdb::LogicalGet& get);

// The name of the column that holds the path of a row's file, for readers on behalf of `name`. Two
// names may read the same files: only this column tells their readers apart.
std::string ParquetTag(const std::string& name);

// weir_file(name, path): the ordinal of a file of that name's Parquet input. A function of the
// database, as DuckDB copies parts of plans by writing them out and reading them again.
inline constexpr const char* kFileOrdinalFunction = "weir_file";

// Lets all scans of a name in this plan read the columns that any of them wants: whether a row
// parses is one question, also where a query reads its source twice. Behind DuckDB's optimiser.
void ShareColumns(duckdb::LogicalOperator& plan);

}  // namespace weir::sql
