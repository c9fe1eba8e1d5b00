// Broker: what request handlers work on: the log, who waits for records, and how this broker speaks
// of itself.
//
// Thread rule: the log's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/metrics.h"
#include "weir/base/result.h"
#include "weir/log/event_log.h"
#include "weir/log/groups/group_coordinator.h"
#include "weir/log/kafka/errors.h"
#include "weir/log/kafka/fetch_sessions.h"
#include "weir/log/kafka/read_ahead.h"
#include "weir/log/record_batch_reader.h"
#include "weir/log/retention/retention.h"
#include "weir/log/security/authorizer.h"
#include "weir/log/security/password_check.h"
#include "weir/log/timers.h"
#include "weir/log/transactions/transaction_coordinator.h"

namespace weir::log::kafka {

struct BrokerOptions {
  int32_t node_id = 1;
  std::string host = "127.0.0.1";  // told to clients
  int32_t port = 9092;
  bool auto_create_topics = true;
  int32_t default_partitions = 1;
  // false: a replication factor other than 1 is refused, as a cluster of one must. true: it is
  // taken as 1, so that programs with a fixed factor of 3 start.
  bool clamp_replication = true;
  uint64_t request_bytes_max = 100 << 20;
  uint64_t fetch_bytes_max = 16 << 20;  // of one answer, but for its first batch
  // Who gets this much of a partition is read ahead for; less is read as quickly when asked for.
  uint64_t read_ahead_from_bytes = 256 << 10;
  GroupOptions groups;
  TransactionOptions transactions;
  RetentionOptions retention;
  AuthorizerOptions acls;
  // connections.max.reauth.ms (KIP-368): for how long a client is who it logged in as, unless it
  // logs in again. 0: as long as its connection.
  int64_t max_reauth_ms = 0;
  int64_t producer_id_expiration_ms = 24 * 3600 * int64_t{1000};  // producer.id.expiration.ms
  // What the operator should know, a line each; nothing if not set.
  std::function<void(const std::string&)> report;
};

// Who waits for new records of partitions.
class FetchWaiters {
 public:
  // `wake` is called once, at the first change of one of them; then it waits no more.
  struct Waiter {
    std::vector<uint32_t> partitions;
    std::function<void()> wake;
  };
  FetchWaiters() = default;
  ~FetchWaiters();
  FetchWaiters(const FetchWaiters&) = delete;
  FetchWaiters& operator=(const FetchWaiters&) = delete;

  void Add(std::shared_ptr<Waiter> waiter);
  // It is not woken any more.
  void Remove(const std::shared_ptr<Waiter>& waiter);
  void Changed(uint32_t partition);
  size_t size() const { return size_; }

 private:
  std::unordered_map<uint32_t, std::vector<std::shared_ptr<Waiter>>> waiters_;
  size_t size_ = 0;
};

class Broker {
 public:
  Broker(Env& env, MetricRegistry& metrics, EventLog& log, Timers& timers, BrokerOptions options);
  ~Broker();

  Env& env() { return env_; }
  MetricRegistry& metrics() { return metrics_; }
  EventLog& log() { return log_; }
  Timers& timers() { return timers_; }
  FetchWaiters& fetch_waiters() { return fetch_waiters_; }
  FetchSessions& fetch_sessions() { return fetch_sessions_; }
  ReadAhead& read_ahead() { return read_ahead_; }
  GroupCoordinator& groups() { return groups_; }
  TransactionCoordinator& transactions() { return transactions_; }
  PasswordCheck& passwords() { return passwords_; }
  Authorizer& authorizer() { return authorizer_; }
  const BrokerOptions& options() const { return options_; }
  // For one batch at a time; keeps its memory.
  RecordReader& record_reader() { return record_reader_; }
  // The server listens only now that it knows its port.
  void SetAddress(const std::string& host, int32_t port);
  int64_t NowMs() { return env_.NowMicros() / 1000; }
  int64_t UptimeMs() { return env_.MonotonicNanos() / 1'000'000; }  // monotonic
  void Report(const std::string& line) {
    if (options_.report) options_.report(line);
  }

  // 22 characters, made at the first start and kept.
  Result<std::string> ClusterId();

  // Why there can't be such a new topic: TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION,
  // INVALID_PARTITIONS.
  KafkaError CheckNewTopic(const std::string& name, int32_t partitions, std::string* message) const;
  // A topic with these settings, which are right. Says why not: as CheckNewTopic, or as Write.
  // `end`: where it is durable.
  KafkaError CreateTopic(const std::string& name, int32_t partitions,
                         const std::map<std::string, std::string>& configs, Position* end,
                         std::string* message);
  // A topic that is there gets more partitions, `count` in all. INVALID_PARTITIONS or as Write.
  KafkaError AddPartitions(const std::string& name, int32_t count, bool only_check, Position* end,
                           std::string* message);
  // The topic, its records and what groups committed of it are gone; fetches that wait for some
  // are woken. The name by value: it may be the topic's own.
  KafkaError DeleteTopic(std::string name, Position* end, std::string* message);
  // Commits rows. KAFKA_STORAGE_ERROR or, while too much waits for the disk, REQUEST_TIMED_OUT.
  KafkaError Write(const std::vector<StateChange>& changes, Position* end, std::string* message);
  // The partition's number, or nothing.
  PartitionLog* FindPartition(const Topic* topic, int32_t index);

 private:
  static constexpr int64_t kRetentionUs = 1'000'000;
  static constexpr int64_t kExpiryMs = 600'000;  // between two looks at silent producers
  void RunRetention();
  void ExpireProducers(int64_t uptime_ms);
  RetentionPolicy PolicyOf(const Topic& topic, size_t index) const;

  static constexpr int32_t kPartitionsMax = 100'000;

  Env& env_;
  MetricRegistry& metrics_;
  EventLog& log_;
  Timers& timers_;
  BrokerOptions options_;
  FetchWaiters fetch_waiters_;
  FetchSessions fetch_sessions_;
  ReadAhead read_ahead_;
  GroupCoordinator groups_;
  TransactionCoordinator transactions_;
  Retention retention_;
  PasswordCheck passwords_;
  Authorizer authorizer_;
  Timers::Id retention_timer_ = 0;
  int64_t producers_looked_at_ms_ = 0;
  Counter& expired_producers_;
  RecordReader record_reader_;
};

}  // namespace weir::log::kafka
