// What a list of replicas that a client asks for can be on one node: this node, once.
//
// Thread rule: the log's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weir/log/kafka/broker.h"

namespace weir::log::kafka {

// In Kafka's words (INVALID_REPLICA_ASSIGNMENT); nothing if the list is right.
inline std::optional<std::string> WrongWithReplicas(const Broker& broker,
                                                    const std::vector<int32_t>& replicas) {
  if (replicas.empty()) return "The manual partition assignment includes an empty replica list.";
  for (const int32_t replica : replicas) {
    if (replica != broker.options().node_id) {
      return "The manual partition assignment includes broker " + std::to_string(replica) +
             ", but no such broker is registered.";
    }
  }
  if (replicas.size() > 1) {
    return "The manual partition assignment includes the broker " + std::to_string(replicas[0]) +
           " more than once.";
  }
  return std::nullopt;
}

}  // namespace weir::log::kafka
