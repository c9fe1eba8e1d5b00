// DescribeTransactions (65): one transaction's producer, state and partitions.
#include "weir/log/kafka/messages/describe_transactions.h"
#include "weir/log/kafka/handlers/each_once.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

void Handle(const CallPtr& call) {
  DescribeTransactionsRequest request;
  if (!call->Decode(&request)) return;
  KeepEachOnce(&request.transactional_ids);
  DescribeTransactionsResponse response;
  for (const std::string& id : request.transactional_ids) {
    DescribeTransactionsResponse::TransactionState state;
    state.transactional_id = id;
    if (!call->AllowsTransactionalId(AclOperation::kDescribe, id)) {
      state.error_code = CodeOf(KafkaError::kTransactionalIdAuthorizationFailed);
      response.transaction_states.push_back(std::move(state));
      continue;
    }
    const Transaction* transaction = call->broker().transactions().Find(id);
    if (transaction == nullptr) {
      state.error_code = CodeOf(KafkaError::kTransactionalIdNotFound);
      response.transaction_states.push_back(std::move(state));
      continue;
    }
    state.transaction_state = TransactionStateName(transaction->state);
    state.transaction_timeout_ms = transaction->timeout_ms;
    state.transaction_start_time_ms = transaction->start_ms;
    state.producer_id = transaction->producer.id;
    state.producer_epoch = transaction->producer.epoch;
    for (const TopicPartition& partition : transaction->partitions) {
      const Topic* topic = call->broker().log().topics().Find(partition.topic);
      if (topic == nullptr || !call->AllowsTopic(AclOperation::kDescribe, topic->name)) continue;
      if (state.topics.empty() || state.topics.back().topic != topic->name) {
        state.topics.push_back({topic->name, {}});
      }
      state.topics.back().partitions.push_back(partition.index);
    }
    response.transaction_states.push_back(std::move(state));
  }
  call->Respond(response);
}

}  // namespace

const Handler kDescribeTransactionsHandler = {ApiKey::kDescribeTransactions, 0, 0, &Handle};

}  // namespace weir::log::kafka
