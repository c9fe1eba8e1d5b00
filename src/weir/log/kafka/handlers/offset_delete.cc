// OffsetDelete (47): a group forgets how far it has read (KIP-496).
#include "weir/log/kafka/messages/offset_delete.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

void Handle(const CallPtr& call) {
  OffsetDeleteRequest request;
  if (!call->Decode(&request)) return;
  log::OffsetDeleteRequest forget;
  forget.group_id = std::move(request.group_id);
  if (!call->AllowsGroup(AclOperation::kDelete, forget.group_id)) {
    OffsetDeleteResponse refused;
    refused.error_code = CodeOf(KafkaError::kGroupAuthorizationFailed);
    return call->Respond(refused);
  }
  OffsetDeleteResponse refused;  // topics that are not passed on
  for (auto& topic : request.topics) {
    if (!call->AllowsTopic(AclOperation::kRead, topic.name)) {
      OffsetDeleteResponse::OffsetDeleteResponseTopic answered;
      answered.name = topic.name;
      for (const auto& partition : topic.partitions) {
        answered.partitions.push_back(
            {partition.partition_index, CodeOf(KafkaError::kTopicAuthorizationFailed)});
      }
      refused.topics.push_back(std::move(answered));
      continue;
    }
    OffsetFetchTopic wanted;
    wanted.name = std::move(topic.name);
    for (const auto& partition : topic.partitions) {
      wanted.partitions.push_back(partition.partition_index);
    }
    forget.topics.push_back(std::move(wanted));
  }
  if (forget.topics.empty() && !refused.topics.empty()) return call->Respond(refused);
  call->broker().groups().DeleteOffsets(
      forget, [call, refused = std::move(refused)](log::OffsetDeleteResponse forgotten) {
        OffsetDeleteResponse response = refused;
        response.error_code = CodeOf(forgotten.error);
        for (auto& topic : forgotten.topics) {
          OffsetDeleteResponse::OffsetDeleteResponseTopic answered;
          answered.name = std::move(topic.name);
          for (const PartitionError& partition : topic.partitions) {
            answered.partitions.push_back({partition.index, CodeOf(partition.error)});
          }
          response.topics.push_back(std::move(answered));
        }
        call->Respond(response);
      });
}

}  // namespace

const Handler kOffsetDeleteHandler = {ApiKey::kOffsetDelete, 0, 0, &Handle};

}  // namespace weir::log::kafka
