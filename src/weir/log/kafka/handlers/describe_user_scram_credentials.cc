// DescribeUserScramCredentials (50): the users, and how their passwords are kept (KIP-554).
#include <map>

#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/messages/describe_user_scram_credentials.h"
#include "weir/log/security/users.h"

namespace weir::log::kafka {
namespace {

using Result = DescribeUserScramCredentialsResponse::DescribeUserScramCredentialsResult;

void Handle(const CallPtr& call) {
  DescribeUserScramCredentialsRequest request;
  if (!call->Decode(&request)) return;
  if (!call->AllowsCluster(AclOperation::kDescribe)) {
    DescribeUserScramCredentialsResponse refused;
    refused.error_code = Code(KafkaError::kClusterAuthorizationFailed);
    refused.error_message = "Cluster authorization failed.";
    return call->Respond(refused);
  }
  std::map<std::string, Result> users;
  ForEachUser(call->broker().log().state(), [&](ScramMechanism mechanism, const std::string& name,
                                                const ScramCredential& credential) {
    Result& user = users[name];
    user.user = name;
    user.error_message.reset();
    user.credential_infos.push_back({static_cast<int8_t>(mechanism), credential.iterations});
  });
  DescribeUserScramCredentialsResponse response;
  response.error_message.reset();
  if (!request.users || request.users->empty()) {
    for (auto& [name, user] : users) response.results.push_back(std::move(user));
    return call->Respond(response);
  }
  std::map<std::string, int> asked;
  for (const auto& user : *request.users) asked[user.name] += 1;
  for (const auto& [name, times] : asked) {
    Result result;
    result.user = name;
    result.error_message.reset();
    const auto found = users.find(name);
    if (times > 1) {
      result.error_code = Code(KafkaError::kDuplicateResource);
      result.error_message =
          "Cannot describe SCRAM credentials for the same user twice in a single request: " + name;
    } else if (found == users.end()) {
      result.error_code = Code(KafkaError::kResourceNotFound);
      result.error_message = "Attempt to describe a user credential that does not exist: " + name;
    } else {
      result = found->second;
    }
    response.results.push_back(std::move(result));
  }
  call->Respond(response);
}

}  // namespace

const Handler kDescribeUserScramCredentialsHandler = {ApiKey::kDescribeUserScramCredentials, 0, 0,
                                                      &Handle};

}  // namespace weir::log::kafka
