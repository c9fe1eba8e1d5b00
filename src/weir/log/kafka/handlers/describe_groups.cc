// DescribeGroups (15): state, members and assignments of classic groups.
#include "weir/log/kafka/messages/describe_groups.h"
#include "weir/log/kafka/handlers/each_once.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

void Handle(const CallPtr& call) {
  DescribeGroupsRequest request;
  if (!call->Decode(&request)) return;
  KeepEachOnce(&request.groups);
  DescribeGroupsResponse response;
  std::vector<std::string> allowed;
  for (const std::string& name : request.groups) {
    if (call->AllowsGroup(AclOperation::kDescribe, name)) {
      allowed.push_back(name);
      continue;
    }
    DescribeGroupsResponse::DescribedGroup refused;
    refused.group_id = name;
    refused.error_code = CodeOf(KafkaError::kGroupAuthorizationFailed);
    response.groups.push_back(std::move(refused));
  }
  for (log::DescribedGroup& group : call->broker().groups().DescribeGroups(allowed)) {
    DescribeGroupsResponse::DescribedGroup answered;
    answered.error_code = CodeOf(group.error);
    // Before version 6 a group that is not there is one without members.
    if (call->version() < 6 && group.error == KafkaError::kGroupIdNotFound) {
      answered.error_code = 0;
    } else if (call->version() >= 6 && !group.error_message.empty()) {
      answered.error_message = std::move(group.error_message);
    }
    if (request.include_authorized_operations && group.error == KafkaError::kNone) {
      answered.authorized_operations =
          call->AllowedOperations(AclResourceType::kGroup, group.group_id);
    }
    answered.group_id = std::move(group.group_id);
    answered.group_state = std::move(group.state);
    answered.protocol_type = std::move(group.protocol_type);
    answered.protocol_data = std::move(group.protocol_data);
    for (auto& member : group.members) {
      answered.members.push_back({std::move(member.member_id), std::move(member.instance_id),
                                  std::move(member.client_id), std::move(member.client_host),
                                  std::move(member.metadata), std::move(member.assignment)});
    }
    response.groups.push_back(std::move(answered));
  }
  call->Respond(response);
}

}  // namespace

const Handler kDescribeGroupsHandler = {ApiKey::kDescribeGroups, 0, 6, &Handle};

}  // namespace weir::log::kafka
