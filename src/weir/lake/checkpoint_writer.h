// Writes classic (V1) checkpoints: the reconciled actions of a snapshot as one Parquet file beside
// the log entries, and `_last_checkpoint` after it (Delta PROTOCOL, Checkpoints).
//
// The file appears under its name complete and synced, or not at all. Tombstones older than
// delta.deletedFileRetentionDuration are left out; transactions never are.
//
// Thread rule: thread-safe; two writers of the same checkpoint replace each other's equal file.
#pragma once

#include <cstdint>
#include <string>

#include "weir/base/result.h"
#include "weir/columnar/engine.h"
#include "weir/lake/log_store.h"
#include "weir/lake/snapshot.h"

namespace weir::lake {

Status WriteCheckpoint(columnar::Engine& engine, const LogStore& log, const Snapshot& snapshot);

// After the commit of `version`: writes a checkpoint at every `interval`-th version. The commit
// stands whatever happens here: without a checkpoint readers replay more entries.
void MaybeCheckpoint(columnar::Engine& engine, const LogStore& log, int64_t version,
                     int64_t interval);

// "interval 1 week" in milliseconds; `otherwise` if it cannot be read.
int64_t IntervalMs(const std::string& text, int64_t otherwise);

}  // namespace weir::lake
