// DeltaTables: every Delta table of a warehouse, by path. The composition root owns one and hands
// out what the ports ask for: a version to read, a sink to write one epoch, a committer to repeat
// the commit of a token after a crash.
//
//   lake::DeltaTables tables(env, engine);
//   auto table = tables.Table("tables/orders");               // newest version, as a FileTable
//   auto sink = tables.OpenSink("tables/orders", options);    // created by its first commit
//   auto committer = tables.Committer("tables/orders");
//
// A table is a folder with a `_delta_log`; nothing but the tables' own files is kept on disk.
// Table features that this version cannot read or write faithfully are refused by name
// (kUnsupported); a table never reads as wrong rows.
//
// Thread rule: thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/columnar/engine.h"
#include "weir/columnar/ports.h"

namespace weir::lake {

class Snapshot;  // snapshot.h

// One commit of a table, for reports.
struct HistoryEntry {
  int64_t version = 0;
  int64_t timestamp_ms = 0;  // when it was committed, milliseconds since 1970-01-01 UTC
  std::string operation;     // "WRITE", "MERGE"; empty if the writer did not say
  std::string engine;        // "Weir/0.1.0"; empty if the writer did not say
};

class DeltaTables {
 public:
  // Both must outlive the object and everything it hands out.
  DeltaTables(Env& env, columnar::Engine& engine);

  // False if there is no table at the path (no folder, or no `_delta_log` with a commit).
  Result<bool> Exists(const std::string& path);

  // The newest version, or the one asked for. kNotFound: no table there, or no such version any
  // more. kUnsupported: the table needs a feature that cannot be read.
  Result<std::shared_ptr<const Snapshot>> LoadSnapshot(const std::string& path,
                                                       std::optional<int64_t> version = {});
  Result<std::shared_ptr<columnar::FileTable>> Table(const std::string& path,
                                                     std::optional<int64_t> version = {});

  // Opens a sink for one epoch. The schema is checked against the table here already; the table,
  // if there is none, is made by the first commit. Leftovers of an earlier attempt of the same flow
  // that never came to a commit are removed: call Commit for every prepared token before this.
  Result<std::unique_ptr<columnar::BatchSink>> OpenSink(const std::string& path,
                                                        const columnar::SinkOptions& options);
  Result<std::shared_ptr<columnar::SinkCommitter>> Committer(const std::string& path);

  // The newest `limit` commits whose log entries are still there, newest first.
  Result<std::vector<HistoryEntry>> History(const std::string& path, size_t limit);

 private:
  Env& env_;
  columnar::Engine& engine_;
};

}  // namespace weir::lake
