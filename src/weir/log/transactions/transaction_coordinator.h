// TransactionCoordinator: producer ids, and transactions over partitions and groups' offsets
// (KIP-98, KIP-360, KIP-447, KIP-588, KIP-890).
//
//   auto started = transactions.InitProducer("app", 60'000, {}, 5);
//   transactions.AddPartitions("app", started.producer, {{topic.id, 0}}, 3);
//   transactions.Append(batch, {topic.id, 0}, /*may_add=*/false);
//   auto ended = transactions.End("app", started.producer, /*commit=*/true, 4);
//
// The end of a transaction is one group in the journal: the markers of all its partitions, the
// offsets of its groups and its own row. So there is no state between prepared and complete, and a
// crash leaves it open or ended. A transaction that is open longer than its timeout is aborted and
// its producer fenced; what is open in a partition and belongs to no transaction is aborted at the
// start.
//
// Errors: the protocol's. kCoordinatorNotAvailable where the log takes no more now.
// Limits: transactions_max transactional ids; the timeout's greatest value.
// Thread rule: the log's thread. Outlived by all it is given.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/metrics.h"
#include "weir/log/event_log.h"
#include "weir/log/groups/group_coordinator.h"
#include "weir/log/kafka/errors.h"
#include "weir/log/timers.h"

namespace weir::log {

struct ProducerIdentity {
  int64_t id = kNoProducerId;
  int16_t epoch = -1;
  bool operator==(const ProducerIdentity&) const = default;
};

struct TopicPartition {
  TopicId topic;
  int32_t index = 0;
  auto operator<=>(const TopicPartition&) const = default;
};

enum class TransactionState : uint8_t { kEmpty, kOngoing, kCompleteCommit, kCompleteAbort };
const char* TransactionStateName(TransactionState state);  // "CompleteCommit"

struct Transaction {
  std::string transactional_id;
  ProducerIdentity producer;
  ProducerIdentity last;  // before the newest change of the epoch
  int32_t timeout_ms = 0;
  TransactionState state = TransactionState::kEmpty;
  int64_t start_ms = -1;  // of the open one
  int64_t update_ms = 0;
  std::set<TopicPartition> partitions;
  std::set<std::string> groups;
};

struct TransactionOptions {
  int32_t max_timeout_ms = 900'000;                          // transaction.max.timeout.ms
  int64_t id_expiration_ms = int64_t{7} * 24 * 3600 * 1000;  // transactional.id.expiration.ms
  size_t transactions_max = 100'000;
};

class TransactionCoordinator {
 public:
  // Takes over what the log's state store has. `report` gets a line for the operator.
  TransactionCoordinator(Env& env, MetricRegistry& metrics, EventLog& log, Timers& timers,
                         GroupCoordinator& groups, const TransactionOptions& options,
                         std::function<void(const std::string&)> report);
  ~TransactionCoordinator();

  // To be answered when the log is durable up to `end`.
  struct Done {
    kafka::KafkaError error = kafka::KafkaError::kNone;
    Position end = 0;
  };
  struct Identified {
    kafka::KafkaError error = kafka::KafkaError::kNone;
    ProducerIdentity producer;
    Position end = 0;
  };

  // A producer begins: without a transactional id with a new producer id, else with the next epoch
  // of the one it had; what that had open is aborted. `known`: what the producer thinks it is.
  // Versions are those of the requests, for the errors that clients of that age know.
  Identified InitProducer(const std::optional<std::string>& transactional_id, int32_t timeout_ms,
                          const ProducerIdentity& known, int16_t version);
  // Partitions that are there. `version` of AddPartitionsToTxn.
  Done AddPartitions(const std::string& transactional_id, const ProducerIdentity& producer,
                     const std::vector<TopicPartition>& partitions, int16_t version);
  // The transaction will have offsets of this group.
  Done AddGroup(const std::string& transactional_id, const ProducerIdentity& producer,
                const std::string& group);
  // A transactional batch. `may_add`: the partition is added if it is not there (Produce 12).
  AppendResult Append(const NewBatch& batch, const TopicPartition& partition, bool may_add);
  // Offsets may be staged now. `may_add` as above (TxnOffsetCommit 5).
  kafka::KafkaError CheckOffsets(const std::string& transactional_id,
                                 const ProducerIdentity& producer, const std::string& group,
                                 bool may_add);
  // Version 5 and above: the producer goes on with the epoch that is returned.
  Identified End(const std::string& transactional_id, const ProducerIdentity& producer, bool commit,
                 int16_t version);
  // A marker in these partitions, whatever the transaction's state: for tools that free a
  // partition. Errors by partition, in their order.
  Done WriteMarkers(const ProducerIdentity& producer, bool commit, int32_t coordinator_epoch,
                    const std::vector<TopicPartition>& partitions);

  const Transaction* Find(const std::string& transactional_id) const;
  const std::map<std::string, Transaction>& all() const { return transactions_; }

 private:
  void Load();
  void AbortOrphans();
  kafka::KafkaError CheckProducer(const Transaction* transaction, const ProducerIdentity& producer,
                                  bool knows_fenced) const;
  // Commits the transaction's row with what belongs to it, and takes it over.
  Result<Position> Save(Transaction transaction, const std::vector<NewBatch>& batches,
                        std::vector<StateChange> changes);
  Identified Finish(const Transaction& transaction, bool commit, bool bump);
  static ProducerIdentity Next(const ProducerIdentity& producer);
  void Begin(Transaction* transaction);
  void Watch(const Transaction& transaction);
  void TimedOut(const std::string& transactional_id);
  void ExpireIds();
  void ShowFigures();
  PartitionLog* FindPartition(const TopicPartition& partition);

  Env& env_;
  EventLog& log_;
  Timers& timers_;
  GroupCoordinator& groups_;
  const TransactionOptions options_;
  const std::function<void(const std::string&)> report_;
  std::map<std::string, Transaction> transactions_;
  std::unordered_map<int64_t, std::string> by_producer_;
  std::map<std::string, Timers::Id> watches_;
  Timers::Id expiry_ = 0;

  Gauge& open_gauge_;
  Counter& timed_out_;
  Counter& orphans_;
};

}  // namespace weir::log
