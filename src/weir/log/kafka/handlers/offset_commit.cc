// OffsetCommit (8): how far a group has read. Answered when durable.
#include "weir/log/kafka/messages/offset_commit.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

using Topics = std::vector<OffsetCommitResponse::OffsetCommitResponseTopic>;

// `refused`: topics that were not passed on.
void Answer(const CallPtr& call, log::OffsetCommitResponse committed, const Topics& refused) {
  OffsetCommitResponse response;
  response.topics = refused;
  for (auto& topic : committed.topics) {
    OffsetCommitResponse::OffsetCommitResponseTopic answered;
    answered.name = std::move(topic.name);
    answered.topic_id = topic.id;
    for (const PartitionError& partition : topic.partitions) {
      answered.partitions.push_back({partition.index, CodeOf(partition.error)});
    }
    response.topics.push_back(std::move(answered));
  }
  call->Respond(response);
}

void Handle(const CallPtr& call) {
  OffsetCommitRequest request;
  if (!call->Decode(&request)) return;
  log::OffsetCommitRequest commit;
  commit.group_id = std::move(request.group_id);
  commit.generation_or_epoch = request.generation_id_or_member_epoch;
  commit.member_id = std::move(request.member_id);
  commit.instance_id = std::move(request.group_instance_id);
  const bool group_allowed = call->AllowsGroup(AclOperation::kRead, commit.group_id);
  Topics refused;
  for (auto& topic : request.topics) {
    const Topic* found = call->broker().log().topics().Find(topic.topic_id);
    const bool unknown_id = call->version() >= 10 && found == nullptr;
    const std::string& name = call->version() >= 10 && found != nullptr ? found->name : topic.name;
    const bool topic_allowed = unknown_id || call->AllowsTopic(AclOperation::kRead, name);
    if (!group_allowed || !topic_allowed) {
      OffsetCommitResponse::OffsetCommitResponseTopic answered;
      answered.name = topic.name;
      answered.topic_id = topic.topic_id;
      for (const auto& partition : topic.partitions) {
        answered.partitions.push_back(
            {partition.partition_index,
             CodeOf(group_allowed ? KafkaError::kTopicAuthorizationFailed
                                  : KafkaError::kGroupAuthorizationFailed)});
      }
      refused.push_back(std::move(answered));
      continue;
    }
    OffsetCommitTopic wanted;
    wanted.name = std::move(topic.name);
    wanted.id = topic.topic_id;
    for (auto& partition : topic.partitions) {
      wanted.partitions.push_back({partition.partition_index, partition.committed_offset,
                                   partition.committed_leader_epoch,
                                   std::move(partition.committed_metadata)});
    }
    commit.topics.push_back(std::move(wanted));
  }
  if (commit.topics.empty() && !refused.empty()) return Answer(call, {}, refused);
  call->broker().groups().CommitOffsets(
      CallerOf(call), commit,
      [call, refused = std::move(refused)](log::OffsetCommitResponse committed) {
        Answer(call, std::move(committed), refused);
      });
}

}  // namespace

const Handler kOffsetCommitHandler = {ApiKey::kOffsetCommit, 2, 10, &Handle};

}  // namespace weir::log::kafka
