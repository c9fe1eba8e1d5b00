// SimProducer: an idempotent or transactional producer as Kafka's clients are: batches in flight,
// sent again with the same sequence numbers when no answer came; transactions of both protocols (1:
// partitions are added first; 2: each transaction has an epoch of its own, KIP-890).
//
// Thread rule: one thread.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "weir/log/kafka/messages/add_offsets_to_txn.h"
#include "weir/log/kafka/messages/add_partitions_to_txn.h"
#include "weir/log/kafka/messages/end_txn.h"
#include "weir/log/kafka/messages/init_producer_id.h"
#include "weir/log/kafka/messages/produce.h"
#include "weir/log/kafka/messages/txn_offset_commit.h"
#include "weir/log/kafka/sim/testing/sim_process.h"
#include "weir/log/record_batch_builder.h"

namespace weir::log::kafka::sim {

enum class Protocol { kIdempotent, kTransactions1, kTransactions2 };

enum class Outcome {
  kOk,
  kAbort,  // the transaction is to be aborted, or what was not answered is given up
  kFatal,  // this identity is of no more use
};

// Whose offsets a transaction commits.
struct GroupIdentity {
  std::string group;
  std::string member_id;
  int32_t generation = -1;
};

class SimProducer {
 public:
  SimProducer(SimProcess& process, Protocol protocol, std::string transactional_id,
              int32_t timeout_ms)
      : process_(process),
        protocol_(protocol),
        id_(std::move(transactional_id)),
        timeout_ms_(timeout_ms) {
    SimLoop& loop = process_.loop();
    switch (protocol_) {
      case Protocol::kIdempotent:
        produce_version_ = static_cast<int16_t>(loop.Between(3, 13));
        break;
      case Protocol::kTransactions1:
        produce_version_ = static_cast<int16_t>(loop.Between(3, 11));
        break;
      case Protocol::kTransactions2:
        produce_version_ = static_cast<int16_t>(loop.Between(12, 13));
        break;
    }
  }
  ~SimProducer() { Abandon(); }
  SimProducer(const SimProducer&) = delete;
  SimProducer& operator=(const SimProducer&) = delete;

  bool ready() const { return ready_; }
  uint64_t transaction() const { return transaction_; }

  // An identity. `again`: the next epoch of the one it has (KIP-360).
  Task<Outcome> Init(bool again) {
    InitProducerIdRequest request;
    request.transactional_id = std::nullopt;
    if (protocol_ != Protocol::kIdempotent) request.transactional_id = id_;
    request.transaction_timeout_ms = timeout_ms_;
    if (again) {
      request.producer_id = producer_id_;
      request.producer_epoch = epoch_;
    }
    const int16_t version = protocol_ == Protocol::kTransactions2 ? 5 : 4;
    ready_ = false;
    while (true) {
      const Reply<InitProducerIdResponse> reply =
          co_await process_.Ask<InitProducerIdRequest, InitProducerIdResponse>(request, version);
      if (reply.message && reply.message->error_code == 0) {
        producer_id_ = reply.message->producer_id;
        epoch_ = reply.message->producer_epoch;
        Renewed();
        ready_ = true;
        if (protocol_ != Protocol::kIdempotent) Incarnated();
        process_.Tell("is producer " + Identity());
        co_return Outcome::kOk;
      }
      if (reply.message && !IsRetriable(ErrorOf(reply.message->error_code))) {
        process_.Tell("InitProducerId: " + NameOf(reply.message->error_code));
        co_return Outcome::kFatal;
      }
      co_await process_.BackOff();
    }
  }

  void Begin() {
    transaction_ = history().Begin(id_, producer_id_, epoch_);
    process_.context().newest[id_] = transaction_;
    added_.clear();
    anything_ = false;
    doubt_ = false;
  }

  // Records for a partition, to go with the next Send.
  void Add(int partition, const std::vector<std::pair<Value, Value>>& values_and_origins) {
    Batch batch;
    batch.partition = partition;
    batch.records = values_and_origins;
    batches_.push_back(std::move(batch));
  }
  Value NewValue(int partition, Value origin = 0, const std::string& pipeline = "") {
    return history().Send(partition, writer_, transaction_, origin, pipeline);
  }

