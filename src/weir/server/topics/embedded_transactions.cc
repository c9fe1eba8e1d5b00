#include "weir/server/topics/embedded_transactions.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "weir/base/json.h"
#include "weir/log/kafka/config_resources.h"
#include "weir/log/record_batch.h"
#include "weir/log/record_batch_builder.h"
#include "weir/log/record_batch_validation.h"
#include "weir/server/topics/embedded_broker.h"
#include "weir/server/topics/embedded_topic.h"
#include "weir/server/topics/topic_writer.h"

namespace weir::server {

namespace {

using log::kafka::Broker;
using log::kafka::KafkaError;

constexpr int32_t kTimeoutMs = 900'000;     // nobody looks at it here; a served log does
constexpr size_t kBatchBytes = 256 << 10;   // aimed at
constexpr uint64_t kWaitBytes = 8 << 20;    // written before we wait for the disk
constexpr int64_t kRecordsTogether = 1024;  // without a key: so many go to one partition
constexpr int32_t kBesideRecord = 200;      // of a batch: its header, a record's lengths
constexpr int16_t kProduceVersion = 13;
constexpr int16_t kEndVersion = 4;  // of EndTxn: the producer's epoch stays

Error Refused(KafkaError error, const std::string& message, const std::string& doing) {
  const std::string text =
      doing + ": " + (message.empty() ? std::string(log::kafka::KafkaErrorName(error)) : message);
  switch (error) {
    case KafkaError::kProducerFenced:
    case KafkaError::kInvalidProducerEpoch:
      return Error::Operator(ErrorCode::kConflict, text);
    case KafkaError::kTopicAlreadyExists:
      return Error::User(ErrorCode::kAlreadyExists, text);
    case KafkaError::kInvalidTopicException:
    case KafkaError::kInvalidPartitions:
    case KafkaError::kInvalidConfig:
    case KafkaError::kInvalidRequest:
    case KafkaError::kInvalidRecord:
    case KafkaError::kInvalidTimestamp:
      return Error::User(ErrorCode::kInvalid, text);
    case KafkaError::kMessageTooLarge:
    case KafkaError::kRecordListTooLarge:
      return Error::User(ErrorCode::kLimit, text).Fix("raise 'max.message.bytes' of the topic");
    default:
      return Error::Retry(ErrorCode::kIo, text);
  }
}

Status Create(Broker& broker, const columnar::TopicSpec& topic, log::Position* end) {
  for (const auto& [name, value] : topic.configs) {
    if (const auto wrong = log::WrongWithTopicConfig(name, value)) {
      return Error::User(ErrorCode::kInvalid, *wrong);
    }
  }
  std::string message;
  const int32_t partitions =
      topic.partitions > 0 ? topic.partitions : broker.options().default_partitions;
  const KafkaError error = broker.CreateTopic(topic.name, partitions, topic.configs, end, &message);
  if (error == KafkaError::kNone) return Status::Ok();
  return Refused(error, message, "creating topic " + topic.name);
}

// Makes the topic if it is not there.
Status Ensure(EmbeddedBroker& broker, const columnar::TopicSpec& topic) {
  log::Position end = 0;
  WEIR_RETURN_IF_ERROR(broker.With([&](Broker& b) -> Status {
    if (b.log().topics().Find(topic.name) != nullptr) return Status::Ok();
    return Create(b, topic, &end);
  }));
  return broker.embedded()->WaitDurable(end);
}

columnar::TopicSpec EpochsTopic() {
  columnar::TopicSpec topic;
  topic.name = connect::kEpochsTopic;
  topic.partitions = 1;
  topic.configs = {{"cleanup.policy", "compact"}};
  return topic;
}

class EmbeddedTransaction final : public connect::TopicTransaction {
 public:
  EmbeddedTransaction(Env& env, std::unique_ptr<EmbeddedBroker> broker,
                      const connect::TransactionRequest& request, const std::string& prefix,
                      connect::Partitioner partitioner)
      : env_(env),
        broker_(std::move(broker)),
        request_(request),
        id_(prefix + request.flow_id + "." + request.topic),
        partitioner_(partitioner) {}

  ~EmbeddedTransaction() override {
    if (!open_) return;
    broker_->With([&](Broker& b) {
      (void)b.transactions().End(id_, producer_, /*commit=*/false, kEndVersion);
    });
  }

