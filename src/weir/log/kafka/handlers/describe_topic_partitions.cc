// DescribeTopicPartitions (75): topics with their partitions, page by page (KIP-966).
#include <algorithm>
#include <set>

#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/messages/describe_topic_partitions.h"

namespace weir::log::kafka {
namespace {

using ResponseTopic = DescribeTopicPartitionsResponse::DescribeTopicPartitionsResponseTopic;
using ResponsePartition = DescribeTopicPartitionsResponse::DescribeTopicPartitionsResponsePartition;

constexpr int32_t kPartitionsMax = 2000;  // of one answer, as Kafka

ResponsePartition Describe(const Broker& broker, int32_t index) {
  const int32_t self = broker.options().node_id;
  ResponsePartition partition;
  partition.partition_index = index;
  partition.leader_id = self;
  partition.leader_epoch = 0;
  partition.replica_nodes = {self};
  partition.isr_nodes = {self};
  partition.eligible_leader_replicas.emplace();
  partition.last_known_elr.emplace();
  return partition;
}

void RefuseAll(const CallPtr& call, const DescribeTopicPartitionsRequest& request) {
  DescribeTopicPartitionsResponse response;
  for (const auto& asked : request.topics) {
    ResponseTopic refused;
    refused.name = asked.name;
    refused.error_code = Code(KafkaError::kInvalidRequest);
    response.topics.push_back(std::move(refused));
  }
  call->Respond(response);
}

void Handle(const CallPtr& call) {
  DescribeTopicPartitionsRequest request;
  if (!call->Decode(&request)) return;
  Broker& broker = call->broker();
  const auto& topics = broker.log().topics();
  std::set<std::string> names;
  for (const auto& asked : request.topics) names.insert(asked.name);
  if (request.topics.empty()) {
    for (const auto& [name, topic] : topics.all()) {
      if (call->AllowsTopic(AclOperation::kDescribe, name)) names.insert(name);
    }
  } else if (request.cursor && names.count(request.cursor->topic_name) == 0) {
    return RefuseAll(call, request);
  }
  if (request.cursor) {
    if (request.cursor->partition_index < 0) return RefuseAll(call, request);
    names.erase(names.begin(), names.lower_bound(request.cursor->topic_name));
  }
  DescribeTopicPartitionsResponse response;
  int32_t left = std::clamp(request.response_partition_limit, 1, kPartitionsMax);
  for (const std::string& name : names) {
    if (left == 0) {
      response.next_cursor.emplace();
      response.next_cursor->topic_name = name;
      break;
    }
    ResponseTopic described;
    described.name = name;
    const Topic* topic = topics.Find(name);
    if (!call->AllowsTopic(AclOperation::kDescribe, name)) {
      described.error_code = Code(KafkaError::kTopicAuthorizationFailed);
      response.topics.push_back(std::move(described));
      continue;
    }
    if (topic == nullptr) {
      described.error_code =
          Code(WrongWithTopicName(name).empty() ? KafkaError::kUnknownTopicOrPartition
                                                : KafkaError::kInvalidTopicException);
      response.topics.push_back(std::move(described));
      continue;
    }
    described.topic_id = topic->id;
    described.is_internal = IsInternalTopic(name);
    described.topic_authorized_operations = call->AllowedOperations(AclResourceType::kTopic, name);
    const bool resumed = request.cursor && request.cursor->topic_name == name;
    const auto end = static_cast<int32_t>(topic->partitions.size());
    int32_t index = resumed ? request.cursor->partition_index : 0;
    for (; index < end && left > 0; ++index, --left) {
      described.partitions.push_back(Describe(broker, index));
    }
    response.topics.push_back(std::move(described));
    if (index < end) {
      response.next_cursor.emplace();
      response.next_cursor->topic_name = name;
      response.next_cursor->partition_index = index;
      break;
    }
  }
  call->Respond(response);
}

}  // namespace

const Handler kDescribeTopicPartitionsHandler = {ApiKey::kDescribeTopicPartitions, 0, 0, &Handle};

}  // namespace weir::log::kafka
