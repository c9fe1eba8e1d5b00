// Spans: what a run did, as a tree of named pieces of work with times and facts. The run report,
// the JSON output and the diagnosis are all read from the spans.
//
//   SpanLog log(env);
//   ScopedSpan run(log, "run");
//   ScopedSpan table(log, "table", run);
//   table.Set("name", "flights").Set("rows_in", 336776);
//
// A span enters the log when it ends (End or destructor). Units in attribute names, last: "_ns",
// "_bytes"; counts have none.
//
// Thread rule: SpanLog is thread-safe; a ScopedSpan belongs to one thread at a time, and must not
// outlive its log. Children may end in other threads and after their parent.
// Limits: the log keeps the first span_count_max spans that began and counts the others.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "weir/base/env.h"

namespace weir {

using SpanId = uint64_t;  // 1, 2, ... within a log; 0: none
using SpanValue = std::variant<int64_t, double, std::string, bool>;

struct Span {
  SpanId id = 0;
  SpanId parent = 0;     // 0 for a root
  std::string name;      // the kind of work: "run", "table", "commit"
  int64_t start_ns = 0;  // Env::MonotonicNanos
  int64_t end_ns = 0;
  std::map<std::string, SpanValue> attributes;

  int64_t duration_ns() const { return end_ns - start_ns; }
  // The attribute as this type, or the default if it is absent or of another type.
  int64_t Int(const std::string& key, int64_t otherwise = 0) const;
  double Real(const std::string& key, double otherwise = 0) const;  // takes integers as well
  std::string Text(const std::string& key, const std::string& otherwise = "") const;
  bool Flag(const std::string& key, bool otherwise = false) const;
};

class SpanLog {
 public:
  explicit SpanLog(Env& env, size_t span_count_max = 100'000);

  // The spans that have ended, in the order in which they began.
  std::vector<Span> Spans() const;
  uint64_t dropped() const;  // began when the log was full

  // {"spans":[{"id":1,"parent":0,"name":"run","start_ns":0,"end_ns":9,"attributes":{"rows":7}}],
  //  "dropped":0}
  std::string ToJson() const;

 private:
  friend class ScopedSpan;
  Env& env_;
  const size_t span_count_max_;
  std::atomic<SpanId> last_id_{0};
  mutable std::mutex mutex_;
  std::vector<Span> ended_;  // guarded by mutex_
};

class ScopedSpan {
 public:
  ScopedSpan(SpanLog& log, std::string name, SpanId parent = 0);
  ScopedSpan(SpanLog& log, std::string name, const ScopedSpan& parent)
      : ScopedSpan(log, std::move(name), parent.id()) {}
  ~ScopedSpan() { End(); }
  ScopedSpan(ScopedSpan&& other) noexcept;
  ScopedSpan& operator=(ScopedSpan&&) = delete;

  SpanId id() const { return span_.id; }

  ScopedSpan& Set(const std::string& key, std::string_view value);
  ScopedSpan& Set(const std::string& key, const char* value);  // not the bool one
  ScopedSpan& Set(const std::string& key, bool value);
  ScopedSpan& Set(const std::string& key, double value);
  template <std::integral T>
  ScopedSpan& Set(const std::string& key, T value) {
    return SetInt(key, static_cast<int64_t>(value));
  }
  // Adds to an integer attribute, which starts at 0.
  ScopedSpan& Add(const std::string& key, int64_t change);

  // Puts the span into the log; later calls do nothing.
  void End();

 private:
  ScopedSpan& SetInt(const std::string& key, int64_t value);

  SpanLog* log_;  // null once ended
  Span span_;
};

}  // namespace weir
