#include "weir/guard/dead_letter.h"

namespace weir::guard {

namespace {

std::string Name(std::string_view what) { return std::string(kDeadLetterPrefix).append(what); }

}  // namespace

std::vector<std::pair<std::string, std::string>> DeadLetterHeaders(const DeadLetter& letter) {
  return {{Name("topic"), letter.topic},
          {Name("partition"), std::to_string(letter.partition)},
          {Name("offset"), std::to_string(letter.offset)},
          {Name("connector.name"), letter.connector},
          {Name("stage"), letter.stage},
          {Name("exception.class.name"), letter.exception},
          {Name("exception.message"), letter.message}};
}

bool IsDeadLetterHeader(std::string_view name) { return name.starts_with(kDeadLetterPrefix); }

std::optional<std::string> DeadLetterText(
    const std::map<std::string, std::optional<std::string>>& headers) {
  const auto get = [&](std::string_view what) -> std::string {
    const auto found = headers.find(Name(what));
    return found == headers.end() ? "" : found->second.value_or("");
  };
  if (headers.count(Name("topic")) == 0) return std::nullopt;
  std::string text =
      "dead letter: from " + get("topic") + "/" + get("partition") + " at " + get("offset");
  const auto add = [&](const char* before, const std::string& what) {
    if (!what.empty()) text += before + what;
  };
  add(", by ", get("connector.name"));
  add(", at ", get("stage"));
  add(": ", get("exception.class.name"));
  add(": ", get("exception.message"));
  return text;
}

}  // namespace weir::guard
