// DescribeConfigs (32): the settings of topics, of this broker, of groups and client metrics, with
// where each comes from.
#include <algorithm>

#include "weir/log/kafka/config_resources.h"
#include "weir/log/kafka/handlers/each_once.h"
#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/messages/describe_configs.h"

namespace weir::log::kafka {
namespace {

using Described = DescribeConfigsResponse::DescribeConfigsResourceResult;

// Codes of the protocol.
int8_t TypeCode(ConfigType type) {
  switch (type) {
    case ConfigType::kBoolean:
      return 1;
    case ConfigType::kString:
      return 2;
    case ConfigType::kInt:
      return 3;
    case ConfigType::kLong:
      return 5;
    case ConfigType::kDouble:
      return 6;
    case ConfigType::kList:
      return 7;
  }
  return 0;
}

Described Describe(ConfigEntry entry, const DescribeConfigsRequest& request) {
  Described described;
  described.name = std::move(entry.name);
  described.value = std::move(entry.value);
  described.read_only = entry.read_only;
  described.config_source = static_cast<int8_t>(entry.source);
  described.config_type = TypeCode(entry.type);
  described.documentation.reset();
  if (request.include_documentation) described.documentation = std::move(entry.documentation);
  if (request.include_synonyms) {
    for (ConfigSynonym& synonym : entry.synonyms) {
      described.synonyms.push_back(
          {std::move(synonym.name), std::move(synonym.value), static_cast<int8_t>(synonym.source)});
    }
  }
  return described;
}

void Handle(const CallPtr& call) {
  DescribeConfigsRequest request;
  if (!call->Decode(&request)) return;
  KeepEachOnce(&request.resources, [](const auto& resource) {
    return std::pair(resource.resource_type, resource.resource_name);
  });
  DescribeConfigsResponse response;
  for (const auto& resource : request.resources) {
    DescribeConfigsResponse::DescribeConfigsResult result;
    result.resource_type = resource.resource_type;
    result.resource_name = resource.resource_name;
    std::vector<ConfigEntry> entries;
    std::string message;
    const ConfigResource named{resource.resource_type, resource.resource_name};
    KafkaError error = CheckConfigAccess(call, AclOperation::kDescribeConfigs, named, &message);
    if (error == KafkaError::kNone) {
      error = DescribeConfigResource(call->broker(), named, &entries, &message);
    }
    result.error_code = Code(error);
    result.error_message = message;
    const auto& keys = resource.configuration_keys;
    for (ConfigEntry& entry : entries) {
      if (!keys || keys->empty() ||
          std::find(keys->begin(), keys->end(), entry.name) != keys->end())
        result.configs.push_back(Describe(std::move(entry), request));
    }
    response.results.push_back(std::move(result));
  }
  call->Respond(response);
}

}  // namespace

const Handler kDescribeConfigsHandler = {ApiKey::kDescribeConfigs, 1, 4, &Handle};

}  // namespace weir::log::kafka
