// What a topic's sink needs of a cluster: one transaction that puts an epoch's records and the note
// that it did so there together. The note is a record of the compacted topic __weir_epochs, with
// the flow and the topic as its key: whoever repeats a commit reads it first.
//
// Implemented over librdkafka (kafka_transaction.h), and by a fake of the tests.
//
// Thread rule: TopicTransactions is thread-safe, a TopicTransaction belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "weir/base/result.h"
#include "weir/connect/kafka/staged_records.h"

namespace weir::connect {

inline constexpr const char* kEpochsTopic = "__weir_epochs";

struct TransactionRequest {
  std::string flow_id;
  std::string topic;
  uint64_t bytes = 0;  // of all records together: how long it may take

  std::string marker_key() const { return flow_id + "/" + topic; }
};

class TopicTransaction {
 public:
  // Gives the transaction up, if it was not committed.
  virtual ~TopicTransaction() = default;
  // The newest epoch that is in the topic, whole; 0: none. What an earlier process left open is
  // ended, and can't be committed any more, when this returns.
  virtual Result<uint64_t> CommittedEpoch() = 0;
  virtual Status Add(const StagedRecord& record) = 0;
  // Ok: records and note are there, durably. After kConflict another process took over; after any
  // other error it is unknown: CommittedEpoch of a new transaction tells.
  virtual Status Commit(uint64_t epoch) = 0;
};

// What a topic refuses. A record is held against it before its epoch is decided: one that the topic
// refuses afterwards holds the flow up until somebody decides.
struct TopicLimits {
  uint64_t record_bytes_max = 0;  // key, value and headers
  bool key_required = false;      // the topic is compacted
  // Of a record's own time against the topic's clock; none: the topic does not look at it.
  std::optional<int64_t> before_ms_max;
  std::optional<int64_t> after_ms_max;
};

class TopicTransactions {
 public:
  virtual ~TopicTransactions() = default;
  // Is the cluster there, and has it the topic (or makes it now)? Asked before anything is
  // computed.
  virtual Result<TopicLimits> Check(const std::string& topic) = 0;
  virtual Result<std::unique_ptr<TopicTransaction>> Open(const TransactionRequest& request) = 0;
};

}  // namespace weir::connect
