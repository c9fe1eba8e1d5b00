// IncrementalAlterConfigs (44): changes single settings of a resource, and items of lists.
#include <algorithm>
#include <map>
#include <set>

#include "weir/log/kafka/config_resources.h"
#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/messages/incremental_alter_configs.h"

namespace weir::log::kafka {
namespace {

using Resource = IncrementalAlterConfigsRequest::AlterConfigsResource;
using Change = IncrementalAlterConfigsRequest::AlterableConfig;

// Codes of the protocol.
constexpr int8_t kSet = 0;
constexpr int8_t kDelete = 1;
constexpr int8_t kAppend = 2;
constexpr int8_t kSubtract = 3;

KafkaError ChangeList(const ConfigResource& resource, const Change& change, Configs* configs,
                      std::string* message) {
  const bool append = change.config_operation == kAppend;
  const ConfigDefinition* definition = FindConfigDefinition(resource, change.name);
  if (definition == nullptr || definition->type != ConfigType::kList) {
    *message = std::string("Can't ") + (append ? "APPEND" : "SUBTRACT") + " to key " + change.name +
               " because its type is not LIST.";
    return KafkaError::kInvalidConfig;
  }
  const auto set = configs->find(change.name);
  std::vector<std::string> items = ConfigListItems(
      set != configs->end() ? std::string_view(set->second) : definition->default_value);
  // By sets: of long lists a small request could keep the broker busy for minutes.
  if (append) {
    std::set<std::string> there(items.begin(), items.end());
    for (std::string& item : ConfigListItems(*change.value)) {
      if (there.insert(item).second) items.push_back(std::move(item));
    }
  } else {
    const std::vector<std::string> gone = ConfigListItems(*change.value);
    const std::set<std::string> names(gone.begin(), gone.end());
    std::erase_if(items, [&](const std::string& item) { return names.count(item) > 0; });
  }
  std::string joined;
  for (const std::string& item : items) joined += (joined.empty() ? "" : ",") + item;
  (*configs)[change.name] = joined;
  return KafkaError::kNone;
}

KafkaError Alter(Broker& broker, const Resource& asked, bool only_check, Position* end,
                 std::string* message) {
  const ConfigResource resource{asked.resource_type, asked.resource_name};
  std::set<std::string> names;
  std::string nulls;
  for (const Change& change : asked.configs) {
    if (!names.insert(change.name).second) {
      *message = "Error due to duplicate config keys";
      return KafkaError::kInvalidRequest;
    }
    if (!change.value && change.config_operation != kDelete) {
      nulls += (nulls.empty() ? "" : ",") + change.name;
    }
  }
  if (!nulls.empty()) {
    *message = "Null value not supported for : " + nulls;
    return KafkaError::kInvalidRequest;
  }
  Configs configs;
  KafkaError error = FindConfigs(broker, resource, &configs, message);
  if (error != KafkaError::kNone) return error;
  for (const Change& change : asked.configs) {
    switch (change.config_operation) {
      case kSet:
        configs[change.name] = *change.value;
        break;
      case kDelete:
        configs.erase(change.name);
        break;
      case kAppend:
      case kSubtract:
        error = ChangeList(resource, change, &configs, message);
        if (error != KafkaError::kNone) return error;
        break;
      default:
        *message = "Unknown operation " + std::to_string(int{change.config_operation});
        return KafkaError::kInvalidRequest;
    }
  }
  return SetConfigs(broker, resource, configs, only_check, end, message);
}

void Handle(const CallPtr& call) {
  IncrementalAlterConfigsRequest request;
  if (!call->Decode(&request)) return;
  std::map<ConfigResource, int> named;
  for (const Resource& resource : request.resources) {
    named[{resource.resource_type, resource.resource_name}] += 1;
  }
  IncrementalAlterConfigsResponse response;
  Position end = 0;
  for (const Resource& resource : request.resources) {
    IncrementalAlterConfigsResponse::AlterConfigsResourceResponse result;
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

const Handler kIncrementalAlterConfigsHandler = {ApiKey::kIncrementalAlterConfigs, 0, 1, &Handle};

}  // namespace weir::log::kafka
