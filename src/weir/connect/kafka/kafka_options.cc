#include "weir/connect/kafka/kafka_options.h"

#include <fmt/format.h>

#include <utility>

#include "weir/connect/option_values.h"

namespace weir::connect {

Result<KafkaOptions> ParseKafkaOptions(const std::map<std::string, std::string>& options) {
  KafkaOptions out;
  OptionReader reader("kafka", options);
  reader.Take("connector");
  out.topic = reader.Take("topic").value_or("");
  const auto properties = reader.TakePrefix("properties.");
  if (const auto group = properties.find("group.id"); group != properties.end()) {
    out.group_id = group->second;
  }
  WEIR_ASSIGN_OR_RETURN(out.scan, ParseRecordScanOptions(reader));
  for (const char* name : {"sink.partitioner", "sink.delivery-guarantee",
                           "sink.transactional-id-prefix", "sink.parallelism"}) {
    if (auto value = reader.Take(name)) out.sink.emplace(name, std::move(*value));
  }
  auto records = ParseRecordOptions(reader);
  // A misspelt option is told before one that is missing because of it.
  WEIR_RETURN_IF_ERROR(reader.Finish());
  if (!records.ok()) return std::move(records).error();
  out.records = std::move(records).value();
  if (out.topic.empty()) {
    return Error::User(ErrorCode::kInvalid, "the kafka connector needs the option 'topic'")
        .Fix("name the topic: 'topic' = 'orders'");
  }
  if (out.topic.find(';') != std::string::npos) {
    return Error::User(ErrorCode::kUnsupported,
                       fmt::format("'topic' = '{}' names several topics", out.topic))
        .Fix("declare one table for each topic and read them with UNION ALL");
  }
  WEIR_ASSIGN_OR_RETURN(out.properties, ParseKafkaProperties(properties));
  if (out.scan.start == ScanStart::kGroup && out.group_id.empty()) {
    return Error::User(ErrorCode::kInvalid,
                       "'scan.startup.mode' = 'group-offsets' needs 'properties.group.id'")
        .Fix("name the consumer group: 'properties.group.id' = 'billing'");
  }
  return out;
}

}  // namespace weir::connect
