// Bottleneck: what held a piece of work up, named in one sentence with its evidence and one thing
// to change. A pure function over figures that the run report has.
//
//   bottleneck: cpu: 2 of 2 cores were busy 97 % of 4.31 s
//   to change:  more cores, or fewer columns and checks ...
//
// Thread rule: values and pure functions.
#pragma once

#include <cstdint>
#include <string>

namespace weir::observe {

struct WorkFigures {
  double seconds = 0;           // wall
  double cpu_seconds = 0;       // user + system, all threads
  double io_wait_seconds = 0;   // threads blocked on storage, summed over threads
  double prepare_seconds = 0;   // of seconds: making written files durable
  double commit_seconds = 0;    // of seconds: the commit itself
  int cpus = 1;                 // that the machine gives us
  int threads = 1;              // that we were told to use
  int64_t disk_read_bytes = 0;  // from and to storage, as the system counts them
  int64_t disk_written_bytes = 0;
  int64_t bytes_read = 0;     // of the sources
  bool reads_remote = false;  // some of these came over the network
  int64_t peak_memory_bytes = 0;
  int64_t memory_budget_bytes = 0;  // 0: unknown
  int64_t spill_bytes = 0;          // most that lay in the spill folder at once
};

enum class Resource { kNothing, kCpu, kOneCore, kMemory, kDisk, kNetwork, kCommit, kOthers };
const char* ResourceName(Resource resource);  // "cpu", "memory", "waiting for the commit" ...

struct Bottleneck {
  Resource resource = Resource::kNothing;
  std::string evidence;  // "2 of 2 cores were busy 97 % of 4.31 s"
  std::string change;    // "give it more cores"; empty for kNothing

  std::string ToString() const;  // "cpu: 2 of 2 cores ..."
};

Bottleneck FindBottleneck(const WorkFigures& figures);

}  // namespace weir::observe
