// Reads checkpoints: the reconciled actions of a table up to a version, as Parquet (classic, one or
// more parts) or V2 with sidecars (Delta PROTOCOL, Checkpoints). Columns that a writer left out are
// taken as absent; statistics that are only there as a struct are turned into their JSON form.
//
// Thread rule: thread-safe. Errors: kCorrupt if a part is missing, torn or not a checkpoint; the
// caller then falls back to an older checkpoint.
#pragma once

#include "weir/base/result.h"
#include "weir/columnar/engine.h"
#include "weir/lake/actions.h"
#include "weir/lake/log_store.h"

namespace weir::lake {

Result<Commit> ReadCheckpoint(columnar::Engine& engine, const LogStore& log,
                              const CheckpointFiles& files);

}  // namespace weir::lake
