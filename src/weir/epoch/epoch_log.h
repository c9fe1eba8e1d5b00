// The epoch log of one flow: a folder of the warehouse, <warehouse>/_weir/<flow id>, with
//
//   00000000000000000007.json       the manifest of epoch 7
//   00000000000000000007.begun      at least one sink may hold epoch 7, and others not yet
//   00000000000000000007.done       every sink holds epoch 7
//   00000000000000000006.discarded  why epoch 6 was given up (its manifest is gone)
//   00000000000000000005.rows.parquet  rows that a token of epoch 5 speaks of (sql/replay.h)
//
// The manifest is the commit point; the markers only say how far step 3 of the exactly-once step
// came. A lost .done costs a repeated, idempotent Commit. .begun is durable before a second sink is
// touched, so its absence proves that no sink but the first can hold the epoch.
//
// Thread rule: one thread at a time. One process at a time writes to a flow's log (the lock of the
// project sees to it); a second writer is found out by PutIfAbsent, never overwritten.
// Errors: those of Env, kCorrupt naming the file, kConflict as said below.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/epoch/manifest.h"

namespace weir::epoch {

class EpochLog {
 public:
  EpochLog(Env& env, std::string folder);

  // The manifest with the highest epoch; nullopt if there is none (or no folder yet).
  Result<std::optional<Manifest>> Newest();
  // One epoch's manifest; kNotFound if it was never written or is forgotten.
  Result<Manifest> Read(uint64_t epoch);
  // Epochs that have a manifest, ascending.
  Result<std::vector<uint64_t>> Epochs();

  // THE COMMIT POINT: returns ok once file and folder are durable. kConflict: this or a later
  // epoch has a manifest. kInDoubt: it can't be told whether the manifest was written; call
  // Recover. After any other error it certainly was not.
  Status Write(const Manifest& manifest);

  // Makes an existing manifest durable: one that is seen may still be in the page cache only, if
  // the process that wrote it died before its SyncDir.
  Status Sync();

  Result<bool> IsDone(uint64_t epoch);
  // Done, and every sink took it: none was left out as the epoch was given up.
  Result<bool> IsWhole(uint64_t epoch);
  // `why` is empty for the usual course. `durable` when something depends on it being found later.
  Status MarkDone(uint64_t epoch, const std::string& why, bool durable);
  Result<bool> IsBegun(uint64_t epoch);
  Status MarkBegun(uint64_t epoch);

  // Takes the manifest back, durably, and leaves a .discarded file with the reason.
  Status Withdraw(const Manifest& manifest, const std::string& why);

  // Where an epoch that is about to be prepared may keep rows that its tokens speak of: of no use
  // once the epoch is done. The folder may be missing, and who writes it syncs file and folder.
  std::string RowsPath(uint64_t epoch) const;

  // Removes manifests, markers and rows of all but the newest `keep_newest` epochs; keeps the
  // newest epoch and the newest that is done in any case.
  Status Forget(uint64_t keep_newest);

  const std::string& folder() const { return folder_; }

 private:
  std::string PathOf(uint64_t epoch, const char* ending) const;
  Result<bool> Exists(const std::string& path);

  Env& env_;
  const std::string folder_;
  bool folder_is_durable_ = false;
};

}  // namespace weir::epoch
