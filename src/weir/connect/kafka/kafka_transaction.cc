#include "weir/connect/kafka/kafka_transaction.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "weir/base/json.h"
#include "weir/connect/kafka/kafka_handle.h"
#include "weir/connect/kafka/kafka_topics.h"

namespace weir::connect {

namespace {

constexpr int64_t kSmallTransactionBytes = int64_t{32} << 20;
constexpr int64_t kSmallTimeoutMs = 60'000;
constexpr int64_t kLargeTimeoutMs = 900'000;  // 'transaction.max.timeout.ms' of a broker as shipped
constexpr int64_t kTopicGraceMs = 5'000;      // until a topic that is made by its use is there
constexpr int kAbortMs = 5'000;
constexpr int kStepMs = 1'000;  // the longest that librdkafka is left alone
constexpr const char* kTimeoutProperty = "transaction.timeout.ms";

using Properties = std::map<std::string, std::string>;

std::string PropertyOr(const KafkaProperties& properties, const char* name, std::string other) {
  const auto found = properties.client.find(name);
  return found == properties.client.end() ? other : found->second;
}

Error NoSuchTopic(const std::string& topic, const std::string& servers) {
  return Error::User(ErrorCode::kNotFound, "there is no topic '" + topic + "' on " + servers +
                                               ", and its use does not create it there")
      .Fix("create it: CREATE TOPIC " + topic + " WITH ('properties.bootstrap.servers' = '" +
           servers + "', 'partitions' = '3')");
}

Result<int> PartitionsOf(const KafkaHandle& producer, const std::string& topic) {
  auto partitions = CountPartitions(producer, topic, kTopicGraceMs);
  if (!partitions.ok() && partitions.error().code() == ErrorCode::kNotFound) {
    return NoSuchTopic(topic, producer.servers());
  }
  return partitions;
}

constexpr uint64_t kRecordLengths = 40;  // beside key, value and headers

// As far as this user may read them: who may write need not be allowed to.
TopicSettings SettingsOf(const KafkaHandle& handle, const std::string& topic) {
  auto settings = ReadTopicSettings(handle, topic);
  return settings.ok() ? std::move(settings).value() : TopicSettings();
}

std::optional<int64_t> NumberIn(const TopicSettings& settings, const char* name) {
  const auto found = settings.all.find(name);
  if (found == settings.all.end()) return std::nullopt;
  return std::strtoll(found->second.c_str(), nullptr, 10);
}

std::string TextIn(const TopicSettings& settings, const char* name) {
  const auto found = settings.all.find(name);
  return found == settings.all.end() ? "" : found->second;
}

class KafkaTransaction final : public TopicTransaction {
 public:
  KafkaTransaction(Env& env, const KafkaSinkOptions& options, TransactionRequest request)
      : env_(env), options_(options), request_(std::move(request)) {}

  ~KafkaTransaction() override {
    if (!open_) return;
    const RdKafkaPtr<rd_kafka_error_t> unused(
        rd_kafka_abort_transaction(producer_->get(), kAbortMs));
  }

