#include "weir/epoch/step.h"

#include <utility>

namespace weir::epoch {
namespace {

// Failures of the machine, after which the very same Commit may succeed. All others need a person:
// the table changed under the epoch.
bool MayPass(ErrorCode code) {
  switch (code) {
    case ErrorCode::kIo:
    case ErrorCode::kNoSpace:
    case ErrorCode::kPermission:
    case ErrorCode::kLimit:
    case ErrorCode::kCancelled:
      return true;
    default:
      return false;
  }
}

Error InDoubt(const Manifest& manifest, const std::string& sink, const Error& cause) {
  const std::string what = "epoch " + std::to_string(manifest.epoch) + " is decided, but table '" +
                           sink + "' has not taken it: " + cause.ToString();
  if (MayPass(cause.code())) {
    return Error::Retry(ErrorCode::kInDoubt, what)
        .At(manifest.flow_id)
        .Fix("remove the cause and run again: the commit is repeated first, nothing is lost");
  }
  return Error::Operator(ErrorCode::kInDoubt, what)
      .At(manifest.flow_id)
      .Fix("decide with 'weir flow resolve': --retry once the table can take it, or --discard");
}

Result<columnar::CommitResult> CommitOne(const SinkToken& token, const CommitterOf& committer_of) {
  WEIR_ASSIGN_OR_RETURN(const auto committer, committer_of(token.sink));
  return committer->Commit(token.token);
}

// A new epoch that its sink claims to hold already: the sink remembers epochs that the log does
// not, so the log was lost or is an old copy. The rows of this epoch would vanish without a word.
Error LogIsBehind(const EpochLog& log, const Manifest& manifest, const std::string& sink) {
  return Error::Operator(ErrorCode::kConflict,
                         "table '" + sink + "' already holds an epoch " +
                             std::to_string(manifest.epoch) +
                             " or later of this flow, which the epoch log does not know")
      .At(log.folder())
      .Fix(
          "restore this folder from the copy that belongs to the table, or run with "
          "--full-refresh, which writes the table anew");
}

// The second sink is touched only after the log says so durably; see Resolve.
Status BeforeCommit(EpochLog& log, const Manifest& manifest, size_t index) {
  if (index != 1) return Status::Ok();
  WEIR_ASSIGN_OR_RETURN(const bool begun, log.IsBegun(manifest.epoch));
  return begun ? Status::Ok() : log.MarkBegun(manifest.epoch);
}

// Commits in order and stops at the first failure: what Resolve concludes rests on that order.
Result<std::vector<columnar::CommitResult>> CommitTokens(EpochLog& log, const Manifest& manifest,
                                                         const CommitterOf& committer_of,
                                                         bool first_time) {
  std::vector<columnar::CommitResult> results;
  for (size_t i = 0; i < manifest.tokens.size(); ++i) {
    const SinkToken& token = manifest.tokens[i];
    if (Status ready = BeforeCommit(log, manifest, i); !ready.ok()) {
      return InDoubt(manifest, token.sink, ready.error());
    }
    auto result = CommitOne(token, committer_of);
    if (result.ok() && result->already_done && first_time) {
      result = LogIsBehind(log, manifest, token.sink);
      // Nothing is in any sink: the epoch has not happened.
      if (i == 0 && log.Withdraw(manifest, result.error().message()).ok()) return result.status();
    }
    if (!result.ok()) return InDoubt(manifest, token.sink, result.error());
    results.push_back(*result);
  }
  // Not being able to say so costs a repeated commit at the next start, no more.
  (void)log.MarkDone(manifest.epoch, "", /*durable=*/false);
  return results;
}

// Staged files of an epoch that was given up. What can't be removed now is an orphan for vacuum.
void AbortToken(const SinkToken& token, const CommitterOf& committer_of) {
  auto committer = committer_of(token.sink);
  if (committer.ok()) (void)(*committer)->Abort(token.token);
}

Result<Resolved> Discard(EpochLog& log, const Manifest& manifest, const CommitterOf& committer_of,
                         const std::string& why) {
  Resolved resolved;
  std::vector<SinkToken> dropped;
  for (size_t i = 0; i < manifest.tokens.size(); ++i) {
    const SinkToken& token = manifest.tokens[i];
    WEIR_RETURN_IF_ERROR(BeforeCommit(log, manifest, i));
    auto result = CommitOne(token, committer_of);
    if (result.ok()) {
      resolved.committed.push_back(token.sink);
      continue;
    }
    // A full disk is no reason to give rows up.
    if (MayPass(result.error().code())) return InDoubt(manifest, token.sink, result.error());
    if (i == 0) {
      // Sinks are committed in order: the first does not hold the epoch, so the others hold it only
      // if one was touched after it.
      WEIR_ASSIGN_OR_RETURN(const bool begun, log.IsBegun(manifest.epoch));
      if (!begun) {
        WEIR_RETURN_IF_ERROR(log.Withdraw(manifest, why));
        for (const SinkToken& each : manifest.tokens) AbortToken(each, committer_of);
        resolved.withdrawn = true;
        return resolved;
      }
    }
    resolved.dropped.push_back(token.sink);
    dropped.push_back(token);
  }
  std::string reason = why;
  for (const SinkToken& token : dropped) reason += "; not in table '" + token.sink + "'";
  WEIR_RETURN_IF_ERROR(log.MarkDone(manifest.epoch, reason, /*durable=*/true));
  for (const SinkToken& token : dropped) AbortToken(token, committer_of);
  return resolved;
}

}  // namespace

Result<std::vector<columnar::CommitResult>> CommitEpoch(EpochLog& log, const Manifest& manifest,
                                                        const CommitterOf& committer_of) {
  WEIR_RETURN_IF_ERROR(log.Write(manifest));
  return CommitTokens(log, manifest, committer_of, /*first_time=*/true);
}

Result<Recovery> Recover(EpochLog& log, const CommitterOf& committer_of) {
  Recovery recovery;
  WEIR_ASSIGN_OR_RETURN(recovery.newest, log.Newest());
  if (!recovery.newest) return recovery;
  recovery.had_manifest = true;
  WEIR_ASSIGN_OR_RETURN(const bool done, log.IsDone(recovery.newest->epoch));
  if (done) return recovery;
  // Durable before any sink takes it: a sink must never be ahead of the log.
  WEIR_RETURN_IF_ERROR(log.Sync());
  WEIR_ASSIGN_OR_RETURN(recovery.results, CommitTokens(log, *recovery.newest, committer_of, false));
  recovery.committed_again = true;
  return recovery;
}

Result<Resolved> Resolve(EpochLog& log, Resolution resolution, const CommitterOf& committer_of,
                         const std::string& why) {
  WEIR_ASSIGN_OR_RETURN(const std::optional<Manifest> newest, log.Newest());
  bool in_doubt = newest.has_value();
  if (in_doubt) {
    WEIR_ASSIGN_OR_RETURN(const bool done, log.IsDone(newest->epoch));
    in_doubt = !done;
  }
  if (!in_doubt) {
    return Error::User(ErrorCode::kNotFound, "no epoch of this flow is in doubt").At(log.folder());
  }
  WEIR_RETURN_IF_ERROR(log.Sync());
  if (resolution == Resolution::kDiscard) return Discard(log, *newest, committer_of, why);
  WEIR_ASSIGN_OR_RETURN(const auto results, CommitTokens(log, *newest, committer_of, false));
  Resolved resolved;
  for (const SinkToken& token : newest->tokens) resolved.committed.push_back(token.sink);
  return resolved;
}

}  // namespace weir::epoch
