// TxnOffsetCommit (28): offsets that count when the transaction is committed.
#include "weir/log/kafka/messages/txn_offset_commit.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

using Topics = std::vector<TxnOffsetCommitResponse::TxnOffsetCommitResponseTopic>;

// `refused`: topics that were not passed on.
void Answer(const CallPtr& call, const log::OffsetCommitResponse& committed,
            const Topics& refused) {
  TxnOffsetCommitResponse response;
  response.topics = refused;
  for (const TopicErrors& topic : committed.topics) {
    TxnOffsetCommitResponse::TxnOffsetCommitResponseTopic answered;
    answered.name = topic.name;
    for (const PartitionError& partition : topic.partitions) {
      answered.partitions.push_back({partition.index, CodeOf(partition.error)});
    }
    response.topics.push_back(std::move(answered));
  }
  call->Respond(response);
}

void Handle(const CallPtr& call) {
  TxnOffsetCommitRequest request;
  if (!call->Decode(&request)) return;
  const ProducerIdentity producer{request.producer_id, request.producer_epoch};
  log::TxnOffsetCommitRequest commit;
  commit.producer_id = producer.id;
  commit.producer_epoch = producer.epoch;
  commit.commit.group_id = request.group_id;
  commit.commit.generation_or_epoch = request.generation_id;
  commit.commit.member_id = request.member_id;
  commit.commit.instance_id = request.group_instance_id;
  Topics refused;
  KafkaError denied_all = KafkaError::kNone;
  if (!call->AllowsTransactionalId(AclOperation::kWrite, request.transactional_id)) {
    denied_all = KafkaError::kTransactionalIdAuthorizationFailed;
  } else if (!call->AllowsGroup(AclOperation::kRead, request.group_id)) {
    denied_all = KafkaError::kGroupAuthorizationFailed;
  }
  for (auto& topic : request.topics) {
    KafkaError denied = denied_all;
    if (denied == KafkaError::kNone && !call->AllowsTopic(AclOperation::kRead, topic.name)) {
      denied = KafkaError::kTopicAuthorizationFailed;
    }
    if (denied != KafkaError::kNone) {
      TxnOffsetCommitResponse::TxnOffsetCommitResponseTopic answered;
      answered.name = topic.name;
      for (const auto& partition : topic.partitions) {
        answered.partitions.push_back({partition.partition_index, CodeOf(denied)});
      }
      refused.push_back(std::move(answered));
      continue;
    }
    OffsetCommitTopic wanted;
    wanted.name = topic.name;
    for (auto& partition : topic.partitions) {
      wanted.partitions.push_back({partition.partition_index, partition.committed_offset,
                                   partition.committed_leader_epoch,
                                   std::move(partition.committed_metadata)});
    }
    commit.commit.topics.push_back(std::move(wanted));
  }
  // Also without any topic: to add the group would begin the transaction.
  if (denied_all != KafkaError::kNone || (commit.commit.topics.empty() && !refused.empty())) {
    return Answer(call, {}, refused);
  }
  const KafkaError error = call->broker().transactions().CheckOffsets(
      request.transactional_id, producer, request.group_id, /*may_add=*/call->version() >= 5);
  if (error != KafkaError::kNone) {
    log::OffsetCommitResponse failed;
    for (const OffsetCommitTopic& topic : commit.commit.topics) {
      TopicErrors errors;
      errors.name = topic.name;
      for (const auto& partition : topic.partitions) {
        errors.partitions.push_back({partition.index, error});
      }
      failed.topics.push_back(std::move(errors));
    }
    return Answer(call, failed, refused);
  }
  call->broker().groups().TxnCommitOffsets(
      CallerOf(call), commit,
      [call, refused = std::move(refused)](const log::OffsetCommitResponse& committed) {
        Answer(call, committed, refused);
      });
}

}  // namespace

const Handler kTxnOffsetCommitHandler = {ApiKey::kTxnOffsetCommit, 0, 5, &Handle};

}  // namespace weir::log::kafka
