// What consumer groups of a cluster have committed, read and set through Kafka's administration.
//
// Thread rule: thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/connect/kafka/kafka_handle.h"

namespace weir::connect {

struct GroupOffset {
  std::string topic;
  int32_t partition = 0;
  int64_t offset = 0;    // the next to read
  std::string metadata;  // the consumer's own note
};

Result<std::vector<std::string>> ListGroups(const KafkaHandle& handle);
Result<std::vector<GroupOffset>> ReadGroupOffsets(const KafkaHandle& handle,
                                                  const std::string& group);
// kConflict: the group has members.
Status SetGroupOffsets(const KafkaHandle& handle, const std::string& group,
                       const std::vector<GroupOffset>& offsets);

}  // namespace weir::connect
