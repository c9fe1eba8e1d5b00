#include "weir/connect/kafka/kafka_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "weir/connect/kafka/kafka_handle.h"

namespace weir::connect {

namespace {

// What readers need, whatever the table says of other things.
std::map<std::string, std::string> ReaderProperties(const KafkaProperties& properties) {
  std::map<std::string, std::string> more = {
      {"enable.auto.commit", "false"},  {"enable.auto.offset.store", "false"},
      {"enable.partition.eof", "true"},  // a range may end with offsets that are no records
      {"auto.offset.reset", "error"},    // records that are gone are said, never passed over
      {"check.crcs", "true"},           {"allow.auto.create.topics", "false"}};
  // librdkafka wants a group id to consume at all; nothing joins it.
  if (!properties.client.contains("group.id")) more["group.id"] = "weir";
  // At the end of a partition the broker waits this long before it says so.
  if (!properties.client.contains("fetch.wait.max.ms")) more["fetch.wait.max.ms"] = "50";
  if (!properties.client.contains("queued.min.messages")) more["queued.min.messages"] = "50000";
  return more;
}

RdKafkaPtr<rd_kafka_topic_partition_list_t> ListOf(const std::string& topic,
                                                   const std::vector<int32_t>& partitions,
                                                   int64_t offset) {
  RdKafkaPtr<rd_kafka_topic_partition_list_t> list(
      rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const int32_t partition : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  }
  return list;
}

class KafkaRangeReader : public RecordRangeReader {
 public:
  KafkaRangeReader(std::unique_ptr<KafkaHandle> handle, std::string name, int32_t partition,
                   int64_t from, int64_t to, bool with_headers)
      : handle_(std::move(handle)),
        name_(std::move(name)),
        partition_(partition),
        position_(from),
        to_(to),
        with_headers_(with_headers) {}

  ~KafkaRangeReader() override {
    messages_.clear();
    queue_.reset();
  }

  Status Assign(const std::string& topic) {
    const auto list = ListOf(topic, {partition_}, position_);
    const auto code = rd_kafka_assign(handle_->get(), list.get());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return handle_->MakeError(code, "reading " + name_);
    queue_.reset(rd_kafka_queue_get_consumer(handle_->get()));
    return Status::Ok();
  }

  Status Next(size_t most, std::vector<LogRecord>* out) override {
    out->clear();
    messages_.clear();
    int64_t progress_ms = Now();
    while (position_ < to_ && out->empty()) {
      // It returns when the batch is full or the time is over: no more is asked for than may come.
      batch_.resize(std::min(most, static_cast<size_t>(to_ - position_)));
      const ssize_t got =
          rd_kafka_consume_batch_queue(queue_.get(), kPollMs, batch_.data(), batch_.size());
      const int64_t before = position_;
      Status status;
      for (ssize_t i = 0; i < got; ++i) {
        messages_.emplace_back(batch_[static_cast<size_t>(i)]);
        if (status.ok()) status = Take(*messages_.back(), out);
      }
      WEIR_RETURN_IF_ERROR(std::move(status));
      if (position_ > before) {
        progress_ms = Now();
        continue;
      }
      handle_->Poll(0);
      WEIR_RETURN_IF_ERROR(handle_->Fatal());
      if (Now() - progress_ms > handle_->limit_ms()) {
        return handle_->MakeError(
            RD_KAFKA_RESP_ERR__TIMED_OUT,
            fmt::format("reading {} at offset {} of {}", name_, position_, to_));
      }
    }
    return Status::Ok();
  }

 private:
  static constexpr int kPollMs = 20;

  int64_t Now() const { return handle_->env().MonotonicNanos() / 1'000'000; }

