// Checkpoints: all state of the log as of a position of its journal, in a file
// "checkpoint-<position>" (docs/formats/journal.md). The newest kKept stay; a damaged one is passed
// over for the one before.
//
// Thread rule: free functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/log/frame.h"

namespace weir::log {

inline constexpr size_t kCheckpointsKept = 2;

struct Checkpoint {
  Position position = 0;
  std::string content;
};

// Durable on return; older ones beyond kCheckpointsKept are removed.
Status WriteCheckpoint(Env& env, const std::string& folder, const Checkpoint& checkpoint);
// Positions of those that are there, ascending.
Result<std::vector<Position>> ListCheckpoints(Env& env, const std::string& folder);
// The newest that is whole. `damaged` gets the paths of those passed over.
Result<std::optional<Checkpoint>> ReadNewestCheckpoint(Env& env, const std::string& folder,
                                                       std::vector<std::string>* damaged);

}  // namespace weir::log
