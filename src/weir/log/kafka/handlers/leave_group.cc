// LeaveGroup (13): members of a classic group go; one before version 3, static ones by their
// instance id (KIP-345).
#include "weir/log/kafka/messages/leave_group.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

void Answer(const CallPtr& call, log::LeaveGroupResponse left) {
  LeaveGroupResponse response;
  response.error_code = CodeOf(left.error);
  if (call->version() >= 3) {
    for (auto& member : left.members) {
      response.members.push_back(
          {std::move(member.member_id), std::move(member.instance_id), CodeOf(member.error)});
    }
  } else if (left.error == KafkaError::kNone && !left.members.empty()) {
    response.error_code = CodeOf(left.members[0].error);
  }
  call->Respond(response);
}

void Handle(const CallPtr& call) {
  LeaveGroupRequest request;
  if (!call->Decode(&request)) return;
  if (!call->AllowsGroup(AclOperation::kRead, request.group_id)) {
    LeaveGroupResponse refused;
    refused.error_code = CodeOf(KafkaError::kGroupAuthorizationFailed);
    return call->Respond(refused);
  }
  log::LeaveGroupRequest leave;
  leave.group_id = std::move(request.group_id);
  if (call->version() < 3) leave.members.push_back({std::move(request.member_id), {}, ""});
  for (auto& member : request.members) {
    leave.members.push_back({std::move(member.member_id), std::move(member.group_instance_id),
                             member.reason.value_or("")});
  }
  call->broker().groups().LeaveGroup(CallerOf(call), leave, [call](log::LeaveGroupResponse left) {
    Answer(call, std::move(left));
  });
}

}  // namespace

const Handler kLeaveGroupHandler = {ApiKey::kLeaveGroup, 0, 5, &Handle};

}  // namespace weir::log::kafka