  Status Take(const rd_kafka_message_t& message, std::vector<LogRecord>* out) {
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      position_ = std::max(position_, message.offset);
      return Status::Ok();
    }
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) return Failed(message);
    if (message.offset < position_ || position_ >= to_) return Status::Ok();
    if (message.offset >= to_) {
      position_ = to_;
      return Status::Ok();
    }
    position_ = message.offset + 1;
    LogRecord record;
    record.offset = message.offset;
    rd_kafka_timestamp_type_t type;
    record.timestamp_ms = rd_kafka_message_timestamp(&message, &type);
    record.timestamp_type = type == RD_KAFKA_TIMESTAMP_CREATE_TIME ? TimestampType::kCreateTime
                            : type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME
                                ? TimestampType::kLogAppendTime
                                : TimestampType::kNone;
#if RD_KAFKA_VERSION >= 0x020100ff
    record.leader_epoch = rd_kafka_message_leader_epoch(&message);
#endif
    if (message.key != nullptr) {
      record.key.emplace(static_cast<const char*>(message.key), message.key_len);
    }
    if (message.payload != nullptr) {
      record.value.emplace(static_cast<const char*>(message.payload), message.len);
    }
    if (with_headers_) TakeHeaders(message, &record);
    out->push_back(std::move(record));
    return Status::Ok();
  }

  static void TakeHeaders(const rd_kafka_message_t& message, LogRecord* record) {
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    for (size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      std::optional<std::string_view> bytes;
      if (value != nullptr) bytes.emplace(static_cast<const char*>(value), size);
      record->headers.emplace_back(name, bytes);
    }
  }

  Status Failed(const rd_kafka_message_t& message) {
    const char* const text = rd_kafka_message_errstr(&message);
    switch (message.err) {
      case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        return Error::User(ErrorCode::kConflict,
                           fmt::format("{}: the records from offset {} on were removed while they "
                                       "were read (retention)",
                                       name_, position_))
            .Fix("run again; let the topic keep its records longer (retention.ms)");
      // librdkafka goes on by itself; it looks for a coordinator of the group that nobody joins.
      case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      case RD_KAFKA_RESP_ERR__TRANSPORT:
      case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
      case RD_KAFKA_RESP_ERR__TIMED_OUT:
      case RD_KAFKA_RESP_ERR__RESOLVE:
        return Status::Ok();
      default:
        return handle_->MakeError(message.err, text,
                                  fmt::format("reading {} at offset {}", name_, position_));
    }
  }

  const std::unique_ptr<KafkaHandle> handle_;
  const std::string name_;
  const int32_t partition_;
  int64_t position_;
  const int64_t to_;
  const bool with_headers_;
  RdKafkaPtr<rd_kafka_queue_t> queue_;
  std::vector<rd_kafka_message_t*> batch_;
  std::vector<RdKafkaPtr<rd_kafka_message_t>> messages_;  // of the records given out
};

class KafkaLog : public RecordLog {
 public:
  KafkaLog(Env& env, KafkaProperties properties, std::string topic,
           std::unique_ptr<KafkaHandle> handle)
      : env_(env),
        properties_(std::move(properties)),
        topic_(std::move(topic)),
        handle_(std::move(handle)) {}

  const std::string& topic() const override { return topic_; }

  Result<TopicEnds> Ends() override {
    TopicEnds ends;
    WEIR_ASSIGN_OR_RETURN(const std::vector<int32_t> partitions, Partitions());
    WEIR_ASSIGN_OR_RETURN(ends.cluster, handle_->ClusterId());
    for (const int32_t partition : partitions) {
      PartitionEnds p;
      p.partition = partition;
      WEIR_RETURN_IF_ERROR(handle_->Retry(
          fmt::format("finding the ends of {}/{}", topic_, partition), [&](int timeout_ms) {
            return rd_kafka_query_watermark_offsets(handle_->get(), topic_.c_str(), partition,
                                                    &p.begin, &p.end, timeout_ms);
          }));
      // With isolation.level = read_committed the end is the last stable offset, which may stand
      // before a beginning that retention has moved.
      p.end = std::max(p.begin, p.end);
      ends.partitions.push_back(p);
    }
    return ends;
  }

  Result<std::shared_ptr<RecordLog>> Other(const std::string& topic) override {
    KafkaProperties properties = properties_;
    properties.client["isolation.level"] = "read_committed";  // it is we who ask
    return OpenKafkaLog(env_, properties, topic);
  }

  Result<std::map<int32_t, int64_t>> OffsetsAt(const std::vector<int32_t>& partitions,
                                               int64_t timestamp_ms) override {
    return Ask(partitions, timestamp_ms, fmt::format("finding offsets of {} by time", topic_),
               [&](rd_kafka_topic_partition_list_t* list, int timeout_ms) {
                 return rd_kafka_offsets_for_times(handle_->get(), list, timeout_ms);
               });
  }

