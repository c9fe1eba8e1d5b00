// What is asked of the group coordinator and what it answers, without the wire: the fields of the
// newest version of each message (Kafka 4.2). What depends on an older version is decided by
// GroupCaller::api_version.
//
// Thread rule: values.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "weir/log/groups/partition_set.h"
#include "weir/log/kafka/errors.h"
#include "weir/log/topics.h"

namespace weir::log {

// Who asks, and in which version of the message.
struct GroupCaller {
  int16_t api_version = 0;
  std::string client_id;
  std::string client_host;
  // Whether it may know of a topic; null: of all.
  std::function<bool(const std::string& topic)> may_describe = nullptr;
};

// --- offsets ---

struct OffsetCommitPartition {
  int32_t index = 0;
  int64_t offset = -1;
  int32_t leader_epoch = -1;
  std::optional<std::string> metadata;
};

struct OffsetCommitTopic {
  std::string name;  // empty: `id` says which
  TopicId id{};
  std::vector<OffsetCommitPartition> partitions;
};

struct OffsetCommitRequest {
  std::string group_id;
  int32_t generation_or_epoch = -1;
  std::string member_id;
  std::optional<std::string> instance_id;
  std::vector<OffsetCommitTopic> topics;
};

// The producer's id and epoch were checked by whoever keeps transactions.
struct TxnOffsetCommitRequest {
  OffsetCommitRequest commit;
  int64_t producer_id = -1;
  int16_t producer_epoch = -1;
};

struct PartitionError {
  int32_t index = 0;
  kafka::KafkaError error = kafka::KafkaError::kNone;
};

struct TopicErrors {
  std::string name;
  TopicId id{};
  std::vector<PartitionError> partitions;
};

struct OffsetCommitResponse {
  std::vector<TopicErrors> topics;  // as asked, in the same order
};

struct OffsetFetchTopic {
  std::string name;  // empty: `id` says which
  TopicId id{};
  std::vector<int32_t> partitions;
};

// One group of an OffsetFetch.
struct OffsetFetchRequest {
  std::string group_id;
  std::optional<std::string> member_id;
  int32_t member_epoch = -1;
  std::optional<std::vector<OffsetFetchTopic>> topics;  // nothing: all
  bool require_stable = false;
};

struct FetchedOffset {
  int32_t index = 0;
  int64_t offset = -1;  // nothing was committed
  int32_t leader_epoch = -1;
  std::string metadata;
  kafka::KafkaError error = kafka::KafkaError::kNone;
};

struct OffsetFetchResponse {
  struct FetchedTopic {
    std::string name;
    TopicId id{};
    std::vector<FetchedOffset> partitions;
  };
  std::string group_id;
  kafka::KafkaError error = kafka::KafkaError::kNone;
  std::vector<FetchedTopic> topics;
};

struct OffsetDeleteRequest {
  std::string group_id;
  std::vector<OffsetFetchTopic> topics;
};

struct OffsetDeleteResponse {
  kafka::KafkaError error = kafka::KafkaError::kNone;
  std::vector<TopicErrors> topics;
};

// --- classic groups ---

struct GroupProtocol {
  std::string name;
  std::string metadata;
  bool operator==(const GroupProtocol&) const = default;
};

struct JoinGroupRequest {
  std::string group_id;
  int32_t session_timeout_ms = 0;
  int32_t rebalance_timeout_ms = 0;  // before version 1: the session's
  std::string member_id;
  std::optional<std::string> instance_id;
  std::string protocol_type;
  std::vector<GroupProtocol> protocols;  // the most wanted first
  std::string reason;
};

struct JoinGroupResponse {
  kafka::KafkaError error = kafka::KafkaError::kNone;
  int32_t generation_id = -1;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name;  // before version 7: "" for nothing
  std::string leader;
  bool skip_assignment = false;
  std::string member_id;
  struct Member {
    std::string member_id;
    std::optional<std::string> instance_id;
    std::string metadata;
  };
  std::vector<Member> members;  // for the leader
};

struct SyncGroupRequest {
  std::string group_id;
  int32_t generation_id = -1;
  std::string member_id;
  std::optional<std::string> instance_id;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name;
  struct Assignment {
    std::string member_id;
    std::string assignment;
  };
  std::vector<Assignment> assignments;  // from the leader
};

struct SyncGroupResponse {
  kafka::KafkaError error = kafka::KafkaError::kNone;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol_name;
  std::string assignment;
};

struct HeartbeatRequest {
  std::string group_id;
  int32_t generation_id = -1;
  std::string member_id;
  std::optional<std::string> instance_id;
};

struct LeavingMember {
  std::string member_id;  // empty: the one that has instance_id now
  std::optional<std::string> instance_id;
  std::string reason;
};

struct LeaveGroupRequest {
  std::string group_id;
  std::vector<LeavingMember> members;  // before version 3: one
};

struct LeaveGroupResponse {
  kafka::KafkaError error = kafka::KafkaError::kNone;
  struct Member {
    std::string member_id;
    std::optional<std::string> instance_id;
    kafka::KafkaError error = kafka::KafkaError::kNone;
  };
  std::vector<Member> members;  // before version 3: its error is the answer's
};

// --- consumer groups (KIP-848) ---

struct ConsumerGroupHeartbeatRequest {
  std::string group_id;
  std::string member_id;     // before version 1 it may be empty in the first request
  int32_t member_epoch = 0;  // 0: joins; -1: leaves; -2: a static one leaves for a while
  std::optional<std::string> instance_id;
  std::optional<std::string> rack_id;
  int32_t rebalance_timeout_ms = -1;                          // -1: as before
  std::optional<std::vector<std::string>> subscribed_topics;  // nothing: as before
  std::optional<std::string> subscribed_regex;                // nothing: as before; "": none
  std::optional<std::string> server_assignor;
  std::optional<PartitionSet> owned;  // nothing: as before
};

struct ConsumerGroupHeartbeatResponse {
  kafka::KafkaError error = kafka::KafkaError::kNone;
  std::string error_message;
  std::string member_id;
  int32_t member_epoch = 0;
  int32_t heartbeat_interval_ms = 0;
  std::optional<PartitionSet> assignment;  // nothing: as before
};

struct DescribedConsumerGroup {
  kafka::KafkaError error = kafka::KafkaError::kNone;
  std::string error_message;
  std::string group_id;
  std::string state;
  int32_t group_epoch = 0;
  int32_t assignment_epoch = 0;
  std::string assignor;
  struct Member {
    std::string member_id;
    std::optional<std::string> instance_id;
    std::optional<std::string> rack_id;
    int32_t member_epoch = 0;
    std::string client_id;
    std::string client_host;
    std::vector<std::string> subscribed_topics;
    std::optional<std::string> subscribed_regex;
    PartitionSet assignment;
    PartitionSet target_assignment;
  };
  std::vector<Member> members;
};

// --- groups of any type ---

// One group of a DescribeGroups. Before version 6 the error of an unknown group is kNone.
struct DescribedGroup {
  kafka::KafkaError error = kafka::KafkaError::kNone;
  std::string error_message;
  std::string group_id;
  std::string state;
  std::string protocol_type;
  std::string protocol_data;
  struct Member {
    std::string member_id;
    std::optional<std::string> instance_id;
    std::string client_id;
    std::string client_host;
    std::string metadata;
    std::string assignment;
  };
  std::vector<Member> members;
};

struct ListGroupsRequest {
  std::vector<std::string> states;  // empty: any; upper or lower case
  std::vector<std::string> types;
};

struct ListedGroup {
  std::string group_id;
  std::string protocol_type;
  std::string state;
  std::string type;  // "classic" or "consumer"
};

struct DeletedGroup {
  std::string group_id;
  kafka::KafkaError error = kafka::KafkaError::kNone;
};

}  // namespace weir::log