  Status Open() {
    columnar::TopicSpec topic;
    topic.name = request_.topic;
    WEIR_RETURN_IF_ERROR(Ensure(*broker_, topic));
    WEIR_RETURN_IF_ERROR(Ensure(*broker_, EpochsTopic()));
    log::Position end = 0;
    WEIR_RETURN_IF_ERROR(broker_->With([&](Broker& b) -> Status {
      const auto begun = b.transactions().InitProducer(id_, kTimeoutMs, {}, kEndVersion);
      if (begun.error != KafkaError::kNone) {
        return Refused(begun.error, "", "beginning a transaction of topic " + request_.topic);
      }
      producer_ = begun.producer;
      end = begun.end;
      const log::Topic& found = *b.log().topics().Find(request_.topic);
      partitions_ = std::vector<Partition>(found.partitions.size());
      batch_bytes_ = BatchBytesIn(found.settings.max_message_bytes, kBatchBytes);
      return Status::Ok();
    }));
    return broker_->embedded()->WaitDurable(end);
  }

  // To the end of the log, also behind what other producers have open: what this one had open is
  // ended, and no other writes notes with this key.
  Result<uint64_t> CommittedEpoch() override {
    int64_t begin = 0;
    int64_t end = 0;
    broker_->With([&](Broker& b) {
      const log::PartitionLog* notes =
          b.FindPartition(b.log().topics().Find(connect::kEpochsTopic), 0);
      begin = notes->start_offset();
      end = notes->durable_end();
    });
    const auto topic = EmbeddedTopic(broker_->embedded(), connect::kEpochsTopic);
    WEIR_ASSIGN_OR_RETURN(const auto reader, topic->Read(0, begin, end, false));
    const std::string key = request_.marker_key();
    uint64_t epoch = 0;
    std::vector<connect::LogRecord> records;
    while (true) {
      WEIR_RETURN_IF_ERROR(reader->Next(1000, &records));
      if (records.empty()) return epoch;
      for (const connect::LogRecord& record : records) {
        if (record.key != key || !record.value) continue;
        const auto note = ParseJson(*record.value);
        if (!note.ok() || !note->is_object()) {
          return Error::Operator(ErrorCode::kCorrupt,
                                 fmt::format("{}: the record at offset {} is no note of an epoch",
                                             connect::kEpochsTopic, record.offset));
        }
        WEIR_ASSIGN_OR_RETURN(const uint64_t noted, Uint64Field(*note, "epoch"));
        epoch = std::max(epoch, noted);
      }
    }
  }

  Status Add(const connect::StagedRecord& record) override {
    open_ = true;
    const int32_t index = PartitionOf(record);
    return AddTo(request_.topic, index, partitions_[static_cast<size_t>(index)], record);
  }

  Status Commit(uint64_t epoch) override {
    open_ = true;
    for (size_t i = 0; i < partitions_.size(); ++i) {
      WEIR_RETURN_IF_ERROR(Flush(request_.topic, static_cast<int32_t>(i), partitions_[i]));
    }
    connect::StagedRecord note;
    note.key = request_.marker_key();
    note.value = ToText(
        OrderedJson{{"flow", request_.flow_id}, {"topic", request_.topic}, {"epoch", epoch}});
    Partition notes;
    WEIR_RETURN_IF_ERROR(AddTo(connect::kEpochsTopic, 0, notes, note));
    WEIR_RETURN_IF_ERROR(Flush(connect::kEpochsTopic, 0, notes));
    log::Position end = 0;
    WEIR_RETURN_IF_ERROR(broker_->With([&](Broker& b) -> Status {
      const auto ended = b.transactions().End(id_, producer_, /*commit=*/true, kEndVersion);
      end = ended.end;
      if (ended.error == KafkaError::kNone) return Status::Ok();
      return Refused(ended.error, "", "committing to topic " + request_.topic);
    }));
    open_ = false;
    return broker_->embedded()->WaitDurable(end);
  }

 private:
  // What goes to one partition next.
  struct Partition {
    std::unique_ptr<log::BatchBuilder> batch;
    int32_t sequence = 0;
  };

  int32_t PartitionOf(const connect::StagedRecord& record) {
    const auto count = static_cast<int32_t>(partitions_.size());
    switch (partitioner_) {
      case connect::Partitioner::kFixed:
        return 0;
      case connect::Partitioner::kRoundRobin:
        return static_cast<int32_t>(added_++ % count);
      case connect::Partitioner::kDefault:
        break;
    }
    if (record.key) return PartitionOfKey(*record.key, count);
    if (added_++ % kRecordsTogether == 0) {
      keyless_ = static_cast<int32_t>(env_.RandomU64() % static_cast<uint64_t>(count));
    }
    return keyless_;
  }

