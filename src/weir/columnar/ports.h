// The ports: the narrow waist between connectors, tables, checks and the SQL runner. A connector
// implements BatchSource or BatchSink (or FileTable for a set of Parquet files) and proves itself
// with the contract tests in columnar/testing/; sql/ runs flows against the ports alone.
//
//   source --Plan(position)--> SourceScan --Open(split)--> SplitReader --Next--> batch
//   batch --> Gate --> accepted --> SinkWriter --> BatchSink --Prepare--> token --Commit--> visible
//                  \-> rejected --> SinkWriter of T__quarantine (a second sink of the same epoch)
//
// A batch is a duckdb::DataChunk of at most STANDARD_VECTOR_SIZE (2048) rows. Where a row came from
// travels beside it in three columns appended at the end of the batch (Origin below).
//
// Thread rule, unless a method says otherwise: objects handed out (SplitReader, SinkWriter) belong
// to one thread at a time; the objects that hand them out are thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/columnar/schema.h"

namespace duckdb {
class ClientContext;
class DataChunk;
class SelectionVector;
}  // namespace duckdb

namespace weir::columnar {

// --- where a row came from ------------------------------------------------------------------

// The columns that carry a row's origin. In source order, (file, offset) grows within a scan.
inline constexpr const char* kOriginFileColumn = "__weir_file";      // INTEGER, ordinal in the scan
inline constexpr const char* kOriginOffsetColumn = "__weir_offset";  // BIGINT, bytes; Parquet: row
inline constexpr const char* kOriginLengthColumn = "__weir_length";  // INTEGER, bytes; Parquet: 0
inline constexpr int kOriginColumnCount = 3;

struct Origin {
  int32_t file = -1;  // ordinal of the file within its SourceScan; -1: no origin known
  int64_t offset = 0;
  int32_t length = 0;
};

// A row that could not even be parsed or cast: a violation of the built-in expectation `parses`.
struct UnparsedRow {
  Origin origin;
  std::string column;  // name of the column that failed; empty if the whole row did
  std::string reason;  // "cannot cast 'abc' to INTEGER", "5 fields where the header has 4"
};

// Takes rows that did not parse. Thread-safe. A false answer stops the scan (limit reached).
class UnparsedRows {
 public:
  virtual ~UnparsedRows() = default;
  virtual bool Add(UnparsedRow row) = 0;
};

// --- sources ----------------------------------------------------------------------------------

// Where a source has been read up to: JSON text owned by the source, empty for "nothing read".
using Position = std::string;

// What a scan found different from its starting position; lines of the run report.
struct SourceChanges {
  int64_t new_files = 0;
  int64_t grown_files = 0;
  int64_t unchanged_files = 0;
  int64_t grown_partitions = 0;              // of a topic: those with records that were not read
  std::vector<std::string> rewritten_files;  // refused unless 'source.rewritten' = 'reprocess'
  std::vector<std::string> deleted_files;    // read before, gone now
  std::vector<std::string> schema_changes;   // "orders-3.csv: new column 'coupon' (addNewColumns)"
  std::vector<std::string> notes;            // "a.csv: 12 bytes are left for the next run: ..."
  bool Any() const {
    return new_files + grown_files + grown_partitions > 0 || !rewritten_files.empty();
  }
};

struct Split {
  std::string name;    // "data/orders.csv[0,1048576)"
  uint64_t bytes = 0;  // to be read, for progress
};

class SplitReader {
 public:
  virtual ~SplitReader() = default;
  // Fills the chunk (initialised with the types asked for in Open); 0 rows at the end.
  virtual Result<size_t> Next(duckdb::DataChunk& out) = 0;
  // Bytes of the source consumed so far, for progress and reports.
  virtual uint64_t bytes_read() const = 0;
};

// Parquet files that the SQL runner reads with DuckDB's own reader.
struct ParquetFile {
  std::string path;  // absolute or relative to the working directory, or a URL
  uint64_t size = 0;
  int64_t rows = -1;  // -1: unknown
  // Values of columns that are not in the file (partition columns); nullopt is NULL.
  std::map<std::string, std::optional<std::string>> constants;
  // Files of a table: where its rows stand among those of the table. A row's place is `order_base`
  // plus its value of kOrderColumn, or plus its number in a file without that column; all places
  // are below `order_end`.
  int64_t order_base = 0;
  int64_t order_end = 0;
  bool has_order = false;  // the file has kOrderColumn and kSuborderColumn
};

// Columns of data files that no schema names (BIGINT): the row's place among those of its commit,
// as their sources order them, and its place among those that come of the same row of a source.
// Written where somebody asks for them (SinkOptions::keep_order).
inline constexpr const char* kOrderColumn = "__weir_order";
inline constexpr const char* kSuborderColumn = "__weir_suborder";
inline constexpr int kOrderColumnCount = 2;

// One bounded read of a source: from the position it was planned with to the end found then.
class SourceScan {
 public:
  virtual ~SourceScan() = default;
  virtual const SourceChanges& changes() const = 0;
  // The position to commit with the rows of this scan. Complete once every split has been read.
  virtual Position end_position() const = 0;
  // Names of the files by ordinal, for origins and messages.
  virtual const std::vector<std::string>& files() const = 0;
  // More than any offset of a row of this file.
  virtual int64_t OffsetEnd(size_t /*file*/) const { return kOffsetEndUnknown; }
  static constexpr int64_t kOffsetEndUnknown = int64_t{1} << 40;