  // Until all that was added is answered.
  Task<Outcome> Send() {
    if (protocol_ == Protocol::kTransactions1) {
      const Outcome added = co_await AddPartitions();
      if (added != Outcome::kOk) {
        batches_.clear();
        co_return added;
      }
    }
    if (!batches_.empty()) anything_ = true;
    for (Batch& batch : batches_) {
      int32_t& next = sequences_[batch.partition];
      batch.sequence = next;
      next += static_cast<int32_t>(batch.records.size());
    }
    const int64_t give_up_us = process_.loop().NowUs() + 30'000'000;
    Outcome outcome = Outcome::kOk;
    while (!batches_.empty() && outcome == Outcome::kOk) {
      outcome = co_await SendRound();
      if (batches_.empty() || outcome != Outcome::kOk) continue;
      if (!process_.context().quiet && process_.loop().NowUs() > give_up_us) {
        process_.Tell("gives up " + std::to_string(batches_.size()) + " batches");
        outcome = Outcome::kAbort;
      }
      co_await process_.BackOff();
    }
    // Their sequence numbers are used up, too.
    doubt_ = doubt_ || !batches_.empty();
    batches_.clear();
    co_return outcome;
  }

  // The group's offsets go with the transaction.
  Task<Outcome> SendOffsets(const GroupIdentity& group, const std::map<int, int64_t>& offsets) {
    if (protocol_ == Protocol::kTransactions1) {
      const Outcome added = co_await AddOffsets(group.group);
      if (added != Outcome::kOk) co_return added;
    }
    anything_ = true;
    TxnOffsetCommitRequest request;
    request.transactional_id = id_;
    request.group_id = group.group;
    request.producer_id = producer_id_;
    request.producer_epoch = epoch_;
    request.generation_id = group.generation;
    request.member_id = group.member_id;
    request.topics.emplace_back();
    for (const auto& [partition, offset] : offsets) {
      const SimTopic& topic = process_.context().TopicOf(partition);
      request.topics[0].name = topic.name;
      request.topics[0].partitions.emplace_back();
      request.topics[0].partitions.back().partition_index = partition - topic.first;
      request.topics[0].partitions.back().committed_offset = offset;
    }
    const int16_t version = protocol_ == Protocol::kTransactions2 ? 5 : 3;
    const RequestNote note = Note(group.group);
    while (true) {
      const Reply<TxnOffsetCommitResponse> reply =
          co_await process_.Ask<TxnOffsetCommitRequest, TxnOffsetCommitResponse>(request, version,
                                                                                 note);
      if (reply.message) {
        int16_t error = 0;
        for (const auto& topic : reply.message->topics) {
          for (const auto& partition : topic.partitions) {
            if (partition.error_code != 0) error = partition.error_code;
          }
        }
        if (error == 0) co_return Outcome::kOk;
        if (!IsRetriable(ErrorOf(error))) co_return Failed("TxnOffsetCommit", error);
      } else {
        doubt_ = true;
      }
      co_await process_.BackOff();
    }
  }

