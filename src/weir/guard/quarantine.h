// Quarantine: turns rejected and unparsed rows into rows of the Delta table T__quarantine.
//
// A row of it says which constraints were broken and why, when, where the row came from, its bytes
// as they stand in the source (read again, for rejected rows only), and the row as JSON where it
// parsed. T and T__quarantine are two sinks of one epoch: a row is in exactly one of them.
//
// Thread rule: QuarantineSpec is immutable once shared; a QuarantineBuilder belongs to one thread;
// UnparsedQuarantine is thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/columnar/ports.h"
#include "weir/guard/gate.h"

namespace weir::guard {

// quarantine_id VARCHAR   32 hex digits; the same when the same epoch is computed again
// epoch BIGINT, run VARCHAR
// constraints VARCHAR[]   names of all checks the row broke, WARN ones included
// action VARCHAR          what put it here: always QUARANTINE today
// message VARCHAR
// event_time TIMESTAMPTZ  the row's event time, NULL if unknown
// ingest_time TIMESTAMPTZ the run's fixed now()
// source VARCHAR          file or table, NULL if unknown
// position BIGINT         byte offset (topic: record's offset; Parquet: row number), NULL if
// unknown length BIGINT           bytes of the row in the source raw BLOB                those
// bytes, at most raw_bytes_max of them; NULL if the source has none raw_truncated BOOLEAN row
// VARCHAR             JSON of the row as the table would hold it; NULL if it did not parse
const columnar::Schema& QuarantineSchema();

// "T__quarantine"
std::string QuarantineTableName(const std::string& table);

// What `source` says of rows that came of a topic: "orders/3". Nothing for files and tables.
struct TopicSource {
  std::string topic;
  int32_t partition = 0;
};
std::optional<TopicSource> TopicSourceOf(std::string_view source);
// What `position` counts there: "offset" in a topic, "byte" in text, "row" in what has no lengths.
std::string_view PositionUnit(std::string_view source, int64_t length);

struct QuarantineSpec {
  std::string flow_id;
  uint64_t epoch = 0;
  std::string run;
  int64_t ingest_time_us = 0;
  int event_time_column = -1;  // in the chunk; DATE or a TIMESTAMP type
  OriginName source_name;      // may be empty: source is NULL
  // SourceScan::ReadRaw, or empty where rows have no bytes (Parquet, tables).
  std::function<Result<std::string>(const columnar::Origin&, size_t max_bytes)> read_raw;
  size_t raw_bytes_max = 64 * 1024;
  size_t buffer_bytes_max = 4 * 1024 * 1024;  // a chunk is emitted when this much is buffered
};

class QuarantineBuilder {
 public:
  // Takes full chunks of QuarantineSchema(); the chunk is reused after the call.
  using Emit = std::function<Status(duckdb::DataChunk& chunk)>;

  QuarantineBuilder(std::shared_ptr<const QuarantineSpec> spec, Emit emit);
  ~QuarantineBuilder();

  // Takes those of the rejected rows whose action is QUARANTINE. Call it after gate.Check with what
  // that returned, before the next Check.
  Status AddRejected(const RowGate& gate, duckdb::DataChunk& chunk,
                     const duckdb::SelectionVector& rejected, size_t count,
                     const std::vector<uint64_t>& verdicts);
  Status AddUnparsed(const columnar::UnparsedRow& row);
  // Emits what is buffered.
  Status Finish();

  int64_t rows() const { return rows_; }

 private:
  struct Row;
  Status Append(Row row);
  Status Flush();
  Status ReadRaw(Row* row, bool required);

  std::shared_ptr<const QuarantineSpec> spec_;
  Emit emit_;
  std::unique_ptr<duckdb::DataChunk> buffer_;
  size_t buffered_bytes_ = 0;
  int64_t rows_ = 0;
  // Rows of one origin (UNNEST) are told apart by their number within it.
  columnar::Origin last_origin_;
  int64_t same_origin_ = 0;
};

// The place where a source puts rows that did not parse: counted under `parses`, and kept in
// T__quarantine if its action is QUARANTINE. Under WARN and DROP ROW they are counted only (a row
// that did not parse cannot be kept).
class UnparsedQuarantine final : public columnar::UnparsedRows {
 public:
  // `emit` is called with the lock held, from whichever thread adds.
  UnparsedQuarantine(std::shared_ptr<CheckTotals> totals,
                     std::shared_ptr<const QuarantineSpec> spec, QuarantineBuilder::Emit emit);

  bool Add(columnar::UnparsedRow row) override;
  // Emits the rest. The first error of any Add, if there was one; Add answers false after it.
  Status Finish();
  int64_t rows() const;

 private:
  std::shared_ptr<CheckTotals> totals_;
  mutable std::mutex mutex_;  // protects everything below
  QuarantineBuilder builder_;
  Status status_;
};

}  // namespace weir::guard
