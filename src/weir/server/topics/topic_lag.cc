#include "weir/server/topics/topic_lag.h"

#include <algorithm>
#include <map>
#include <set>

#include "weir/server/topics/topic_reader.h"

namespace weir::server {

namespace {

constexpr int32_t kReadMs = 1'000;

// When the first record from here on was written; nothing if there is none.
Result<std::optional<int64_t>> TimestampAt(KafkaAdmin& admin, const TopicPartition& partition,
                                           int64_t begin, int64_t end, bool committed) {
  // One batch, however large.
  TopicReader reader(admin, {{partition, begin, end}}, {committed, 1, 1});
  TopicRecord record;
  WEIR_ASSIGN_OR_RETURN(const bool found, reader.Next(kReadMs, &record));
  if (!found || record.record.timestamp < 0) return std::optional<int64_t>();
  return std::optional<int64_t>(record.record.timestamp);
}

// Topics may be gone that a group has offsets of.
Result<std::set<std::string>> NamesOfTopics(KafkaAdmin& admin) {
  WEIR_ASSIGN_OR_RETURN(const std::vector<TopicInfo> topics, admin.Topics());
  std::set<std::string> names;
  for (const TopicInfo& topic : topics) names.insert(topic.name);
  return names;
}

}  // namespace

Result<std::vector<PartitionLag>> LagOf(KafkaAdmin& admin, const std::vector<GroupInfo>& groups,
                                        const LagOptions& options) {
  WEIR_ASSIGN_OR_RETURN(const std::set<std::string> topics, NamesOfTopics(admin));
  const auto wanted = [&](const TopicPartition& partition) {
    return topics.count(partition.topic) > 0 &&
           (options.topic.empty() || options.topic == partition.topic);
  };
  std::vector<PartitionLag> lags;
  std::set<TopicPartition> partitions;
  for (const GroupInfo& group : groups) {
    const auto described = admin.Describe(group);
    if (!described.ok() && described.error().code() == ErrorCode::kNotFound) continue;
    if (!described.ok()) return described.error();
    WEIR_ASSIGN_OR_RETURN(const auto committed, admin.Committed(group));
    std::map<TopicPartition, PartitionLag> rows;
    for (const auto& [partition, offset] : committed) {
      if (wanted(partition)) rows[partition].committed = offset;
    }
    for (const GroupMember& member : described->members) {
      for (const TopicPartition& partition : member.assigned) {
        if (!wanted(partition)) continue;
        rows[partition].member = member.id;
        rows[partition].client = member.client;
        rows[partition].host = member.host;
      }
    }
    for (auto& [partition, row] : rows) {
      row.group = group.id;
      row.partition = partition;
      partitions.insert(partition);
      lags.push_back(std::move(row));
    }
  }
  const std::vector<TopicPartition> all(partitions.begin(), partitions.end());
  WEIR_ASSIGN_OR_RETURN(const Offsets begins, admin.OffsetsAt(all, kEarliest, false));
  WEIR_ASSIGN_OR_RETURN(const Offsets ends, admin.OffsetsAt(all, kLatest, options.committed));
  const int64_t now_ms = admin.client().env().NowMicros() / 1000;
  std::map<std::pair<TopicPartition, int64_t>, std::optional<int64_t>> timestamps;
  for (PartitionLag& row : lags) {
    row.begin = begins.at(row.partition).offset;
    row.end = ends.at(row.partition).offset;
    if (!row.committed) continue;
    const int64_t next = std::max(*row.committed, row.begin);
    row.lost = next - *row.committed;
    row.records = std::max<int64_t>(row.end - next, 0);
    if (*row.records == 0) row.seconds = 0;
    if (*row.records == 0 || !options.seconds) continue;
    const auto key = std::make_pair(row.partition, next);
    auto known = timestamps.find(key);
    if (known == timestamps.end()) {
      WEIR_ASSIGN_OR_RETURN(const auto timestamp,
                            TimestampAt(admin, row.partition, next, row.end, options.committed));
      known = timestamps.emplace(key, timestamp).first;
    }
    if (known->second) {
      row.seconds = static_cast<double>(std::max<int64_t>(now_ms - *known->second, 0)) / 1000;
    }
  }
  return lags;
}

}  // namespace weir::server
