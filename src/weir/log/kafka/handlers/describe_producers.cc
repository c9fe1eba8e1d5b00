// DescribeProducers (61): who writes to partitions, and since when with an open transaction
// (KIP-664).
#include "weir/log/kafka/messages/describe_producers.h"
#include "weir/log/kafka/handlers/each_once.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

void Handle(const CallPtr& call) {
  DescribeProducersRequest request;
  if (!call->Decode(&request)) return;
  Broker& broker = call->broker();
  DescribeProducersResponse response;
  KeepEachOnce(&request.topics, [](const auto& asked) { return asked.name; });
  for (auto& asked : request.topics) {
    KeepEachOnce(&asked.partition_indexes);
    const Topic* topic = broker.log().topics().Find(asked.name);
    DescribeProducersResponse::TopicResponse result;
    result.name = asked.name;
    const bool allowed = call->AllowsTopic(AclOperation::kRead, asked.name);
    for (const int32_t index : asked.partition_indexes) {
      DescribeProducersResponse::PartitionResponse described;
      described.partition_index = index;
      const PartitionLog* partition = broker.FindPartition(topic, index);
      if (!allowed) {
        described.error_code = Code(KafkaError::kTopicAuthorizationFailed);
        described.error_message = "Topic authorization failed.";
      } else if (partition == nullptr) {
        described.error_code = Code(KafkaError::kUnknownTopicOrPartition);
        described.error_message = "This server does not host this topic-partition.";
      } else {
        for (const auto& [id, producer] : partition->producers().producers()) {
          DescribeProducersResponse::ProducerState state;
          state.producer_id = id;
          state.producer_epoch = producer.epoch;
          if (const auto* newest = producer.newest()) state.last_sequence = newest->last_sequence;
          state.last_timestamp = producer.last_timestamp;
          state.coordinator_epoch = producer.coordinator_epoch;
          state.current_txn_start_offset = producer.transaction_first.value_or(-1);
          described.active_producers.push_back(state);
        }
      }
      result.partitions.push_back(std::move(described));
    }
    response.topics.push_back(std::move(result));
  }
  call->Respond(response);
}

}  // namespace

const Handler kDescribeProducersHandler = {ApiKey::kDescribeProducers, 0, 0, &Handle};

}  // namespace weir::log::kafka