  Status AddTo(const std::string& topic, int32_t index, Partition& partition,
               const connect::StagedRecord& record) {
    log::NewRecord added;
    added.timestamp = record.timestamp_ms.value_or(env_.NowMicros() / 1000);
    if (record.key) added.key = *record.key;
    if (record.value) added.value = *record.value;
    for (const connect::StagedHeader& header : record.headers) {
      log::RecordHeader& out = added.headers.emplace_back();
      out.key = header.name;
      if (header.value) out.value = *header.value;
    }
    if (partition.batch && partition.batch->records_bytes() + RoomFor(added) > batch_bytes_) {
      WEIR_RETURN_IF_ERROR(Flush(topic, index, partition));
    }
    if (!partition.batch) {
      log::BatchOptions options;
      options.producer_id = producer_.id;
      options.producer_epoch = producer_.epoch;
      options.base_sequence = partition.sequence;
      options.transactional = true;
      partition.batch = std::make_unique<log::BatchBuilder>(options);
    }
    partition.batch->Add(added);
    return Status::Ok();
  }

  Status Flush(const std::string& topic_name, int32_t index, Partition& partition) {
    if (!partition.batch) return Status::Ok();
    const int32_t count = partition.batch->record_count();
    WEIR_ASSIGN_OR_RETURN(std::string bytes, std::move(*partition.batch).Finish());
    partition.batch.reset();
    // Sequences begin again after the greatest.
    partition.sequence = static_cast<int32_t>((static_cast<int64_t>(partition.sequence) + count) %
                                              (int64_t{INT32_MAX} + 1));
    log::Position end = 0;
    WEIR_RETURN_IF_ERROR(broker_->With([&](Broker& b) -> Status {
      const log::Topic* topic = b.log().topics().Find(topic_name);
      const std::string doing = fmt::format("writing to {}/{}", topic_name, index);
      if (topic == nullptr) return Refused(KafkaError::kUnknownTopicOrPartition, "gone", doing);
      log::ProduceRules rules;
      rules.request_version = kProduceVersion;
      rules.batch_bytes_max = static_cast<size_t>(topic->settings.max_message_bytes);
      rules.compacted = topic->settings.compacts;
      rules.log_append_time = topic->settings.log_append_time;
      rules.now_ms = b.NowMs();
      rules.before_ms_max = topic->settings.timestamp_before_max_ms;
      rules.after_ms_max = topic->settings.timestamp_after_max_ms;
      const log::ProduceVerdict verdict = log::ValidateProduce(bytes, rules, b.record_reader());
      if (verdict.error != KafkaError::kNone) {
        return Refused(verdict.error, verdict.message, doing);
      }
      log::NewBatch batch;
      batch.partition = topic->partitions[static_cast<size_t>(index)];
      if (rules.log_append_time) log::SetMaxTimestamp(bytes, true, verdict.max_timestamp);
      batch.bytes = bytes;
      batch.header = *log::ReadBatchHeader(bytes);
      const log::AppendResult appended =
          b.transactions().Append(batch, {topic->id, index}, /*may_add=*/true);
      if (appended.error != KafkaError::kNone) {
        return Refused(appended.error, appended.message, doing);
      }
      end = appended.end;
      return Status::Ok();
    }));
    waiting_bytes_ += bytes.size();
    if (waiting_bytes_ < kWaitBytes) return Status::Ok();
    waiting_bytes_ = 0;
    return broker_->embedded()->WaitDurable(end);
  }

  Env& env_;
  const std::unique_ptr<EmbeddedBroker> broker_;
  const connect::TransactionRequest request_;
  const std::string id_;
  const connect::Partitioner partitioner_;
  log::ProducerIdentity producer_;
  std::vector<Partition> partitions_;
  int64_t added_ = 0;
  int32_t keyless_ = 0;
  size_t batch_bytes_ = kBatchBytes;
  uint64_t waiting_bytes_ = 0;
  bool open_ = false;
};

class EmbeddedTopicAdmin final : public columnar::TopicAdmin {
 public:
  EmbeddedTopicAdmin(Env& env, std::shared_ptr<EmbeddedLog> log)
      : env_(env), log_(std::move(log)) {}

