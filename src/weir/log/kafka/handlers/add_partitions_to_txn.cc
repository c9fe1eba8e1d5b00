// AddPartitionsToTxn (24): partitions that the transaction is about to write to. Version 4 and
// above is between brokers and may only ask whether they are in.
#include "weir/log/kafka/messages/add_partitions_to_txn.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

using Topic = AddPartitionsToTxnRequest::AddPartitionsToTxnTopic;
using TopicResult = AddPartitionsToTxnResponse::AddPartitionsToTxnTopicResult;

struct Wanted {
  std::string transactional_id;
  ProducerIdentity producer;
  bool verify_only = false;
  bool by_client = true;  // and not by another broker, which asked for its clients
  const std::vector<Topic>* topics = nullptr;
};

std::vector<TopicResult> Add(const CallPtr& call, const Wanted& wanted, Position* end) {
  Broker& broker = call->broker();
  std::vector<TopicPartition> partitions;
  bool all_known = true;
  const bool id_allowed = !wanted.by_client || call->AllowsTransactionalId(AclOperation::kWrite,
                                                                           wanted.transactional_id);
  const auto judge = [&](const Topic& topic, const log::Topic* found, int32_t index) {
    if (!id_allowed) return KafkaError::kTransactionalIdAuthorizationFailed;
    if (wanted.by_client && !call->AllowsTopic(AclOperation::kWrite, topic.name)) {
      return KafkaError::kTopicAuthorizationFailed;
    }
    return broker.FindPartition(found, index) == nullptr ? KafkaError::kUnknownTopicOrPartition
                                                         : KafkaError::kNone;
  };
  for (const Topic& topic : *wanted.topics) {
    const log::Topic* found = broker.log().topics().Find(topic.name);
    for (const int32_t index : topic.partitions) {
      if (judge(topic, found, index) != KafkaError::kNone) {
        all_known = false;
      } else {
        partitions.push_back({found->id, index});
      }
    }
  }
  KafkaError error = KafkaError::kOperationNotAttempted;
  if (all_known && wanted.verify_only) {
    const Transaction* transaction = broker.transactions().Find(wanted.transactional_id);
    const bool in = transaction != nullptr && transaction->producer == wanted.producer &&
                    transaction->state == TransactionState::kOngoing &&
                    std::all_of(partitions.begin(), partitions.end(), [&](const auto& partition) {
                      return transaction->partitions.count(partition) > 0;
                    });
    error = in ? KafkaError::kNone : KafkaError::kTransactionAbortable;
  } else if (all_known) {
    const auto added = broker.transactions().AddPartitions(wanted.transactional_id, wanted.producer,
                                                           partitions, call->version());
    error = added.error;
    *end = std::max(*end, added.end);
  }
  std::vector<TopicResult> results;
  for (const Topic& topic : *wanted.topics) {
    TopicResult result;
    result.name = topic.name;
    const log::Topic* found = broker.log().topics().Find(topic.name);
    for (const int32_t index : topic.partitions) {
      const KafkaError refused = judge(topic, found, index);
      result.results_by_partition.push_back(
          {index, CodeOf(refused == KafkaError::kNone ? error : refused)});
    }
    results.push_back(std::move(result));
  }
  return results;
}

void Handle(const CallPtr& call) {
  AddPartitionsToTxnRequest request;
  if (!call->Decode(&request)) return;
  AddPartitionsToTxnResponse response;
  Position end = 0;
  if (call->version() >= 4 && !call->AllowsCluster(AclOperation::kClusterAction)) {
    response.error_code = CodeOf(KafkaError::kClusterAuthorizationFailed);
    return call->Respond(response);
  }
  if (call->version() < 4) {
    Wanted wanted;
    wanted.transactional_id = request.v3_and_below_transactional_id;
    wanted.producer = {request.v3_and_below_producer_id, request.v3_and_below_producer_epoch};
    wanted.topics = &request.v3_and_below_topics;
    response.results_by_topic_v3_and_below = Add(call, wanted, &end);
  }
  for (const auto& transaction : request.transactions) {
    Wanted wanted;
    wanted.transactional_id = transaction.transactional_id;
    wanted.producer = {transaction.producer_id, transaction.producer_epoch};
    wanted.verify_only = transaction.verify_only;
    wanted.by_client = false;
    wanted.topics = &transaction.topics;
    response.results_by_transaction.push_back(
        {transaction.transactional_id, Add(call, wanted, &end)});
  }
  call->broker().log().WhenDurable(
      end, [call, response = std::move(response)] { call->Respond(response); });
}

}  // namespace

const Handler kAddPartitionsToTxnHandler = {ApiKey::kAddPartitionsToTxn, 0, 5, &Handle};

}  // namespace weir::log::kafka
