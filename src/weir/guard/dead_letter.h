// The headers by which Kafka Connect says why a record lies in a dead letter topic: where it came
// from, what failed and how. What we send away is marked with them, and what we show is read by
// them.
//
// Thread rule: values and free functions.
// Source: Kafka Connect, KIP-298: DeadLetterQueueReporter's headers, UTF-8 text.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::guard {

inline constexpr std::string_view kDeadLetterPrefix = "__connect.errors.";

struct DeadLetter {
  std::string topic;  // where the record was read
  int32_t partition = 0;
  int64_t offset = 0;
  std::string connector;  // the flow that read it
  std::string stage;      // "VALUE_CONVERTER": it did not parse; "TRANSFORMATION": a check failed
  std::string exception;  // the kind of failure: here the names of the broken constraints
  std::string message;
};

// In Connect's order.
std::vector<std::pair<std::string, std::string>> DeadLetterHeaders(const DeadLetter& letter);

bool IsDeadLetterHeader(std::string_view name);
// "from orders/3 at 17, flow f, VALUE_CONVERTER: parses: cannot cast …" of a record's headers;
// nothing if it is no dead letter.
std::optional<std::string> DeadLetterText(
    const std::map<std::string, std::optional<std::string>>& headers);

}  // namespace weir::guard
