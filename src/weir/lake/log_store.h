// LogStore: the `_delta_log` folder of one table: what entries and checkpoints are there, and the
// one atomic step of Delta, creating an entry that is not there yet.
//
// Thread rule: thread-safe. Invariant: an entry, once visible, never changes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/result.h"

namespace weir::lake {

// A checkpoint of which every part is there. Contents may still turn out to be damaged.
struct CheckpointFiles {
  int64_t version = 0;
  std::vector<std::string> paths;  // parts in order; one for classic and V2 checkpoints
  bool json = false;               // a V2 checkpoint in JSON form
};

struct LogListing {
  std::vector<int64_t> commits;              // ascending
  std::vector<CheckpointFiles> checkpoints;  // ascending by version
};

class LogStore {
 public:
  LogStore(Env& env, std::string table);

  const std::string& table() const { return table_; }
  const std::string& folder() const { return folder_; }
  std::string EntryPath(int64_t version) const;
  std::string SidecarPath(const std::string& path) const;

  // Empty if there is no table.
  Result<LogListing> List() const;
  // The newest version of the table at or after `from`, found by probing; -1 if `from` is absent.
  int64_t NewestFrom(int64_t from) const;
  Result<std::string> Read(int64_t version) const;

  // An entry that is durable under a name no reader looks at. It can be put as one version after
  // another until it is the first there, without being written again each time.
  class StagedEntry {
   public:
    StagedEntry(const LogStore& log, std::string temp) : log_(log), temp_(std::move(temp)) {}
    ~StagedEntry();
    StagedEntry(const StagedEntry&) = delete;
    StagedEntry& operator=(const StagedEntry&) = delete;
    // kAlreadyExists: another writer has this version. Other errors leave open whether it was put.
    Status PutIfAbsent(int64_t version) const;

   private:
    const LogStore& log_;
    const std::string temp_;
  };
  Result<std::unique_ptr<StagedEntry>> Stage(std::string_view bytes) const;

 private:
  Env& env_;
  std::string table_;
  std::string folder_;
};

// "00000000000000000012"
std::string PaddedVersion(int64_t version);

}  // namespace weir::lake