  // After it, whatever had this transactional id before is ended.
  Status Open() {
    const bool small = static_cast<int64_t>(request_.bytes) < kSmallTransactionBytes;
    const std::string timeout =
        PropertyOr(options_.properties, kTimeoutProperty,
                   std::to_string(small ? kSmallTimeoutMs : kLargeTimeoutMs));
    timeout_ms_ = std::strtoll(timeout.c_str(), nullptr, 10);
    WEIR_ASSIGN_OR_RETURN(const uint64_t batch_bytes, BatchBytes());
    const Properties more = {
        {"transactional.id",
         options_.transactional_id_prefix + request_.flow_id + "." + request_.topic},
        {kTimeoutProperty, timeout},
        {"linger.ms", PropertyOr(options_.properties, "linger.ms", "5")},
        {"batch.size", std::to_string(batch_bytes)},
        // As the Java producer does: records of a key are where its other producers put them.
        {"partitioner", "murmur2_random"},
        {"queue.buffering.max.messages", "200000"},
        {"queue.buffering.max.kbytes", "65536"},
    };
    WEIR_ASSIGN_OR_RETURN(
        producer_, KafkaHandle::Open(env_, KafkaHandle::Kind::kProducer, options_.properties, more,
                                     [this](const rd_kafka_message_t& message) {
                                       if (failed_ == RD_KAFKA_RESP_ERR_NO_ERROR) {
                                         failed_ = message.err;
                                       }
                                     }));
    Status begun = Call("taking over the transactions of " + request_.flow_id, [this](int ms) {
      return rd_kafka_init_transactions(producer_->get(), ms);
    });
    WEIR_RETURN_IF_ERROR(std::move(begun));
    WEIR_ASSIGN_OR_RETURN(partitions_, PartitionsOf(*producer_, request_.topic));
    return Status::Ok();
  }

  Result<uint64_t> CommittedEpoch() override {
    WEIR_ASSIGN_OR_RETURN(const uint64_t epoch, ReadEpoch());
    // librdkafka asks for a topic that it does not know half a second after its first record.
    WEIR_RETURN_IF_ERROR(CountPartitions(*producer_, kEpochsTopic, kTopicGraceMs).status());
    return epoch;
  }

  Status Add(const StagedRecord& record) override {
    WEIR_RETURN_IF_ERROR(Begin());
    int32_t partition = RD_KAFKA_PARTITION_UA;
    if (options_.partitioner == Partitioner::kFixed) partition = 0;
    if (options_.partitioner == Partitioner::kRoundRobin) {
      partition = next_partition_++ % partitions_;
    }
    return Send(request_.topic, partition, record);
  }

  Status Commit(uint64_t epoch) override {
    WEIR_RETURN_IF_ERROR(Begin());
    // The note goes when everything else is there: see kafka_transaction.h.
    WEIR_RETURN_IF_ERROR(Flush());
    StagedRecord note;
    note.key = request_.marker_key();
    note.value = ToText(
        OrderedJson{{"flow", request_.flow_id}, {"topic", request_.topic}, {"epoch", epoch}});
    WEIR_RETURN_IF_ERROR(Send(kEpochsTopic, 0, note));
    WEIR_RETURN_IF_ERROR(Flush());
    WEIR_RETURN_IF_ERROR(Call("committing to topic " + request_.topic, [this](int ms) {
      return rd_kafka_commit_transaction(producer_->get(), ms);
    }));
    open_ = false;
    return Status::Ok();
  }

 private:
  // librdkafka fills batches up to its own limit, and gives up what a topic with a lower one
  // refuses.
  Result<uint64_t> BatchBytes() const {
    WEIR_ASSIGN_OR_RETURN(const auto asker, KafkaHandle::Open(env_, KafkaHandle::Kind::kProducer,
                                                              options_.properties, {}));
    const uint64_t wanted = std::strtoull(
        PropertyOr(options_.properties, "batch.size", "1000000").c_str(), nullptr, 10);
    return std::min(wanted, BatchBytesMax(SettingsOf(*asker, request_.topic)).value_or(wanted));
  }

  Status Begin() {
    if (open_) return Status::Ok();
    const RdKafkaPtr<rd_kafka_error_t> error(rd_kafka_begin_transaction(producer_->get()));
    if (error) return Failure(*error, "beginning a transaction of topic " + request_.topic);
    open_ = true;
    begun_ms_ = NowMs();
    return Status::Ok();
  }

