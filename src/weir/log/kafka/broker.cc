#include "weir/log/kafka/broker.h"

#include <algorithm>
#include <utility>

#include "weir/log/kafka/cluster_id.h"

namespace weir::log::kafka {
namespace {

BrokerOptions WithHiddenTopics(BrokerOptions options) {
  options.groups.hides_topics = options.acls.enabled;
  return options;
}

}  // namespace

FetchWaiters::~FetchWaiters() {
  for (const auto& [partition, waiters] : waiters_) {
    for (const auto& waiter : waiters) waiter->wake = nullptr;
  }
}

void FetchWaiters::Add(std::shared_ptr<Waiter> waiter) {
  for (const uint32_t partition : waiter->partitions) waiters_[partition].push_back(waiter);
  size_ += 1;
}

void FetchWaiters::Remove(const std::shared_ptr<Waiter>& waiter) {
  bool found = false;
  for (const uint32_t partition : waiter->partitions) {
    const auto waiting = waiters_.find(partition);
    if (waiting == waiters_.end()) continue;
    found |= std::erase(waiting->second, waiter) > 0;
    if (waiting->second.empty()) waiters_.erase(waiting);
  }
  if (found) size_ -= 1;
  // Who waits is held by it, and holds the waiter.
  waiter->wake = nullptr;
}

void FetchWaiters::Changed(uint32_t partition) {
  const auto waiting = waiters_.find(partition);
  if (waiting == waiters_.end()) return;
  const std::vector<std::shared_ptr<Waiter>> woken = waiting->second;
  std::vector<std::function<void()>> wakes;
  for (const auto& waiter : woken) {
    if (!waiter->wake) continue;  // named this partition twice, and is woken already
    wakes.push_back(std::move(waiter->wake));
    Remove(waiter);
  }
  for (const auto& wake : wakes) wake();
}

Broker::Broker(Env& env, MetricRegistry& metrics, EventLog& log, Timers& timers,
               BrokerOptions options)
    : env_(env),
      metrics_(metrics),
      log_(log),
      timers_(timers),
      options_(WithHiddenTopics(std::move(options))),
      fetch_sessions_(env, timers, metrics),
      read_ahead_(log, timers, metrics),
      groups_(env, metrics, log, timers, options_.groups),
      transactions_(env, metrics, log, timers, groups_, options_.transactions, options_.report),
      retention_(env, metrics, log, options_.retention,
                 [this](const Topic& topic, size_t index) { return PolicyOf(topic, index); }),
      passwords_(timers, log.state()),
      authorizer_(log.state(), options_.acls),
      producers_looked_at_ms_(UptimeMs()),
      expired_producers_(metrics.GetCounter(
          "weir_log_expired_producers_total",
          "Idempotent producers that were silent too long, forgotten in a partition.")) {
  retention_timer_ = timers_.After(kRetentionUs, [this] { RunRetention(); });
  log_.OnPartitionAdvanced([this](uint32_t partition) { fetch_waiters_.Changed(partition); });
}

Broker::~Broker() { timers_.Cancel(retention_timer_); }

void Broker::RunRetention() {
  retention_timer_ = timers_.After(kRetentionUs, [this] { RunRetention(); });
  retention_.Run(NowMs());
  // Not by the wall clock: a jump of it would forget producers that are about to send again.
  if (UptimeMs() - producers_looked_at_ms_ >= kExpiryMs) ExpireProducers(UptimeMs());
}

void Broker::ExpireProducers(int64_t uptime_ms) {
  producers_looked_at_ms_ = uptime_ms;
  for (const auto& [name, topic] : log_.topics().all()) {
    for (const uint32_t number : topic.partitions) {
      PartitionLog* partition = log_.FindPartition(number);
      if (partition == nullptr) continue;
      expired_producers_.Add(
          partition->producers().Expire(uptime_ms - options_.producer_id_expiration_ms));
    }
  }
}

RetentionPolicy Broker::PolicyOf(const Topic& topic, size_t index) const {
  RetentionPolicy policy = RetentionPolicy::Of(topic.settings);
  std::string_view names = topic.settings.retain_until_consumed_by;
  while (!names.empty()) {
    const size_t end = std::min(names.find(','), names.size());
    const std::string group(names.substr(0, end));
    names.remove_prefix(std::min(end + 1, names.size()));
    const CommittedOffset* read =
        groups_.offsets().Find(group, {topic.id, static_cast<int32_t>(index)});
    // A group that never committed has read nothing.
    policy.needed_from = std::min(policy.needed_from, read != nullptr ? read->offset : 0);
  }
  return policy;
}

void Broker::SetAddress(const std::string& host, int32_t port) {
  options_.host = host;
  options_.port = port;
}

Result<std::string> Broker::ClusterId() {
  WEIR_ASSIGN_OR_RETURN(auto id, ClusterIdOf(env_, log_));
  return std::move(id.text);
}

KafkaError Broker::CheckNewTopic(const std::string& name, int32_t partitions,
                                 std::string* message) const {
  const std::string wrong = WrongWithTopicName(name);
  if (!wrong.empty()) {
    *message = "Topic name is invalid: " + wrong;
    return KafkaError::kInvalidTopicException;
  }
  if (log_.topics().Find(name) != nullptr) {
    *message = "Topic '" + name + "' already exists.";
    return KafkaError::kTopicAlreadyExists;
  }
  if (const Topic* other = log_.topics().FindColliding(name)) {
    *message = "Topic '" + name + "' collides with existing topic: " + other->name;
    return KafkaError::kInvalidTopicException;
  }
  if (partitions < 1) {
    *message = "Number of partitions was set to an invalid non-positive value.";
    return KafkaError::kInvalidPartitions;
  }
  if (partitions > kPartitionsMax) {
    *message = "A topic has at most " + std::to_string(kPartitionsMax) + " partitions.";
    return KafkaError::kInvalidPartitions;
  }
  return KafkaError::kNone;
}

KafkaError Broker::CreateTopic(const std::string& name, int32_t partitions,
                               const std::map<std::string, std::string>& configs, Position* end,
                               std::string* message) {
  const KafkaError error = CheckNewTopic(name, partitions, message);
  if (error != KafkaError::kNone) return error;
  Topic topic;
  topic.name = name;
  topic.id = NewUuid(env_);
  topic.created_ms = NowMs();
  topic.configs = configs;
  std::vector<StateChange> changes;
  topic.partitions = log_.NewPartitionNumbers(static_cast<size_t>(partitions), &changes);
  changes.push_back(Topics::Put(topic));
  const KafkaError written = Write(changes, end, message);
  if (written == KafkaError::kNone) groups_.TopicsChanged();
  return written;
}

KafkaError Broker::AddPartitions(const std::string& name, int32_t count, bool only_check,
                                 Position* end, std::string* message) {
  if (count > kPartitionsMax) {
    *message = "A topic has at most " + std::to_string(kPartitionsMax) + " partitions.";
    return KafkaError::kInvalidPartitions;
  }
  if (only_check) return KafkaError::kNone;
  Topic topic = *log_.topics().Find(name);
  std::vector<StateChange> changes;
  const size_t added = static_cast<size_t>(count) - topic.partitions.size();
  for (const uint32_t number : log_.NewPartitionNumbers(added, &changes)) {
    topic.partitions.push_back(number);
  }
  changes.push_back(Topics::Put(topic));
  const KafkaError written = Write(changes, end, message);
  if (written == KafkaError::kNone) groups_.TopicsChanged();
  return written;
}

KafkaError Broker::DeleteTopic(const std::string name, Position* end, std::string* message) {
  const Topic* topic = log_.topics().Find(name);
  if (topic == nullptr) return KafkaError::kUnknownTopicOrPartition;
  const std::vector<uint32_t> partitions = topic->partitions;
  const std::vector<StateChange> offsets = groups_.RemoveTopic(topic->id);
  std::vector<StateChange> changes = offsets;
  changes.push_back(Topics::Remove(name));
  const KafkaError error = Write(changes, end, message);
  if (error != KafkaError::kNone) return error;
  groups_.Apply(offsets, *end);
  groups_.TopicsChanged();
  for (const uint32_t partition : partitions) fetch_waiters_.Changed(partition);
  return KafkaError::kNone;
}

KafkaError Broker::Write(const std::vector<StateChange>& changes, Position* end,
                         std::string* message) {
  const auto committed = log_.Commit({}, changes, nullptr);
  if (committed.ok()) {
    *end = std::max(*end, *committed);
    return KafkaError::kNone;
  }
  *message = committed.error().ToString();
  return committed.error().code() == ErrorCode::kLimit ? KafkaError::kRequestTimedOut
                                                       : KafkaError::kKafkaStorageError;
}

PartitionLog* Broker::FindPartition(const Topic* topic, int32_t index) {
  if (topic == nullptr || index < 0 || static_cast<size_t>(index) >= topic->partitions.size()) {
    return nullptr;
  }
  return log_.FindPartition(topic->partitions[static_cast<size_t>(index)]);
}

}  // namespace weir::log::kafka
