// The optimistic commit: plan a change on the newest snapshot, put it as the next log entry if
// nobody else has, and otherwise compare with the winners (conflict.h) and put it again or plan it
// again.
//
// A put that failed without saying whether it happened (a crash of the store, a lost answer) is
// settled by reading the entry back and comparing commitInfo.txnId. Every attempt of a change
// carries the same txn {appId, version}, so that a change that is already in the log is recognised
// whoever put it, in this process or an earlier one.
//
// Thread rule: CommitChange may run in many threads, for one table as well.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/columnar/engine.h"
#include "weir/lake/actions.h"
#include "weir/lake/conflict.h"
#include "weir/lake/log_store.h"
#include "weir/lake/snapshot.h"

namespace weir::lake {

// A change as it applies to one snapshot. `actions.info` is filled in by CommitChange.
struct PlannedCommit {
  Commit actions;
  ReadScope reads;
  std::string operation;                          // "WRITE", "MERGE"
  std::map<std::string, std::string> parameters;  // JSON values
  std::map<std::string, std::string> metrics;
  std::string user_metadata;
};

class Change {
 public:
  virtual ~Change() = default;
  // The application and the number of the change; both end up in txn.
  virtual const std::string& app_id() const = 0;
  virtual int64_t app_version() const = 0;
  // The change as it applies to this snapshot; null: there is no table yet.
  virtual Result<PlannedCommit> Plan(const Snapshot* snapshot) = 0;
  // Another writer's commit comes before this one, without a conflict: true if the plan's actions
  // were changed for that.
  virtual bool Rebase(PlannedCommit& /*plan*/, const Commit& /*winner*/) { return false; }
  // Removes the files that only this plan wrote: it will not be committed.
  virtual void Discard(const PlannedCommit& plan) = 0;
};

struct Committed {
  int64_t version = -1;
  bool already_done = false;  // it was in the log before; `plan` is empty
  int64_t attempts = 1;
  PlannedCommit plan;
};

// kConflict after too many lost races; else what Plan or the store said.
Result<Committed> CommitChange(columnar::Engine& engine, const LogStore& log, Change& change);

// A random version-4 UUID from the environment's randomness.
std::string RandomUuid(Env& env);

}  // namespace weir::lake
