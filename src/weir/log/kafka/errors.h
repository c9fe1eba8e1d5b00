// The error codes of the Kafka protocol (Kafka 4.2).
//
// Thread rule: constants.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::log::kafka {

enum class KafkaError : int16_t {};

// "UNKNOWN_TOPIC_OR_PARTITION"; "UNKNOWN" for a code that is none of these.
std::string_view KafkaErrorName(KafkaError error);
// Clients try again by themselves.
bool IsRetriable(KafkaError error);

}  // namespace weir::log::kafka
