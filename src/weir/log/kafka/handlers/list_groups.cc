// ListGroups (16): the groups there are, by state and type.
#include "weir/log/kafka/messages/list_groups.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

void Handle(const CallPtr& call) {
  ListGroupsRequest request;
  if (!call->Decode(&request)) return;
  log::ListGroupsRequest list;
  list.states = std::move(request.states_filter);
  list.types = std::move(request.types_filter);
  ListGroupsResponse response;
  const bool all = call->AllowsCluster(AclOperation::kDescribe);
  for (log::ListedGroup& group : call->broker().groups().ListGroups(list)) {
    if (!all && !call->AllowsGroup(AclOperation::kDescribe, group.group_id)) continue;
    ListGroupsResponse::ListedGroup answered;
    answered.group_id = std::move(group.group_id);
    answered.protocol_type = std::move(group.protocol_type);
    if (call->version() >= 4) answered.group_state = std::move(group.state);
    if (call->version() >= 5) answered.group_type = std::move(group.type);
    response.groups.push_back(std::move(answered));
  }
  call->Respond(response);
}

}  // namespace

const Handler kListGroupsHandler = {ApiKey::kListGroups, 0, 5, &Handle};

}  // namespace weir::log::kafka