  Result<uint64_t> ReadEpoch() {
    const std::string doing = std::string("reading ") + kEpochsTopic;
    int64_t low = 0;
    int64_t high = 0;
    {
      // The end of the topic. To who reads what is committed its end is where the first open
      // transaction begins, and behind that our own note may stand.
      WEIR_ASSIGN_OR_RETURN(const auto asker, OpenConsumer("read_uncommitted"));
      const auto partitions = CountPartitions(*asker, kEpochsTopic, 0);
      if (!partitions.ok()) {
        if (partitions.error().code() != ErrorCode::kNotFound) return partitions.error();
        WEIR_RETURN_IF_ERROR(CreateEpochsTopic());
        return uint64_t{0};
      }
      WEIR_RETURN_IF_ERROR(asker->Retry(doing, [&](int ms) {
        return rd_kafka_query_watermark_offsets(asker->get(), kEpochsTopic, 0, &low, &high, ms);
      }));
    }
    if (low >= high) return uint64_t{0};
    WEIR_ASSIGN_OR_RETURN(const auto reader, OpenConsumer("read_committed"));
    return ReadNotes(*reader, low, high, doing);
  }

  Result<std::unique_ptr<KafkaHandle>> OpenConsumer(const std::string& isolation) {
    return KafkaHandle::Open(env_, KafkaHandle::Kind::kConsumer, options_.properties,
                             {{"isolation.level", isolation},
                              {"enable.partition.eof", "true"},
                              {"enable.auto.commit", "false"},
                              {"fetch.wait.max.ms", "50"},
                              {"check.crcs", "true"}});
  }

  Status CreateEpochsTopic() {
    columnar::TopicSpec topic;
    topic.name = kEpochsTopic;
    topic.partitions = 1;
    topic.configs = {{"cleanup.policy", "compact"}, {"segment.bytes", "16777216"}};
    Status created = CreateTopic(*producer_, topic);
    if (!created.ok() && created.error().code() == ErrorCode::kAlreadyExists) return Status::Ok();
    return created;
  }

  Result<uint64_t> ReadNotes(const KafkaHandle& consumer, int64_t low, int64_t high,
                             const std::string& doing) {
    struct Reading {
      explicit Reading(rd_kafka_topic_t* t) : topic(t) {}
      Reading(const Reading&) = delete;
      Reading& operator=(const Reading&) = delete;
      ~Reading() {
        rd_kafka_consume_stop(topic, 0);
        rd_kafka_topic_destroy(topic);
      }
      rd_kafka_topic_t* const topic;
    };
    const Reading reading(rd_kafka_topic_new(consumer.get(), kEpochsTopic, nullptr));
    if (rd_kafka_consume_start(reading.topic, 0, low) != 0) {
      return consumer.MakeError(rd_kafka_last_error(), doing);
    }
    const std::string key = request_.marker_key();
    uint64_t epoch = 0;
    const int64_t until = NowMs() + consumer.limit_ms();
    while (true) {
      const RdKafkaPtr<rd_kafka_message_t> message(
          rd_kafka_consume(reading.topic, 0, kStepMs / 10));
      consumer.Poll(0);
      WEIR_RETURN_IF_ERROR(consumer.Fatal());
      if (NowMs() >= until) {
        // Our own earlier transaction is ended; what holds the end back is another's.
        return Error::Retry(ErrorCode::kIo, doing + ": not finished after " +
                                                std::to_string(consumer.limit_ms()) +
                                                " ms; another flow's transaction may be open")
            .Fix("run again when it has ended; it does by itself after its timeout");
      }
      if (!message) continue;
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (message->offset >= high) return epoch;
        continue;
      }
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        const auto error = consumer.MakeError(message->err, doing);
        if (error.actor() != Actor::kRetry) return error;
        continue;
      }
      const std::string_view got(static_cast<const char*>(message->key), message->key_len);
      if (got == key && message->payload != nullptr) {
        const auto note =
            ParseJson(std::string_view(static_cast<const char*>(message->payload), message->len));
        if (!note.ok() || !note->is_object()) {
          return Error::Operator(ErrorCode::kCorrupt, doing + ": the record at offset " +
                                                          std::to_string(message->offset) +
                                                          " is no note of an epoch");
        }
        WEIR_ASSIGN_OR_RETURN(const uint64_t noted, Uint64Field(*note, "epoch"));
        epoch = std::max(epoch, noted);
      }
      if (message->offset + 1 >= high) return epoch;
    }
  }

