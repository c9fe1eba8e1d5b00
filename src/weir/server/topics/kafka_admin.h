// KafkaAdmin: what people's tools ask a Kafka cluster: topics, offsets, settings, groups,
// transactions; and the few things that they change.
//
//   KafkaAdmin admin(*client);
//   WEIR_ASSIGN_OR_RETURN(const std::vector<TopicInfo> topics, admin.Topics());
//   WEIR_ASSIGN_OR_RETURN(const Offsets ends, admin.OffsetsAt(partitions, kLatest, true));
//
// Thread rule: one thread at a time.
// Errors: kNotFound for a topic, group or transactional id that is not there, with the nearest
// name; what the server refuses, with its words (kafka_failure.h).
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/result.h"
#include "weir/server/topics/kafka_client.h"

namespace weir::server {

struct TopicPartition {
  std::string topic;
  int32_t partition = 0;

  std::string ToString() const { return topic + "/" + std::to_string(partition); }
  auto operator<=>(const TopicPartition&) const = default;
};

struct PartitionInfo {
  int32_t index = 0;
  int32_t leader = -1;
  std::vector<int32_t> replicas;
  std::vector<int32_t> in_sync;
};

struct TopicInfo {
  std::string name;
  log::kafka::Uuid id{};  // zeros from a server that tells none
  bool internal = false;
  std::vector<PartitionInfo> partitions;  // by index

  std::vector<TopicPartition> Partitions() const;
};

// What ListOffsets takes in place of a timestamp.
inline constexpr int64_t kLatest = -1;
inline constexpr int64_t kEarliest = -2;
inline constexpr int64_t kNewestTimestamp = -3;

struct OffsetAt {
  int64_t offset = -1;     // -1: none, nothing is that new
  int64_t timestamp = -1;  // ms, of the record found by timestamp
};
using Offsets = std::map<TopicPartition, OffsetAt>;

struct TopicSetting {
  std::string name;
  std::optional<std::string> value;  // none: the server does not tell it
  bool is_set = false;               // for this topic, not by default
  std::string about;
};

struct GroupInfo {
  std::string id;
  std::string type;   // "classic", "consumer"; "" from a server that does not tell
  std::string state;  // "Stable", "Empty", ...
  int32_t coordinator = -1;
};

struct GroupMember {
  std::string id;
  std::string instance;  // "": not static
  std::string client;
  std::string host;
  std::vector<TopicPartition> assigned;
};

struct GroupDescription {
  GroupInfo group;
  std::string assignor;
  std::vector<GroupMember> members;
};

struct TransactionInfo {
  std::string id;  // "": known by its producer alone
  int64_t producer_id = -1;
  int16_t producer_epoch = -1;
  std::string state;       // "Ongoing", ...; "Hanging": no coordinator knows of it
  int64_t timeout_ms = 0;  // 0: unknown
  int64_t started_ms = -1;
  std::vector<TopicPartition> partitions;
  int64_t held_back = 0;  // records that read_committed consumers don't see because of it, at most
  int32_t coordinator_epoch = 0;  // of a hanging one

  bool IsOpen() const;
};

class KafkaAdmin {
 public:
  explicit KafkaAdmin(KafkaClient& client) : client_(client) {}
  KafkaClient& client() { return client_; }

  // --- topics ---
  Result<std::vector<TopicInfo>> Topics();  // by name
  Result<TopicInfo> Topic(const std::string& name);
  // Bytes that they take; a server that does not say leaves them out.
  Result<std::map<TopicPartition, int64_t>> Sizes(const std::vector<TopicInfo>& topics);
  Result<std::vector<TopicSetting>> Settings(const std::string& topic);
  // partitions and replication -1: as the server has it.
  Status Create(const std::string& topic, int32_t partitions, int16_t replication,
                const std::map<std::string, std::string>& settings);
  Status Delete(const std::string& topic);
  Status SetPartitions(const std::string& topic, int32_t count);
  // Values of none: back to the default.
  Status Alter(const std::string& topic,
               const std::map<std::string, std::optional<std::string>>& settings);

  // --- offsets ---
  // By timestamp: of the first record at or after it. `committed`: the latest is the last stable
  // offset. Partitions of topics that Topics or Topic told of.
  Result<Offsets> OffsetsAt(const std::vector<TopicPartition>& partitions, int64_t timestamp_ms,
                            bool committed);
  // Who leads it; after `again`, as the cluster says now.
  Result<int32_t> Leader(const TopicPartition& partition, bool again = false);

  // --- groups ---
  Result<std::vector<GroupInfo>> Groups();  // by id
  Result<GroupInfo> Group(const std::string& id);
  Result<GroupDescription> Describe(const GroupInfo& group);
  Result<std::map<TopicPartition, int64_t>> Committed(const GroupInfo& group);
  // Of a group without members.
  Status Commit(const GroupInfo& group, const std::map<TopicPartition, int64_t>& offsets);
  // The group, which has no members, forgets how far it has read of these.
  Status Forget(const GroupInfo& group, const std::vector<TopicPartition>& partitions);
  // The group, which has no members, and all its offsets.
  Status DeleteGroup(const GroupInfo& group);

  // --- transactions ---
  // All that coordinators know; with `hanging`, and those that partitions have open without one.
  Result<std::vector<TransactionInfo>> Transactions(bool hanging);
  // Aborts it for its owner, who is fenced off.
  Status Abort(const TransactionInfo& transaction);

 private:
  Result<TopicInfo> Learn(const log::kafka::MetadataResponse::MetadataResponseTopic& topic);
  // Of one node's partitions; those that are not its own any more are left out.
  Status OffsetsOfNode(int32_t node, const std::vector<TopicPartition>& partitions,
                       int64_t timestamp_ms, bool committed, Offsets* out);
  Result<GroupDescription> DescribeClassic(const GroupInfo& group);
  Result<GroupDescription> DescribeConsumer(const GroupInfo& group);
  Status DescribeTransactions(int32_t node, std::vector<TransactionInfo>* transactions);
  Status AddHanging(std::vector<TransactionInfo>* transactions);

  KafkaClient& client_;
  std::map<TopicPartition, int32_t> leaders_;  // as told last
};

}  // namespace weir::server
