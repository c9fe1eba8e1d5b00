// How far consumer groups are behind, in records and in time.
//
// Thread rule: free functions, one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/server/topics/kafka_admin.h"

namespace weir::server {

// One group in one partition that it committed an offset of, or that a member of it was given.
struct PartitionLag {
  std::string group;
  TopicPartition partition;
  std::optional<int64_t> committed;  // the next record to read; none: nothing was committed
  int64_t begin = 0;                 // of what is kept
  int64_t end = 0;                   // behind the last record that a consumer can get
  std::optional<int64_t> records;    // unread ones, as offsets count; none: nothing was committed
  std::optional<double> seconds;     // since the next unread record was written; 0: nothing unread
  int64_t lost = 0;                  // deleted before the group read them, as offsets count
  // Who reads it now; "" if nobody does.
  std::string member;
  std::string client;
  std::string host;
};

struct LagOptions {
  std::string topic;      // "": all
  bool committed = true;  // up to the last stable offset, as consumers with read_committed go
  bool seconds = true;    // reads a record of each partition with a lag
};

// Of these groups, by group, topic and partition. A group that goes meanwhile is left out.
Result<std::vector<PartitionLag>> LagOf(KafkaAdmin& admin, const std::vector<GroupInfo>& groups,
                                        const LagOptions& options);

}  // namespace weir::server
