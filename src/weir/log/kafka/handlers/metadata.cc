// Metadata (3): topics with their partitions, and where to find them: here.
#include "weir/log/kafka/messages/metadata.h"

#include <optional>
#include <utility>

#include "weir/log/kafka/handlers/each_once.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

using ResponseTopic = MetadataResponse::MetadataResponseTopic;

ResponseTopic Describe(const CallPtr& call, const MetadataRequest& request, const Topic& topic) {
  Broker& broker = call->broker();
  ResponseTopic described;
  if (request.include_topic_authorized_operations) {
    described.topic_authorized_operations =
        call->AllowedOperations(AclResourceType::kTopic, topic.name);
  }
  described.name = topic.name;
  described.topic_id = topic.id;
  described.is_internal = IsInternalTopic(topic.name);
  const std::vector<int32_t> self = {broker.options().node_id};
  for (size_t i = 0; i < topic.partitions.size(); ++i) {
    MetadataResponse::MetadataResponsePartition partition;
    partition.partition_index = static_cast<int32_t>(i);
    partition.leader_id = broker.options().node_id;
    partition.leader_epoch = 0;
    partition.replica_nodes = self;
    partition.isr_nodes = self;
    described.partitions.push_back(std::move(partition));
  }
  return described;
}

ResponseTopic Missing(const MetadataRequest::MetadataRequestTopic& asked, KafkaError error) {
  ResponseTopic missing;
  missing.error_code = static_cast<int16_t>(error);
  if (asked.topic_id.IsZero()) missing.name = asked.name;
  missing.topic_id = asked.topic_id;
  return missing;
}

// One topic that was asked for; it may come to be by that.
ResponseTopic DescribeOne(const CallPtr& call, const MetadataRequest& request,
                          const MetadataRequest::MetadataRequestTopic& asked, Position* end) {
  Broker& broker = call->broker();
  const Topics& topics = broker.log().topics();
  // By its id, if it has one; Java's client then leaves the name empty rather than null.
  const bool by_id = !asked.name || !asked.topic_id.IsZero();
  const Topic* topic = by_id ? topics.Find(asked.topic_id) : topics.Find(*asked.name);
  if (by_id) {
    if (topic == nullptr) return Missing(asked, KafkaError::kUnknownTopicId);
    return call->AllowsTopic(AclOperation::kDescribe, topic->name)
               ? Describe(call, request, *topic)
               : Missing(asked, KafkaError::kTopicAuthorizationFailed);
  }
  // Whether a topic exists is told only to who may know.
  if (!call->AllowsTopic(AclOperation::kDescribe, *asked.name)) {
    return Missing(asked, KafkaError::kTopicAuthorizationFailed);
  }
  if (topic != nullptr) return Describe(call, request, *topic);
  if (!WrongWithTopicName(*asked.name).empty()) {
    return Missing(asked, KafkaError::kInvalidTopicException);
  }
  const bool may_create = broker.options().auto_create_topics &&
                          (call->version() < 4 || request.allow_auto_topic_creation);
  if (!may_create) return Missing(asked, KafkaError::kUnknownTopicOrPartition);
  if (!call->AllowsCluster(AclOperation::kCreate) &&
      !call->AllowsTopic(AclOperation::kCreate, *asked.name)) {
    return Missing(asked, KafkaError::kTopicAuthorizationFailed);
  }
  std::string message;
  const KafkaError error =
      broker.CreateTopic(*asked.name, broker.options().default_partitions, {}, end, &message);
  topic = topics.Find(*asked.name);
  return topic != nullptr ? Describe(call, request, *topic) : Missing(asked, error);
}

void Handle(const CallPtr& call) {
  MetadataRequest request;
  if (!call->Decode(&request)) return;
  Broker& broker = call->broker();
  MetadataResponse response;
  auto cluster_id = broker.ClusterId();
  if (cluster_id.ok()) response.cluster_id = *cluster_id;
  response.controller_id = broker.options().node_id;
  MetadataResponse::MetadataResponseBroker self;
  self.node_id = broker.options().node_id;
  self.host = call->endpoint().host;
  self.port = call->endpoint().port;
  response.brokers.push_back(self);

  Position end = 0;  // of what was created on the way
  // Version 0 knows no null: an empty list means all topics.
  const bool all = !request.topics || (call->version() == 0 && request.topics->empty());
  if (all) {
    for (const auto& [name, topic] : broker.log().topics().all()) {
      if (!call->AllowsTopic(AclOperation::kDescribe, name)) continue;
      response.topics.push_back(Describe(call, request, topic));
    }
  } else {
    KeepEachOnce(&*request.topics, [](const auto& asked) {
      const bool by_name = asked.topic_id.IsZero();
      return std::pair(by_name ? asked.name : std::nullopt, asked.topic_id);
    });
    for (const auto& asked : *request.topics) {
      response.topics.push_back(DescribeOne(call, request, asked, &end));
    }
  }
  if (request.include_cluster_authorized_operations) {
    response.cluster_authorized_operations =
        call->AllowsCluster(AclOperation::kDescribe)
            ? call->AllowedOperations(AclResourceType::kCluster, kAclCluster)
            : 0;
  }
  broker.log().WhenDurable(end,
                           [call, response = std::move(response)] { call->Respond(response); });
}

}  // namespace

const Handler kMetadataHandler = {ApiKey::kMetadata, 0, 13, &Handle};

}  // namespace weir::log::kafka
