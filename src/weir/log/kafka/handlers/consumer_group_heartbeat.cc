// ConsumerGroupHeartbeat (68): a member of a consumer group (KIP-848) comes, lives, goes; the
// answer brings what it is assigned.
#include "weir/log/kafka/messages/consumer_group_heartbeat.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

void Answer(const CallPtr& call, log::ConsumerGroupHeartbeatResponse beaten) {
  ConsumerGroupHeartbeatResponse response;
  response.error_code = CodeOf(beaten.error);
  if (!beaten.error_message.empty()) response.error_message = std::move(beaten.error_message);
  if (!beaten.member_id.empty()) response.member_id = std::move(beaten.member_id);
  response.member_epoch = beaten.member_epoch;
  response.heartbeat_interval_ms = beaten.heartbeat_interval_ms;
  if (beaten.assignment) {
    response.assignment.emplace();
    for (const auto& [topic, partitions] : *beaten.assignment) {
      response.assignment->topic_partitions.push_back(
          {topic, {partitions.begin(), partitions.end()}});
    }
  }
  call->Respond(response);
}

void Handle(const CallPtr& call) {
  ConsumerGroupHeartbeatRequest request;
  if (!call->Decode(&request)) return;
  log::ConsumerGroupHeartbeatResponse refused;
  if (!call->AllowsGroup(AclOperation::kRead, request.group_id)) {
    refused.error = KafkaError::kGroupAuthorizationFailed;
  } else if (request.subscribed_topic_names) {
    for (const std::string& name : *request.subscribed_topic_names) {
      if (!call->AllowsTopic(AclOperation::kDescribe, name)) {
        refused.error = KafkaError::kTopicAuthorizationFailed;
      }
    }
  }
  if (refused.error != KafkaError::kNone) return Answer(call, std::move(refused));
  log::ConsumerGroupHeartbeatRequest beat;
  beat.group_id = std::move(request.group_id);
  beat.member_id = std::move(request.member_id);
  beat.member_epoch = request.member_epoch;
  beat.instance_id = std::move(request.instance_id);
  beat.rack_id = std::move(request.rack_id);
  beat.rebalance_timeout_ms = request.rebalance_timeout_ms;
  beat.subscribed_topics = std::move(request.subscribed_topic_names);
  beat.subscribed_regex = std::move(request.subscribed_topic_regex);
  beat.server_assignor = std::move(request.server_assignor);
  if (request.topic_partitions) {
    beat.owned.emplace();
    for (const auto& topic : *request.topic_partitions) {
      (*beat.owned)[topic.topic_id].insert(topic.partitions.begin(), topic.partitions.end());
    }
  }
  call->broker().groups().ConsumerHeartbeat(
      CallerOf(call), beat,
      [call](log::ConsumerGroupHeartbeatResponse beaten) { Answer(call, std::move(beaten)); });
}

}  // namespace

const Handler kConsumerGroupHeartbeatHandler = {ApiKey::kConsumerGroupHeartbeat, 0, 1, &Handle};

}  // namespace weir::log::kafka
