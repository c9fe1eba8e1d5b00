// DeleteGroups (42): groups without members go, with their offsets (KIP-229).
#include "weir/log/kafka/messages/delete_groups.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

void Handle(const CallPtr& call) {
  DeleteGroupsRequest request;
  if (!call->Decode(&request)) return;
  DeleteGroupsResponse refused;
  std::vector<std::string> allowed;
  for (const std::string& name : request.groups_names) {
    if (call->AllowsGroup(AclOperation::kDelete, name)) {
      allowed.push_back(name);
    } else {
      refused.results.push_back({name, CodeOf(KafkaError::kGroupAuthorizationFailed)});
    }
  }
  call->broker().groups().DeleteGroups(
      allowed, [call, refused = std::move(refused)](const std::vector<DeletedGroup>& deleted) {
        DeleteGroupsResponse response = refused;
        for (const DeletedGroup& group : deleted) {
          response.results.push_back({group.group_id, CodeOf(group.error)});
        }
        call->Respond(response);
      });
}

}  // namespace

const Handler kDeleteGroupsHandler = {ApiKey::kDeleteGroups, 0, 2, &Handle};

}  // namespace weir::log::kafka