  Status Send(const std::string& topic, int32_t partition, const StagedRecord& record) {
    const auto bytes = [](const std::optional<std::string>& text) {
      // A null is not an empty text.
      return text ? static_cast<const void*>(text->data()) : nullptr;
    };
    const int64_t until = NowMs() + timeout_ms_;
    while (true) {
      RdKafkaPtr<rd_kafka_headers_t> headers(
          record.headers.empty() ? nullptr : rd_kafka_headers_new(record.headers.size()));
      for (const StagedHeader& header : record.headers) {
        rd_kafka_header_add(headers.get(), header.name.data(),
                            static_cast<ssize_t>(header.name.size()), bytes(header.value),
                            header.value ? static_cast<ssize_t>(header.value->size()) : 0);
      }
      rd_kafka_vu_t fields[8];
      size_t count = 0;
      const auto add = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
        fields[count].vtype = type;
        return fields[count++];
      };
      add(RD_KAFKA_VTYPE_TOPIC).u.cstr = topic.c_str();
      add(RD_KAFKA_VTYPE_PARTITION).u.i32 = partition;
      add(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
      auto& value = add(RD_KAFKA_VTYPE_VALUE);
      value.u.mem.ptr = const_cast<void*>(bytes(record.value));
      value.u.mem.size = record.value ? record.value->size() : 0;
      auto& key = add(RD_KAFKA_VTYPE_KEY);
      key.u.mem.ptr = const_cast<void*>(bytes(record.key));
      key.u.mem.size = record.key ? record.key->size() : 0;
      if (record.timestamp_ms) add(RD_KAFKA_VTYPE_TIMESTAMP).u.i64 = *record.timestamp_ms;
      if (headers) add(RD_KAFKA_VTYPE_HEADERS).u.headers = headers.get();
      const RdKafkaPtr<rd_kafka_error_t> error(rd_kafka_produceva(producer_->get(), fields, count));
      if (!error) {
        (void)headers.release();  // librdkafka's now
        if (++sent_ % 1024 == 0) producer_->Poll(0);
        return Delivered();
      }
      if (rd_kafka_error_code(error.get()) != RD_KAFKA_RESP_ERR__QUEUE_FULL || NowMs() >= until) {
        WEIR_RETURN_IF_ERROR(Delivered());
        return Failure(*error, "sending to topic " + topic);
      }
      producer_->Poll(100);
      WEIR_RETURN_IF_ERROR(Delivered());
    }
  }

  // Until everything that was sent is there.
  Status Flush() {
    while (true) {
      const auto code = rd_kafka_flush(producer_->get(), kStepMs);
      WEIR_RETURN_IF_ERROR(Delivered());
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return Status::Ok();
      WEIR_RETURN_IF_ERROR(producer_->Fatal());
      if (NowMs() - begun_ms_ > timeout_ms_) return TookTooLong();
    }
  }

  Status Delivered() {
    if (failed_ == RD_KAFKA_RESP_ERR_NO_ERROR) return Status::Ok();
    if (NowMs() - begun_ms_ > timeout_ms_) return TookTooLong();
    return producer_->MakeError(failed_, "sending to topic " + request_.topic);
  }

  Error TookTooLong() const {
    return Error::Retry(ErrorCode::kIo, "the transaction of " + std::to_string(request_.bytes) +
                                            " bytes to topic " + request_.topic +
                                            " was not done within " + std::to_string(timeout_ms_) +
                                            " ms")
        .Fix(
            "raise 'properties.transaction.timeout.ms' (and 'transaction.max.timeout.ms' of the "
            "brokers), or read less in one run");
  }

