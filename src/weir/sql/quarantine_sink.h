// The quarantine's end of a flow: T__quarantine as a second sink of the epoch, opened when the
// first row needs it.
//
// Thread rule: thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "weir/columnar/engine.h"
#include "weir/columnar/ports.h"

namespace weir::sql {

class QuarantineSink {
 public:
  // The catalog and the engine must outlive the object.
  QuarantineSink(columnar::Catalog& catalog, columnar::Engine& engine, std::string table,
                 columnar::SinkOptions options);
  ~QuarantineSink();

  // Opens the sink even if no row comes: an overwrite must remove what was there.
  Status Open();
  Status Write(duckdb::DataChunk& chunk);
  // nullopt if nothing was written and nothing had to be removed.
  Result<std::optional<std::string>> Prepare(uint64_t epoch);

  const std::string& table() const { return table_; }
  int64_t rows() const;

 private:
  Status OpenLocked();

  columnar::Catalog& catalog_;
  columnar::Engine& engine_;
  const std::string table_;
  const columnar::SinkOptions options_;
  mutable std::mutex mutex_;  // protects everything below
  // Its own, with a transaction of its own: rows come from the threads of a query that runs, and
  // after it.
  std::unique_ptr<duckdb::Connection> connection_;
  std::unique_ptr<columnar::BatchSink> sink_;
  std::unique_ptr<columnar::SinkWriter> writer_;
  int64_t rows_ = 0;
};

}  // namespace weir::sql
