// DeltaSink and DeltaCommitter: Delta tables behind the ports BatchSink and SinkCommitter.
//
// Write puts rows into data files of the table's folder, Prepare makes them durable and describes
// the change in a token (sink_token.h), Commit puts one log entry that names them. Until then no
// reader sees them; after a crash before Prepare the next sink of the same flow removes them.
//
//   append     the rows are added
//   overwrite  all rows, or those for which a predicate is true, are replaced; whole files if it
//              is over partition columns, else the touched files are rewritten (rewrite.h)
//   upsert     rows with the keys of the new rows are replaced; of new rows with equal keys, the
//              greatest (order_major, order_minor) stays
//
// What is removed is found at Commit, on the newest version of the table, and again whenever
// another writer gets in between.
//
// Thread rule: as the ports say; Prepare after every writer is finished.
#pragma once

#include <memory>
#include <string>

#include "weir/base/result.h"
#include "weir/columnar/engine.h"
#include "weir/columnar/ports.h"
#include "weir/lake/log_store.h"

namespace weir::lake {

Result<std::unique_ptr<columnar::BatchSink>> OpenDeltaSink(columnar::Engine& engine,
                                                           const LogStore& log,
                                                           const columnar::SinkOptions& options);

class DeltaCommitter : public columnar::SinkCommitter {
 public:
  DeltaCommitter(columnar::Engine& engine, LogStore log);
  Result<columnar::CommitResult> Commit(const std::string& token) override;
  Status Abort(const std::string& token) override;

 private:
  columnar::Engine& engine_;
  LogStore log_;
};

}  // namespace weir::lake
