#include "weir/server/topics/topic_options.h"

#include <utility>

#include "weir/connect/option_values.h"
#include "weir/server/config/serve_config.h"

namespace weir::server {

Result<std::string> TopicsFolder(Env& env, const std::optional<std::string>& data,
                                 const std::string& base_folder) {
  return data ? Result<std::string>(JoinPath(base_folder, *data)) : DataFolderIn(env, base_folder);
}

Result<TopicOptions> ParseTopicOptions(Env& env, const std::map<std::string, std::string>& options,
                                       const std::string& table, const std::string& base_folder) {
  TopicOptions out;
  connect::OptionReader reader("topic", options);
  reader.Take("connector");
  out.topic = reader.Take("topic").value_or(table);
  WEIR_ASSIGN_OR_RETURN(out.data, TopicsFolder(env, reader.Take("data"), base_folder));
  out.properties = reader.TakePrefix("properties.");
  if (const auto group = out.properties.find("group.id"); group != out.properties.end()) {
    out.group_id = group->second;
  }
  WEIR_ASSIGN_OR_RETURN(out.scan, connect::ParseRecordScanOptions(reader));
  for (const char* name : {"sink.partitioner", "sink.delivery-guarantee",
                           "sink.transactional-id-prefix", "sink.parallelism"}) {
    if (auto value = reader.Take(name)) out.sink.emplace(name, std::move(*value));
  }
  auto records = connect::ParseRecordOptions(reader);
  WEIR_RETURN_IF_ERROR(reader.Finish());
  if (!records.ok()) return std::move(records).error();
  out.records = std::move(records).value();
  if (out.scan.start == connect::ScanStart::kGroup && out.group_id.empty()) {
    return Error::User(ErrorCode::kInvalid,
                       "'scan.startup.mode' = 'group-offsets' needs 'properties.group.id'")
        .Fix("name the consumer group: 'properties.group.id' = 'billing'");
  }
  return out;
}

}  // namespace weir::server
