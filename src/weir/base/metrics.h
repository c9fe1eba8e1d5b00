// Metrics: counters, gauges and histograms with labels, shown as Prometheus text.
//
//   MetricRegistry metrics;
//   Counter& rows = metrics.GetCounter("weir_rows_total", "Rows written.", {{"table", "flights"}});
//   rows.Add(2048);
//   metrics.PrometheusText();  // weir_rows_total{table="flights"} 2048
//
// Look a metric up once and keep the reference: it lives as long as the registry. An increment is
// one relaxed atomic addition on a cache line that few threads share.
//
// Thread rule: thread-safe.
// Limits: kSeriesMax label sets a name; further ones share one series labelled overflow="true".
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace weir {

using Labels = std::map<std::string, std::string>;

// A sum of additions by many threads.
class ShardedSum {
 public:
  void Add(uint64_t n) { shards_[ThreadShard()].value.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const;

 private:
  static constexpr size_t kShards = 8;
  struct alignas(64) Shard {
    std::atomic<uint64_t> value{0};
  };
  static size_t ThreadShard();
  std::array<Shard, kShards> shards_;
};

// Only grows. Name it ..._total.
class Counter {
 public:
  void Add(uint64_t n = 1) { sum_.Add(n); }
  uint64_t value() const { return sum_.value(); }

 private:
  ShardedSum sum_;
};

class Gauge {
 public:
  void Set(double value) { value_.store(value, std::memory_order_relaxed); }
  void Add(double change) { value_.fetch_add(change, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

class Histogram {
 public:
  // Ascending upper bounds, inclusive; a last bucket without bound comes by itself.
  explicit Histogram(std::vector<double> bounds);
  void Observe(double value);

  struct Snapshot {
    std::vector<double> bounds;
    std::vector<uint64_t> counts;  // per bucket, one more than bounds
    uint64_t count = 0;
    double sum = 0;
    // The value below which the share q of the observations lies, interpolated in its bucket; the
    // largest bound if it lies in the last bucket; 0 without observations.
    double Quantile(double q) const;
  };
  Snapshot Take() const;

 private:
  const std::vector<double> bounds_;
  std::vector<ShardedSum> counts_;
  std::atomic<double> sum_{0};
};

// start, start * factor, ... (count of them).
std::vector<double> ExponentialBounds(double start, double factor, int count);

class MetricRegistry {
 public:
  static constexpr size_t kSeriesMax = 10'000;

  // The metric of this name and these labels, made at the first call. A name has one kind and one
  // help text (the first); asking for another kind is a bug and asserts.
  Counter& GetCounter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& GetGauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram& GetHistogram(const std::string& name, const std::string& help,
                          const std::vector<double>& bounds, const Labels& labels = {});

  // Prometheus text exposition format 0.0.4, names and labels in alphabetical order.
  std::string PrometheusText() const;

 private:
  enum class Kind { kCounter, kGauge, kHistogram };
  struct Series {
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Gauge> gauge;
    std::unique_ptr<Histogram> histogram;
  };
  struct Family {
    Kind kind;
    std::string help;
    std::map<Labels, Series> series;
  };
  Series& Find(Kind kind, const std::string& name, const std::string& help, const Labels& labels);

  mutable std::mutex mutex_;
  std::map<std::string, Family> families_;  // guarded by mutex_; the metrics themselves are not
};

}  // namespace weir
