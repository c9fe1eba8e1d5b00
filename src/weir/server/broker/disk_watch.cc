#include "weir/server/broker/disk_watch.h"

namespace weir::server {
namespace {

std::string Mebibytes(const Gauge& gauge) {
  constexpr double kMebibyte = 1 << 20;
  return std::to_string(static_cast<int64_t>(gauge.value() / kMebibyte)) + " MiB";
}

}  // namespace

DiskWatch::DiskWatch(log::kafka::Broker& broker, MetricRegistry& metrics, log::Timers& timers)
    : broker_(broker),
      timers_(timers),
      refused_(metrics.GetCounter("weir_log_disk_refused_total", "")),
      free_(metrics.GetGauge("weir_log_disk_free_bytes", "")),
      reserve_(metrics.GetGauge("weir_log_disk_reserve_bytes", "")) {}

void DiskWatch::Look() {
  const uint64_t refused = refused_.value();
  if (refused > refused_before_ && !is_full_) {
    is_full_ = true;
    broker_.Report("the disk is nearly full, producers are refused and told to try again: " +
                   Mebibytes(free_) + " are free on the disk of " + broker_.log().folder() + ", " +
                   Mebibytes(reserve_) +
                   " are kept in reserve; free some, or lower the retention of topics");
  } else if (refused == refused_before_ && is_full_ && free_.value() >= reserve_.value()) {
    is_full_ = false;
    broker_.Report("there is room on the disk again: " + Mebibytes(free_) + " are free");
  }
  refused_before_ = refused;
  timers_.After(kLookEveryUs, [this] { Look(); });
}

}  // namespace weir::server
