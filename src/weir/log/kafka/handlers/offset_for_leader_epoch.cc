// OffsetForLeaderEpoch (23): where an epoch of leaders ended, for consumers that look whether
// records they read were cut off. There is one epoch, 0, and nothing durable is ever cut off.
#include "weir/log/kafka/messages/offset_for_leader_epoch.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

constexpr int32_t kEpoch = 0;

void Handle(const CallPtr& call) {
  OffsetForLeaderEpochRequest request;
  if (!call->Decode(&request)) return;
  Broker& broker = call->broker();
  OffsetForLeaderEpochResponse response;
  for (const auto& asked_topic : request.topics) {
    const Topic* topic = broker.log().topics().Find(asked_topic.topic);
    OffsetForLeaderEpochResponse::OffsetForLeaderTopicResult result;
    result.topic = asked_topic.topic;
    const bool allowed = call->AllowsTopic(AclOperation::kDescribe, asked_topic.topic);
    for (const auto& asked : asked_topic.partitions) {
      OffsetForLeaderEpochResponse::EpochEndOffset answer;
      answer.partition = asked.partition;
      const PartitionLog* partition = broker.FindPartition(topic, asked.partition);
      if (!allowed) {
        answer.error_code = Code(KafkaError::kTopicAuthorizationFailed);
      } else if (partition == nullptr) {
        answer.error_code = Code(KafkaError::kUnknownTopicOrPartition);
      } else if (asked.current_leader_epoch > kEpoch) {
        answer.error_code = Code(KafkaError::kUnknownLeaderEpoch);
      } else if (asked.leader_epoch == kEpoch) {
        answer.leader_epoch = kEpoch;
        answer.end_offset = partition->durable_end();
      }  // else such an epoch never was: -1, -1
      result.partitions.push_back(answer);
    }
    response.topics.push_back(std::move(result));
  }
  call->Respond(response);
}

}  // namespace

const Handler kOffsetForLeaderEpochHandler = {ApiKey::kOffsetForLeaderEpoch, 2, 4, &Handle};

}  // namespace weir::log::kafka
