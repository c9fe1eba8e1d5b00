// The options of a table with 'connector' = 'topic': those of records and 'scan.*' as for `kafka`,
// and where the topics lie. docs/sources.md explains each one to users.
//
// Thread rule: values.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/connect/records/record_options.h"
#include "weir/connect/records/scan_options.h"

namespace weir::server {

struct TopicOptions {
  std::string topic;
  std::string data;  // the folder
  connect::RecordOptions records;
  connect::RecordScanOptions scan;
  std::string group_id;
  // 'properties.X', for a folder that is served: how to log in there.
  std::map<std::string, std::string> properties;
  std::map<std::string, std::string> sink;  // the 'sink.*' options that were given, with "sink."
};

// `table` is the topic's name unless 'topic' says another; `base_folder` is where 'data' lies, and
// where a weir.toml may say so.
Result<TopicOptions> ParseTopicOptions(Env& env, const std::map<std::string, std::string>& options,
                                       const std::string& table, const std::string& base_folder);
// The folder of the option 'data', or what stands for it.
Result<std::string> TopicsFolder(Env& env, const std::optional<std::string>& data,
                                 const std::string& base_folder);

}  // namespace weir::server
