// Broker configs: this broker's settings under Kafka's names, for tools and pages that show them.
// They say what holds here; few can be changed while the broker runs.
//
// Thread rule: values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/log/kafka/broker.h"
#include "weir/log/topic_config.h"

namespace weir::log::kafka {

struct BrokerConfig {
  std::string name;
  std::optional<std::string> value;
  ConfigType type = ConfigType::kString;
  bool started_with = false;  // this broker's own; else what Kafka would have too
  bool dynamic = false;       // may be set, to no effect
  std::string documentation;
};

// Ascending by name. `folder`: where the log is.
std::vector<BrokerConfig> BrokerConfigs(const BrokerOptions& options, const std::string& folder);
// A setting that may be changed while the broker runs, or null.
const ConfigDefinition* FindDynamicBrokerConfig(std::string_view name);

// What a broker calls the default of a topic's setting.
struct TopicConfigSynonym {
  std::string name;
  std::string value;
};
std::optional<TopicConfigSynonym> BrokerSynonym(std::string_view topic_config);

}  // namespace weir::log::kafka
