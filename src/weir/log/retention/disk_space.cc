#include "weir/log/retention/disk_space.h"

#include <algorithm>
#include <utility>

namespace weir::log {
namespace {

constexpr uint64_t kReserveMin = uint64_t{1} << 30;
constexpr uint64_t kReserveShare = 50;     // 2 %
constexpr uint64_t kReserveShareMax = 10;  // 10 %

}  // namespace

DiskSpace::DiskSpace(Env& env, MetricRegistry& metrics, std::string folder,
                     const DiskSpaceOptions& options)
    : env_(env),
      folder_(std::move(folder)),
      options_(options),
      free_gauge_(metrics.GetGauge("weir_log_disk_free_bytes",
                                   "Free bytes of the disk that holds the log, when last asked.")),
      reserve_gauge_(metrics.GetGauge("weir_log_disk_reserve_bytes",
                                      "Free bytes below which producers are refused.")),
      refused_(metrics.GetCounter("weir_log_disk_refused_total",
                                  "Batches of producers refused because the disk is too full.")) {}

void DiskSpace::Begin(uint64_t log_bytes) {
  Ask(0, env_.MonotonicNanos() / 1000);
  const uint64_t usable = free_ + log_bytes;
  reserve_ = options_.reserve_bytes.value_or(
      std::min(std::max(kReserveMin, usable / kReserveShare), usable / kReserveShareMax));
  reserve_gauge_.Set(static_cast<double>(reserve_));
  // Where the count of appended bytes stands is not known yet: the first batch asks again.
  asked_us_ -= options_.ask_every_us;
}

void DiskSpace::Ask(uint64_t appended, int64_t now_us) {
  const auto free = env_.FreeDiskBytes(folder_);
  // Who can't be told is not refused: writing itself fails without harm on a full disk.
  known_ = free.ok();
  free_ = free.ok() ? *free : 0;
  appended_ = appended;
  asked_us_ = now_us;
  free_gauge_.Set(static_cast<double>(free_));
}

bool DiskSpace::TooFull(uint64_t appended, uint64_t bytes) {
  if (reserve_ == 0) return false;
  const int64_t now_us = env_.MonotonicNanos() / 1000;
  const auto reaches = [&] { return known_ && free_ < reserve_ + (appended - appended_) + bytes; };
  const int64_t wait = reaches() ? options_.ask_again_us : options_.ask_every_us;
  if (now_us - asked_us_ >= wait) Ask(appended, now_us);
  if (!reaches()) return false;
  refused_.Add();
  return true;
}

std::string DiskSpace::Message() const {
  return std::to_string(free_) + " bytes are free on the disk of " + folder_ + "; " +
         std::to_string(reserve_) +
         " are kept in reserve for commits, deletions and rewriting: free some, or lower retention";
}

}  // namespace weir::log
