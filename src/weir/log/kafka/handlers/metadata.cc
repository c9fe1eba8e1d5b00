// Metadata (3): topics with their partitions, and where to find them: here.
#include "weir/log/kafka/messages/metadata.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

using ResponseTopic = MetadataResponse::MetadataResponseTopic;

ResponseTopic Describe(Broker& broker, const Topic& topic) {
  ResponseTopic described;
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
      response.topics.push_back(Describe(broker, topic));
    }
  } else {
    const bool may_create = broker.options().auto_create_topics &&
                            (call->version() < 4 || request.allow_auto_topic_creation);
    for (const auto& asked : *request.topics) {
      // By its id, if it has one; Java's client then leaves the name empty rather than null.
      if (!asked.name || !asked.topic_id.IsZero()) {
        const Topic* topic = broker.log().topics().Find(asked.topic_id);
        response.topics.push_back(topic != nullptr ? Describe(broker, *topic)
                                                   : Missing(asked, KafkaError::kUnknownTopicId));
        continue;
      }
      const Topic* topic = broker.log().topics().Find(*asked.name);
      KafkaError error = KafkaError::kUnknownTopicOrPartition;
      if (topic == nullptr && !WrongWithTopicName(*asked.name).empty()) {
        error = KafkaError::kInvalidTopicException;
      } else if (topic == nullptr && may_create) {
        std::string message;
        error = broker.CreateTopic(*asked.name, broker.options().default_partitions, {}, &end,
                                   &message);
        topic = broker.log().topics().Find(*asked.name);
      }
      response.topics.push_back(topic != nullptr ? Describe(broker, *topic)
                                                 : Missing(asked, error));
    }
  }
  broker.log().WhenDurable(end,
                           [call, response = std::move(response)] { call->Respond(response); });
}

}  // namespace

const Handler kMetadataHandler = {ApiKey::kMetadata, 0, 13, &Handle};

}  // namespace weir::log::kafka
