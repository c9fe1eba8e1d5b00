#include "weir/server/topics/kafka_admin.h"

#include <algorithm>
#include <set>

#include "weir/log/kafka/messages/create_partitions.h"
#include "weir/log/kafka/messages/create_topics.h"
#include "weir/log/kafka/messages/delete_topics.h"
#include "weir/log/kafka/messages/describe_configs.h"
#include "weir/log/kafka/messages/describe_log_dirs.h"
#include "weir/log/kafka/messages/incremental_alter_configs.h"
#include "weir/log/kafka/messages/list_offsets.h"
#include "weir/server/topics/kafka_failure.h"
#include "weir/sql/lexer.h"

namespace weir::server {

namespace kafka = log::kafka;
using kafka::Code;
using kafka::KafkaError;

namespace {

constexpr int32_t kChangeMs = 30'000;        // what the cluster may take for a change
constexpr int16_t kDeleteByNameVersion = 5;  // DeleteTopics; later ones may name ids
constexpr int8_t kTopicResource = 2;
constexpr int8_t kSetByTopic = 1;  // config_source: DYNAMIC_TOPIC_CONFIG
constexpr int8_t kOperationSet = 0;
constexpr int8_t kOperationDelete = 1;
constexpr int kLeaderTries = 20;  // while a cluster elects
constexpr int64_t kLeaderPauseUs = 250'000;

}  // namespace

std::vector<TopicPartition> TopicInfo::Partitions() const {
  std::vector<TopicPartition> all;
  for (const PartitionInfo& partition : partitions) all.push_back({name, partition.index});
  return all;
}

Result<TopicInfo> KafkaAdmin::Learn(const kafka::MetadataResponse::MetadataResponseTopic& topic) {
  TopicInfo info;
  info.name = topic.name.value_or("");
  WEIR_RETURN_IF_ERROR(KafkaStatus("topic '" + info.name + "'", topic.error_code));
  info.id = topic.topic_id;
  info.internal = topic.is_internal;
  for (const auto& partition : topic.partitions) {
    info.partitions.push_back({partition.partition_index, partition.leader_id,
                               partition.replica_nodes, partition.isr_nodes});
    leaders_[{info.name, partition.partition_index}] = partition.leader_id;
  }
  std::sort(info.partitions.begin(), info.partitions.end(),
            [](const PartitionInfo& a, const PartitionInfo& b) { return a.index < b.index; });
  return info;
}

Result<std::vector<TopicInfo>> KafkaAdmin::Topics() {
  WEIR_ASSIGN_OR_RETURN(const auto response, client_.Metadata(nullptr));
  std::vector<TopicInfo> topics;
  for (const auto& topic : response.topics) {
    // One that is being deleted is still told of.
    if (topic.error_code == Code(KafkaError::kUnknownTopicOrPartition)) continue;
    WEIR_ASSIGN_OR_RETURN(TopicInfo info, Learn(topic));
    topics.push_back(std::move(info));
  }
  std::sort(topics.begin(), topics.end(),
            [](const TopicInfo& a, const TopicInfo& b) { return a.name < b.name; });
  return topics;
}

Result<TopicInfo> KafkaAdmin::Topic(const std::string& name) {
  const std::vector<std::string> one{name};
  WEIR_ASSIGN_OR_RETURN(const auto response, client_.Metadata(&one));
  for (const auto& topic : response.topics) {
    if (topic.error_code != Code(KafkaError::kUnknownTopicOrPartition)) return Learn(topic);
  }
  WEIR_ASSIGN_OR_RETURN(const std::vector<TopicInfo> topics, Topics());
  std::vector<std::string> names;
  for (const TopicInfo& topic : topics) names.push_back(topic.name);
  const std::string near = sql::DidYouMean(name, names);
  return Error::User(ErrorCode::kNotFound, "there is no topic '" + name + "'")
      .Fix(near.empty()
               ? "`weir topic ls` shows what there is, `weir topic create " + name + "` makes it"
               : near);
}

Result<std::map<TopicPartition, int64_t>> KafkaAdmin::Sizes(const std::vector<TopicInfo>& topics) {
  kafka::DescribeLogDirsRequest request;
  for (const TopicInfo& topic : topics) {
    request.topics->emplace_back();
    request.topics->back().topic = topic.name;
    for (const PartitionInfo& partition : topic.partitions) {
      request.topics->back().partitions.push_back(partition.index);
    }
  }
  std::map<TopicPartition, int64_t> sizes;
  if (topics.empty()) return sizes;
  for (const int32_t node : client_.Nodes()) {
    const auto response = client_.Ask<kafka::DescribeLogDirsResponse>(node, request);
    if (!response.ok() && response.error().code() == ErrorCode::kUnsupported) continue;
    if (!response.ok()) return response.error();
    for (const auto& folder : response->results) {
      for (const auto& topic : folder.topics) {
        for (const auto& partition : topic.partitions) {
          const TopicPartition key{topic.name, partition.partition_index};
          const auto leader = leaders_.find(key);
          const bool counts = leader != leaders_.end() && leader->second == node;
          if (counts && !partition.is_future_key) sizes[key] += partition.partition_size;
        }
      }
    }
  }
  return sizes;
}

Result<std::vector<TopicSetting>> KafkaAdmin::Settings(const std::string& topic) {
  kafka::DescribeConfigsRequest request;
  request.resources.emplace_back();
  request.resources.back().resource_type = kTopicResource;
  request.resources.back().resource_name = topic;
  request.resources.back().configuration_keys.reset();
  request.include_documentation = true;
  WEIR_ASSIGN_OR_RETURN(const auto response, client_.Ask<kafka::DescribeConfigsResponse>(
                                                 KafkaClient::kAnyNode, request, {}));
  std::vector<TopicSetting> settings;
  for (const auto& result : response.results) {
    WEIR_RETURN_IF_ERROR(
        KafkaStatus("settings of '" + topic + "'", result.error_code, result.error_message));
    for (const auto& config : result.configs) {
      settings.push_back({config.name, config.is_sensitive ? std::nullopt : config.value,
                          config.config_source == kSetByTopic, config.documentation.value_or("")});
    }
  }
  std::sort(settings.begin(), settings.end(),
            [](const TopicSetting& a, const TopicSetting& b) { return a.name < b.name; });
  return settings;
}

Status KafkaAdmin::Create(const std::string& topic, int32_t partitions, int16_t replication,
                          const std::map<std::string, std::string>& settings) {
  kafka::CreateTopicsRequest request;
  request.timeout_ms = kChangeMs;
  kafka::CreateTopicsRequest::CreatableTopic wanted;
  wanted.name = topic;
  wanted.num_partitions = partitions;
  wanted.replication_factor = replication;
  for (const auto& [name, value] : settings) wanted.configs.push_back({name, value});
  request.topics.push_back(std::move(wanted));
  WEIR_ASSIGN_OR_RETURN(const auto response, client_.Ask<kafka::CreateTopicsResponse>(
                                                 client_.controller(), request,
                                                 {.repeatable = false, .extra_ms = kChangeMs}));
  for (const auto& result : response.topics) {
    WEIR_RETURN_IF_ERROR(
        KafkaStatus("creating '" + topic + "'", result.error_code, result.error_message));
  }
  return Status::Ok();
}

Status KafkaAdmin::Delete(const std::string& topic) {
  kafka::DeleteTopicsRequest request;
  request.topic_names.push_back(topic);
  request.timeout_ms = kChangeMs;
  WEIR_ASSIGN_OR_RETURN(
      const auto response,
      client_.Ask<kafka::DeleteTopicsResponse>(
          client_.controller(), request,
          {.version_max = kDeleteByNameVersion, .repeatable = false, .extra_ms = kChangeMs}));
  for (const auto& result : response.responses) {
    WEIR_RETURN_IF_ERROR(
        KafkaStatus("deleting '" + topic + "'", result.error_code, result.error_message));
  }
  return Status::Ok();
}

Status KafkaAdmin::SetPartitions(const std::string& topic, int32_t count) {
  kafka::CreatePartitionsRequest request;
  request.timeout_ms = kChangeMs;
  request.topics.emplace_back();
  request.topics.back().name = topic;
  request.topics.back().count = count;
  request.topics.back().assignments.reset();
  WEIR_ASSIGN_OR_RETURN(const auto response, client_.Ask<kafka::CreatePartitionsResponse>(
                                                 client_.controller(), request,
                                                 {.repeatable = false, .extra_ms = kChangeMs}));
  for (const auto& result : response.results) {
    WEIR_RETURN_IF_ERROR(
        KafkaStatus("partitions of '" + topic + "'", result.error_code, result.error_message));
  }
  return Status::Ok();
}

Status KafkaAdmin::Alter(const std::string& topic,
                         const std::map<std::string, std::optional<std::string>>& settings) {
  kafka::IncrementalAlterConfigsRequest request;
  request.resources.emplace_back();
  request.resources.back().resource_type = kTopicResource;
  request.resources.back().resource_name = topic;
  for (const auto& [name, value] : settings) {
    request.resources.back().configs.push_back(
        {name, value ? kOperationSet : kOperationDelete, value});
  }
  WEIR_ASSIGN_OR_RETURN(const auto response, client_.Ask<kafka::IncrementalAlterConfigsResponse>(
                                                 client_.controller(), request));
  for (const auto& result : response.responses) {
    WEIR_RETURN_IF_ERROR(
        KafkaStatus("settings of '" + topic + "'", result.error_code, result.error_message));
  }
  return Status::Ok();
}

Result<int32_t> KafkaAdmin::Leader(const TopicPartition& partition, bool again) {
  for (int tries = 1;; ++tries) {
    const auto known = leaders_.find(partition);
    if (!again && known != leaders_.end() && known->second >= 0) return known->second;
    if (again || known == leaders_.end()) {
      WEIR_RETURN_IF_ERROR(Topic(partition.topic).status());
      again = false;
      continue;
    }
    if (tries >= kLeaderTries) {
      return Error::Retry(ErrorCode::kIo, "no node leads " + partition.ToString() + " now")
          .Fix("try again, or look at the cluster's nodes");
    }
    client_.env().SleepMicros(kLeaderPauseUs);
    again = true;
  }
}

Result<Offsets> KafkaAdmin::OffsetsAt(const std::vector<TopicPartition>& partitions,
                                      int64_t timestamp_ms, bool committed) {
  Offsets found;
  for (int tries = 1;; ++tries) {
    std::map<int32_t, std::vector<TopicPartition>> by_node;
    for (const TopicPartition& partition : partitions) {
      if (found.count(partition) > 0) continue;
      WEIR_ASSIGN_OR_RETURN(const int32_t node, Leader(partition));
      by_node[node].push_back(partition);
    }
    if (by_node.empty()) return found;
    for (const auto& [node, wanted] : by_node) {
      WEIR_RETURN_IF_ERROR(OffsetsOfNode(node, wanted, timestamp_ms, committed, &found));
    }
    std::set<std::string> moved;
    for (const TopicPartition& partition : partitions) {
      if (found.count(partition) == 0) moved.insert(partition.topic);
    }
    if (!moved.empty() && tries == kLeaderTries) {
      return Error::Retry(ErrorCode::kIo, "no node gives the offsets of " + *moved.begin())
          .Fix("try again, or look at the cluster's nodes");
    }
    if (!moved.empty()) client_.env().SleepMicros(kLeaderPauseUs);
    for (const std::string& topic : moved) WEIR_RETURN_IF_ERROR(Topic(topic).status());
  }
}

Status KafkaAdmin::OffsetsOfNode(int32_t node, const std::vector<TopicPartition>& partitions,
                                 int64_t timestamp_ms, bool committed, Offsets* out) {
  kafka::ListOffsetsRequest request;
  request.replica_id = -1;
  request.isolation_level = committed ? 1 : 0;
  request.timeout_ms = kChangeMs;
  for (const TopicPartition& partition : partitions) {
    if (request.topics.empty() || request.topics.back().name != partition.topic) {
      request.topics.emplace_back();
      request.topics.back().name = partition.topic;
    }
    request.topics.back().partitions.push_back({partition.partition, -1, timestamp_ms});
  }
  WEIR_ASSIGN_OR_RETURN(const auto response,
                        client_.Ask<kafka::ListOffsetsResponse>(node, request));
  for (const auto& topic : response.topics) {
    for (const auto& partition : topic.partitions) {
      const TopicPartition key{topic.name, partition.partition_index};
      const auto error = static_cast<KafkaError>(partition.error_code);
      const bool elsewhere = error == KafkaError::kNotLeaderOrFollower ||
                             error == KafkaError::kLeaderNotAvailable ||
                             error == KafkaError::kOffsetNotAvailable;
      if (elsewhere) continue;
      WEIR_RETURN_IF_ERROR(KafkaStatus("offsets of " + key.ToString(), partition.error_code));
      (*out)[key] = {partition.offset, partition.timestamp};
    }
  }
  return Status::Ok();
}

}  // namespace weir::server
