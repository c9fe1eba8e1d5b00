// Error codes of the Kafka protocol as errors of Weir: who must act, and what to do.
//
// Thread rule: free functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "weir/base/result.h"
#include "weir/log/kafka/errors.h"

namespace weir::server {

// `what` was refused with this code, which is not kNone; `message` is the server's own text.
Error KafkaFailure(const std::string& what, int16_t code,
                   const std::optional<std::string>& message = std::nullopt);

// Ok, or KafkaFailure.
inline Status KafkaStatus(const std::string& what, int16_t code,
                          const std::optional<std::string>& message = std::nullopt) {
  if (code == log::kafka::Code(log::kafka::KafkaError::kNone)) return Status::Ok();
  return KafkaFailure(what, code, message);
}

}  // namespace weir::server