  // A call that can be made again until the handle's limit is over.
  Status Call(const std::string& doing, const std::function<rd_kafka_error_t*(int ms)>& call) {
    const int64_t until = NowMs() + producer_->limit_ms();
    while (true) {
      const RdKafkaPtr<rd_kafka_error_t> error(call(kStepMs));
      if (!error) return Status::Ok();
      producer_->Poll(0);
      WEIR_RETURN_IF_ERROR(producer_->Fatal());
      if (!rd_kafka_error_is_retriable(error.get()) || NowMs() >= until) {
        return Failure(*error, doing);
      }
      env_.SleepMicros(20'000);
    }
  }

  Error Failure(const rd_kafka_error_t& error, const std::string& doing) {
    auto code = rd_kafka_error_code(&error);
    std::string text = rd_kafka_error_string(&error);
    char why[512];
    if (rd_kafka_error_is_fatal(&error) || code == RD_KAFKA_RESP_ERR__FATAL) {
      const auto fatal = rd_kafka_fatal_error(producer_->get(), why, sizeof why);
      if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = fatal;
        text = why;
      }
    }
    if (code == RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT) {
      return Error::User(ErrorCode::kInvalid, doing + ": the brokers allow no transaction of " +
                                                  std::to_string(timeout_ms_) + " ms")
          .Fix(
              "lower 'properties.transaction.timeout.ms' to their 'transaction.max.timeout.ms', or "
              "raise that");
    }
    // The coordinator gave it up, which looks as if another had taken over.
    if (open_ && NowMs() - begun_ms_ > timeout_ms_) return TookTooLong();
    return producer_->MakeError(code, text, doing);
  }

  int64_t NowMs() const { return env_.MonotonicNanos() / 1'000'000; }

  Env& env_;
  const KafkaSinkOptions options_;
  const TransactionRequest request_;
  int64_t timeout_ms_ = kSmallTimeoutMs;
  rd_kafka_resp_err_t failed_ = RD_KAFKA_RESP_ERR_NO_ERROR;  // of the first record given up
  std::unique_ptr<KafkaHandle> producer_;
  int partitions_ = 1;
  int next_partition_ = 0;
  bool open_ = false;
  int64_t begun_ms_ = 0;
  uint64_t sent_ = 0;
};

}  // namespace

Result<TopicLimits> KafkaTransactions::Check(const std::string& topic) {
  const uint64_t limit = std::strtoull(
      PropertyOr(options_.properties, "message.max.bytes", "1000000").c_str(), nullptr, 10);
  WEIR_ASSIGN_OR_RETURN(const auto producer, KafkaHandle::Open(env_, KafkaHandle::Kind::kProducer,
                                                               options_.properties, {}));
  WEIR_RETURN_IF_ERROR(PartitionsOf(*producer, topic).status());
  const TopicSettings settings = SettingsOf(*producer, topic);
  TopicLimits limits;
  limits.record_bytes_max = std::max(limit, kRecordLengths + 1) - kRecordLengths;
  if (const auto most = BatchBytesMax(settings)) {
    limits.record_bytes_max = std::min(limits.record_bytes_max, *most);
  }
  limits.key_required = TextIn(settings, "cleanup.policy").find("compact") != std::string::npos;
  if (TextIn(settings, "message.timestamp.type") != "LogAppendTime") {
    limits.before_ms_max = NumberIn(settings, "message.timestamp.before.max.ms");
    limits.after_ms_max = NumberIn(settings, "message.timestamp.after.max.ms");
  }
  return limits;
}

Result<std::unique_ptr<TopicTransaction>> KafkaTransactions::Open(
    const TransactionRequest& request) {
  auto transaction = std::make_unique<KafkaTransaction>(env_, options_, request);
  WEIR_RETURN_IF_ERROR(transaction->Open());
  return std::unique_ptr<TopicTransaction>(std::move(transaction));
}

}  // namespace weir::connect
