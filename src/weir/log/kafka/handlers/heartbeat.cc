// Heartbeat (12): a member of a classic group lives.
#include "weir/log/kafka/messages/heartbeat.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

void Handle(const CallPtr& call) {
  HeartbeatRequest request;
  if (!call->Decode(&request)) return;
  if (!call->AllowsGroup(AclOperation::kRead, request.group_id)) {
    HeartbeatResponse refused;
    refused.error_code = CodeOf(KafkaError::kGroupAuthorizationFailed);
    return call->Respond(refused);
  }
  log::HeartbeatRequest beat;
  beat.group_id = std::move(request.group_id);
  beat.generation_id = request.generation_id;
  beat.member_id = std::move(request.member_id);
  beat.instance_id = std::move(request.group_instance_id);
  call->broker().groups().Heartbeat(CallerOf(call), beat, [call](KafkaError error) {
    HeartbeatResponse response;
    response.error_code = CodeOf(error);
    call->Respond(response);
  });
}

}  // namespace

const Handler kHeartbeatHandler = {ApiKey::kHeartbeat, 0, 4, &Handle};

}  // namespace weir::log::kafka
