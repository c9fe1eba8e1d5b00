// KafkaAdmin: transactions.
#include <algorithm>
#include <set>
#include <tuple>

#include "weir/log/kafka/messages/describe_producers.h"
#include "weir/log/kafka/messages/describe_transactions.h"
#include "weir/log/kafka/messages/init_producer_id.h"
#include "weir/log/kafka/messages/list_transactions.h"
#include "weir/log/kafka/messages/write_txn_markers.h"
#include "weir/server/topics/kafka_admin.h"
#include "weir/server/topics/kafka_failure.h"

namespace weir::server {

namespace kafka = log::kafka;
using kafka::Code;
using kafka::KafkaError;

namespace {

constexpr int kAbortTries = 100;  // while markers are written
constexpr int64_t kAbortPauseUs = 100'000;
constexpr int32_t kAbortedTimeoutMs = 60'000;  // of the transaction that is never begun
constexpr const char* kHanging = "Hanging";

}  // namespace

bool TransactionInfo::IsOpen() const {
  return state == "Ongoing" || state.starts_with("Prepare") || state == kHanging;
}

Result<std::vector<TransactionInfo>> KafkaAdmin::Transactions(bool hanging) {
  std::vector<TransactionInfo> all;
  for (const int32_t node : client_.Nodes()) {
    WEIR_ASSIGN_OR_RETURN(const auto response, client_.Ask<kafka::ListTransactionsResponse>(
                                                   node, kafka::ListTransactionsRequest{}));
    WEIR_RETURN_IF_ERROR(KafkaStatus("asking for transactions", response.error_code));
    std::vector<TransactionInfo> listed;
    for (const auto& state : response.transaction_states) {
      TransactionInfo transaction;
      transaction.id = state.transactional_id;
      transaction.producer_id = state.producer_id;
      transaction.state = state.transaction_state;
      listed.push_back(std::move(transaction));
    }
    WEIR_RETURN_IF_ERROR(DescribeTransactions(node, &listed));
    all.insert(all.end(), listed.begin(), listed.end());
  }
  if (hanging) WEIR_RETURN_IF_ERROR(AddHanging(&all));
  std::sort(all.begin(), all.end(), [](const TransactionInfo& a, const TransactionInfo& b) {
    return std::tie(a.id, a.producer_id) < std::tie(b.id, b.producer_id);
  });
  return all;
}

Status KafkaAdmin::DescribeTransactions(int32_t node, std::vector<TransactionInfo>* transactions) {
  if (transactions->empty()) return Status::Ok();
  kafka::DescribeTransactionsRequest request;
  for (const TransactionInfo& transaction : *transactions) {
    request.transactional_ids.push_back(transaction.id);
  }
  WEIR_ASSIGN_OR_RETURN(const auto response,
                        client_.Ask<kafka::DescribeTransactionsResponse>(node, request));
  for (const auto& state : response.transaction_states) {
    // One that was forgotten since it was listed stays as it was listed.
    if (state.error_code != 0) continue;
    const auto found = std::find_if(
        transactions->begin(), transactions->end(),
        [&](const TransactionInfo& listed) { return listed.id == state.transactional_id; });
    if (found == transactions->end()) continue;
    found->state = state.transaction_state;
    found->producer_id = state.producer_id;
    found->producer_epoch = state.producer_epoch;
    found->timeout_ms = state.transaction_timeout_ms;
    found->started_ms = state.transaction_start_time_ms;
    for (const auto& topic : state.topics) {
      for (const int32_t partition : topic.partitions) {
        found->partitions.push_back({topic.topic, partition});
      }
    }
  }
  return Status::Ok();
}

// Looks at the partitions whose last stable offset lags behind: what holds it back, and how much.
Status KafkaAdmin::AddHanging(std::vector<TransactionInfo>* transactions) {
  WEIR_ASSIGN_OR_RETURN(const std::vector<TopicInfo> topics, Topics());
  std::vector<TopicPartition> partitions;
  for (const TopicInfo& topic : topics) {
    const auto more = topic.Partitions();
    partitions.insert(partitions.end(), more.begin(), more.end());
  }
  WEIR_ASSIGN_OR_RETURN(const Offsets ends, OffsetsAt(partitions, kLatest, false));
  WEIR_ASSIGN_OR_RETURN(const Offsets stable, OffsetsAt(partitions, kLatest, true));
  std::map<int32_t, kafka::DescribeProducersRequest> by_node;
  for (const auto& [partition, end] : ends) {
    if (stable.at(partition).offset >= end.offset) continue;
    WEIR_ASSIGN_OR_RETURN(const int32_t node, Leader(partition));
    auto& wanted = by_node[node].topics;
    if (wanted.empty() || wanted.back().name != partition.topic) {
      wanted.emplace_back();
      wanted.back().name = partition.topic;
    }
    wanted.back().partition_indexes.push_back(partition.partition);
  }
  for (const auto& [node, request] : by_node) {
    WEIR_ASSIGN_OR_RETURN(const auto response,
                          client_.Ask<kafka::DescribeProducersResponse>(node, request));
    for (const auto& topic : response.topics) {
      for (const auto& partition : topic.partitions) {
        const TopicPartition key{topic.name, partition.partition_index};
        for (const auto& producer : partition.active_producers) {
          if (producer.current_txn_start_offset < 0) continue;
          auto owner = std::find_if(transactions->begin(), transactions->end(),
                                    [&](const TransactionInfo& known) {
                                      return known.producer_id == producer.producer_id;
                                    });
          if (owner == transactions->end()) {
            TransactionInfo hanging;
            hanging.producer_id = producer.producer_id;
            hanging.producer_epoch = static_cast<int16_t>(producer.producer_epoch);
            hanging.state = kHanging;
            hanging.started_ms = producer.last_timestamp;
            hanging.coordinator_epoch = std::max(producer.coordinator_epoch, 0);
            owner = transactions->insert(transactions->end(), std::move(hanging));
          }
          if (owner->state == kHanging) owner->partitions.push_back(key);
          owner->held_back += ends.at(key).offset - producer.current_txn_start_offset;
        }
      }
    }
  }
  return Status::Ok();
}

Status KafkaAdmin::Abort(const TransactionInfo& transaction) {
  if (transaction.id.empty()) {
    for (const TopicPartition& partition : transaction.partitions) {
      WEIR_ASSIGN_OR_RETURN(const int32_t node, Leader(partition));
      kafka::WriteTxnMarkersRequest request;
      request.markers.emplace_back();
      auto& marker = request.markers.back();
      marker.producer_id = transaction.producer_id;
      marker.producer_epoch = transaction.producer_epoch;
      marker.coordinator_epoch = transaction.coordinator_epoch;
      marker.topics.push_back({partition.topic, {partition.partition}});
      WEIR_ASSIGN_OR_RETURN(const auto response, client_.Ask<kafka::WriteTxnMarkersResponse>(
                                                     node, request, {.repeatable = false}));
      for (const auto& result : response.markers) {
        for (const auto& topic : result.topics) {
          for (const auto& written : topic.partitions) {
            WEIR_RETURN_IF_ERROR(
                KafkaStatus("aborting in " + partition.ToString(), written.error_code));
          }
        }
      }
    }
    return Status::Ok();
  }
  // Who begins anew under an id ends what is open under it, and fences its old owner (KIP-98).
  kafka::InitProducerIdRequest request;
  request.transactional_id = transaction.id;
  request.transaction_timeout_ms = kAbortedTimeoutMs;
  for (int tries = 1;; ++tries) {
    WEIR_ASSIGN_OR_RETURN(const int32_t node, client_.Coordinator(transaction.id, 1));
    WEIR_ASSIGN_OR_RETURN(const auto response, client_.Ask<kafka::InitProducerIdResponse>(
                                                   node, request, {.repeatable = false}));
    if (response.error_code == Code(KafkaError::kNone)) return Status::Ok();
    const bool again = kafka::IsRetriable(static_cast<KafkaError>(response.error_code));
    if (!again || tries == kAbortTries) {
      return KafkaFailure("aborting the transaction of '" + transaction.id + "'",
                          response.error_code);
    }
    client_.env().SleepMicros(kAbortPauseUs);
  }
}

}  // namespace weir::server
