// FindCoordinator (10): which broker coordinates a group or a transactional id: this one.
#include "weir/log/kafka/messages/find_coordinator.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

constexpr int8_t kGroup = 0;
constexpr int8_t kTransaction = 1;

// Clients that tell internal topics from others expect this one once there are groups. Without it
// groups work too: an error is none here.
void MakeGroupOffsetsTopic(Broker& broker) {
  if (broker.log().topics().Find(kGroupOffsetsTopic) != nullptr) return;
  Position end = 0;
  std::string message;
  (void)broker.CreateTopic(kGroupOffsetsTopic, 1, {{"cleanup.policy", "compact"}}, &end, &message);
}

void Handle(const CallPtr& call) {
  FindCoordinatorRequest request;
  if (!call->Decode(&request)) return;
  const Endpoint self = call->endpoint();
  const int32_t node_id = call->broker().options().node_id;
  const auto judge = [&](const std::string& key) {
    if (request.key_type == kGroup) {
      if (!call->AllowsGroup(AclOperation::kDescribe, key)) {
        return KafkaError::kGroupAuthorizationFailed;
      }
      MakeGroupOffsetsTopic(call->broker());
      return KafkaError::kNone;
    }
    if (request.key_type == kTransaction) {
      return call->AllowsTransactionalId(AclOperation::kDescribe, key)
                 ? KafkaError::kNone
                 : KafkaError::kTransactionalIdAuthorizationFailed;
    }
    return KafkaError::kInvalidRequest;
  };
  const auto fill = [&](KafkaError error, auto* answer) {
    const bool found = error == KafkaError::kNone;
    answer->error_code = CodeOf(error);
    if (found) answer->error_message.reset();
    answer->node_id = found ? node_id : -1;
    answer->host = found ? self.host : "";
    answer->port = found ? self.port : -1;
  };
  FindCoordinatorResponse response;
  if (call->version() < 4) {
    fill(judge(request.key), &response);
    return call->Respond(response);
  }
  for (const std::string& key : request.coordinator_keys) {
    FindCoordinatorResponse::Coordinator coordinator;
    coordinator.key = key;
    fill(judge(key), &coordinator);
    response.coordinators.push_back(std::move(coordinator));
  }
  call->Respond(response);
}

}  // namespace

const Handler kFindCoordinatorHandler = {ApiKey::kFindCoordinator, 0, 6, &Handle};

}  // namespace weir::log::kafka
