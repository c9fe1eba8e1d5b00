#include "weir/server/broker/lag_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "weir/log/record_batch_reader.h"

namespace weir::server {

namespace {

constexpr int kBatchesLookedAt = 8;  // for a record among markers

struct Series {
  std::string labels;
  int64_t records = 0;
  std::optional<double> seconds;
};

std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string LagMetrics::PrometheusText() {
  reads_left_ = kReadsMax;
  next_.clear();
  std::vector<Series> all;
  size_t left_out = 0;
  const int64_t now_ms = broker_.NowMs();
  const log::GroupOffsets& offsets = broker_.groups().offsets();
  std::vector<std::string> groups;
  offsets.ForEachGroup([&](const std::string& group) { groups.push_back(group); });
  std::sort(groups.begin(), groups.end());
  for (const std::string& group : groups) {
    offsets.ForEach(group, [&](const log::OffsetPlace& place, const log::CommittedOffset& value) {
      const log::Topic* topic = broker_.log().topics().Find(place.topic);
      const log::PartitionLog* partition = broker_.FindPartition(topic, place.partition);
      if (partition == nullptr) return;
      if (all.size() == kSeriesMax) {
        ++left_out;
        return;
      }
      Series series;
      series.labels = fmt::format(R"({{group="{}",topic="{}",partition="{}"}})", Escaped(group),
                                  Escaped(topic->name), place.partition);
      const int64_t next = std::max(value.offset, partition->start_offset());
      series.records = std::max<int64_t>(partition->last_stable_offset() - next, 0);
      if (series.records == 0) {
        series.seconds = 0;
      } else if (const auto written = TimestampAt(*partition, next)) {
        series.seconds = static_cast<double>(std::max<int64_t>(now_ms - *written, 0)) / 1000;
      }
      all.push_back(std::move(series));
    });
  }
  known_.swap(next_);

  std::string text =
      "# HELP weir_consumer_lag_left_out Groups and partitions beyond the limit of series.\n"
      "# TYPE weir_consumer_lag_left_out gauge\n" +
      fmt::format("weir_consumer_lag_left_out {}\n", left_out);
  text +=
      "# HELP weir_consumer_lag_records Records up to the last stable offset that a group has not "
      "read.\n"
      "# TYPE weir_consumer_lag_records gauge\n";
  for (const Series& series : all) {
    text += fmt::format("weir_consumer_lag_records{} {}\n", series.labels, series.records);
  }
  text +=
      "# HELP weir_consumer_lag_seconds Age of the next record that a group has not read.\n"
      "# TYPE weir_consumer_lag_seconds gauge\n";
  for (const Series& series : all) {
    if (!series.seconds) continue;
    text += fmt::format("weir_consumer_lag_seconds{} {}\n", series.labels, *series.seconds);
  }
  return text;
}

std::optional<int64_t> LagMetrics::TimestampAt(const log::PartitionLog& partition, int64_t offset) {
  const Place place{partition.number(), offset};
  if (const auto made = next_.find(place); made != next_.end()) return made->second;
  const auto known = known_.find(place);
  if (known == known_.end() && reads_left_ == 0) return std::nullopt;
  const auto timestamp = known != known_.end() ? known->second : ReadTimestamp(partition, offset);
  if (timestamp) next_[place] = timestamp;
  return timestamp;
}

std::optional<int64_t> LagMetrics::ReadTimestamp(const log::PartitionLog& partition,
                                                 int64_t offset) {
  for (int i = 0; i < kBatchesLookedAt && reads_left_ > 0; ++i) {
    --reads_left_;
    const log::FetchedBatches read = broker_.log().Read(
        partition.number(), offset, {.max_bytes = 1, .end_offset = partition.last_stable_offset()});
    if (read.batches.empty()) return std::nullopt;
    log::RecordReader& reader = broker_.record_reader();
    if (!reader.Open(read.batches[0]).ok()) return std::nullopt;
    for (log::Record record; !reader.header().control() && reader.Next(record);) {
      if (record.offset >= offset && record.timestamp >= 0) return record.timestamp;
    }
    offset = reader.header().last_offset() + 1;
  }
  return std::nullopt;
}

}  // namespace weir::server
