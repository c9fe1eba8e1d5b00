// Limits that control groups (v1 and v2) put on this process: what a container may use of its
// machine. Reads files only, so that a test can lay out a tree of its own.
//
// Thread rule: a free function.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace weir {

struct CgroupLimits {
  std::optional<uint64_t> memory_bytes;  // nullopt: no limit
  std::optional<double> cpus;            // quota / period
};

// The tightest limits on the way from the process's groups up to the root.
// `membership` is the text of /proc/self/cgroup, `mount` where the hierarchies are mounted
// (/sys/fs/cgroup). What can't be read counts as no limit.
CgroupLimits ReadCgroupLimits(const std::string& membership, const std::string& mount);

}  // namespace weir
