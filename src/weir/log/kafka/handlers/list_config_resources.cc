// ListConfigResources (74): what DescribeConfigs can be asked for. Version 0 knows client metrics
// only.
#include <algorithm>

#include "weir/log/kafka/config_resources.h"
#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/messages/list_config_resources.h"

namespace weir::log::kafka {
namespace {

constexpr ResourceType kAllTypes[] = {ResourceType::kTopic, ResourceType::kBroker,
                                      ResourceType::kBrokerLogger, ResourceType::kClientMetrics,
                                      ResourceType::kGroup};

void List(Broker& broker, ResourceType type, ListConfigResourcesResponse* response) {
  const auto add = [&](const std::string& name) {
    response->config_resources.push_back({name, static_cast<int8_t>(type)});
  };
  switch (type) {
    case ResourceType::kTopic:
      for (const auto& [name, topic] : broker.log().topics().all()) add(name);
      break;
    case ResourceType::kBroker:
    case ResourceType::kBrokerLogger:
      add(std::to_string(broker.options().node_id));
      break;
    case ResourceType::kClientMetrics:
    case ResourceType::kGroup:
      for (const std::string& name : ConfiguredResources(broker, type)) add(name);
      break;
  }
}

void Handle(const CallPtr& call) {
  ListConfigResourcesRequest request;
  if (!call->Decode(&request)) return;
  if (!call->AllowsCluster(AclOperation::kDescribeConfigs)) {
    ListConfigResourcesResponse refused;
    refused.error_code = Code(KafkaError::kClusterAuthorizationFailed);
    return call->Respond(refused);
  }
  ListConfigResourcesResponse response;
  if (call->version() == 0) {
    List(call->broker(), ResourceType::kClientMetrics, &response);
    return call->Respond(response);
  }
  const auto is_asked = [&](ResourceType type) {
    const auto& asked = request.resource_types;
    return asked.empty() ||
           std::find(asked.begin(), asked.end(), static_cast<int8_t>(type)) != asked.end();
  };
  for (const int8_t asked : request.resource_types) {
    const bool known = std::any_of(std::begin(kAllTypes), std::end(kAllTypes),
                                   [&](ResourceType type) { return int8_t(type) == asked; });
    if (!known) {
      response.error_code = Code(KafkaError::kUnsupportedVersion);
      return call->Respond(response);
    }
  }
  for (const ResourceType type : kAllTypes) {
    if (is_asked(type)) List(call->broker(), type, &response);
  }
  call->Respond(response);
}

}  // namespace

const Handler kListConfigResourcesHandler = {ApiKey::kListConfigResources, 0, 1, &Handle};

}  // namespace weir::log::kafka
