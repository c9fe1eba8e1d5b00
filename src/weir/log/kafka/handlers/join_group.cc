// JoinGroup (11): a member of a classic group comes, or comes again for a new generation. The
// answer waits for the others.
#include "weir/log/kafka/messages/join_group.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

void Answer(const CallPtr& call, log::JoinGroupResponse joined) {
  JoinGroupResponse response;
  response.error_code = CodeOf(joined.error);
  response.generation_id = joined.generation_id;
  response.protocol_type = std::move(joined.protocol_type);
  response.protocol_name = std::move(joined.protocol_name);
  if (call->version() < 7 && !response.protocol_name) response.protocol_name = "";
  response.leader = std::move(joined.leader);
  if (call->version() >= 9) response.skip_assignment = joined.skip_assignment;
  response.member_id = std::move(joined.member_id);
  for (auto& member : joined.members) {
    response.members.push_back(
        {std::move(member.member_id), std::move(member.instance_id), std::move(member.metadata)});
  }
  call->Respond(response);
}

void Handle(const CallPtr& call) {
  JoinGroupRequest request;
  if (!call->Decode(&request)) return;
  if (!call->AllowsGroup(AclOperation::kRead, request.group_id)) {
    log::JoinGroupResponse refused;
    refused.error = KafkaError::kGroupAuthorizationFailed;
    return Answer(call, std::move(refused));
  }
  log::JoinGroupRequest join;
  join.group_id = std::move(request.group_id);
  join.session_timeout_ms = request.session_timeout_ms;
  join.rebalance_timeout_ms =
      call->version() >= 1 ? request.rebalance_timeout_ms : request.session_timeout_ms;
  join.member_id = std::move(request.member_id);
  join.instance_id = std::move(request.group_instance_id);
  join.protocol_type = std::move(request.protocol_type);
  for (auto& protocol : request.protocols) {
    join.protocols.push_back({std::move(protocol.name), std::move(protocol.metadata)});
  }
  join.reason = request.reason.value_or("");
  call->broker().groups().JoinGroup(CallerOf(call), join, [call](log::JoinGroupResponse joined) {
    Answer(call, std::move(joined));
  });
}

}  // namespace

const Handler kJoinGroupHandler = {ApiKey::kJoinGroup, 0, 9, &Handle};

}  // namespace weir::log::kafka
