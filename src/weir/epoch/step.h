// The exactly-once step, for any number of sinks. A flow's run goes
//
//   Recover                        before anything is read: finishes the last epoch, if need be
//   read from Recovery::newest->positions, write, Prepare every sink -> tokens
//   CommitEpoch                    manifest written = epoch happened; then Commit of every token
//   EpochLog::Forget
//
// After a crash at any instruction, Recover leaves each epoch in all of its sinks or in none, once.
//
//   auto done = CommitEpoch(log, manifest, committer_of);
//   if (!done.ok() && done.error().code() != ErrorCode::kInDoubt) AbortAll(manifest.tokens);
//
// kInDoubt means: the manifest is (or may be) written, so staged files must stay. Its actor says
// who acts. kRetry: run again, Recover repeats the commit. kOperator: a sink can't take its token
// (schema changed, table gone); no later epoch may start until Resolve.
//
// A SinkCommitter must hold to this: Commit is durable when it returns ok; Commit after a success
// answers already_done; an error of Commit means the token is not in the table, or that a later
// Commit finds out; Abort never touches what a successful Commit made visible.
//
// Thread rule: one thread per EpochLog.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/columnar/ports.h"
#include "weir/epoch/epoch_log.h"
#include "weir/epoch/manifest.h"

namespace weir::epoch {

// Usually Catalog::Committer.
using CommitterOf =
    std::function<Result<std::shared_ptr<columnar::SinkCommitter>>(const std::string& sink)>;

// Writes the manifest, then commits every token in order; the results are in the tokens' order.
// kConflict also if a sink holds this epoch already: the log was lost or is an old copy.
Result<std::vector<columnar::CommitResult>> CommitEpoch(EpochLog& log, const Manifest& manifest,
                                                        const CommitterOf& committer_of);

struct Recovery {
  bool had_manifest = false;
  bool committed_again = false;  // the newest epoch was not known to be done
  std::optional<Manifest> newest;
  std::vector<columnar::CommitResult> results;  // of the repeated commits, in the tokens' order
};

// At start, before anything is read: commits the newest manifest's tokens again, unless all were.
// Errors: those of EpochLog, and kInDoubt as above.
Result<Recovery> Recover(EpochLog& log, const CommitterOf& committer_of);

enum class Resolution {
  kRetry,    // the cause is removed: try to commit again
  kDiscard,  // give the epoch up
};

struct Resolved {
  bool withdrawn = false;              // no sink holds the epoch; its input will be read again
  std::vector<std::string> committed;  // sinks that hold the epoch
  std::vector<std::string> dropped;    // sinks that will never get it: their rows are lost
};

// Decides an epoch in doubt (`weir flow resolve`). kDiscard: if no sink holds the epoch yet, the
// manifest is withdrawn and the next run reads the same input again; otherwise the sinks that can
// take it get it, the others are dropped, and the flow goes on behind the epoch. The reason stays
// in the log. kNotFound if there is no epoch in doubt.
Result<Resolved> Resolve(EpochLog& log, Resolution resolution, const CommitterOf& committer_of,
                         const std::string& why);

}  // namespace weir::epoch
