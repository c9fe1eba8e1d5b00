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
  const bool known = request.key_type == kGroup || request.key_type == kTransaction;
  const KafkaError error = known ? KafkaError::kNone : KafkaError::kInvalidRequest;
  if (request.key_type == kGroup) MakeGroupOffsetsTopic(call->broker());
  FindCoordinatorResponse response;
  if (call->version() < 4) {
    response.error_code = CodeOf(error);
    if (known) response.error_message.reset();
    response.node_id = known ? node_id : -1;
    response.host = known ? self.host : "";
    response.port = known ? self.port : -1;
    return call->Respond(response);
  }
  for (const std::string& key : request.coordinator_keys) {
    FindCoordinatorResponse::Coordinator coordinator;
    coordinator.key = key;
    coordinator.error_code = CodeOf(error);
    if (known) coordinator.error_message.reset();
    coordinator.node_id = known ? node_id : -1;
    coordinator.host = known ? self.host : "";
    coordinator.port = known ? self.port : -1;
    response.coordinators.push_back(std::move(coordinator));
  }
  call->Respond(response);
}

}  // namespace

const Handler kFindCoordinatorHandler = {ApiKey::kFindCoordinator, 0, 6, &Handle};

}  // namespace weir::log::kafka
