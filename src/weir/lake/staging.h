// Staging: which files of a table belong to a change that is not committed yet, so that a crash
// leaves nothing behind for good.
//
// A change has an id that is part of all its file names, and a folder
// `_staging/<flow>-<hash>.<id>/` in the table that exists from before its first file to after its
// commit. The next change of the same flow that finds such a folder removes the files with that id,
// except those that the log names. Folders that begin with '_' are passed over by other engines.
//
// Thread rule: thread-safe; one change of a flow and table at a time.
#pragma once

#include <string>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/lake/log_store.h"
#include "weir/lake/snapshot.h"

namespace weir::lake {

class Staging {
 public:
  // `id`: of a change prepared earlier, or a new random one.
  Staging(Env& env, std::string table, std::string flow_id, std::string id);

  const std::string& id() const { return id_; }
  const std::string& folder() const { return folder_; }

  // Makes the folder, on disk. Before the first file of the change.
  Status Begin();
  // The change is committed, or all its files are gone.
  Status End();
  // Removes the files of this change whose names also hold `infix`, and that `snapshot` (null: no
  // table) does not name.
  Status RemoveFiles(const Snapshot* snapshot, const std::string& infix);

  // What other changes of the flow left behind: their files, then their folders.
  static Status RemoveLeftovers(Env& env, const std::string& table, const std::string& flow_id,
                                const Snapshot* snapshot);

 private:
  Env& env_;
  std::string table_;
  std::string id_;
  std::string folder_;
};

}  // namespace weir::lake
