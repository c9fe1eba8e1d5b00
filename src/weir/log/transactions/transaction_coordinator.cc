#include "weir/log/transactions/transaction_coordinator.h"

#include <algorithm>
#include <limits>

#include "weir/log/record_batch_builder.h"

namespace weir::log {

using kafka::KafkaError;

namespace {

constexpr const char* kPrefix = "x";  // + transactional id
constexpr int64_t kExpiryCheckUs = int64_t{3600} * 1'000'000;
// The greatest is never a producer's, so that there is always one to fence it with.
constexpr int16_t kEpochMax = std::numeric_limits<int16_t>::max() - 1;

StateChange Row(const Transaction& transaction) {
  ByteWriter out;
  out.Signed(transaction.producer.id);
  out.Signed(transaction.producer.epoch);
  out.Signed(transaction.last.id);
  out.Signed(transaction.last.epoch);
  out.Signed(transaction.timeout_ms);
  out.U8(static_cast<uint8_t>(transaction.state));
  out.Signed(transaction.start_ms);
  out.Signed(transaction.update_ms);
  out.Varint(transaction.partitions.size());
  for (const TopicPartition& partition : transaction.partitions) {
    out.Raw({reinterpret_cast<const char*>(partition.topic.bytes.data()),
             partition.topic.bytes.size()});
    out.Signed(partition.index);
  }
  out.Varint(transaction.groups.size());
  for (const std::string& group : transaction.groups) out.String(group);
  return {kPrefix + transaction.transactional_id, out.Take()};
}

std::optional<Transaction> FromRow(const std::string& key, const std::string& value) {
  Transaction transaction;
  transaction.transactional_id = key.substr(1);
  ByteReader in(value);
  transaction.producer.id = in.Signed();
  transaction.producer.epoch = static_cast<int16_t>(in.Signed());
  transaction.last.id = in.Signed();
  transaction.last.epoch = static_cast<int16_t>(in.Signed());
  transaction.timeout_ms = static_cast<int32_t>(in.Signed());
  const uint8_t state = in.U8();
  if (state > static_cast<uint8_t>(TransactionState::kCompleteAbort)) return std::nullopt;
  transaction.state = static_cast<TransactionState>(state);
  transaction.start_ms = in.Signed();
  transaction.update_ms = in.Signed();
  for (uint64_t left = in.Count(17); left > 0 && in.ok(); --left) {
    TopicPartition partition;
    const std::string_view id = in.Raw(partition.topic.bytes.size());
    std::copy(id.begin(), id.end(), partition.topic.bytes.begin());
    partition.index = static_cast<int32_t>(in.Signed());
    transaction.partitions.insert(partition);
  }
  for (uint64_t left = in.Count(); left > 0 && in.ok(); --left) {
    transaction.groups.emplace(in.String());
  }
  if (!in.ok() || !in.done()) return std::nullopt;
  return transaction;
}

NewBatch MarkerFor(const PartitionLog& partition, const std::string& bytes, const Marker& marker) {
  NewBatch batch;
  batch.partition = partition.number();
  batch.bytes = bytes;
  batch.header = *ReadBatchHeader(bytes);
  batch.marker = marker;
  return batch;
}

}  // namespace

const char* TransactionStateName(TransactionState state) {
  switch (state) {
    case TransactionState::kEmpty:
      return "Empty";
    case TransactionState::kOngoing:
      return "Ongoing";
    case TransactionState::kCompleteCommit:
      return "CompleteCommit";
    case TransactionState::kCompleteAbort:
      return "CompleteAbort";
  }
  return "";
}

TransactionCoordinator::TransactionCoordinator(Env& env, MetricRegistry& metrics, EventLog& log,
                                               Timers& timers, GroupCoordinator& groups,
                                               const TransactionOptions& options,
                                               std::function<void(const std::string&)> report)
    : env_(env),
      log_(log),
      timers_(timers),
      groups_(groups),
      options_(options),
      report_(std::move(report)),
      open_gauge_(metrics.GetGauge("weir_log_open_transactions", "Transactions that are open.")),
      timed_out_(metrics.GetCounter("weir_log_transactions_timed_out_total",
                                    "Transactions aborted because they were open too long.")),
      orphans_(metrics.GetCounter(
          "weir_log_orphaned_transactions_total",
          "Open transactions of a partition that nobody could have ended, aborted.")) {
  Load();
  AbortOrphans();
  ShowFigures();
  expiry_ = timers_.After(kExpiryCheckUs, [this] { ExpireIds(); });
}

TransactionCoordinator::~TransactionCoordinator() {
  for (const auto& [id, timer] : watches_) timers_.Cancel(timer);
  timers_.Cancel(expiry_);
}

void TransactionCoordinator::Load() {
  log_.state().ForEach(kPrefix, [this](const std::string& key, const std::string& value) {
    auto transaction = FromRow(key, value);
    if (!transaction) return;
    by_producer_[transaction->producer.id] = transaction->transactional_id;
    const std::string id = transaction->transactional_id;
    transactions_[id] = std::move(*transaction);
    Watch(transactions_[id]);
  });
}

void TransactionCoordinator::AbortOrphans() {
  for (const auto& [name, topic] : log_.topics().all()) {
    for (size_t i = 0; i < topic.partitions.size(); ++i) {
      PartitionLog* partition = log_.FindPartition(topic.partitions[i]);
      if (partition == nullptr || !partition->producers().FirstOpen()) continue;
      std::vector<ProducerIdentity> orphans;
      for (const auto& [id, producer] : partition->producers().producers()) {
        if (!producer.transaction_first) continue;
        const auto owner = by_producer_.find(id);
        const Transaction* transaction =
            owner == by_producer_.end() ? nullptr : Find(owner->second);
        const bool owned = transaction != nullptr &&
                           transaction->state == TransactionState::kOngoing &&
                           transaction->partitions.count({topic.id, static_cast<int32_t>(i)}) > 0;
        if (!owned) orphans.push_back({id, producer.epoch});
      }
      for (const ProducerIdentity& producer : orphans) {
        const TopicPartition where{topic.id, static_cast<int32_t>(i)};
        if (WriteMarkers(producer, false, 0, {where}).error != KafkaError::kNone) continue;
        orphans_.Add();
        if (report_) {
          report_("the open transaction of producer " + std::to_string(producer.id) + " in " +
                  name + "-" + std::to_string(i) + " belonged to nobody: aborted");
        }
      }
    }
  }
}

const Transaction* TransactionCoordinator::Find(const std::string& transactional_id) const {
  const auto found = transactions_.find(transactional_id);
  return found == transactions_.end() ? nullptr : &found->second;
}

PartitionLog* TransactionCoordinator::FindPartition(const TopicPartition& partition) {
  const Topic* topic = log_.topics().Find(partition.topic);
  if (topic == nullptr || partition.index < 0 ||
      static_cast<size_t>(partition.index) >= topic->partitions.size()) {
    return nullptr;
  }
  return log_.FindPartition(topic->partitions[static_cast<size_t>(partition.index)]);
}

Result<Position> TransactionCoordinator::Save(Transaction transaction,
                                              const std::vector<NewBatch>& batches,
                                              std::vector<StateChange> changes) {
  transaction.update_ms = env_.NowMicros() / 1000;
  const std::vector<StateChange> group_rows = changes;
  changes.push_back(Row(transaction));
  WEIR_ASSIGN_OR_RETURN(const Position end, log_.Commit(batches, changes, nullptr));
  if (!group_rows.empty()) groups_.Apply(group_rows, end);
  const std::string id = transaction.transactional_id;
  Transaction& kept = transactions_[id];
  if (kept.producer.id != transaction.producer.id) by_producer_.erase(kept.producer.id);
  kept = std::move(transaction);
  by_producer_[kept.producer.id] = id;
  Watch(kept);
  ShowFigures();
  return end;
}

ProducerIdentity TransactionCoordinator::Next(const ProducerIdentity& producer) {
  return {producer.id, static_cast<int16_t>(producer.epoch + 1)};
}

TransactionCoordinator::Identified TransactionCoordinator::InitProducer(
    const std::optional<std::string>& transactional_id, int32_t timeout_ms,
    const ProducerIdentity& known, int16_t version) {
  Identified result;
  std::vector<StateChange> changes;
  if (!transactional_id) {
    result.producer = {log_.NewProducerId(&changes), 0};
    auto end = log_.Commit({}, changes, nullptr);
    if (!end.ok()) return {KafkaError::kCoordinatorNotAvailable, {}, 0};
    result.end = *end;
    return result;
  }
  if (transactional_id->empty()) return {KafkaError::kInvalidRequest, {}, 0};
  if (timeout_ms <= 0 || timeout_ms > options_.max_timeout_ms) {
    return {KafkaError::kInvalidTransactionTimeout, {}, 0};
  }
  const Transaction* found = Find(*transactional_id);
  Transaction transaction;
  if (found == nullptr) {
    if (transactions_.size() >= options_.transactions_max) {
      return {KafkaError::kCoordinatorNotAvailable, {}, 0};
    }
    transaction.transactional_id = *transactional_id;
    transaction.producer = {log_.NewProducerId(&changes), 0};
  } else {
    const KafkaError fenced =
        version >= 4 ? KafkaError::kProducerFenced : KafkaError::kInvalidProducerEpoch;
    if (known.id != kNoProducerId) {
      // Asked again, as the answer was lost: the same answer.
      if (known == found->last && found->state != TransactionState::kOngoing) {
        return {KafkaError::kNone, found->producer, log_.journal().end()};
      }
      if (known != found->producer) return {fenced, {}, 0};
    }
    if (found->state == TransactionState::kOngoing) {
      const Identified aborted = Finish(*found, /*commit=*/false, /*bump=*/true);
      if (aborted.error != KafkaError::kNone) return aborted;
      transaction = *Find(*transactional_id);
    } else {
      transaction = *found;
      transaction.last = transaction.producer;
      transaction.producer = transaction.producer.epoch >= kEpochMax
                                 ? ProducerIdentity{log_.NewProducerId(&changes), 0}
                                 : Next(transaction.producer);
    }
    transaction.state = TransactionState::kEmpty;
    // Who does not say what it was is another: the one before can't ask "again" for its identity.
    if (known.id == kNoProducerId) transaction.last = {};
  }
  transaction.timeout_ms = timeout_ms;
  result.producer = transaction.producer;
  // The counter of producer ids is no row of a group.
  if (!changes.empty()) {
    auto counted = log_.Commit({}, changes, nullptr);
    if (!counted.ok()) return {KafkaError::kCoordinatorNotAvailable, {}, 0};
  }
  auto end = Save(std::move(transaction), {}, {});
  if (!end.ok()) return {KafkaError::kCoordinatorNotAvailable, {}, 0};
  result.end = *end;
  return result;
}

KafkaError TransactionCoordinator::CheckProducer(const Transaction* transaction,
                                                 const ProducerIdentity& producer,
                                                 bool knows_fenced) const {
  if (transaction == nullptr || transaction->producer.id != producer.id) {
    return KafkaError::kInvalidProducerIdMapping;
  }
  if (transaction->producer.epoch == producer.epoch) return KafkaError::kNone;
  return knows_fenced ? KafkaError::kProducerFenced : KafkaError::kInvalidProducerEpoch;
}

void TransactionCoordinator::Begin(Transaction* transaction) {
  if (transaction->state == TransactionState::kOngoing) return;
  transaction->state = TransactionState::kOngoing;
  transaction->start_ms = env_.NowMicros() / 1000;
  transaction->partitions.clear();
  transaction->groups.clear();
}

TransactionCoordinator::Done TransactionCoordinator::AddPartitions(
    const std::string& transactional_id, const ProducerIdentity& producer,
    const std::vector<TopicPartition>& partitions, int16_t version) {
  const Transaction* found = Find(transactional_id);
  const KafkaError error = CheckProducer(found, producer, version >= 2);
  if (error != KafkaError::kNone) return {error, 0};
  Transaction transaction = *found;
  Begin(&transaction);
  const size_t had = transaction.partitions.size();
  transaction.partitions.insert(partitions.begin(), partitions.end());
  if (transaction.partitions.size() == had && found->state == TransactionState::kOngoing) {
    return {KafkaError::kNone, log_.journal().end()};
  }
  auto end = Save(std::move(transaction), {}, {});
  if (!end.ok()) return {KafkaError::kCoordinatorNotAvailable, 0};
  return {KafkaError::kNone, *end};
}

TransactionCoordinator::Done TransactionCoordinator::AddGroup(const std::string& transactional_id,
                                                              const ProducerIdentity& producer,
                                                              const std::string& group) {
  const Transaction* found = Find(transactional_id);
  const KafkaError error = CheckProducer(found, producer, true);
  if (error != KafkaError::kNone) return {error, 0};
  if (found->state == TransactionState::kOngoing && found->groups.count(group) > 0) {
    return {KafkaError::kNone, log_.journal().end()};
  }
  Transaction transaction = *found;
  Begin(&transaction);
  transaction.groups.insert(group);
  auto end = Save(std::move(transaction), {}, {});
  if (!end.ok()) return {KafkaError::kCoordinatorNotAvailable, 0};
  return {KafkaError::kNone, *end};
}

AppendResult TransactionCoordinator::Append(const NewBatch& batch, const TopicPartition& partition,
                                            bool may_add) {
  AppendResult refused;
  PartitionLog* log = log_.FindPartition(batch.partition);
  if (log == nullptr) {
    refused.error = KafkaError::kUnknownTopicOrPartition;
    return refused;
  }
  // A batch sent twice may come after its transaction ended.
  if (log->producers().Check(batch.header).duplicate) return log_.Append(batch);
  const auto owner = by_producer_.find(batch.header.producer_id);
  const Transaction* found = owner == by_producer_.end() ? nullptr : Find(owner->second);
  if (found == nullptr) {
    refused.error = KafkaError::kInvalidTxnState;
    return refused;
  }
  if (found->producer.epoch != batch.header.producer_epoch) {
    refused.error = KafkaError::kInvalidProducerEpoch;
    return refused;
  }
  const bool added =
      found->state == TransactionState::kOngoing && found->partitions.count(partition) > 0;
  if (added) return log_.Append(batch);
  if (!may_add) {
    refused.error = KafkaError::kInvalidTxnState;
    refused.message = "the partition was not added to the transaction";
    return refused;
  }
  // The row comes before the batch in the journal: a batch never survives without its owner.
  Transaction transaction = *found;
  Begin(&transaction);
  transaction.partitions.insert(partition);
  auto saved = Save(std::move(transaction), {}, {});
  if (!saved.ok()) {
    log->producers().Refuse(batch.header, env_.MonotonicNanos() / 1'000'000);
    refused.error = KafkaError::kKafkaStorageError;
    refused.message = saved.error().ToString();
    return refused;
  }
  return log_.Append(batch);
}

KafkaError TransactionCoordinator::CheckOffsets(const std::string& transactional_id,
                                                const ProducerIdentity& producer,
                                                const std::string& group, bool may_add) {
  const Transaction* found = Find(transactional_id);
  const KafkaError error = CheckProducer(found, producer, false);
  if (error != KafkaError::kNone) return error;
  if (found->state == TransactionState::kOngoing && found->groups.count(group) > 0) {
    return KafkaError::kNone;
  }
  if (!may_add) return KafkaError::kInvalidTxnState;
  return AddGroup(transactional_id, producer, group).error;
}

TransactionCoordinator::Identified TransactionCoordinator::Finish(const Transaction& transaction,
                                                                  bool commit, bool bump) {
  Transaction ended = transaction;
  ProducerIdentity marked = transaction.producer;
  if (bump) {
    ended.last = transaction.producer;
    ended.producer = marked = Next(transaction.producer);
  }
  std::vector<StateChange> counter;
  if (bump && marked.epoch > kEpochMax) {
    ended.producer = {log_.NewProducerId(&counter), 0};
    auto counted = log_.Commit({}, counter, nullptr);
    if (!counted.ok()) return {KafkaError::kCoordinatorNotAvailable, {}, 0};
  }
  Marker marker;
  marker.commit = commit;
  const std::string bytes = MarkerBatch(marker, marked.id, marked.epoch, env_.NowMicros() / 1000);
  std::vector<NewBatch> batches;
  for (const TopicPartition& partition : transaction.partitions) {
    if (const PartitionLog* log = FindPartition(partition)) {
      batches.push_back(MarkerFor(*log, bytes, marker));
    }
  }
  ended.state = commit ? TransactionState::kCompleteCommit : TransactionState::kCompleteAbort;
  ended.start_ms = -1;
  ended.partitions.clear();
  ended.groups.clear();
  const ProducerIdentity producer = ended.producer;
  auto end =
      Save(std::move(ended), batches, groups_.EndTransaction(transaction.producer.id, commit));
  if (!end.ok()) return {KafkaError::kCoordinatorNotAvailable, {}, 0};
  return {KafkaError::kNone, producer, *end};
}

TransactionCoordinator::Identified TransactionCoordinator::End(const std::string& transactional_id,
                                                               const ProducerIdentity& producer,
                                                               bool commit, int16_t version) {
  const bool bumps = version >= 5;
  const Transaction* found = Find(transactional_id);
  const bool complete = found != nullptr && (found->state == TransactionState::kCompleteCommit ||
                                             found->state == TransactionState::kCompleteAbort);
  const bool same = complete && (found->state == TransactionState::kCompleteCommit) == commit;
  // Asked again, as the answer was lost.
  if (bumps && complete && producer == found->last) {
    if (!same) return {KafkaError::kInvalidTxnState, {}, 0};
    return {KafkaError::kNone, found->producer, log_.journal().end()};
  }
  const KafkaError error = CheckProducer(found, producer, version >= 2);
  if (error != KafkaError::kNone) return {error, {}, 0};
  if (found->state == TransactionState::kOngoing) return Finish(*found, commit, bumps);
  if (!bumps) {
    if (!same) return {KafkaError::kInvalidTxnState, {}, 0};
    return {KafkaError::kNone, found->producer, log_.journal().end()};
  }
  // Nothing was added: there is nothing to commit, but an abort still fences what may be on its
  // way.
  if (commit) return {KafkaError::kInvalidTxnState, {}, 0};
  return Finish(*found, false, true);
}

TransactionCoordinator::Done TransactionCoordinator::WriteMarkers(
    const ProducerIdentity& producer, bool commit, int32_t coordinator_epoch,
    const std::vector<TopicPartition>& partitions) {
  Marker marker;
  marker.commit = commit;
  marker.coordinator_epoch = coordinator_epoch;
  const std::string bytes =
      MarkerBatch(marker, producer.id, producer.epoch, env_.NowMicros() / 1000);
  std::vector<NewBatch> batches;
  for (const TopicPartition& partition : partitions) {
    const PartitionLog* log = FindPartition(partition);
    if (log == nullptr) return {KafkaError::kUnknownTopicOrPartition, 0};
    const auto known = log->producers().producers().find(producer.id);
    if (known != log->producers().producers().end() && known->second.epoch > producer.epoch) {
      return {KafkaError::kInvalidProducerEpoch, 0};
    }
    batches.push_back(MarkerFor(*log, bytes, marker));
  }
  auto end = log_.Commit(batches, {}, nullptr);
  if (!end.ok()) return {KafkaError::kKafkaStorageError, 0};
  return {KafkaError::kNone, *end};
}

void TransactionCoordinator::Watch(const Transaction& transaction) {
  const std::string id = transaction.transactional_id;
  const auto watched = watches_.find(id);
  if (transaction.state != TransactionState::kOngoing) {
    if (watched == watches_.end()) return;
    timers_.Cancel(watched->second);
    watches_.erase(watched);
    return;
  }
  if (watched != watches_.end()) return;  // counts from the transaction's begin
  const int64_t open_ms = env_.NowMicros() / 1000 - transaction.start_ms;
  const int64_t left_ms = transaction.timeout_ms - std::max<int64_t>(open_ms, 0);
  watches_[id] = timers_.After(std::max<int64_t>(left_ms, 0) * 1000, [this, id] { TimedOut(id); });
}

void TransactionCoordinator::TimedOut(const std::string& transactional_id) {
  watches_.erase(transactional_id);
  const Transaction* found = Find(transactional_id);
  if (found == nullptr || found->state != TransactionState::kOngoing) return;
  const int64_t producer = found->producer.id;
  const int32_t timeout_ms = found->timeout_ms;
  if (Finish(*found, /*commit=*/false, /*bump=*/true).error != KafkaError::kNone) {
    // The log takes no more now: again in a second.
    watches_[transactional_id] =
        timers_.After(1'000'000, [this, transactional_id] { TimedOut(transactional_id); });
    return;
  }
  timed_out_.Add();
  if (report_) {
    report_("the transaction of '" + transactional_id + "' (producer " + std::to_string(producer) +
            ") was open longer than its timeout of " + std::to_string(timeout_ms) + " ms: aborted");
  }
}

void TransactionCoordinator::ExpireIds() {
  expiry_ = timers_.After(kExpiryCheckUs, [this] { ExpireIds(); });
  const int64_t before = env_.NowMicros() / 1000 - options_.id_expiration_ms;
  std::vector<StateChange> removed;
  for (const auto& [id, transaction] : transactions_) {
    if (transaction.state == TransactionState::kOngoing || transaction.update_ms >= before)
      continue;
    removed.push_back({kPrefix + id, std::nullopt});
  }
  if (removed.empty() || !log_.Commit({}, removed, nullptr).ok()) return;
  for (const StateChange& row : removed) {
    const auto found = transactions_.find(row.key.substr(1));
    by_producer_.erase(found->second.producer.id);
    transactions_.erase(found);
  }
}

void TransactionCoordinator::ShowFigures() {
  open_gauge_.Set(static_cast<double>(watches_.size()));
}

}  // namespace weir::log
