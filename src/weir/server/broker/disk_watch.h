// DiskWatch: tells who runs the broker when producers are refused because the disk is nearly full,
// and when there is room again. The producers themselves are told with each batch.
//
// Thread rule: the loop's thread.
#pragma once

#include <cstdint>

#include "weir/base/metrics.h"
#include "weir/log/kafka/broker.h"
#include "weir/log/timers.h"

namespace weir::server {

class DiskWatch {
 public:
  // All outlive it; after `timers` has stopped it does nothing. The log must be open: the metrics
  // that are looked at are its own.
  DiskWatch(log::kafka::Broker& broker, MetricRegistry& metrics, log::Timers& timers);
  void Begin() { Look(); }

 private:
  static constexpr int64_t kLookEveryUs = 1'000'000;

  void Look();

  log::kafka::Broker& broker_;
  log::Timers& timers_;
  const Counter& refused_;
  const Gauge& free_;
  const Gauge& reserve_;
  uint64_t refused_before_ = 0;
  bool is_full_ = false;
};

}  // namespace weir::server
