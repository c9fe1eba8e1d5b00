#include "weir/base/span.h"

#include <algorithm>

#include "weir/base/json.h"

namespace weir {
namespace {

template <typename T>
const T* Find(const Span& span, const std::string& key) {
  const auto it = span.attributes.find(key);
  return it == span.attributes.end() ? nullptr : std::get_if<T>(&it->second);
}

}  // namespace

int64_t Span::Int(const std::string& key, int64_t otherwise) const {
  const auto* value = Find<int64_t>(*this, key);
  return value == nullptr ? otherwise : *value;
}

double Span::Real(const std::string& key, double otherwise) const {
  if (const auto* value = Find<double>(*this, key)) return *value;
  const auto* integer = Find<int64_t>(*this, key);
  return integer == nullptr ? otherwise : static_cast<double>(*integer);
}

std::string Span::Text(const std::string& key, const std::string& otherwise) const {
  const auto* value = Find<std::string>(*this, key);
  return value == nullptr ? otherwise : *value;
}

bool Span::Flag(const std::string& key, bool otherwise) const {
  const auto* value = Find<bool>(*this, key);
  return value == nullptr ? otherwise : *value;
}

SpanLog::SpanLog(Env& env, size_t span_count_max) : env_(env), span_count_max_(span_count_max) {}

std::vector<Span> SpanLog::Spans() const {
  std::vector<Span> spans;
  {
    const std::lock_guard lock(mutex_);
    spans = ended_;
  }
  std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return a.id < b.id; });
  return spans;
}

uint64_t SpanLog::dropped() const {
  const SpanId begun = last_id_.load(std::memory_order_relaxed);
  return begun - std::min<uint64_t>(begun, span_count_max_);
}

std::string SpanLog::ToJson() const {
  OrderedJson spans = OrderedJson::array();
  for (const Span& span : Spans()) {
    OrderedJson attributes = OrderedJson::object();
    for (const auto& [key, value] : span.attributes) {
      std::visit([&, name = key](const auto& v) { attributes[name] = v; }, value);
    }
    spans.push_back({{"id", span.id},
                     {"parent", span.parent},
                     {"name", span.name},
                     {"start_ns", span.start_ns},
                     {"end_ns", span.end_ns},
                     {"attributes", std::move(attributes)}});
  }
  return ToText(OrderedJson{{"spans", std::move(spans)}, {"dropped", dropped()}});
}

ScopedSpan::ScopedSpan(SpanLog& log, std::string name, SpanId parent) : log_(&log) {
  span_.id = log.last_id_.fetch_add(1, std::memory_order_relaxed) + 1;
  span_.parent = parent;
  span_.name = std::move(name);
  span_.start_ns = log.env_.MonotonicNanos();
}

ScopedSpan::ScopedSpan(ScopedSpan&& other) noexcept
    : log_(other.log_), span_(std::move(other.span_)) {
  other.log_ = nullptr;
}

ScopedSpan& ScopedSpan::Set(const std::string& key, std::string_view value) {
  span_.attributes[key] = std::string(value);
  return *this;
}

ScopedSpan& ScopedSpan::Set(const std::string& key, const char* value) {
  return Set(key, std::string_view(value));
}

ScopedSpan& ScopedSpan::Set(const std::string& key, bool value) {
  span_.attributes[key] = value;
  return *this;
}

ScopedSpan& ScopedSpan::Set(const std::string& key, double value) {
  span_.attributes[key] = value;
  return *this;
}

ScopedSpan& ScopedSpan::SetInt(const std::string& key, int64_t value) {
  span_.attributes[key] = value;
  return *this;
}

ScopedSpan& ScopedSpan::Add(const std::string& key, int64_t change) {
  return SetInt(key, span_.Int(key) + change);
}

void ScopedSpan::End() {
  if (log_ == nullptr) return;
  SpanLog& log = *log_;
  log_ = nullptr;
  // Numbered at the start, so that a root, which ends last, is never the one that is dropped.
  if (span_.id > log.span_count_max_) return;
  span_.end_ns = log.env_.MonotonicNanos();
  const std::lock_guard lock(log.mutex_);
  log.ended_.push_back(std::move(span_));
}

}  // namespace weir
