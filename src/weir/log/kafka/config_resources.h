// Config resources: the settings of topics, of this broker, of groups and of client metrics as
// Kafka's clients read and change them. Topics keep theirs in their own row (topics.h), what was
// set for the others are rows of the state store under "c<type>:<name>".
//
// Errors: the protocol's, with Kafka's words.
// Thread rule: the log's thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "weir/log/kafka/broker.h"
#include "weir/log/kafka/call.h"
#include "weir/log/topic_config.h"

namespace weir::log::kafka {

// Codes of the protocol.
enum class ResourceType : int8_t {
  kTopic = 2,
  kBroker = 4,  // a name of "": what all brokers have
  kBrokerLogger = 8,
  kClientMetrics = 16,
  kGroup = 32,
};

enum class ConfigSource : int8_t {
  kTopic = 1,
  kBroker = 2,
  kAllBrokers = 3,
  kStaticBroker = 4,  // how this broker was started
  kDefault = 5,
  kClientMetrics = 7,
  kGroup = 8,
};

struct ConfigResource {
  int8_t type = 0;
  std::string name;
  auto operator<=>(const ConfigResource&) const = default;
};

struct ConfigSynonym {
  std::string name;
  std::optional<std::string> value;
  ConfigSource source;
};

// A setting as it holds for a resource.
struct ConfigEntry {
  std::string name;
  std::optional<std::string> value;
  ConfigSource source = ConfigSource::kDefault;
  ConfigType type = ConfigType::kString;
  bool read_only = false;
  std::string documentation;
  std::vector<ConfigSynonym> synonyms;  // where it comes from, what counts most first
};

// Whether who calls may do this (kDescribeConfigs, kAlterConfigs) with the resource, or the error
// to answer, with Kafka's words.
KafkaError CheckConfigAccess(const CallPtr& call, AclOperation operation,
                             const ConfigResource& resource, std::string* message);

using Configs = std::map<std::string, std::string>;

// All settings of a topic for which these were set; ascending by name.
std::vector<ConfigEntry> TopicConfigEntries(const Configs& set);
// All settings of a resource; ascending by name.
KafkaError DescribeConfigResource(Broker& broker, const ConfigResource& resource,
                                  std::vector<ConfigEntry>* entries, std::string* message);

// What was set for the resource, which must be one that can have settings.
KafkaError FindConfigs(Broker& broker, const ConfigResource& resource, Configs* set,
                       std::string* message);
// Null if there is no such setting.
const ConfigDefinition* FindConfigDefinition(const ConfigResource& resource,
                                             const std::string& name);
// Replaces what was set for the resource, unless one is wrong; with `only_check` nothing changes.
KafkaError SetConfigs(Broker& broker, const ConfigResource& resource, const Configs& configs,
                      bool only_check, Position* end, std::string* message);

// Names of groups or of client metrics for which something was set.
std::vector<std::string> ConfiguredResources(Broker& broker, ResourceType type);

}  // namespace weir::log::kafka
