#include "weir/log/groups/topic_pattern.h"

#include <re2/re2.h>

#include <utility>

namespace weir::log {
namespace {

constexpr size_t kPatternBytesMax = 4'096;
constexpr int64_t kMemoryBytesMax = 1 << 20;

RE2::Options Options() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMemoryBytesMax);
  return options;
}

}  // namespace

struct TopicPattern::Compiled {
  explicit Compiled(const std::string& pattern) : regex(pattern, Options()) {}
  RE2 regex;
};

TopicPattern::TopicPattern(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
TopicPattern::~TopicPattern() = default;

std::shared_ptr<const TopicPattern> TopicPattern::Make(const std::string& pattern,
                                                       std::string* wrong) {
  if (pattern.size() > kPatternBytesMax) {
    *wrong = "more than 4096 bytes";
    return nullptr;
  }
  auto compiled = std::make_unique<Compiled>(pattern);
  if (!compiled->regex.ok()) {
    *wrong = compiled->regex.error();
    return nullptr;
  }
  return std::shared_ptr<const TopicPattern>(new TopicPattern(std::move(compiled)));
}

bool TopicPattern::Matches(const std::string& topic) const {
  return RE2::FullMatch(topic, compiled_->regex);
}

}  // namespace weir::log
