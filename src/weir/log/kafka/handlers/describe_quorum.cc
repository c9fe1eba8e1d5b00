// DescribeQuorum (55): who keeps the cluster's metadata: this node, in its journal.
#include "weir/log/kafka/messages/describe_quorum.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

constexpr const char* kClusterMetadata = "__cluster_metadata";

DescribeQuorumResponse::PartitionData Self(Broker& broker) {
  DescribeQuorumResponse::PartitionData partition;
  const auto end = static_cast<int64_t>(broker.log().journal().durable());
  partition.error_message.reset();
  partition.leader_id = broker.options().node_id;
  partition.leader_epoch = 1;
  partition.high_watermark = end;
  DescribeQuorumResponse::ReplicaState self;
  self.replica_id = broker.options().node_id;
  self.log_end_offset = end;
  self.last_fetch_timestamp = broker.NowMs();
  self.last_caught_up_timestamp = broker.NowMs();
  partition.current_voters.push_back(self);
  return partition;
}

void Handle(const CallPtr& call) {
  DescribeQuorumRequest request;
  if (!call->Decode(&request)) return;
  if (!call->AllowsCluster(AclOperation::kDescribe)) {
    DescribeQuorumResponse refused;
    refused.error_code = Code(KafkaError::kClusterAuthorizationFailed);
    refused.error_message = call->version() >= 2
                                ? std::optional<std::string>("Cluster authorization failed.")
                                : std::nullopt;
    return call->Respond(refused);
  }
  Broker& broker = call->broker();
  DescribeQuorumResponse response;
  response.error_message.reset();
  for (const auto& asked : request.topics) {
    DescribeQuorumResponse::TopicData topic;
    topic.topic_name = asked.topic_name;
    for (const auto& asked_partition : asked.partitions) {
      DescribeQuorumResponse::PartitionData partition;
      if (asked.topic_name == kClusterMetadata && asked_partition.partition_index == 0) {
        partition = Self(broker);
      } else {
        partition.partition_index = asked_partition.partition_index;
        partition.error_code = Code(KafkaError::kUnknownTopicOrPartition);
        partition.error_message = "This server does not host this topic-partition.";
      }
      topic.partitions.push_back(std::move(partition));
    }
    response.topics.push_back(std::move(topic));
  }
  if (call->version() >= 2) {
    response.nodes.push_back(
        {broker.options().node_id,
         {{"CONTROLLER", call->endpoint().host, static_cast<uint16_t>(call->endpoint().port)}}});
  }
  call->Respond(response);
}

}  // namespace

const Handler kDescribeQuorumHandler = {ApiKey::kDescribeQuorum, 0, 2, &Handle};

}  // namespace weir::log::kafka
