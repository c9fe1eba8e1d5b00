// KafkaAdmin: groups.
#include <algorithm>
#include <cctype>

#include "weir/log/kafka/messages/consumer_group_describe.h"
#include "weir/log/kafka/messages/consumer_protocol.h"
#include "weir/log/kafka/messages/delete_groups.h"
#include "weir/log/kafka/messages/describe_groups.h"
#include "weir/log/kafka/messages/list_groups.h"
#include "weir/log/kafka/messages/offset_commit.h"
#include "weir/log/kafka/messages/offset_delete.h"
#include "weir/log/kafka/messages/offset_fetch.h"
#include "weir/server/topics/kafka_admin.h"
#include "weir/server/topics/kafka_failure.h"
#include "weir/sql/lexer.h"

namespace weir::server {

namespace kafka = log::kafka;

namespace {

// Later versions of these name topics by id, or several groups.
constexpr int16_t kOneGroupFetchVersion = 7;
constexpr int16_t kCommitByNameVersion = 9;
constexpr const char* kConsumerProtocol = "consumer";

// What a member of a classic group of consumers was given; nothing for other protocols (Connect).
std::vector<TopicPartition> Assigned(const std::string& bytes) {
  std::vector<TopicPartition> assigned;
  kafka::Decoder decoder(bytes);
  const int16_t version = decoder.Int16("version");
  kafka::ConsumerProtocolAssignment assignment;
  // Newer versions only append fields.
  constexpr int16_t kKnown = 3;
  if (!decoder.ok() || version < 0 || !assignment.Decode(decoder, std::min(version, kKnown)).ok()) {
    return assigned;
  }
  for (const auto& topic : assignment.assigned_partitions) {
    for (const int32_t partition : topic.partitions) assigned.push_back({topic.topic, partition});
  }
  return assigned;
}

}  // namespace

Result<std::vector<GroupInfo>> KafkaAdmin::Groups() {
  std::vector<GroupInfo> groups;
  for (const int32_t node : client_.Nodes()) {
    WEIR_ASSIGN_OR_RETURN(const auto response,
                          client_.Ask<kafka::ListGroupsResponse>(node, kafka::ListGroupsRequest{}));
    WEIR_RETURN_IF_ERROR(KafkaStatus("asking for groups", response.error_code));
    for (const auto& group : response.groups) {
      std::string type = group.group_type;
      for (char& c : type) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      groups.push_back({group.group_id, type, group.group_state, node});
    }
  }
  std::sort(groups.begin(), groups.end(),
            [](const GroupInfo& a, const GroupInfo& b) { return a.id < b.id; });
  return groups;
}

Result<GroupInfo> KafkaAdmin::Group(const std::string& id) {
  WEIR_ASSIGN_OR_RETURN(const std::vector<GroupInfo> groups, Groups());
  std::vector<std::string> names;
  for (const GroupInfo& group : groups) {
    if (group.id == id) return group;
    names.push_back(group.id);
  }
  const std::string near = sql::DidYouMean(id, names);
  return Error::User(ErrorCode::kNotFound, "there is no group '" + id + "'")
      .Fix(near.empty() ? "`weir topic groups` shows what there is" : near);
}

Result<GroupDescription> KafkaAdmin::Describe(const GroupInfo& group) {
  return group.type == kConsumerProtocol ? DescribeConsumer(group) : DescribeClassic(group);
}

Result<GroupDescription> KafkaAdmin::DescribeClassic(const GroupInfo& group) {
  kafka::DescribeGroupsRequest request;
  request.groups.push_back(group.id);
  WEIR_ASSIGN_OR_RETURN(auto response,
                        client_.Ask<kafka::DescribeGroupsResponse>(group.coordinator, request));
  GroupDescription description;
  description.group = group;
  for (const auto& described : response.groups) {
    WEIR_RETURN_IF_ERROR(
        KafkaStatus("group '" + group.id + "'", described.error_code, described.error_message));
    description.group.state = described.group_state;
    description.assignor = described.protocol_data;
    const bool consumers = described.protocol_type == kConsumerProtocol;
    for (const auto& member : described.members) {
      description.members.push_back(
          {member.member_id, member.group_instance_id.value_or(""), member.client_id,
           member.client_host,
           consumers ? Assigned(member.member_assignment) : std::vector<TopicPartition>()});
    }
  }
  return description;
}

Result<GroupDescription> KafkaAdmin::DescribeConsumer(const GroupInfo& group) {
  kafka::ConsumerGroupDescribeRequest request;
  request.group_ids.push_back(group.id);
  WEIR_ASSIGN_OR_RETURN(
      auto response, client_.Ask<kafka::ConsumerGroupDescribeResponse>(group.coordinator, request));
  GroupDescription description;
  description.group = group;
  for (const auto& described : response.groups) {
    WEIR_RETURN_IF_ERROR(
        KafkaStatus("group '" + group.id + "'", described.error_code, described.error_message));
    description.group.state = described.group_state;
    description.assignor = described.assignor_name;
    for (const auto& member : described.members) {
      GroupMember told{member.member_id,
                       member.instance_id.value_or(""),
                       member.client_id,
                       member.client_host,
                       {}};
      for (const auto& topic : member.assignment.topic_partitions) {
        for (const int32_t partition : topic.partitions) {
          told.assigned.push_back({topic.topic_name, partition});
        }
      }
      description.members.push_back(std::move(told));
    }
  }
  return description;
}

Result<std::map<TopicPartition, int64_t>> KafkaAdmin::Committed(const GroupInfo& group) {
  kafka::OffsetFetchRequest request;
  request.group_id = group.id;
  request.topics.reset();
  WEIR_ASSIGN_OR_RETURN(const auto response,
                        client_.Ask<kafka::OffsetFetchResponse>(
                            group.coordinator, request, {.version_max = kOneGroupFetchVersion}));
  WEIR_RETURN_IF_ERROR(KafkaStatus("offsets of group '" + group.id + "'", response.error_code));
  std::map<TopicPartition, int64_t> offsets;
  for (const auto& topic : response.topics) {
    for (const auto& partition : topic.partitions) {
      const TopicPartition key{topic.name, partition.partition_index};
      WEIR_RETURN_IF_ERROR(
          KafkaStatus("offset of '" + group.id + "' in " + key.ToString(), partition.error_code));
      if (partition.committed_offset >= 0) offsets[key] = partition.committed_offset;
    }
  }
  return offsets;
}

Status KafkaAdmin::Commit(const GroupInfo& group,
                          const std::map<TopicPartition, int64_t>& offsets) {
  kafka::OffsetCommitRequest request;
  request.group_id = group.id;
  for (const auto& [partition, offset] : offsets) {
    if (request.topics.empty() || request.topics.back().name != partition.topic) {
      request.topics.emplace_back();
      request.topics.back().name = partition.topic;
    }
    request.topics.back().partitions.push_back({partition.partition, offset, -1, ""});
  }
  WEIR_ASSIGN_OR_RETURN(const int32_t node, client_.Coordinator(group.id, 0));
  WEIR_ASSIGN_OR_RETURN(const auto response,
                        client_.Ask<kafka::OffsetCommitResponse>(
                            node, request, {.version_max = kCommitByNameVersion}));
  for (const auto& topic : response.topics) {
    for (const auto& partition : topic.partitions) {
      WEIR_RETURN_IF_ERROR(KafkaStatus("setting the offset of '" + group.id + "' in " + topic.name +
                                           "/" + std::to_string(partition.partition_index),
                                       partition.error_code));
    }
  }
  return Status::Ok();
}

Status KafkaAdmin::Forget(const GroupInfo& group, const std::vector<TopicPartition>& partitions) {
  kafka::OffsetDeleteRequest request;
  request.group_id = group.id;
  for (const TopicPartition& partition : partitions) {
    if (request.topics.empty() || request.topics.back().name != partition.topic) {
      request.topics.emplace_back();
      request.topics.back().name = partition.topic;
    }
    request.topics.back().partitions.push_back({partition.partition});
  }
  WEIR_ASSIGN_OR_RETURN(const int32_t node, client_.Coordinator(group.id, 0));
  WEIR_ASSIGN_OR_RETURN(const auto response,
                        client_.Ask<kafka::OffsetDeleteResponse>(node, request));
  WEIR_RETURN_IF_ERROR(
      KafkaStatus("deleting offsets of group '" + group.id + "'", response.error_code));
  for (const auto& topic : response.topics) {
    for (const auto& partition : topic.partitions) {
      WEIR_RETURN_IF_ERROR(KafkaStatus("deleting the offset of '" + group.id + "' in " +
                                           topic.name + "/" +
                                           std::to_string(partition.partition_index),
                                       partition.error_code));
    }
  }
  return Status::Ok();
}

Status KafkaAdmin::DeleteGroup(const GroupInfo& group) {
  kafka::DeleteGroupsRequest request;
  request.groups_names.push_back(group.id);
  WEIR_ASSIGN_OR_RETURN(const int32_t node, client_.Coordinator(group.id, 0));
  WEIR_ASSIGN_OR_RETURN(const auto response,
                        client_.Ask<kafka::DeleteGroupsResponse>(node, request));
  for (const auto& result : response.results) {
    WEIR_RETURN_IF_ERROR(KafkaStatus("deleting group '" + group.id + "'", result.error_code));
  }
  return Status::Ok();
}

}  // namespace weir::server
