#include "weir/observe/bottleneck.h"

#include <fmt/core.h>

#include <algorithm>

#include "weir/observe/quantity.h"

namespace weir::observe {

namespace {

constexpr double kTooShortSeconds = 0.5;  // start-up and scheduling decide below this
constexpr double kCpuBusy = 0.75;         // of the cores that may be used
constexpr double kOneCoreBusy = 0.8;      // of one core
constexpr double kDiskShare = 0.25;       // of the time of the threads, blocked on storage
constexpr double kCommitShare = 0.4;      // of the wall time
constexpr double kBudgetFull = 0.9;       // of the memory budget

// Spilled data is written and read again: it matters when it is not small beside the input.
bool SpillMatters(const WorkFigures& f) {
  return f.spill_bytes > 0 && f.spill_bytes * 5 >= f.bytes_read;
}

}  // namespace

const char* ResourceName(Resource resource) {
  switch (resource) {
    case Resource::kNothing:
      return "nothing";
    case Resource::kCpu:
      return "cpu";
    case Resource::kOneCore:
      return "cpu, on one core";
    case Resource::kMemory:
      return "memory";
    case Resource::kDisk:
      return "disk";
    case Resource::kNetwork:
      return "network";
    case Resource::kCommit:
      return "waiting for the commit to be on disk";
    case Resource::kOthers:
      return "waiting for others";
  }
  return "unknown";
}

std::string Bottleneck::ToString() const {
  return std::string(ResourceName(resource)) + ": " + evidence;
}

Bottleneck FindBottleneck(const WorkFigures& f) {
  if (f.seconds < kTooShortSeconds) {
    return {Resource::kNothing, "all was done in " + Seconds(f.seconds), ""};
  }
  const int cores = std::max(1, std::min(f.cpus, f.threads));
  const double busy = f.cpu_seconds / (f.seconds * cores);
  // Blocked threads, as a share of the time that the worker threads had.
  const double blocked = f.io_wait_seconds / (f.seconds * cores);
  const double committing = f.prepare_seconds + f.commit_seconds;
  const std::string budget = f.memory_budget_bytes > 0
                                 ? " of the budget of " + Bytes(f.memory_budget_bytes)
                                 : std::string();

  if (SpillMatters(f)) {
    return {Resource::kMemory,
            fmt::format("{} were put on disk because memory was full (peak {}{})",
                        Bytes(f.spill_bytes), Bytes(f.peak_memory_bytes), budget),
            "give it more with --memory, or sort, group and join fewer columns at once"};
  }
  if (busy >= kCpuBusy) {
    const bool more = f.threads < f.cpus;
    return {Resource::kCpu,
            fmt::format("{} of {} {} busy {} of {}", cores, f.cpus,
                        f.cpus == 1 ? "core was" : "cores were", Percent(std::min(busy, 1.0)),
                        Seconds(f.seconds)),
            more ? fmt::format("let it use all {} cores: --threads {}", f.cpus, f.cpus)
                 : "give it more cores, or do less a row: fewer columns, casts and checks"};
  }
  if (committing >= kCommitShare * f.seconds) {
    return {Resource::kCommit,
            fmt::format("{} of {} went into making {} durable", Seconds(committing),
                        Seconds(f.seconds), Bytes(f.disk_written_bytes)),
            "run less often with more rows each, write fewer partitions, or use a faster disk"};
  }
  if (blocked >= kDiskShare) {
    return {Resource::kDisk,
            fmt::format("threads waited {} for storage in {} ({} read and {} written, {})",
                        Seconds(f.io_wait_seconds), Seconds(f.seconds), Bytes(f.disk_read_bytes),
                        Bytes(f.disk_written_bytes),
                        BytesPerSecond(f.disk_read_bytes + f.disk_written_bytes, f.seconds)),
            f.disk_read_bytes >= f.disk_written_bytes
                ? "keep the input compressed (zstd, Parquet) or on a faster disk"
                : "put the tables on a faster disk"};
  }
  if (f.reads_remote && f.bytes_read > 0) {
    return {
        Resource::kNetwork,
        fmt::format("{} came over the network at {} while the cores were busy {} of the time",
                    Bytes(f.bytes_read), BytesPerSecond(f.bytes_read, f.seconds), Percent(busy)),
        "run closer to the data, or keep it compressed and in more, smaller files"};
  }
  if (f.memory_budget_bytes > 0 && f.peak_memory_bytes >= kBudgetFull * f.memory_budget_bytes &&
      f.spill_bytes > 0) {
    return {Resource::kMemory,
            fmt::format("peak {}{}, and {} were put on disk", Bytes(f.peak_memory_bytes), budget,
                        Bytes(f.spill_bytes)),
            "give it more with --memory"};
  }
  if (cores > 1 && f.cpu_seconds >= kOneCoreBusy * f.seconds && f.cpu_seconds <= 1.25 * f.seconds) {
    return {Resource::kOneCore,
            fmt::format("{} of CPU in {}, while {} cores were at hand", Seconds(f.cpu_seconds),
                        Seconds(f.seconds), cores),
            "split large gzip files, or bring the input as more files: one file that cannot be "
            "split is read by one core"};
  }
  return {Resource::kOthers,
          fmt::format("the cores were busy {} of {} with this, and storage was waited for {}",
                      Percent(busy), Seconds(f.seconds), Seconds(f.io_wait_seconds)),
          "look what else runs on this machine, and whether the files lie on remote storage"};
}

}  // namespace weir::observe