  Result<std::map<int32_t, int64_t>> GroupOffsets(const std::vector<int32_t>& partitions,
                                                  const std::string& group) override {
    return Ask(partitions, RD_KAFKA_OFFSET_INVALID,
               fmt::format("reading the offsets of group {} in {}", group, topic_),
               [&](rd_kafka_topic_partition_list_t* list, int timeout_ms) {
                 return rd_kafka_committed(handle_->get(), list, timeout_ms);
               });
  }

  Result<std::unique_ptr<RecordRangeReader>> Read(int32_t partition, int64_t from, int64_t to,
                                                  bool with_headers) override {
    WEIR_ASSIGN_OR_RETURN(auto handle,
                          KafkaHandle::Open(env_, KafkaHandle::Kind::kConsumer, properties_,
                                            ReaderProperties(properties_)));
    auto reader = std::make_unique<KafkaRangeReader>(std::move(handle),
                                                     fmt::format("{}/{}", topic_, partition),
                                                     partition, from, to, with_headers);
    WEIR_RETURN_IF_ERROR(reader->Assign(topic_));
    return reader;
  }

 private:
  struct TopicDelete {
    void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
  };

  Result<std::vector<int32_t>> Partitions() {
    const std::string doing = fmt::format("looking for topic {} at {}", topic_, handle_->servers());
    const std::unique_ptr<rd_kafka_topic_t, TopicDelete> handle(
        rd_kafka_topic_new(handle_->get(), topic_.c_str(), nullptr));
    if (!handle) return handle_->MakeError(rd_kafka_last_error(), doing);
    std::vector<int32_t> partitions;
    WEIR_RETURN_IF_ERROR(handle_->Retry(doing, [&](int timeout_ms) {
      const rd_kafka_metadata_t* raw = nullptr;
      const auto code = rd_kafka_metadata(handle_->get(), 0, handle.get(), &raw, timeout_ms);
      if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return code;
      const RdKafkaPtr<const rd_kafka_metadata_t> metadata(raw);
      if (metadata->topic_cnt != 1) return RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
      const rd_kafka_metadata_topic& topic = metadata->topics[0];
      if (topic.err != RD_KAFKA_RESP_ERR_NO_ERROR) return topic.err;
      partitions.clear();
      for (int i = 0; i < topic.partition_cnt; ++i) {
        // Offline ones say so when their ends are asked for.
        partitions.push_back(topic.partitions[i].id);
      }
      return partitions.empty() ? RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE
                                : RD_KAFKA_RESP_ERR_NO_ERROR;
    }));
    std::sort(partitions.begin(), partitions.end());
    return partitions;
  }

  template <typename Question>
  Result<std::map<int32_t, int64_t>> Ask(const std::vector<int32_t>& partitions, int64_t with,
                                         const std::string& doing, const Question& question) {
    std::map<int32_t, int64_t> answer;
    RdKafkaPtr<rd_kafka_topic_partition_list_t> list;
    WEIR_RETURN_IF_ERROR(handle_->Retry(doing, [&](int timeout_ms) {
      list = ListOf(topic_, partitions, with);
      return question(list.get(), timeout_ms);
    }));
    for (int i = 0; i < list->cnt; ++i) {
      const rd_kafka_topic_partition_t& entry = list->elems[i];
      if (entry.err != RD_KAFKA_RESP_ERR_NO_ERROR) return handle_->MakeError(entry.err, doing);
      if (entry.offset >= 0) answer[entry.partition] = entry.offset;
    }
    return answer;
  }

  Env& env_;
  const KafkaProperties properties_;
  const std::string topic_;
  const std::unique_ptr<KafkaHandle> handle_;  // for questions
};

}  // namespace

Result<std::shared_ptr<RecordLog>> OpenKafkaLog(Env& env, const KafkaProperties& properties,
                                                const std::string& topic) {
  WEIR_ASSIGN_OR_RETURN(auto handle, KafkaHandle::Open(env, KafkaHandle::Kind::kConsumer,
                                                       properties, ReaderProperties(properties)));
  return std::make_shared<KafkaLog>(env, properties, topic, std::move(handle));
}

}  // namespace weir::connect
