// The options of a table with 'connector' = 'kafka', in Flink's words; docs/sources.md explains
// each one to users. One set for reading and writing, so that one CREATE TABLE serves both.
//
// Thread rule: values.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "weir/base/result.h"
#include "weir/connect/kafka/kafka_properties.h"
#include "weir/connect/records/record_options.h"
#include "weir/connect/records/scan_options.h"

namespace weir::connect {

struct KafkaOptions {
  std::string topic;
  KafkaProperties properties;
  RecordOptions records;
  RecordScanOptions scan;
  std::string group_id;                     // 'properties.group.id', for 'group-offsets'
  std::map<std::string, std::string> sink;  // the 'sink.*' options that were given, with "sink."
};

// User errors name the option, its value and the nearest correct name.
Result<KafkaOptions> ParseKafkaOptions(const std::map<std::string, std::string>& options);

}  // namespace weir::connect
