// DeleteAcls (31): takes away the entries of access control that filters mean; all filters see what
// there was before.
#include "weir/log/kafka/messages/delete_acls.h"

#include <set>

#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

using Filter = DeleteAclsRequest::DeleteAclsFilter;
using Result = DeleteAclsResponse::DeleteAclsFilterResult;

AclFilter Read(const Filter& asked) {
  AclFilter filter;
  filter.type = static_cast<AclResourceType>(asked.resource_type_filter);
  filter.name = asked.resource_name_filter;
  filter.pattern = static_cast<AclPatternType>(asked.pattern_type_filter);
  filter.principal = asked.principal_filter;
  filter.host = asked.host_filter;
  filter.operation = static_cast<AclOperation>(asked.operation);
  filter.permission = static_cast<AclPermission>(asked.permission_type);
  return filter;
}

DeleteAclsResponse::DeleteAclsMatchingAcl Matching(const Acl& acl) {
  DeleteAclsResponse::DeleteAclsMatchingAcl matching;
  matching.error_message.reset();
  matching.resource_type = static_cast<int8_t>(acl.type);
  matching.resource_name = acl.name;
  matching.pattern_type = static_cast<int8_t>(acl.pattern);
  matching.principal = acl.principal;
  matching.host = acl.host;
  matching.operation = static_cast<int8_t>(acl.operation);
  matching.permission_type = static_cast<int8_t>(acl.permission);
  return matching;
}

void Handle(const CallPtr& call) {
  DeleteAclsRequest request;
  if (!call->Decode(&request)) return;
  Broker& broker = call->broker();
  Authorizer& authorizer = broker.authorizer();
  const bool allowed = call->AllowsCluster(AclOperation::kAlter);
  DeleteAclsResponse response;
  std::set<Acl> meant;
  for (const Filter& asked : request.filters) {
    Result result;
    result.error_message.reset();
    const AclFilter filter = Read(asked);
    const std::string wrong = filter.Wrong();
    if (!allowed) {
      result.error_code = Code(KafkaError::kClusterAuthorizationFailed);
      result.error_message = "Cluster authorization failed.";
    } else if (!authorizer.enabled()) {
      result.error_code = Code(KafkaError::kSecurityDisabled);
      result.error_message = "No Authorizer is configured.";
    } else if (!wrong.empty()) {
      result.error_code = Code(KafkaError::kInvalidRequest);
      result.error_message = wrong;
    } else {
      for (const Acl& acl : authorizer.all()) {
        if (!filter.Means(acl)) continue;
        meant.insert(acl);
        result.matching_acls.push_back(Matching(acl));
      }
    }
    response.filter_results.push_back(std::move(result));
  }
  std::vector<StateChange> changes;
  for (const Acl& acl : meant) changes.push_back({EncodeAclKey(acl), std::nullopt});
  Position end = 0;
  std::string message;
  const KafkaError error =
      changes.empty() ? KafkaError::kNone : broker.Write(changes, &end, &message);
  if (error == KafkaError::kNone) {
    for (const Acl& acl : meant) authorizer.Remove(acl);
  } else {
    for (Result& result : response.filter_results) {
      if (result.error_code != 0) continue;
      result.error_code = Code(error);
      result.error_message = message;
      result.matching_acls.clear();
    }
  }
  broker.log().WhenDurable(end,
                           [call, response = std::move(response)] { call->Respond(response); });
}

}  // namespace

const Handler kDeleteAclsHandler = {ApiKey::kDeleteAcls, 1, 3, &Handle};

}  // namespace weir::log::kafka