  Task<Outcome> End(bool commit) {
    TransactionOp& op = history().transactions.at(transaction_);
    op.commit = commit;
    if (!anything_) {
      op.fate = commit ? Fate::kDone : Fate::kNot;
      op.ended = history().Tick();
      transaction_ = 0;
      co_return Outcome::kOk;
    }
    EndTxnRequest request;
    request.transactional_id = id_;
    request.producer_id = producer_id_;
    request.producer_epoch = epoch_;
    request.committed = commit;
    const int16_t version = protocol_ == Protocol::kTransactions2 ? 5 : 4;
    bool asked_in_vain = false;
    const RequestNote note = Note("");
    while (true) {
      if (op.end_sent == 0 && commit) op.end_sent = history().Tick();
      in_doubt_ = commit;  // from now on
      const Reply<EndTxnResponse> reply =
          co_await process_.Ask<EndTxnRequest, EndTxnResponse>(request, version, note);
      if (reply.message && reply.message->error_code == 0) {
        if (protocol_ == Protocol::kTransactions2) {
          producer_id_ = reply.message->producer_id;
          epoch_ = reply.message->producer_epoch;
          Renewed();
          Incarnated();
        }
        op.ended = history().Tick();
        op.fate = commit ? Fate::kDone : Fate::kNot;
        process_.Tell("transaction " + std::to_string(transaction_) +
                      (commit ? " committed" : " aborted"));
        transaction_ = 0;
        in_doubt_ = false;
        co_return Outcome::kOk;
      }
      if (reply.message && !IsRetriable(ErrorOf(reply.message->error_code)) &&
          ErrorOf(reply.message->error_code) != KafkaError::kConcurrentTransactions) {
        in_doubt_ = commit && asked_in_vain;
        const Outcome failed = Failed("EndTxn", reply.message->error_code);
        Abandon();
        ready_ = false;
        co_return failed == Outcome::kAbort ? Outcome::kFatal : failed;
      }
      if (!reply.message) asked_in_vain = true;
      co_await process_.BackOff();
    }
  }

  // What is left to do after kAbort. The identity may be lost on the way.
  Task<void> Abort() {
    const bool doubt = doubt_;
    const Outcome ended = co_await End(false);
    if (ended != Outcome::kOk) co_return;
    // What is in doubt may still arrive, and must not be taken for the next transaction's.
    if (protocol_ == Protocol::kTransactions1 && doubt) {
      const Outcome renewed = co_await Init(/*again=*/true);
      if (renewed != Outcome::kOk) ready_ = false;
    }
  }

  // The program goes on without knowing.
  void Abandon() {
    if (transaction_ == 0) return;
    TransactionOp& op = history().transactions.at(transaction_);
    op.fate = in_doubt_ ? Fate::kUnknown : Fate::kNot;
    process_.Tell("transaction " + std::to_string(transaction_) + " left, " +
                  (in_doubt_ ? "in doubt" : "never committed"));
    transaction_ = 0;
    in_doubt_ = false;
  }

 private:
  struct Batch {
    int partition = 0;
    int32_t sequence = 0;
    std::vector<std::pair<Value, Value>> records;  // and their origins
    bool doubt = false;
  };
  static constexpr size_t kInFlightMax = 5;

  History& history() { return process_.history(); }
  static KafkaError ErrorOf(int16_t code) { return static_cast<KafkaError>(code); }
  static std::string NameOf(int16_t code) { return std::string(KafkaErrorName(ErrorOf(code))); }
  std::string Identity() const {
    return std::to_string(producer_id_) + "/" + std::to_string(epoch_);
  }
  RequestNote Note(const std::string& group) const { return {transaction_, group}; }
  void Renewed() {
    sequences_.clear();
    writer_ = process_.context().next_writer++;
  }

  void Incarnated() {
    history().incarnations.push_back(
        {id_, producer_id_, epoch_, history().Tick(), process_.number()});
  }

  // What an error that is not to be tried again means.
  Outcome Failed(const char* what, int16_t code) {
    const KafkaError error = ErrorOf(code);
    process_.Tell(std::string(what) + ": " + NameOf(code));
    const bool flawed = transaction_ != 0 && history().transactions.at(transaction_).flawed;
    // A transaction of protocol 2 that was open too long ended with the epoch that would be asked
    // again: a commit is told so.
    const bool ended_by_time = error == KafkaError::kInvalidTxnState &&
                               protocol_ == Protocol::kTransactions2 &&
                               std::string_view(what) == "EndTxn";
    const bool odd =
        error == KafkaError::kOutOfOrderSequenceNumber || error == KafkaError::kUnknownProducerId ||
        error == KafkaError::kInvalidTxnState || error == KafkaError::kUnknownServerError;
    const bool fenced = error == KafkaError::kInvalidProducerEpoch ||
                        error == KafkaError::kProducerFenced ||
                        error == KafkaError::kInvalidProducerIdMapping;
    if (((odd && !ended_by_time) || (fenced && protocol_ == Protocol::kIdempotent)) && !flawed &&
        !process_.context().strange && !process_.context().crowded) {
      history().Wrong("refused", process_.name() + " (producer " + Identity() + "): " + what +
                                     " is answered " + NameOf(code));
    }
    if (odd || fenced) ready_ = false;
    return odd || fenced ? Outcome::kFatal : Outcome::kAbort;
  }

