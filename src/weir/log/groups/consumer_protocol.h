// The one thing the broker reads of the "consumer" protocol type's metadata, which are the clients'
// own business otherwise: the topics a member subscribes to.
//
// Thread rule: a function.
// Source: ConsumerProtocolSubscription (Kafka 4.2), versions 0 to 3: int16 version, array of
// strings, more.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::log {

constexpr std::string_view kConsumerProtocolType = "consumer";

// Nothing if the bytes are not such a subscription.
std::optional<std::vector<std::string>> SubscribedTopics(std::string_view metadata);

}  // namespace weir::log