  // Either the scan is a set of Parquet files ...
  virtual const std::vector<ParquetFile>* parquet_files() const { return nullptr; }
  // ... or splits of rows. A split is read by one thread, splits in parallel.
  virtual const std::vector<Split>& splits() const = 0;
  // Column numbers refer to BatchSource::schema(); numbers from kOriginColumnBase on are the origin
  // columns. Rows that do not parse go to `unparsed` (never null) instead of the chunk.
  virtual Result<std::unique_ptr<SplitReader>> Open(size_t split,
                                                    const std::vector<uint64_t>& columns,
                                                    UnparsedRows* unparsed) = 0;
  // The bytes of a row as they stand in the source, at most max_bytes of them.
  virtual Result<std::string> ReadRaw(const Origin& origin, size_t max_bytes) = 0;
  // The line (from 1) of the file on which a row begins, for messages. nullopt: it has none, or it
  // would cost too much to count.
  virtual std::optional<int64_t> LineOf(const Origin&) { return std::nullopt; }
};
inline constexpr uint64_t kOriginColumnBase = uint64_t{1}
                                              << 40;  // + 0 file, + 1 offset, + 2 length

// Rows whose value in this column lies outside are not wanted; none of them need be read. Whole
// numbers as they are, times in microseconds since 1970-01-01.
struct ColumnBound {
  uint64_t column = 0;  // number in the source's schema
  int64_t least = INT64_MIN;
  int64_t most = INT64_MAX;
};

// What part of a source to plan.
struct ScanRequest {
  Position from;                  // empty: from the beginning
  bool ignore_rewritten = false;  // 'source.rewritten' = 'reprocess': read such files whole again
  // For queries, where no position is kept: what the source may leave out.
  std::vector<ColumnBound> bounds{};
};

class BatchSource {
 public:
  virtual ~BatchSource() = default;
  virtual const Schema& schema() const = 0;
  virtual Result<std::unique_ptr<SourceScan>> Plan(const ScanRequest& request) = 0;
  // Plan asks another machine, and takes bounds: queries plan such a source when they read it.
  virtual bool planned_when_read() const { return false; }
};

// --- tables -----------------------------------------------------------------------------------

class Predicate;  // a filter that a source can push down

// A version of a table as a set of Parquet files. Immutable once made.
class FileTable {
 public:
  virtual ~FileTable() = default;
  virtual const Schema& schema() const = 0;
  virtual std::vector<std::string> partition_columns() const = 0;
  virtual int64_t version() const = 0;
  // Another one where a table was removed and made again under its name.
  virtual std::string id() const = 0;
  // The newest epoch of this flow that it holds; nullopt if there is none, or it does not tell.
  virtual std::optional<uint64_t> CommittedEpoch(const std::string& flow_id) const = 0;
  // The files that may hold matching rows; nullptr: all.
  virtual Result<std::vector<ParquetFile>> Files(const Predicate* predicate) const = 0;
  // The files added by commits in (version, this version], if everything since then only appended;
  // nullopt if rows were changed or removed as well, so that a reader must start over; so too if
  // this version is older.
  virtual Result<std::optional<std::vector<ParquetFile>>> AppendedSince(int64_t version) const = 0;
};

// Compared against partition values and min/max statistics. Values are the text form of DuckDB's.
class Predicate {
 public:
  virtual ~Predicate() = default;
  // Could a row of a file with these constants and column ranges match?
  virtual bool MayMatch(
      const std::map<std::string, std::optional<std::string>>& constants,
      const std::map<std::string, std::pair<std::string, std::string>>& min_max) const = 0;
};

// --- sinks ------------------------------------------------------------------------------------

struct WriteMode {
  enum class Kind { kAppend, kOverwrite, kUpsert, kChangelog } kind = Kind::kAppend;
  // Overwrite: what is replaced. Empty predicate: the whole table. Otherwise an SQL expression over
  // the table's columns; exactly the rows for which it is true are replaced.
  std::string overwrite_where;
  // The new rows need not satisfy overwrite_where themselves.
  bool brings_other_rows = false;
  // Upsert and Changelog: the key columns; Overwrite: the same, or none. The batch then ends with
  // two more BIGINT columns, kOrderMajorColumn and kOrderMinorColumn; of rows with equal keys in
  // the batch the greatest order wins.
  std::vector<std::string> keys;
};
inline constexpr const char* kOrderMajorColumn = "__weir_order_major";
inline constexpr const char* kOrderMinorColumn = "__weir_order_minor";

struct SinkOptions {
  std::string flow_id;  // becomes txn.appId in Delta
  uint64_t epoch = 0;   // the epoch that will be prepared; names staged files
  WriteMode mode;
  Schema schema;  // what the writer will bring; created or checked against the table
  std::vector<std::string> partition_columns;
  std::map<std::string, std::string> properties;  // delta.* table properties
  // Columns of `schema` that the table lacks are added to it (nullable only), and nullable columns
  // of the table may be missing from `schema`. Otherwise any difference is refused with a diff.
  bool allow_new_columns = false;
  // A whole overwrite may also change columns and partitioning: the table becomes what is written.
  bool replace_schema = false;
  // Flows whose rows a whole overwrite takes away: the table holds no epoch of theirs then.
  std::vector<std::string> replaced_flows;
  // The rows' order is stored, in kOrderColumn and kSuborderColumn: with keys these are
  // kOrderMajorColumn and kOrderMinorColumn; without, the batch ends with them.
  bool keep_order = false;
  int64_t now_us = 0;         // the run's fixed now()
  uint64_t memory_bytes = 0;  // what all writers together may buffer
};

struct WriteTotals {
  int64_t rows = 0;
  int64_t bytes = 0;
  int64_t files = 0;
};

class SinkWriter {
 public:
  virtual ~SinkWriter() = default;
  // The chunk may be changed or referenced only during the call.
  virtual Status Write(duckdb::ClientContext& context, duckdb::DataChunk& chunk) = 0;
  // Hands what is buffered to the sink. No Write after it.
  virtual Status Finish(duckdb::ClientContext& context) = 0;
};

// What a Commit did, for reports.
struct CommitResult {
  int64_t version = -1;       // the table's version that holds the epoch
  bool already_done = false;  // an earlier Commit of the same token had succeeded
  int64_t rows_added = 0;
  int64_t rows_removed = 0;
  int64_t files_added = 0;
  int64_t files_removed = 0;
  int64_t attempts = 1;  // > 1: other writers were first and the change was rebased
};

// Opened for one epoch of one flow. Write in parallel, then Prepare once, then Commit or Abort.
class BatchSink {
 public:
  virtual ~BatchSink() = default;
  virtual Result<std::unique_ptr<SinkWriter>> OpenWriter(duckdb::ClientContext& context) = 0;
  // Makes what was written durable but invisible. The token holds the logical change (staged
  // files, keys, mode), never a fixed list of removals.
  virtual Result<std::string> Prepare(uint64_t epoch) = 0;
  virtual WriteTotals totals() const = 0;
};

// Commits tokens of earlier Prepares, also in a new process: needs nothing but the token.
class SinkCommitter {
 public:
  virtual ~SinkCommitter() = default;
  // Idempotent. kConflict/kInDoubt if the change can't be rebased (schema changed, table gone).
  virtual Result<CommitResult> Commit(const std::string& token) = 0;
  // Removes what was staged. Ok if nothing is there.
  virtual Status Abort(const std::string& token) = 0;
};

// --- checks -----------------------------------------------------------------------------------

// batch -> accepted + rejected. One per thread (expression state is not shareable).
class Gate {
 public:
  virtual ~Gate() = default;
  // Evaluates every check once per row. `accepted` gets the rows to keep, in order; `rejected` the
  // others; the returned pair is their counts. The reasons of row rejected[i] are in verdicts[i]:
  // one bit per check, lowest bit the first check.
  struct Verdict {
    size_t accepted = 0;
    size_t rejected = 0;
  };
  virtual Result<Verdict> Check(duckdb::DataChunk& chunk, duckdb::SelectionVector& accepted,
                                duckdb::SelectionVector& rejected,
                                std::vector<uint64_t>& verdicts) = 0;
};

// --- names ------------------------------------------------------------------------------------

// A column that the connector fills from what it knows of a row's origin: x BIGINT METADATA FROM
// 'file.size'. The connector names its keys.
struct MetadataColumn {
  std::string name;
  std::string key;
  duckdb::LogicalType type;
  bool is_virtual = false;  // only read: INSERT leaves it out
};

// What CREATE TABLE ... WITH ('connector' = ...) says, of a source or a sink.
struct SourceDeclaration {
  std::string name;
  std::map<std::string, std::string> options;  // variables replaced
  // Metadata columns among them, in their places; nullopt: to be inferred, metadata columns behind.
  std::optional<Schema> columns;
  std::vector<MetadataColumn> metadata;
  std::string base_folder;  // relative paths are resolved against it
  std::vector<std::string> primary_key;
};

// A topic as CREATE TOPIC says it, or as a cluster has it.
struct TopicSpec {
  std::string name;
  int partitions = -1;                         // -1: the cluster's default
  int replication_factor = -1;                 // the same
  std::map<std::string, std::string> configs;  // Kafka's names; read: all that are set
};

// Topics of one cluster. Errors of the cluster as they are: a setting that it refuses is the
// user's.
class TopicAdmin {
 public:
  virtual ~TopicAdmin() = default;
  virtual Result<std::optional<TopicSpec>> Describe(const std::string& name) = 0;
  virtual Status Create(const TopicSpec& topic) = 0;
  virtual Status SetConfigs(const std::string& name,
                            const std::map<std::string, std::string>& configs) = 0;
  virtual Status AddPartitions(const std::string& name, int new_total) = 0;
  virtual std::string cluster() const = 0;  // for messages: "localhost:9092"
};

// name -> source, table, sink. Implemented by the server (composition root).
class Catalog {
 public:
  virtual ~Catalog() = default;
  // User errors: unknown connector or option, with the nearest name.
  virtual Result<std::shared_ptr<BatchSource>> OpenSource(const SourceDeclaration& declaration) = 0;
  // The newest committed version of a managed table; kNotFound if it does not exist yet.
  virtual Result<std::shared_ptr<FileTable>> Table(const std::string& name) = 0;
  virtual Result<std::unique_ptr<BatchSink>> OpenSink(const std::string& table,
                                                      const SinkOptions& options) = 0;
  virtual Result<std::shared_ptr<SinkCommitter>> Committer(const std::string& table) = 0;
  // Makes OpenSink and Committer of this name mean what the declaration says, instead of a table of
  // the warehouse. The columns that INSERT fills are the answer. User error kUnsupported: nothing
  // can be written with this connector.
  virtual Result<Schema> DeclareSink(const SourceDeclaration& declaration) = 0;
  // The topics that a declaration's connection leads to.
  virtual Result<std::shared_ptr<TopicAdmin>> Topics(const SourceDeclaration& declaration) = 0;
};

}  // namespace weir::columnar