  std::string BytesOf(const Batch& batch) {
    BatchOptions options;
    if (process_.context().wrong != Wrong::kNoIdempotence || protocol_ != Protocol::kIdempotent) {
      options.producer_id = producer_id_;
      options.producer_epoch = epoch_;
      options.base_sequence = batch.sequence;
    }
    options.transactional = protocol_ != Protocol::kIdempotent;
    if (batch.records[0].first % 4 == 0) options.codec = Codec::kLz4;
    BatchBuilder builder(options);
    for (const auto& [value, origin] : batch.records) {
      std::string text(16, '\0');
      memcpy(text.data(), &value, 8);
      memcpy(text.data() + 8, &origin, 8);
      text.append(value % 97, 'W');  // 'W' begins frames
      builder.Add({.timestamp = 1'735'689'600'000, .value = text});
    }
    return std::move(builder).Finish().value();
  }

  // One request; `which` of the batches, one a partition.
  Promise<SimProcess::Raw> StartProduce(const std::vector<size_t>& which) {
    ProduceRequest request;
    request.acks = -1;
    request.timeout_ms = 30'000;
    if (protocol_ != Protocol::kIdempotent) request.transactional_id = id_;
    std::vector<std::string> bytes;
    bytes.reserve(which.size());
    for (const size_t i : which) {
      const SimTopic& topic = process_.context().TopicOf(batches_[i].partition);
      bytes.push_back(BytesOf(batches_[i]));
      ProduceRequest::TopicProduceData data;
      if (produce_version_ >= 13) {
        data.topic_id = topic.id;
      } else {
        data.name = topic.name;
      }
      data.partition_data.push_back(
          {batches_[i].partition - topic.first, Records(std::string_view(bytes.back()))});
      request.topic_data.push_back(std::move(data));
    }
    return process_.Start(request, produce_version_, Note(""));
  }

  // What is not answered yet, once; what was answered well is gone afterwards.
  Task<Outcome> SendRound() {
    std::vector<std::vector<size_t>> requests;
    std::map<int, size_t> in_flight;
    const bool gather = process_.loop().OneIn(2);
    for (size_t i = 0; i < batches_.size(); ++i) {
      const size_t before = in_flight[batches_[i].partition]++;
      if (before >= kInFlightMax) continue;
      const size_t at = gather ? before : requests.size();
      if (requests.size() <= at) requests.resize(at + 1);
      requests[at].push_back(i);
    }
    std::vector<Promise<SimProcess::Raw>> answers;
    for (const std::vector<size_t>& which : requests) answers.push_back(StartProduce(which));
    struct Verdict {
      bool sent = false;
      bool answered = false;
      int16_t error = 0;
      int64_t offset = -1;
    };
    std::vector<Verdict> verdicts(batches_.size());
    for (size_t r = 0; r < requests.size(); ++r) {
      SimProcess::Raw raw = co_await answers[r];
      const Reply<ProduceResponse> reply =
          process_.Decode<ProduceResponse>(std::move(raw), produce_version_);
      for (size_t k = 0; k < requests[r].size(); ++k) {
        Verdict& verdict = verdicts[requests[r][k]];
        verdict.sent = true;
        if (!reply.message) continue;
        const auto& answer = reply.message->responses.at(k).partition_responses.at(0);
        verdict.answered = true;
        verdict.error = answer.error_code;
        verdict.offset = answer.base_offset;
      }
    }
    Outcome outcome = Outcome::kOk;
    std::set<int> waits;  // partitions in which an earlier batch is to be sent again
    std::vector<Batch> left;
    for (size_t i = 0; i < batches_.size(); ++i) {
      Batch& batch = batches_[i];
      const Verdict& verdict = verdicts[i];
      const KafkaError error = ErrorOf(verdict.error);
      if (verdict.answered && verdict.error == 0) {
        for (size_t k = 0; k < batch.records.size(); ++k) {
          history().Acked(batch.records[k].first, verdict.offset + static_cast<int64_t>(k));
        }
        continue;
      }
      batch.doubt = batch.doubt || (verdict.sent && !verdict.answered);
      const bool follows =
          error == KafkaError::kOutOfOrderSequenceNumber && waits.count(batch.partition) > 0;
      if (verdict.answered && !follows && !IsRetriable(error) && outcome == Outcome::kOk) {
        outcome = Failed("Produce", verdict.error);
        if (!batch.doubt) {
          for (const auto& [value, origin] : batch.records) history().Refused(value);
        }
      }
      waits.insert(batch.partition);
      left.push_back(std::move(batch));
    }
    batches_ = std::move(left);
    co_return outcome;
  }

