// Topic settings: Kafka's names, types and defaults, checked when they are set and parsed once.
//
// What has a meaning here is parsed into TopicSettings. Others are known, checked and given back
// (compression.type, segment.bytes …), so that programs which set them start; the table in
// topic_config.cc says which.
//
// Thread rule: values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::log {

enum class ConfigType { kBoolean, kString, kInt, kLong, kDouble, kList };

struct ConfigDefinition {
  std::string_view name;
  ConfigType type;
  std::string_view default_value;
  double min;  // of numbers; ignored for others
  double max;
  std::string_view choices;  // "a|b|c"; "" for any
  std::string_view documentation;
};

// Ascending by name.
std::span<const ConfigDefinition> TopicConfigDefinitions();
const ConfigDefinition* FindTopicConfig(std::string_view name);
// What is wrong with a value, as Kafka says it; nothing if it may be set.
std::optional<std::string> WrongWithConfigValue(const ConfigDefinition& definition,
                                                std::string_view value);
// The same for a setting of a topic, which may be unknown.
std::optional<std::string> WrongWithTopicConfig(std::string_view name, std::string_view value);

// "a, b ,c" without the empty ones.
std::vector<std::string> ConfigListItems(std::string_view list);

struct TopicSettings {
  bool compacts = false;
  bool deletes = true;
  int64_t retention_ms = 7 * 24 * 3600 * int64_t{1000};  // -1: for ever
  int64_t retention_bytes = -1;                          // -1: any
  int32_t max_message_bytes = 1048588;
  bool log_append_time = false;
  int64_t timestamp_before_max_ms = INT64_MAX;
  int64_t timestamp_after_max_ms = INT64_MAX;
  int64_t delete_retention_ms = 24 * 3600 * int64_t{1000};
  int64_t min_compaction_lag_ms = 0;
  int64_t max_compaction_lag_ms = INT64_MAX;
  double min_cleanable_ratio = 0.5;
  // Ours: records that these groups have not read yet are kept, whatever else says.
  std::string retain_until_consumed_by;  // names, separated by commas
};

// Settings that WrongWithTopicConfig let pass.
TopicSettings ParseTopicConfigs(const std::map<std::string, std::string>& configs);

}  // namespace weir::log
