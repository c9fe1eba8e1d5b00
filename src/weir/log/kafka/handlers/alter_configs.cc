// AlterConfigs (33): replaces all settings of a resource. Older than IncrementalAlterConfigs, which
// programs should prefer.
#include <map>

#include "weir/log/kafka/config_resources.h"
#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/messages/alter_configs.h"

namespace weir::log::kafka {
namespace {

using Resource = AlterConfigsRequest::AlterConfigsResource;

KafkaError Alter(Broker& broker, const Resource& resource, bool only_check, Position* end,
                 std::string* message) {
  Configs configs;
  std::string nulls;
  for (const auto& config : resource.configs) {
    if (!config.value) {
      nulls += (nulls.empty() ? "" : ",") + config.name;
    } else if (!configs.emplace(config.name, *config.value).second) {
      *message = "Error due to duplicate config keys";
      return KafkaError::kInvalidRequest;
    }
  }
  if (!nulls.empty()) {
    *message = "Null value not supported for : " + nulls;
    return KafkaError::kInvalidRequest;
  }
  return SetConfigs(broker, {resource.resource_type, resource.resource_name}, configs, only_check,
                    end, message);
}

void Handle(const CallPtr& call) {
  AlterConfigsRequest request;
  if (!call->Decode(&request)) return;
  std::map<ConfigResource, int> named;
  for (const Resource& resource : request.resources) {
    named[{resource.resource_type, resource.resource_name}] += 1;
  }
  AlterConfigsResponse response;
  Position end = 0;
  for (const Resource& resource : request.resources) {
    AlterConfigsResponse::AlterConfigsResourceResponse result;
    result.resource_type = resource.resource_type;
    result.resource_name = resource.resource_name;
    std::string message;
    KafkaError error = KafkaError::kInvalidRequest;
    if (named[{resource.resource_type, resource.resource_name}] > 1) {
      message = "Each resource must appear at most once.";
    } else {
      error = CheckConfigAccess(call, AclOperation::kAlterConfigs,
                                {resource.resource_type, resource.resource_name}, &message);
      if (error == KafkaError::kNone) {
        error = Alter(call->broker(), resource, request.validate_only, &end, &message);
      }
    }
    result.error_code = Code(error);
    result.error_message = MessageOrNull(message);
    response.responses.push_back(std::move(result));
  }
  call->broker().log().WhenDurable(
      end, [call, response = std::move(response)] { call->Respond(response); });
}

}  // namespace

const Handler kAlterConfigsHandler = {ApiKey::kAlterConfigs, 0, 2, &Handle};

}  // namespace weir::log::kafka
