// DescribeAcls (29): the entries of access control that a filter means.
#include "weir/log/kafka/messages/describe_acls.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

void Handle(const CallPtr& call) {
  DescribeAclsRequest request;
  if (!call->Decode(&request)) return;
  const Authorizer& authorizer = call->broker().authorizer();
  DescribeAclsResponse response;
  response.error_message.reset();
  AclFilter filter;
  filter.type = static_cast<AclResourceType>(request.resource_type_filter);
  filter.name = request.resource_name_filter;
  filter.pattern = static_cast<AclPatternType>(request.pattern_type_filter);
  filter.principal = request.principal_filter;
  filter.host = request.host_filter;
  filter.operation = static_cast<AclOperation>(request.operation);
  filter.permission = static_cast<AclPermission>(request.permission_type);
  const auto refuse = [&](KafkaError error, const std::string& message) {
    response.error_code = Code(error);
    response.error_message = message;
    call->Respond(response);
  };
  if (!call->AllowsCluster(AclOperation::kDescribe)) {
    return refuse(KafkaError::kClusterAuthorizationFailed, "Cluster authorization failed.");
  }
  if (!authorizer.enabled()) {
    return refuse(KafkaError::kSecurityDisabled, "No Authorizer is configured.");
  }
  if (const std::string wrong = filter.Wrong(); !wrong.empty()) {
    return refuse(KafkaError::kInvalidRequest, wrong);
  }
  // Entries of one resource stand together in their order, but for the pattern's.
  for (const Acl& acl : authorizer.all()) {
    if (!filter.Means(acl)) continue;
    const auto type = static_cast<int8_t>(acl.type);
    const auto pattern = static_cast<int8_t>(acl.pattern);
    if (response.resources.empty() || response.resources.back().resource_type != type ||
        response.resources.back().resource_name != acl.name ||
        response.resources.back().pattern_type != pattern) {
      response.resources.push_back({type, acl.name, pattern, {}});
    }
    response.resources.back().acls.push_back({acl.principal, acl.host,
                                              static_cast<int8_t>(acl.operation),
                                              static_cast<int8_t>(acl.permission)});
  }
  call->Respond(response);
}

}  // namespace

const Handler kDescribeAclsHandler = {ApiKey::kDescribeAcls, 1, 3, &Handle};

}  // namespace weir::log::kafka
