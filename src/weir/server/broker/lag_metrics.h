// LagMetrics: how far each consumer group is behind in each partition, for monitors:
//
//   weir_consumer_lag_records{group="billing",topic="orders",partition="0"} 42
//   weir_consumer_lag_seconds{group="billing",topic="orders",partition="0"} 3.5
//
// Worked out when asked, so that what is gone is told no more. Records count to the last stable
// offset; seconds are the age of the next unread record.
//
// Limits: kSeriesMax groups and partitions, the rest is counted in weir_consumer_lag_left_out;
// kReadsMax batches read a time, so that the log's thread is not held up: seconds of the others
// come with the next questions. Thread rule: the log's thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "weir/log/kafka/broker.h"

namespace weir::server {

class LagMetrics {
 public:
  static constexpr size_t kSeriesMax = 2'000;
  static constexpr size_t kReadsMax = 100;

  explicit LagMetrics(log::kafka::Broker& broker) : broker_(broker) {}

  // Prometheus text exposition format 0.0.4.
  std::string PrometheusText();

 private:
  using Place = std::pair<uint32_t, int64_t>;  // partition's number, offset

  // When the first record from here on was written; nothing if that is not known now.
  std::optional<int64_t> TimestampAt(const log::PartitionLog& partition, int64_t offset);
  std::optional<int64_t> ReadTimestamp(const log::PartitionLog& partition, int64_t offset);

  log::kafka::Broker& broker_;
  size_t reads_left_ = 0;
  std::map<Place, std::optional<int64_t>> known_;  // of the last answer
  std::map<Place, std::optional<int64_t>> next_;   // of the one that is made
};

}  // namespace weir::server
