// CreateAcls (30): entries of access control; durable when answered, in force at once.
#include "weir/log/kafka/messages/create_acls.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

KafkaError Create(Broker& broker, const Acl& acl, Position* end, std::string* message) {
  *message = WrongWithAcl(acl);
  if (!message->empty()) return KafkaError::kInvalidRequest;
  if (broker.authorizer().all().size() >= Authorizer::kAclsMax) {
    *message = "There are " + std::to_string(Authorizer::kAclsMax) + " ACLs, and no more.";
    return KafkaError::kPolicyViolation;
  }
  const KafkaError error = broker.Write({{EncodeAclKey(acl), ""}}, end, message);
  if (error == KafkaError::kNone) broker.authorizer().Add(acl);
  return error;
}

void Handle(const CallPtr& call) {
  CreateAclsRequest request;
  if (!call->Decode(&request)) return;
  Broker& broker = call->broker();
  const bool allowed = call->AllowsCluster(AclOperation::kAlter);
  CreateAclsResponse response;
  Position end = 0;
  for (const auto& wanted : request.creations) {
    Acl acl;
    acl.type = static_cast<AclResourceType>(wanted.resource_type);
    acl.name = wanted.resource_name;
    acl.pattern = static_cast<AclPatternType>(wanted.resource_pattern_type);
    acl.principal = wanted.principal;
    acl.host = wanted.host;
    acl.operation = static_cast<AclOperation>(wanted.operation);
    acl.permission = static_cast<AclPermission>(wanted.permission_type);
    std::string message;
    KafkaError error = KafkaError::kNone;
    if (!allowed) {
      error = KafkaError::kClusterAuthorizationFailed;
      message = "Cluster authorization failed.";
    } else if (!broker.authorizer().enabled()) {
      error = KafkaError::kSecurityDisabled;
      message = "No Authorizer is configured.";
    } else {
      error = Create(broker, acl, &end, &message);
    }
    response.results.push_back({Code(error), MessageOrNull(message)});
  }
  broker.log().WhenDurable(end,
                           [call, response = std::move(response)] { call->Respond(response); });
}

}  // namespace

const Handler kCreateAclsHandler = {ApiKey::kCreateAcls, 1, 3, &Handle};

}  // namespace weir::log::kafka
