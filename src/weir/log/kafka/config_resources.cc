#include "weir/log/kafka/config_resources.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "weir/base/byte_codec.h"
#include "weir/log/kafka/broker_configs.h"

namespace weir::log::kafka {
namespace {

constexpr const char* kRowPrefix = "c";

// Names, types, defaults and ranges are Kafka's (GroupConfig, ClientMetricsConfigs).
constexpr ConfigDefinition kGroupConfigs[] = {
    {"consumer.heartbeat.interval.ms", ConfigType::kInt, "5000", 5000, 15000, "",
     "Without effect: groups have the broker's."},
    {"consumer.session.timeout.ms", ConfigType::kInt, "45000", 45000, 60000, "",
     "Without effect: groups have the broker's."},
};
constexpr ConfigDefinition kClientMetricsConfigs[] = {
    {"interval.ms", ConfigType::kInt, "300000", 100, 3'600'000, "",
     "Without effect: no metrics are asked of clients."},
    {"match", ConfigType::kList, "", 0, 0, "", "Without effect: no metrics are asked of clients."},
    {"metrics", ConfigType::kList, "", 0, 0, "",
     "Without effect: no metrics are asked of clients."},
};

std::span<const ConfigDefinition> DefinitionsOf(ResourceType type) {
  switch (type) {
    case ResourceType::kTopic:
      return TopicConfigDefinitions();
    case ResourceType::kGroup:
      return kGroupConfigs;
    case ResourceType::kClientMetrics:
      return kClientMetricsConfigs;
    default:
      return {};
  }
}

std::string RowKey(const ConfigResource& resource) {
  return kRowPrefix + std::to_string(resource.type) + ":" + resource.name;
}

Configs ReadRow(Broker& broker, const ConfigResource& resource) {
  Configs configs;
  const std::string* row = broker.log().state().Find(RowKey(resource));
  if (row == nullptr) return configs;
  ByteReader in(*row);
  for (uint64_t left = in.Count(2); left > 0 && in.ok(); --left) {
    const std::string name(in.String());
    configs[name] = in.String();
  }
  return configs;
}

StateChange WriteRow(const ConfigResource& resource, const Configs& configs) {
  if (configs.empty()) return {RowKey(resource), std::nullopt};
  ByteWriter out;
  out.Varint(configs.size());
  for (const auto& [name, value] : configs) {
    out.String(name);
    out.String(value);
  }
  return {RowKey(resource), out.Take()};
}

// Whether there can be such a resource.
KafkaError CheckResource(Broker& broker, const ConfigResource& resource, std::string* message) {
  switch (static_cast<ResourceType>(resource.type)) {
    case ResourceType::kTopic: {
      if (resource.name.empty()) {
        *message = "Default topic resources are not allowed.";
        return KafkaError::kInvalidRequest;
      }
      const std::string wrong = WrongWithTopicName(resource.name);
      if (!wrong.empty()) {
        *message = "Topic name is invalid: " + wrong;
        return KafkaError::kInvalidTopicException;
      }
      if (broker.log().topics().Find(resource.name) == nullptr) {
        *message = "The topic '" + resource.name + "' does not exist.";
        return KafkaError::kUnknownTopicOrPartition;
      }
      return KafkaError::kNone;
    }
    case ResourceType::kBroker:
    case ResourceType::kBrokerLogger: {
      const bool for_all =
          resource.name.empty() && resource.type == static_cast<int8_t>(ResourceType::kBroker);
      const std::string self = std::to_string(broker.options().node_id);
      if (for_all || resource.name == self) return KafkaError::kNone;
      const bool number = !resource.name.empty() &&
                          resource.name.find_first_not_of("0123456789") == std::string::npos;
      *message = number ? "Unexpected broker id, expected " + self +
                              " or empty string, but received " + resource.name
                        : "Broker id must be an integer, but it is: " + resource.name;
      return KafkaError::kInvalidRequest;
    }
    case ResourceType::kClientMetrics:
      if (!resource.name.empty()) return KafkaError::kNone;
      *message = "Client metrics subscription name must not be empty";
      return KafkaError::kInvalidRequest;
    case ResourceType::kGroup:
      if (!resource.name.empty()) return KafkaError::kNone;
      *message = "Group name must not be empty";
      return KafkaError::kInvalidRequest;
  }
  *message = "Unsupported resource type: " + std::to_string(resource.type);
  return KafkaError::kInvalidRequest;
}

ConfigEntry Entry(const ConfigDefinition& definition, const Configs& set, ConfigSource source) {
  ConfigEntry entry;
  entry.name = definition.name;
  entry.type = definition.type;
  entry.documentation = definition.documentation;
  if (const auto own = set.find(entry.name); own != set.end()) {
    entry.synonyms.push_back({entry.name, own->second, source});
  }
  return entry;
}

// The first synonym is what counts.
void Settle(ConfigEntry* entry, std::string_view default_value) {
  if (entry->synonyms.empty()) {
    entry->value = default_value;
    return;
  }
  entry->value = entry->synonyms.front().value;
  entry->source = entry->synonyms.front().source;
}

std::vector<ConfigEntry> BrokerEntries(Broker& broker, const ConfigResource& resource) {
  const auto type = static_cast<int8_t>(ResourceType::kBroker);
  const Configs all = ReadRow(broker, {type, ""});
  const Configs own = resource.name.empty() ? Configs() : ReadRow(broker, resource);
  std::vector<ConfigEntry> entries;
  for (const BrokerConfig& config : BrokerConfigs(broker.options(), broker.log().folder())) {
    ConfigEntry entry;
    entry.name = config.name;
    entry.type = config.type;
    entry.read_only = !config.dynamic;
    entry.documentation = config.documentation;
    if (const auto set = own.find(entry.name); set != own.end()) {
      entry.synonyms.push_back({entry.name, set->second, ConfigSource::kBroker});
    }
    if (const auto set = all.find(entry.name); set != all.end()) {
      entry.synonyms.push_back({entry.name, set->second, ConfigSource::kAllBrokers});
    }
    // Of all brokers there is only what was set for all.
    if (resource.name.empty()) {
      if (entry.synonyms.empty()) continue;
    } else {
      entry.synonyms.push_back(
          {entry.name, config.value,
           config.started_with ? ConfigSource::kStaticBroker : ConfigSource::kDefault});
    }
    Settle(&entry, "");
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

KafkaError CheckConfigAccess(const CallPtr& call, AclOperation operation,
                             const ConfigResource& resource, std::string* message) {
  switch (static_cast<ResourceType>(resource.type)) {
    case ResourceType::kTopic:
      if (call->AllowsTopic(operation, resource.name)) return KafkaError::kNone;
      *message = "Topic authorization failed.";
      return KafkaError::kTopicAuthorizationFailed;
    case ResourceType::kGroup:
      if (call->AllowsGroup(operation, resource.name)) return KafkaError::kNone;
      *message = "Group authorization failed.";
      return KafkaError::kGroupAuthorizationFailed;
    default:
      if (call->AllowsCluster(operation)) return KafkaError::kNone;
      *message = "Cluster authorization failed.";
      return KafkaError::kClusterAuthorizationFailed;
  }
}

std::vector<ConfigEntry> TopicConfigEntries(const Configs& set) {
  std::vector<ConfigEntry> entries;
  for (const ConfigDefinition& definition : TopicConfigDefinitions()) {
    ConfigEntry entry = Entry(definition, set, ConfigSource::kTopic);
    if (const auto synonym = BrokerSynonym(definition.name)) {
      entry.synonyms.push_back({synonym->name, synonym->value, ConfigSource::kDefault});
    }
    // The broker's setting may have another unit.
    const bool own = set.count(entry.name) > 0;
    Settle(&entry, definition.default_value);
    if (!own) entry.value = definition.default_value;
    entries.push_back(std::move(entry));
  }
  return entries;
}

KafkaError DescribeConfigResource(Broker& broker, const ConfigResource& resource,
                                  std::vector<ConfigEntry>* entries, std::string* message) {
  const KafkaError error = CheckResource(broker, resource, message);
  if (error != KafkaError::kNone) return error;
  const auto type = static_cast<ResourceType>(resource.type);
  switch (type) {
    case ResourceType::kTopic:
      *entries = TopicConfigEntries(broker.log().topics().Find(resource.name)->configs);
      break;
    case ResourceType::kBroker:
      *entries = BrokerEntries(broker, resource);
      break;
    case ResourceType::kBrokerLogger:
      break;  // there are no levels to set
    case ResourceType::kClientMetrics:
    case ResourceType::kGroup: {
      const Configs set = ReadRow(broker, resource);
      const ConfigSource source =
          type == ResourceType::kGroup ? ConfigSource::kGroup : ConfigSource::kClientMetrics;
      for (const ConfigDefinition& definition : DefinitionsOf(type)) {
        ConfigEntry entry = Entry(definition, set, source);
        Settle(&entry, definition.default_value);
        entries->push_back(std::move(entry));
      }
      break;
    }
  }
  return KafkaError::kNone;
}

KafkaError FindConfigs(Broker& broker, const ConfigResource& resource, Configs* set,
                       std::string* message) {
  const KafkaError error = CheckResource(broker, resource, message);
  if (error != KafkaError::kNone) return error;
  if (resource.type == static_cast<int8_t>(ResourceType::kTopic)) {
    *set = broker.log().topics().Find(resource.name)->configs;
  } else {
    *set = ReadRow(broker, resource);
  }
  return KafkaError::kNone;
}

const ConfigDefinition* FindConfigDefinition(const ConfigResource& resource,
                                             const std::string& name) {
  const auto type = static_cast<ResourceType>(resource.type);
  if (type == ResourceType::kBroker) return FindDynamicBrokerConfig(name);
  for (const ConfigDefinition& definition : DefinitionsOf(type)) {
    if (definition.name == name) return &definition;
  }
  return nullptr;
}

KafkaError SetConfigs(Broker& broker, const ConfigResource& resource, const Configs& configs,
                      bool only_check, Position* end, std::string* message) {
  const KafkaError error = CheckResource(broker, resource, message);
  if (error != KafkaError::kNone) return error;
  const auto type = static_cast<ResourceType>(resource.type);
  for (const auto& [name, value] : configs) {
    const ConfigDefinition* definition = FindConfigDefinition(resource, name);
    if (definition == nullptr) {
      switch (type) {
        case ResourceType::kBroker:
          *message = "Cannot update these configs dynamically: Set(" + name + ")";
          return KafkaError::kInvalidRequest;
        case ResourceType::kBrokerLogger:
          *message = "Logger " + name + " does not exist!";
          return KafkaError::kInvalidConfig;
        case ResourceType::kGroup:
          *message = "Unknown group config name: " + name;
          return KafkaError::kInvalidConfig;
        case ResourceType::kClientMetrics:
          *message = "Unknown client metrics configuration: " + name;
          return KafkaError::kInvalidRequest;
        case ResourceType::kTopic:
          *message = "Unknown topic config name: " + name;
          return KafkaError::kInvalidConfig;
      }
    }
    if (const auto wrong = WrongWithConfigValue(*definition, value)) {
      *message = *wrong;
      return KafkaError::kInvalidConfig;
    }
  }
  if (only_check) return KafkaError::kNone;
  if (type != ResourceType::kTopic) {
    return broker.Write({WriteRow(resource, configs)}, end, message);
  }
  Topic topic = *broker.log().topics().Find(resource.name);
  topic.configs = configs;
  return broker.Write({Topics::Put(topic)}, end, message);
}

std::vector<std::string> ConfiguredResources(Broker& broker, ResourceType type) {
  const std::string prefix = RowKey({static_cast<int8_t>(type), ""});
  std::vector<std::string> names;
  broker.log().state().ForEach(prefix, [&](const std::string& key, const std::string&) {
    names.push_back(key.substr(prefix.size()));
  });
  return names;
}

}  // namespace weir::log::kafka