  Result<std::optional<columnar::TopicSpec>> Describe(const std::string& name) override {
    return Change([&](Broker& b, log::Position*) -> Result<std::optional<columnar::TopicSpec>> {
      const log::Topic* topic = b.log().topics().Find(name);
      if (topic == nullptr) return std::optional<columnar::TopicSpec>();
      columnar::TopicSpec out;
      out.name = name;
      out.partitions = static_cast<int>(topic->partitions.size());
      for (const auto& entry : log::kafka::TopicConfigEntries(topic->configs)) {
        if (entry.value) out.configs[entry.name] = *entry.value;
      }
      return std::optional<columnar::TopicSpec>(std::move(out));
    });
  }

  Status Create(const columnar::TopicSpec& topic) override {
    return Change([&](Broker& b, log::Position* end) -> Result<bool> {
             WEIR_RETURN_IF_ERROR(server::Create(b, topic, end));
             return true;
           })
        .status();
  }

  Status SetConfigs(const std::string& name,
                    const std::map<std::string, std::string>& configs) override {
    return Change([&](Broker& b, log::Position* end) -> Result<bool> {
             const log::kafka::ConfigResource resource{
                 static_cast<int8_t>(log::kafka::ResourceType::kTopic), name};
             log::kafka::Configs set;
             std::string message;
             KafkaError error = log::kafka::FindConfigs(b, resource, &set, &message);
             for (const auto& [key, value] : configs) set[key] = value;
             if (error == KafkaError::kNone) {
               error = log::kafka::SetConfigs(b, resource, set, false, end, &message);
             }
             if (error == KafkaError::kNone) return true;
             return Refused(error, message, "changing settings of topic " + name);
           })
        .status();
  }

  Status AddPartitions(const std::string& name, int new_total) override {
    return Change([&](Broker& b, log::Position* end) -> Result<bool> {
             std::string message;
             const KafkaError error = b.AddPartitions(name, new_total, false, end, &message);
             if (error == KafkaError::kNone) return true;
             return Refused(error, message, "adding partitions to topic " + name);
           })
        .status();
  }

  std::string cluster() const override { return log_->folder(); }

 private:
  // f(broker, &end); what it changed is durable afterwards.
  template <typename F>
  auto Change(F&& f) -> decltype(f(std::declval<Broker&>(), nullptr)) {
    log::Position end = 0;
    WEIR_ASSIGN_OR_RETURN(const auto broker, EmbeddedBroker::Open(env_, log_));
    auto done = broker->With([&](Broker& b) { return f(b, &end); });
    if (!done.ok()) return done;
    WEIR_RETURN_IF_ERROR(log_->WaitDurable(end));
    return done;
  }

  Env& env_;
  const std::shared_ptr<EmbeddedLog> log_;
};

}  // namespace

Result<connect::TopicLimits> CheckEmbeddedTopic(Env& env, const std::shared_ptr<EmbeddedLog>& log,
                                                const std::string& topic) {
  WEIR_ASSIGN_OR_RETURN(const auto broker, EmbeddedBroker::Open(env, log));
  columnar::TopicSpec spec;
  spec.name = topic;
  WEIR_RETURN_IF_ERROR(Ensure(*broker, spec));
  return broker->With([&](Broker& b) -> Result<connect::TopicLimits> {
    const auto& settings = b.log().topics().Find(topic)->settings;
    connect::TopicLimits limits;
    limits.record_bytes_max =
        static_cast<uint64_t>(std::max(1, settings.max_message_bytes - kBesideRecord));
    limits.key_required = settings.compacts;
    if (!settings.log_append_time) {
      limits.before_ms_max = settings.timestamp_before_max_ms;
      limits.after_ms_max = settings.timestamp_after_max_ms;
    }
    return limits;
  });
}

Result<std::unique_ptr<connect::TopicTransaction>> OpenEmbeddedTransaction(
    Env& env, const std::shared_ptr<EmbeddedLog>& log, const connect::TransactionRequest& request,
    const std::string& transactional_id_prefix, connect::Partitioner partitioner) {
  WEIR_ASSIGN_OR_RETURN(auto broker, EmbeddedBroker::Open(env, log));
  auto transaction = std::make_unique<EmbeddedTransaction>(env, std::move(broker), request,
                                                           transactional_id_prefix, partitioner);
  WEIR_RETURN_IF_ERROR(transaction->Open());
  return std::unique_ptr<connect::TopicTransaction>(std::move(transaction));
}

std::shared_ptr<columnar::TopicAdmin> EmbeddedTopics(Env& env, std::shared_ptr<EmbeddedLog> log) {
  return std::make_shared<EmbeddedTopicAdmin>(env, std::move(log));
}

}  // namespace weir::server
