#include "weir/base/metrics.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>

namespace weir {
namespace {

std::string NumberText(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value);
  return std::string(text, end.ptr);
}

std::string Escaped(const std::string& text, bool quotes) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\') {
      escaped += "\\\\";
    } else if (c == '\n') {
      escaped += "\\n";
    } else if (c == '"' && quotes) {
      escaped += "\\\"";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string LabelText(const Labels& labels, const std::string& le = "") {
  std::string text;
  for (const auto& [name, value] : labels) {
    text += (text.empty() ? "" : ",") + name + "=\"" + Escaped(value, true) + "\"";
  }
  if (!le.empty()) text += (text.empty() ? "" : ",") + ("le=\"" + le + "\"");
  return text.empty() ? "" : "{" + text + "}";
}

[[maybe_unused]] bool IsName(const std::string& name, bool colon_allowed) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (c == ':' && colon_allowed);
  });
}

}  // namespace

size_t ShardedSum::ThreadShard() {
  static std::atomic<size_t> next{0};
  thread_local const size_t shard = next.fetch_add(1, std::memory_order_relaxed) % kShards;
  return shard;
}

uint64_t ShardedSum::value() const {
  uint64_t sum = 0;
  for (const Shard& shard : shards_) sum += shard.value.load(std::memory_order_relaxed);
  return sum;
}

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {
  assert(std::is_sorted(bounds_.begin(), bounds_.end()));
}

void Histogram::Observe(double value) {
  const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  counts_[static_cast<size_t>(bucket)].Add(1);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::Take() const {
  Snapshot snapshot;
  snapshot.bounds = bounds_;
  for (const ShardedSum& count : counts_) {
    snapshot.counts.push_back(count.value());
    snapshot.count += snapshot.counts.back();
  }
  snapshot.sum = sum_.load(std::memory_order_relaxed);
  return snapshot;
}

double Histogram::Snapshot::Quantile(double q) const {
  if (count == 0 || bounds.empty()) return 0;
  const double rank = std::clamp(q, 0.0, 1.0) * static_cast<double>(count);
  double below = 0;
  for (size_t i = 0; i < bounds.size(); ++i) {
    const auto here = static_cast<double>(counts[i]);
    if (here > 0 && below + here >= rank) {
      const double low = i == 0 ? std::min(0.0, bounds[0]) : bounds[i - 1];
      return low + (bounds[i] - low) * (rank - below) / here;
    }
    below += here;
  }
  return bounds.back();
}

std::vector<double> ExponentialBounds(double start, double factor, int count) {
  std::vector<double> bounds;
  for (double bound = start; count > 0; --count, bound *= factor) bounds.push_back(bound);
  return bounds;
}

MetricRegistry::Series& MetricRegistry::Find(Kind kind, const std::string& name,
                                             const std::string& help, const Labels& labels) {
  assert(IsName(name, true));
  for ([[maybe_unused]] const auto& label : labels) assert(IsName(label.first, false));
  Family& family = families_.try_emplace(name, Family{kind, help, {}}).first->second;
  assert(family.kind == kind && "one name, two kinds of metric");
  const auto found = family.series.find(labels);
  if (found != family.series.end()) return found->second;
  if (family.series.size() >= kSeriesMax) return family.series[Labels{{"overflow", "true"}}];
  return family.series[labels];
}

Counter& MetricRegistry::GetCounter(const std::string& name, const std::string& help,
                                    const Labels& labels) {
  const std::lock_guard lock(mutex_);
  Series& series = Find(Kind::kCounter, name, help, labels);
  if (!series.counter) series.counter = std::make_unique<Counter>();
  return *series.counter;
}

Gauge& MetricRegistry::GetGauge(const std::string& name, const std::string& help,
                                const Labels& labels) {
  const std::lock_guard lock(mutex_);
  Series& series = Find(Kind::kGauge, name, help, labels);
  if (!series.gauge) series.gauge = std::make_unique<Gauge>();
  return *series.gauge;
}

Histogram& MetricRegistry::GetHistogram(const std::string& name, const std::string& help,
                                        const std::vector<double>& bounds, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  Series& series = Find(Kind::kHistogram, name, help, labels);
  if (!series.histogram) series.histogram = std::make_unique<Histogram>(bounds);
  return *series.histogram;
}

std::string MetricRegistry::PrometheusText() const {
  static constexpr const char* kKindNames[] = {"counter", "gauge", "histogram"};
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const auto& [name, family] : families_) {
    text += "# HELP " + name + " " + Escaped(family.help, false) + "\n";
    text += "# TYPE " + name + " " + kKindNames[static_cast<int>(family.kind)] + "\n";
    for (const auto& [labels, series] : family.series) {
      if (series.counter) {
        text += name + LabelText(labels) + " " + std::to_string(series.counter->value()) + "\n";
      } else if (series.gauge) {
        text += name + LabelText(labels) + " " + NumberText(series.gauge->value()) + "\n";
      } else if (series.histogram) {
        const Histogram::Snapshot snapshot = series.histogram->Take();
        uint64_t up_to = 0;
        for (size_t i = 0; i < snapshot.counts.size(); ++i) {
          up_to += snapshot.counts[i];
          const bool last = i == snapshot.bounds.size();
          text += name + "_bucket" +
                  LabelText(labels, last ? "+Inf" : NumberText(snapshot.bounds[i])) + " " +
                  std::to_string(up_to) + "\n";
        }
        text += name + "_sum" + LabelText(labels) + " " + NumberText(snapshot.sum) + "\n";
        text += name + "_count" + LabelText(labels) + " " + std::to_string(snapshot.count) + "\n";
      }
    }
  }
  return text;
}

}  // namespace weir
