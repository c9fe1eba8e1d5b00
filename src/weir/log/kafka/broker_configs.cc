#include "weir/log/kafka/broker_configs.h"

#include <algorithm>
#include <limits>

namespace weir::log::kafka {
namespace {

constexpr double kIntMax = std::numeric_limits<int32_t>::max();

struct Synonym {
  std::string_view topic_config;
  std::string_view name;
  std::string_view value;  // "": the topic's default
};
// Kafka's (ServerTopicConfigSynonyms): the one that has a value.
constexpr Synonym kSynonyms[] = {
    {"cleanup.policy", "log.cleanup.policy", ""},
    {"compression.gzip.level", "compression.gzip.level", ""},
    {"compression.lz4.level", "compression.lz4.level", ""},
    {"compression.type", "compression.type", ""},
    {"compression.zstd.level", "compression.zstd.level", ""},
    {"delete.retention.ms", "log.cleaner.delete.retention.ms", ""},
    {"file.delete.delay.ms", "log.segment.delete.delay.ms", ""},
    {"flush.messages", "log.flush.interval.messages", ""},
    {"flush.ms", "log.flush.scheduler.interval.ms", ""},
    {"index.interval.bytes", "log.index.interval.bytes", ""},
    {"local.retention.bytes", "log.local.retention.bytes", ""},
    {"local.retention.ms", "log.local.retention.ms", ""},
    {"max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms", ""},
    {"max.message.bytes", "message.max.bytes", ""},
    {"message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms", ""},
    {"message.timestamp.before.max.ms", "log.message.timestamp.before.max.ms", ""},
    {"message.timestamp.type", "log.message.timestamp.type", ""},
    {"min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio", ""},
    {"min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms", ""},
    {"min.insync.replicas", "min.insync.replicas", ""},
    {"preallocate", "log.preallocate", ""},
    {"retention.bytes", "log.retention.bytes", ""},
    {"retention.ms", "log.retention.hours", "168"},
    {"segment.bytes", "log.segment.bytes", ""},
    {"segment.index.bytes", "log.index.size.max.bytes", ""},
    {"segment.jitter.ms", "log.roll.jitter.hours", "0"},
    {"segment.ms", "log.roll.hours", "168"},
    {"unclean.leader.election.enable", "unclean.leader.election.enable", ""},
};

// Programs set these; here there is nothing that they could change.
constexpr ConfigDefinition kDynamic[] = {
    {"background.threads", ConfigType::kInt, "10", 1, kIntMax, "", "Without effect."},
    {"log.cleaner.threads", ConfigType::kInt, "1", 0, kIntMax, "", "Without effect."},
    {"num.io.threads", ConfigType::kInt, "8", 1, kIntMax, "", "Without effect."},
    {"num.network.threads", ConfigType::kInt, "3", 1, kIntMax, "", "Without effect."},
    {"num.replica.fetchers", ConfigType::kInt, "1", 0, kIntMax, "", "Without effect."},
    {"sasl.kerberos.min.time.before.relogin", ConfigType::kLong, "60000", 0, 9.2e18, "",
     "Without effect."},
};

// What holds here and nobody can change.
struct Fixed {
  std::string_view name;
  ConfigType type;
  std::optional<std::string_view> value;
};
constexpr Fixed kFixed[] = {
    {"broker.rack", ConfigType::kString, std::nullopt},
    {"default.replication.factor", ConfigType::kInt, "1"},
    {"delete.topic.enable", ConfigType::kBoolean, "true"},
    {"log.cleaner.enable", ConfigType::kBoolean, "true"},
    {"log.retention.minutes", ConfigType::kInt, std::nullopt},
    {"log.retention.ms", ConfigType::kLong, std::nullopt},
    {"offsets.topic.replication.factor", ConfigType::kInt, "1"},
    {"process.roles", ConfigType::kList, "broker,controller"},
    {"transaction.state.log.min.isr", ConfigType::kInt, "1"},
    {"transaction.state.log.replication.factor", ConfigType::kInt, "1"},
};

std::string_view ValueOf(const Synonym& synonym) {
  return synonym.value.empty() ? FindTopicConfig(synonym.topic_config)->default_value
                               : synonym.value;
}

}  // namespace

std::vector<BrokerConfig> BrokerConfigs(const BrokerOptions& options, const std::string& folder) {
  std::vector<BrokerConfig> configs;
  for (const Synonym& synonym : kSynonyms) {
    const ConfigDefinition& of_topic = *FindTopicConfig(synonym.topic_config);
    configs.push_back(
        {std::string(synonym.name), std::string(ValueOf(synonym)), of_topic.type, false, false,
         "What a topic has that does not set " + std::string(synonym.topic_config) + "."});
  }
  for (const ConfigDefinition& dynamic : kDynamic) {
    configs.push_back({std::string(dynamic.name), std::string(dynamic.default_value), dynamic.type,
                       false, true, std::string(dynamic.documentation)});
  }
  for (const Fixed& fixed : kFixed) {
    BrokerConfig config;
    config.name = fixed.name;
    if (fixed.value) config.value = *fixed.value;
    config.type = fixed.type;
    configs.push_back(std::move(config));
  }
  const std::string node = std::to_string(options.node_id);
  const std::string address = "PLAINTEXT://" + options.host + ":" + std::to_string(options.port);
  const auto started_with = [&](const char* name, std::string value, ConfigType type,
                                const char* documentation) {
    configs.push_back({name, std::move(value), type, true, false, documentation});
  };
  started_with("advertised.listeners", address, ConfigType::kList, "What clients are told.");
  started_with("auto.create.topics.enable", options.auto_create_topics ? "true" : "false",
               ConfigType::kBoolean, "Whether topics are created by their first use.");
  started_with("broker.id", node, ConfigType::kInt, "This broker's number.");
  started_with("connections.max.reauth.ms", std::to_string(options.max_reauth_ms),
               ConfigType::kLong, "How long a login lasts; 0: as long as its connection.");
  started_with("listeners", address, ConfigType::kList, "Where clients are heard.");
  started_with("log.dir", folder, ConfigType::kString, "Where the records are.");
  started_with("log.dirs", folder, ConfigType::kList, "Where the records are.");
  started_with("node.id", node, ConfigType::kInt, "This broker's number.");
  started_with("num.partitions", std::to_string(options.default_partitions), ConfigType::kInt,
               "Partitions of topics that do not say how many.");
  started_with("socket.request.max.bytes", std::to_string(options.request_bytes_max),
               ConfigType::kInt, "The largest request that is taken.");
  started_with("fetch.max.bytes", std::to_string(options.fetch_bytes_max), ConfigType::kInt,
               "The largest answer to a fetch, but for its first batch.");
  const GroupOptions& groups = options.groups;
  const auto of_groups = [&](const char* name, int64_t value, ConfigType type) {
    started_with(name, std::to_string(value), type, "A limit of consumer groups.");
  };
  of_groups("group.consumer.heartbeat.interval.ms", groups.consumer_heartbeat_interval_ms,
            ConfigType::kInt);
  of_groups("group.consumer.max.size", groups.consumer_max_size, ConfigType::kInt);
  of_groups("group.consumer.session.timeout.ms", groups.consumer_session_timeout_ms,
            ConfigType::kInt);
  of_groups("group.initial.rebalance.delay.ms", groups.initial_rebalance_delay_ms,
            ConfigType::kInt);
  of_groups("group.max.session.timeout.ms", groups.max_session_timeout_ms, ConfigType::kInt);
  of_groups("group.max.size", groups.max_size, ConfigType::kInt);
  of_groups("group.min.session.timeout.ms", groups.min_session_timeout_ms, ConfigType::kInt);
  of_groups("offset.metadata.max.bytes", groups.offset_metadata_max_bytes, ConfigType::kInt);
  of_groups("offsets.retention.check.interval.ms", groups.offsets_retention_check_interval_ms,
            ConfigType::kLong);
  of_groups("offsets.retention.minutes", groups.offsets_retention_minutes, ConfigType::kInt);
  std::sort(configs.begin(), configs.end(),
            [](const BrokerConfig& a, const BrokerConfig& b) { return a.name < b.name; });
  return configs;
}

const ConfigDefinition* FindDynamicBrokerConfig(std::string_view name) {
  for (const ConfigDefinition& dynamic : kDynamic) {
    if (dynamic.name == name) return &dynamic;
  }
  return nullptr;
}

std::optional<TopicConfigSynonym> BrokerSynonym(std::string_view topic_config) {
  for (const Synonym& synonym : kSynonyms) {
    if (synonym.topic_config == topic_config) {
      return TopicConfigSynonym{std::string(synonym.name), std::string(ValueOf(synonym))};
    }
  }
  return std::nullopt;
}

}  // namespace weir::log::kafka
