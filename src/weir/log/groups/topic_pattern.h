// TopicPattern: a regular expression over topic names, in the syntax of RE2: it matches in time
// linear in the name, whatever a client sends.
//
// Thread rule: immutable once made.
// Source: KIP-848, SubscribedTopicRegex.
#pragma once

#include <memory>
#include <string>

namespace weir::log {

class TopicPattern {
 public:
  // Nothing if it is not such an expression, or too large.
  static std::shared_ptr<const TopicPattern> Make(const std::string& pattern, std::string* wrong);
  ~TopicPattern();

  // The whole name.
  bool Matches(const std::string& topic) const;

 private:
  struct Compiled;
  explicit TopicPattern(std::unique_ptr<Compiled> compiled);
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace weir::log
