#include "weir/log/topic_config.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <utility>

namespace weir::log {
namespace {

constexpr double kIntMax = std::numeric_limits<int32_t>::max();
constexpr double kLongMax = 9.2e18;

// Names, types, defaults and ranges are Kafka's (TopicConfig, LogConfig); the last one is ours.
constexpr ConfigDefinition kDefinitions[] = {
    {"cleanup.policy", ConfigType::kList, "delete", 0, 0, "compact|delete",
     "Whether old records are deleted, or only those with a newer one of the same key."},
    {"compression.gzip.level", ConfigType::kInt, "-1", -1, 9, "", "Without effect."},
    {"compression.lz4.level", ConfigType::kInt, "9", 1, 17, "", "Without effect."},
    {"compression.type", ConfigType::kString, "producer", 0, 0,
     "uncompressed|zstd|lz4|snappy|gzip|producer",
     "Records are kept as the producer compressed them."},
    {"compression.zstd.level", ConfigType::kInt, "3", -131072, 22, "", "Without effect."},
    {"delete.retention.ms", ConfigType::kLong, "86400000", 0, kLongMax, "",
     "How long compaction keeps records without a value."},
    {"file.delete.delay.ms", ConfigType::kLong, "60000", 0, kLongMax, "", "Without effect."},
    {"flush.messages", ConfigType::kLong, "9223372036854775807", 1, 9.3e18, "",
     "Without effect: records are durable before they are acknowledged."},
    {"flush.ms", ConfigType::kLong, "9223372036854775807", 0, 9.3e18, "",
     "Without effect: records are durable before they are acknowledged."},
    {"follower.replication.throttled.replicas", ConfigType::kList, "", 0, 0, "", "Without effect."},
    {"index.interval.bytes", ConfigType::kInt, "4096", 0, kIntMax, "", "Without effect."},
    {"leader.replication.throttled.replicas", ConfigType::kList, "", 0, 0, "", "Without effect."},
    {"local.retention.bytes", ConfigType::kLong, "-2", -2, kLongMax, "", "Without effect."},
    {"local.retention.ms", ConfigType::kLong, "-2", -2, kLongMax, "", "Without effect."},
    {"max.compaction.lag.ms", ConfigType::kLong, "9223372036854775807", 1, 9.3e18, "",
     "How long a record with a newer one of its key stays at most, give or take ten seconds."},
    {"max.message.bytes", ConfigType::kInt, "1048588", 0, kIntMax, "",
     "The largest record batch that is taken."},
    {"message.timestamp.after.max.ms", ConfigType::kLong, "3600000", 0, 9.3e18, "",
     "How far a record's timestamp may be in the future."},
    {"message.timestamp.before.max.ms", ConfigType::kLong, "9223372036854775807", 0, 9.3e18, "",
     "How far a record's timestamp may be in the past."},
    {"message.timestamp.type", ConfigType::kString, "CreateTime", 0, 0, "CreateTime|LogAppendTime",
     "Whether a record carries the producer's time or the broker's."},
    {"min.cleanable.dirty.ratio", ConfigType::kDouble, "0.5", 0, 1, "",
     "The share of a log that must be new before compaction looks at it."},
    {"min.compaction.lag.ms", ConfigType::kLong, "0", 0, kLongMax, "",
     "How long a record stays whatever comes after it."},
    {"min.insync.replicas", ConfigType::kInt, "1", 1, kIntMax, "", "There is one replica."},
    {"preallocate", ConfigType::kBoolean, "false", 0, 0, "", "Without effect."},
    {"remote.log.copy.disable", ConfigType::kBoolean, "false", 0, 0, "", "Without effect."},
    {"remote.log.delete.on.disable", ConfigType::kBoolean, "false", 0, 0, "", "Without effect."},
    {"remote.storage.enable", ConfigType::kBoolean, "false", 0, 0, "", "Without effect."},
    {"retention.bytes", ConfigType::kLong, "-1", -1, kLongMax, "",
     "How many bytes a partition keeps; -1: any."},
    {"retention.ms", ConfigType::kLong, "604800000", -1, kLongMax, "",
     "How long a record is kept; -1: for ever."},
    {"segment.bytes", ConfigType::kInt, "1073741824", 14, kIntMax, "",
     "Without effect: partitions share segments."},
    {"segment.index.bytes", ConfigType::kInt, "10485760", 4, kIntMax, "", "Without effect."},
    {"segment.jitter.ms", ConfigType::kLong, "0", 0, kLongMax, "", "Without effect."},
    {"segment.ms", ConfigType::kLong, "604800000", 1, kLongMax, "",
     "Without effect: retention works by batch."},
    {"unclean.leader.election.enable", ConfigType::kBoolean, "false", 0, 0, "",
     "There is one replica."},
    {"weir.retain.until.consumed.by", ConfigType::kList, "", 0, 0, "",
     "Groups whose unread records are kept, whatever the retention says."},
};

// -2^63 .. 2^63-1, or nothing.
std::optional<int64_t> ParseLong(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> ParseDouble(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <typename F>
void ForEachItem(std::string_view list, char separator, F&& f) {
  while (!list.empty()) {
    const size_t end = std::min(list.find(separator), list.size());
    std::string_view item = list.substr(0, end);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    f(item);
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

bool IsIn(std::string_view item, std::string_view choices) {
  bool found = false;
  ForEachItem(choices, '|', [&](std::string_view choice) { found |= choice == item; });
  return found;
}

std::string Wrong(std::string_view name, std::string_view value, const std::string& why) {
  return "Invalid value " + std::string(value) + " for configuration " + std::string(name) + ": " +
         why;
}

}  // namespace

std::span<const ConfigDefinition> TopicConfigDefinitions() { return kDefinitions; }

const ConfigDefinition* FindTopicConfig(std::string_view name) {
  const auto* found = std::lower_bound(
      std::begin(kDefinitions), std::end(kDefinitions), name,
      [](const ConfigDefinition& a, std::string_view wanted) { return a.name < wanted; });
  return found != std::end(kDefinitions) && found->name == name ? found : nullptr;
}

std::optional<std::string> WrongWithConfigValue(const ConfigDefinition& definition,
                                                std::string_view value) {
  const std::string_view name = definition.name;
  std::string choices;
  ForEachItem(definition.choices, '|', [&](std::string_view choice) {
    choices += (choices.empty() ? "String must be one of: " : ", ") + std::string(choice);
  });
  std::optional<double> number;
  switch (definition.type) {
    case ConfigType::kBoolean:
      if (value == "true" || value == "false") return std::nullopt;
      return Wrong(name, value, "Expected value to be either true or false");
    case ConfigType::kString:
      if (choices.empty() || IsIn(value, definition.choices)) return std::nullopt;
      return Wrong(name, value, choices);
    case ConfigType::kList:
      for (const std::string& item : ConfigListItems(value)) {
        if (!choices.empty() && !IsIn(item, definition.choices)) return Wrong(name, value, choices);
      }
      return std::nullopt;
    case ConfigType::kInt:
      if (const auto parsed = ParseLong(value); parsed && std::in_range<int32_t>(*parsed)) {
        number = static_cast<double>(*parsed);
      }
      if (!number) return Wrong(name, value, "Not a number of type INT");
      break;
    case ConfigType::kLong:
      if (const auto parsed = ParseLong(value)) number = static_cast<double>(*parsed);
      if (!number) return Wrong(name, value, "Not a number of type LONG");
      break;
    case ConfigType::kDouble:
      number = ParseDouble(value);
      if (!number) return Wrong(name, value, "Not a number of type DOUBLE");
      break;
  }
  const auto limit = [](double bound) { return std::to_string(static_cast<int64_t>(bound)); };
  if (!(*number >= definition.min)) {  // what is no number ("nan") is not, either
    return Wrong(name, value, "Value must be at least " + limit(definition.min));
  }
  if (*number > definition.max) {
    return Wrong(name, value, "Value must be no more than " + limit(definition.max));
  }
  return std::nullopt;
}

std::optional<std::string> WrongWithTopicConfig(std::string_view name, std::string_view value) {
  const ConfigDefinition* definition = FindTopicConfig(name);
  if (definition == nullptr) return "Unknown topic config name: " + std::string(name);
  return WrongWithConfigValue(*definition, value);
}

std::vector<std::string> ConfigListItems(std::string_view list) {
  std::vector<std::string> items;
  ForEachItem(list, ',', [&](std::string_view item) {
    if (!item.empty()) items.emplace_back(item);
  });
  return items;
}

TopicSettings ParseTopicConfigs(const std::map<std::string, std::string>& configs) {
  const auto text = [&](const char* name) {
    const auto found = configs.find(name);
    return found != configs.end() ? std::string_view(found->second)
                                  : FindTopicConfig(name)->default_value;
  };
  const auto number = [&](const char* name) { return ParseLong(text(name)).value_or(0); };
  TopicSettings settings;
  settings.compacts = settings.deletes = false;
  ForEachItem(text("cleanup.policy"), ',', [&](std::string_view policy) {
    settings.compacts |= policy == "compact";
    settings.deletes |= policy == "delete";
  });
  settings.retention_ms = number("retention.ms");
  settings.retention_bytes = number("retention.bytes");
  settings.max_message_bytes = static_cast<int32_t>(number("max.message.bytes"));
  settings.log_append_time = text("message.timestamp.type") == "LogAppendTime";
  settings.timestamp_before_max_ms = number("message.timestamp.before.max.ms");
  settings.timestamp_after_max_ms = number("message.timestamp.after.max.ms");
  settings.delete_retention_ms = number("delete.retention.ms");
  settings.min_compaction_lag_ms = number("min.compaction.lag.ms");
  settings.max_compaction_lag_ms = number("max.compaction.lag.ms");
  settings.min_cleanable_ratio = ParseDouble(text("min.cleanable.dirty.ratio")).value_or(0.5);
  settings.retain_until_consumed_by = text("weir.retain.until.consumed.by");
  return settings;
}

}  // namespace weir::log
