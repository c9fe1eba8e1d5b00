// SyncGroup (14): the leader of a classic group brings the assignments, every member gets its own.
#include "weir/log/kafka/messages/sync_group.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

void Handle(const CallPtr& call) {
  SyncGroupRequest request;
  if (!call->Decode(&request)) return;
  if (!call->AllowsGroup(AclOperation::kRead, request.group_id)) {
    SyncGroupResponse refused;
    refused.error_code = CodeOf(KafkaError::kGroupAuthorizationFailed);
    return call->Respond(refused);
  }
  log::SyncGroupRequest sync;
  sync.group_id = std::move(request.group_id);
  sync.generation_id = request.generation_id;
  sync.member_id = std::move(request.member_id);
  sync.instance_id = std::move(request.group_instance_id);
  sync.protocol_type = std::move(request.protocol_type);
  sync.protocol_name = std::move(request.protocol_name);
  for (auto& assignment : request.assignments) {
    sync.assignments.push_back({std::move(assignment.member_id), std::move(assignment.assignment)});
  }
  call->broker().groups().SyncGroup(CallerOf(call), sync, [call](log::SyncGroupResponse synced) {
    SyncGroupResponse response;
    response.error_code = CodeOf(synced.error);
    response.protocol_type = std::move(synced.protocol_type);
    response.protocol_name = std::move(synced.protocol_name);
    response.assignment = std::move(synced.assignment);
    call->Respond(response);
  });
}

}  // namespace

const Handler kSyncGroupHandler = {ApiKey::kSyncGroup, 0, 5, &Handle};

}  // namespace weir::log::kafka
