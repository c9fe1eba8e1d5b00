// OffsetCommit (8): how far a group has read. Answered when durable.
#include "weir/log/kafka/messages/offset_commit.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

void Answer(const CallPtr& call, log::OffsetCommitResponse committed) {
  OffsetCommitResponse response;
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
  for (auto& topic : request.topics) {
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
  call->broker().groups().CommitOffsets(
      CallerOf(call), commit,
      [call](log::OffsetCommitResponse committed) { Answer(call, std::move(committed)); });
}

}  // namespace

const Handler kOffsetCommitHandler = {ApiKey::kOffsetCommit, 2, 10, &Handle};

}  // namespace weir::log::kafka