  Task<Outcome> AddPartitions() {
    std::set<int> wanted;
    for (const Batch& batch : batches_) {
      if (added_.count(batch.partition) == 0) wanted.insert(batch.partition);
    }
    if (wanted.empty()) co_return Outcome::kOk;
    AddPartitionsToTxnRequest request;
    request.v3_and_below_transactional_id = id_;
    request.v3_and_below_producer_id = producer_id_;
    request.v3_and_below_producer_epoch = epoch_;
    for (const int partition : wanted) {
      const SimTopic& topic = process_.context().TopicOf(partition);
      AddPartitionsToTxnRequest::AddPartitionsToTxnTopic& added =
          request.v3_and_below_topics.emplace_back();
      added.name = topic.name;
      added.partitions.push_back(partition - topic.first);
    }
    anything_ = true;
    const RequestNote note = Note("");
    while (true) {
      const Reply<AddPartitionsToTxnResponse> reply =
          co_await process_.Ask<AddPartitionsToTxnRequest, AddPartitionsToTxnResponse>(
              request, int16_t{3}, note);
      if (reply.message) {
        int16_t error = 0;
        for (const auto& topic : reply.message->results_by_topic_v3_and_below) {
          for (const auto& partition : topic.results_by_partition) {
            if (partition.partition_error_code != 0) error = partition.partition_error_code;
          }
        }
        if (error == 0) {
          added_.insert(wanted.begin(), wanted.end());
          co_return Outcome::kOk;
        }
        if (!IsRetriable(ErrorOf(error))) {
          co_return Failed("AddPartitionsToTxn", error);
        }
      } else {
        doubt_ = true;
      }
      co_await process_.BackOff();
    }
  }

  Task<Outcome> AddOffsets(const std::string& group) {
    AddOffsetsToTxnRequest request;
    request.transactional_id = id_;
    request.producer_id = producer_id_;
    request.producer_epoch = epoch_;
    request.group_id = group;
    anything_ = true;
    const RequestNote note = Note("");
    while (true) {
      const Reply<AddOffsetsToTxnResponse> reply =
          co_await process_.Ask<AddOffsetsToTxnRequest, AddOffsetsToTxnResponse>(request,
                                                                                 int16_t{3}, note);
      if (reply.message && reply.message->error_code == 0) co_return Outcome::kOk;
      if (reply.message && !IsRetriable(ErrorOf(reply.message->error_code))) {
        co_return Failed("AddOffsetsToTxn", reply.message->error_code);
      }
      if (!reply.message) doubt_ = true;
      co_await process_.BackOff();
    }
  }

  SimProcess& process_;
  const Protocol protocol_;
  const std::string id_;
  const int32_t timeout_ms_;
  int16_t produce_version_ = 3;

  bool ready_ = false;
  int64_t producer_id_ = -1;
  int16_t epoch_ = -1;
  uint64_t writer_ = 0;
  std::map<int, int32_t> sequences_;
  std::vector<Batch> batches_;

  uint64_t transaction_ = 0;
  std::set<int> added_;
  bool anything_ = false;  // was asked for
  bool doubt_ = false;     // something was not answered
  bool in_doubt_ = false;  // a commit was
};

}  // namespace weir::log::kafka::sim
