// DiskSpace: says when the disk is too full for what producers send. A reserve stays for what makes
// room again or must not fail: offset commits, deletions, retention, rewriting.
//
// The disk is asked now and then; in between, what was appended is subtracted.
//
// Thread rule: one thread, the log's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "weir/base/env.h"
#include "weir/base/metrics.h"

namespace weir::log {

struct DiskSpaceOptions {
  // Bytes of the disk that producers can't use; 0: none. Not set: the greater of 1 GiB and 2 % of
  // what the log could use when it was opened, but no more than a tenth of that.
  std::optional<uint64_t> reserve_bytes;
  int64_t ask_every_us = 1'000'000;
  int64_t ask_again_us = 50'000;  // while the disk is too full
};

class DiskSpace {
 public:
  DiskSpace(Env& env, MetricRegistry& metrics, std::string folder, const DiskSpaceOptions& options);

  // The folder is there, and the log's files have this many bytes.
  void Begin(uint64_t log_bytes);
  // Whether `bytes` more would reach into the reserve. `appended`: all bytes appended so far, by
  // any count that only grows.
  bool TooFull(uint64_t appended, uint64_t bytes);

  uint64_t reserve_bytes() const { return reserve_; }
  uint64_t free_bytes() const { return free_; }  // when it was asked last
  std::string Message() const;                   // why a batch is refused

 private:
  void Ask(uint64_t appended, int64_t now_us);

  Env& env_;
  const std::string folder_;
  const DiskSpaceOptions options_;
  uint64_t reserve_ = 0;
  uint64_t free_ = 0;
  uint64_t appended_ = 0;  // when it was asked last
  int64_t asked_us_ = 0;
  bool known_ = false;
  Gauge& free_gauge_;
  Gauge& reserve_gauge_;
  Counter& refused_;
};

}  // namespace weir::log
