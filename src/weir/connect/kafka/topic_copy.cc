#include "weir/connect/kafka/topic_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "weir/connect/kafka/group_offsets.h"
#include "weir/connect/kafka/kafka_handle.h"
#include "weir/connect/kafka/kafka_topics.h"

namespace weir::connect {

namespace {

constexpr int kStepMs = 1'000;  // the longest that librdkafka is left alone
constexpr int kBatchRecords = 1'000;
constexpr int kReadMs = 50;
constexpr int64_t kAppearMs = 10'000;  // for a new topic, until all brokers know it
constexpr int64_t kReachMs = 10'000;

using Properties = std::map<std::string, std::string>;

const Properties& ReaderProperties() {
  static const Properties properties = {
      {"isolation.level", "read_committed"},
      {"enable.partition.eof", "true"},
      {"enable.auto.commit", "false"},
      {"auto.offset.reset", "error"},
      {"fetch.wait.max.ms", "50"},
      {"check.crcs", "true"},
      {"queued.max.messages.kbytes", "65536"},
  };
  return properties;
}

struct Watermarks {
  int64_t begin = 0;
  int64_t end = 0;
};

Result<Watermarks> WatermarksOf(const KafkaHandle& handle, const std::string& topic,
                                int32_t partition) {
  Watermarks out;
  WEIR_RETURN_IF_ERROR(
      handle.Retry(fmt::format("asking for the offsets of {}/{}", topic, partition), [&](int ms) {
        return rd_kafka_query_watermark_offsets(handle.get(), topic.c_str(), partition, &out.begin,
                                                &out.end, ms);
      }));
  return out;
}

// Records of chosen partitions, through one queue. EOF events come among them.
class Reading {
 public:
  explicit Reading(const KafkaHandle& handle)
      : handle_(handle), queue_(rd_kafka_queue_new(handle.get())) {}
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  ~Reading() {
    for (const auto& [topic, partition] : started_) rd_kafka_consume_stop(topic, partition);
    for (const auto& [name, topic] : topics_) rd_kafka_topic_destroy(topic);
  }

  Status Start(const std::string& name, int32_t partition, int64_t offset) {
    auto [topic, is_new] = topics_.try_emplace(name, nullptr);
    if (is_new) topic->second = rd_kafka_topic_new(handle_.get(), name.c_str(), nullptr);
    if (topic->second == nullptr ||
        rd_kafka_consume_start_queue(topic->second, partition, offset, queue_.get()) != 0) {
      return handle_.MakeError(rd_kafka_last_error(), "reading topic " + name);
    }
    started_.emplace_back(topic->second, partition);
    return Status::Ok();
  }

  // `then` for each record or event; the first error ends it.
  template <typename Then>
  Status Next(Then then) {
    rd_kafka_message_t* messages[kBatchRecords];
    const ssize_t count =
        rd_kafka_consume_batch_queue(queue_.get(), kReadMs, messages, kBatchRecords);
    handle_.Poll(0);
    WEIR_RETURN_IF_ERROR(handle_.Fatal());
    if (count < 0) return handle_.MakeError(rd_kafka_last_error(), "reading " + handle_.servers());
    Status status = Status::Ok();
    for (ssize_t i = 0; i < count; ++i) {
      const RdKafkaPtr<rd_kafka_message_t> message(messages[i]);
      if (!status.ok()) continue;
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR &&
          message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        Error error = handle_.MakeError(
            message->err, message->rkt == nullptr
                              ? "reading " + handle_.servers()
                              : fmt::format("reading {}/{}", rd_kafka_topic_name(message->rkt),
                                            message->partition));
        // librdkafka goes on by itself after what is worth another try.
        if (error.actor() != Actor::kRetry) status = std::move(error);
        continue;
      }
      status = then(*message);
    }
    return status;
  }

 private:
  const KafkaHandle& handle_;
  const RdKafkaPtr<rd_kafka_queue_t> queue_;
  std::map<std::string, rd_kafka_topic_t*> topics_;
  std::vector<std::pair<rd_kafka_topic_t*, int32_t>> started_;
};

std::string_view Bytes(const void* data, size_t size) {
  return {static_cast<const char*>(data), data == nullptr ? 0 : size};
}

Result<std::map<CopySource, CopyMap>> ReadNotes(const KafkaHandle& consumer,
                                                const KafkaProperties& properties,
                                                const std::string& cluster) {
  std::map<CopySource, CopyMap> maps;
  const auto partitions = CountPartitions(consumer, kCopiesTopic, 0);
  if (!partitions.ok()) {
    if (partitions.error().code() != ErrorCode::kNotFound) return partitions.error();
    return maps;
  }
  // To who reads what is committed the topic ends where the first open transaction begins, another
  // copy's may be, and behind that our own newest notes may stand.
  WEIR_ASSIGN_OR_RETURN(const auto asker,
                        KafkaHandle::Open(consumer.env(), KafkaHandle::Kind::kConsumer, properties,
                                          {{"isolation.level", "read_uncommitted"}}));
  WEIR_ASSIGN_OR_RETURN(const Watermarks ends, WatermarksOf(*asker, kCopiesTopic, 0));
  if (ends.begin >= ends.end) return maps;
  Reading reading(consumer);
  WEIR_RETURN_IF_ERROR(reading.Start(kCopiesTopic, 0, ends.begin));
  const int64_t until = consumer.env().MonotonicNanos() / 1'000'000 + consumer.limit_ms();
  bool at_end = false;
  while (!at_end) {
    WEIR_RETURN_IF_ERROR(reading.Next([&](const rd_kafka_message_t& message) -> Status {
      if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        at_end = message.offset >= ends.end;
        return Status::Ok();
      }
      WEIR_ASSIGN_OR_RETURN(auto note, ParseCopyNote(Bytes(message.payload, message.len)));
      if (!cluster.empty() && note.first.cluster != cluster) return Status::Ok();
      return maps[note.first].Append(note.second);
    }));
    if (!at_end && consumer.env().MonotonicNanos() / 1'000'000 > until) {
      return Error::Retry(
                 ErrorCode::kIo,
                 fmt::format("reading {} of {}: not finished after {} ms; a transaction of a "
                             "copy may be open",
                             kCopiesTopic, consumer.servers(), consumer.limit_ms()))
          .Fix("run again when it has ended; it does by itself after its timeout");
    }
  }
  return maps;
}

}  // namespace

class TopicCopier::Impl {
 public:
  Impl(Env& env, TopicCopyRequest request) : env_(env), request_(std::move(request)) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (!open_) return;
    const RdKafkaPtr<rd_kafka_error_t> unused(rd_kafka_abort_transaction(to_->get(), kStepMs));
  }

  Status Open() {
    WEIR_ASSIGN_OR_RETURN(from_, KafkaHandle::Open(env_, KafkaHandle::Kind::kConsumer,
                                                   request_.from, ReaderProperties()));
    WEIR_ASSIGN_OR_RETURN(cluster_, from_->ClusterId());
    Properties more = {
        {"transactional.id", "weir.copy." + cluster_},
        {"transaction.timeout.ms", "60000"},
        {"linger.ms", "5"},
        {"queue.buffering.max.messages", "200000"},
        {"queue.buffering.max.kbytes", "131072"},
        {"message.max.bytes", "104857600"},  // the target's own limits count
    };
    // A producer's questions would make topics that are not there.
    WEIR_ASSIGN_OR_RETURN(target_, KafkaHandle::Open(env_, KafkaHandle::Kind::kConsumer,
                                                     request_.to, ReaderProperties()));
    WEIR_ASSIGN_OR_RETURN(const std::string target, target_->ClusterId());
    if (target == cluster_) {
      return Error::User(ErrorCode::kInvalid,
                         fmt::format("{} and {} are one cluster ({})", from_->servers(),
                                     target_->servers(), target))
          .Fix("name another cluster to copy to");
    }
    more["batch.size"] = std::to_string(BatchBytes());
    // Its first question is for its coordinator: after another one that takes a second.
    WEIR_ASSIGN_OR_RETURN(
        to_, KafkaHandle::Open(env_, KafkaHandle::Kind::kProducer, request_.to, more,
                               [this](const rd_kafka_message_t& message) { Delivered(message); }));
    WEIR_RETURN_IF_ERROR(Call("taking over the copy of cluster " + cluster_, [this](int ms) {
      return rd_kafka_init_transactions(to_->get(), ms);
    }));
    WEIR_ASSIGN_OR_RETURN(maps_, ReadNotes(*target_, request_.to, cluster_));
    WEIR_RETURN_IF_ERROR(MakeNotesTopic());
    WEIR_RETURN_IF_ERROR(LetProducerKnow(kCopiesTopic));
    reading_ = std::make_unique<Reading>(*from_);
    for (const std::string& topic : request_.topics) {
      WEIR_ASSIGN_OR_RETURN(partitions_[topic], CountPartitions(*from_, topic, 0));
    }
    // Nothing is made before all names are known to be right.
    for (const std::string& topic : request_.topics) WEIR_RETURN_IF_ERROR(Prepare(topic));
    for (const std::string& topic : request_.topics) WEIR_RETURN_IF_ERROR(LetProducerKnow(topic));
    return open_ ? Commit() : Status::Ok();
  }

  Result<CopyRound> Round() {
    CopyRound round;
    const int64_t until = NowMs() + request_.round_ms;
    do {
      WEIR_RETURN_IF_ERROR(reading_->Next([&](const rd_kafka_message_t& message) {
        Part& part =
            *parts_.at(rd_kafka_topic_name(message.rkt))[static_cast<size_t>(message.partition)];
        const bool record = message.err == RD_KAFKA_RESP_ERR_NO_ERROR;
        if (part.at_end == record) behind_ += record ? 1 : -1;
        part.at_end = !record;
        if (!record) {
          part.round.SetSeen(message.offset);
          return Status::Ok();
        }
        round.records += 1;
        round.bytes += static_cast<int64_t>(message.len + message.key_len);
        return Copy(part, message);
      }));
    } while (behind_ > 0 && round.records < request_.round_records &&
             round.bytes < request_.round_bytes && NowMs() < until);
    round.caught_up = behind_ == 0;
    if (round.caught_up && SawMore()) WEIR_RETURN_IF_ERROR(Begin());
    if (open_) WEIR_RETURN_IF_ERROR(Commit());
    return round;
  }

  Result<std::vector<CopiedGroup>> CopyGroups(std::vector<std::string> groups) {
    if (groups.empty()) {
      WEIR_ASSIGN_OR_RETURN(groups, ListGroups(*from_));
    }
    std::sort(groups.begin(), groups.end());
    std::vector<CopiedGroup> out;
    for (const std::string& group : groups) {
      WEIR_ASSIGN_OR_RETURN(const auto offsets, ReadGroupOffsets(*from_, group));
      CopiedGroup copied{.group = group};
      std::vector<GroupOffset> wanted;
      for (GroupOffset offset : offsets) {
        const auto parts = parts_.find(offset.topic);
        if (parts == parts_.end() || offset.partition < 0 ||
            static_cast<size_t>(offset.partition) >= parts->second.size()) {
          continue;
        }
        const Part& part = *parts->second[static_cast<size_t>(offset.partition)];
        const CopyMap& map = maps_[part.source];
        if (offset.offset > std::max(map.seen(), part.begin)) {
          copied.behind += 1;
          continue;
        }
        offset.offset = map.Translate(offset.offset);
        wanted.push_back(std::move(offset));
      }
      if (wanted.empty() && copied.behind == 0) continue;
      if (!wanted.empty()) WEIR_RETURN_IF_ERROR(SetGroupOffsets(*to_, group, wanted));
      copied.partitions = static_cast<int64_t>(wanted.size());
      out.push_back(copied);
    }
    return out;
  }

  const std::vector<std::string>& made() const { return made_; }
  const std::map<CopySource, CopyMap>& maps() const { return maps_; }

 private:
  struct Part {
    CopySource source;
    int64_t begin = 0;  // what the source still had at the start
    bool at_end = false;
    CopyMap round;             // delivered in this round
    std::deque<int64_t> sent;  // offsets in the source, not yet delivered
  };

  // librdkafka fills batches up to its own limit, and gives up what a topic with a lower one
  // refuses. A copy that is made now will have the settings of its source.
  uint64_t BatchBytes() const {
    uint64_t bytes = 1'000'000;
    for (const std::string& topic : request_.topics) {
      for (const KafkaHandle* const handle : {from_.get(), target_.get()}) {
        const auto settings = ReadTopicSettings(*handle, topic);
        if (!settings.ok()) continue;  // it is not there, or this user may not know
        bytes = std::min(bytes, BatchBytesMax(*settings).value_or(bytes));
      }
    }
    return bytes;
  }

  Status MakeNotesTopic() {
    columnar::TopicSpec notes;
    notes.name = kCopiesTopic;
    notes.partitions = 1;
    notes.replication_factor = request_.replication_factor;
    notes.configs = {{"cleanup.policy", "compact"}};
    Status made = CreateTopic(*to_, notes);
    if (!made.ok() && made.error().code() == ErrorCode::kAlreadyExists) return Status::Ok();
    return made;
  }

  // For a topic that is there. Left alone the producer asks for it when its timer of a second next
  // rings.
  Status LetProducerKnow(const std::string& topic) {
    return CountPartitions(*to_, topic, kAppearMs).status();
  }

  // Makes the topic where it is not there, and begins to read what is not copied yet.
  Status Prepare(const std::string& topic) {
    const int partitions = partitions_.at(topic);
    const auto there = CountPartitions(*target_, topic, 0);
    if (!there.ok()) {
      if (there.error().code() != ErrorCode::kNotFound) return there.error();
      WEIR_RETURN_IF_ERROR(Make(topic, partitions));
    } else if (*there != partitions) {
      return Error::User(ErrorCode::kConflict,
                         fmt::format("topic {} has {} partitions on {} and {} on {}", topic,
                                     partitions, from_->servers(), *there, to_->servers()))
          .Fix("remove it there, or give both as many partitions");
    }
    auto& parts = parts_[topic];
    for (int32_t number = 0; number < partitions; ++number) {
      auto part = std::make_unique<Part>();
      part->source = {cluster_, topic, number};
      const bool known = maps_.contains(part->source);
      const CopyMap& map = maps_[part->source];
      WEIR_ASSIGN_OR_RETURN(const Watermarks source, WatermarksOf(*from_, topic, number));
      if (!known) {
        if (there.ok()) {
          WEIR_ASSIGN_OR_RETURN(const Watermarks target, WatermarksOf(*target_, topic, number));
          if (target.end > target.begin) return NotOurs(topic, number, target.end - target.begin);
        }
        WEIR_RETURN_IF_ERROR(Begin());
        WEIR_RETURN_IF_ERROR(SendNotes(*part));  // that the copy has begun
      }
      // Behind the last record there may have been markers of transactions only: they were seen.
      if (!map.empty() && map.seen() < source.begin) {
        return Gone(part->source, map.seen(), source.begin);
      }
      part->begin = source.begin;
      WEIR_RETURN_IF_ERROR(reading_->Start(topic, number, std::max(map.next(), source.begin)));
      behind_ += 1;
      parts.push_back(std::move(part));
    }
    return Status::Ok();
  }

  Status Make(const std::string& topic, int partitions) {
    columnar::TopicSpec copy;
    copy.name = topic;
    copy.partitions = partitions;
    copy.replication_factor = request_.replication_factor;
    WEIR_ASSIGN_OR_RETURN(TopicSettings settings, ReadTopicSettings(*from_, topic));
    copy.configs = std::move(settings.own);
    // Our own settings mean nothing elsewhere.
    std::erase_if(copy.configs,
                  [](const auto& config) { return config.first.starts_with("weir."); });
    WEIR_RETURN_IF_ERROR(CreateTopic(*to_, copy));
    made_.push_back(topic);
    return Status::Ok();
  }

  Error NotOurs(const std::string& topic, int32_t partition, int64_t records) const {
    return Error::User(
               ErrorCode::kConflict,
               fmt::format("{}/{} on {} has {} records already that no copy of cluster {} brought",
                           topic, partition, to_->servers(), records, cluster_))
        .Fix("remove the topic there, or copy it under a cluster that does not have it");
  }
  Error Gone(const CopySource& source, int64_t next, int64_t begin) const {
    return Error::User(
               ErrorCode::kConflict,
               fmt::format("{}/{}: the records from offset {} to {} were removed from {} before "
                           "they were copied",
                           source.topic, source.partition, next, begin, from_->servers()))
        .Fix("raise the topic's retention, remove the copy and begin it again");
  }

  Status Copy(Part& part, const rd_kafka_message_t& message) {
    WEIR_RETURN_IF_ERROR(Begin());
    rd_kafka_headers_t* headers = nullptr;
    rd_kafka_message_detach_headers(const_cast<rd_kafka_message_t*>(&message), &headers);
    RdKafkaPtr<rd_kafka_headers_t> owned(headers);
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    const int64_t timestamp = rd_kafka_message_timestamp(&message, &type);
    const int64_t offset = message.offset;
    part.sent.push_back(offset);
    return Send(part.source.topic, part.source.partition, message.key, message.key_len,
                message.payload, message.len,
                type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp, std::move(owned), &part);
  }

  Status Send(const std::string& topic, int32_t partition, const void* key, size_t key_bytes,
              const void* value, size_t value_bytes, int64_t timestamp,
              RdKafkaPtr<rd_kafka_headers_t> headers, Part* part) {
    rd_kafka_vu_t fields[8];
    size_t count = 0;
    const auto add = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
      fields[count].vtype = type;
      return fields[count++];
    };
    add(RD_KAFKA_VTYPE_TOPIC).u.cstr = topic.c_str();
    add(RD_KAFKA_VTYPE_PARTITION).u.i32 = partition;
    add(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
    auto& payload = add(RD_KAFKA_VTYPE_VALUE);
    payload.u.mem.ptr = const_cast<void*>(value);
    payload.u.mem.size = value_bytes;
    auto& name = add(RD_KAFKA_VTYPE_KEY);
    name.u.mem.ptr = const_cast<void*>(key);
    name.u.mem.size = key_bytes;
    add(RD_KAFKA_VTYPE_OPAQUE).u.ptr = part;
    if (timestamp >= 0) add(RD_KAFKA_VTYPE_TIMESTAMP).u.i64 = timestamp;
    if (headers) add(RD_KAFKA_VTYPE_HEADERS).u.headers = headers.get();
    const int64_t begin = NowMs();
    while (true) {
      const RdKafkaPtr<rd_kafka_error_t> error(rd_kafka_produceva(to_->get(), fields, count));
      if (!error) {
        (void)headers.release();  // librdkafka's now
        if (++sent_ % 1024 == 0) to_->Poll(0);
        return Check();
      }
      const auto code = rd_kafka_error_code(error.get());
      // Brokers of a cluster learn of a new topic one after the other; the producer asks any of
      // them.
      const bool unknown = code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC && NowMs() < begin + kAppearMs;
      if ((code != RD_KAFKA_RESP_ERR__QUEUE_FULL && !unknown) ||
          NowMs() >= begin + to_->limit_ms()) {
        return to_->MakeError(code, rd_kafka_error_string(error.get()),
                              "copying to topic " + topic);
      }
      to_->Poll(100);
      if (unknown) WEIR_RETURN_IF_ERROR(LetProducerKnow(topic));
      WEIR_RETURN_IF_ERROR(Check());
    }
  }

  Status SendNotes(const Part& part) {
    for (const CopyNote& note : WriteCopyNotes(part.source, part.round)) {
      WEIR_RETURN_IF_ERROR(Send(kCopiesTopic, 0, note.key.data(), note.key.size(),
                                note.value.data(), note.value.size(), -1, nullptr, nullptr));
    }
    return Status::Ok();
  }

  // Of the source than is noted.
  bool SawMore(const Part& part) { return part.round.seen() > maps_[part.source].seen(); }
  bool SawMore() {
    for (const auto& [topic, parts] : parts_) {
      for (const auto& part : parts) {
        if (SawMore(*part)) return true;
      }
    }
    return false;
  }

  void Delivered(const rd_kafka_message_t& message) {
    auto* const part = static_cast<Part*>(message._private);
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (failed_ == RD_KAFKA_RESP_ERR_NO_ERROR) failed_ = message.err;
      return;
    }
    if (part == nullptr || part->sent.empty()) return;  // a note
    // Records of a partition are delivered in the order in which they were sent.
    const Status added = part->round.Add(part->sent.front(), message.offset);
    part->sent.pop_front();
    if (!added.ok() && disorder_.ok()) disorder_ = added;
  }

  Status Check() const {
    if (failed_ != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return to_->MakeError(failed_, "copying to " + to_->servers());
    }
    return disorder_;
  }

  Status Begin() {
    if (open_) return Status::Ok();
    const RdKafkaPtr<rd_kafka_error_t> error(rd_kafka_begin_transaction(to_->get()));
    if (error) {
      return to_->MakeError(rd_kafka_error_code(error.get()), rd_kafka_error_string(error.get()),
                            "beginning a transaction on " + to_->servers());
    }
    open_ = true;
    return Status::Ok();
  }

  Status Flush() {
    const int64_t until = NowMs() + to_->limit_ms();
    while (true) {
      const auto code = rd_kafka_flush(to_->get(), kStepMs);
      WEIR_RETURN_IF_ERROR(Check());
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return Status::Ok();
      WEIR_RETURN_IF_ERROR(to_->Fatal());
      if (NowMs() > until) return to_->MakeError(code, "copying to " + to_->servers());
    }
  }

  Status Commit() {
    WEIR_RETURN_IF_ERROR(Flush());
    for (const auto& [topic, parts] : parts_) {
      for (const auto& part : parts) {
        if (SawMore(*part)) WEIR_RETURN_IF_ERROR(SendNotes(*part));
      }
    }
    WEIR_RETURN_IF_ERROR(Flush());
    WEIR_RETURN_IF_ERROR(Call("committing to " + to_->servers(), [this](int ms) {
      return rd_kafka_commit_transaction(to_->get(), ms);
    }));
    open_ = false;
    for (const auto& [topic, parts] : parts_) {
      for (const auto& part : parts) {
        WEIR_RETURN_IF_ERROR(maps_[part->source].Append(part->round));
        part->round = CopyMap();
      }
    }
    return Status::Ok();
  }

  // A call that can be made again until the handle's limit is over.
  Status Call(const std::string& doing, const std::function<rd_kafka_error_t*(int ms)>& call) {
    const int64_t until = NowMs() + to_->limit_ms();
    while (true) {
      const RdKafkaPtr<rd_kafka_error_t> error(call(kStepMs));
      if (!error) return Status::Ok();
      to_->Poll(0);
      WEIR_RETURN_IF_ERROR(to_->Fatal());
      if (!rd_kafka_error_is_retriable(error.get()) || NowMs() >= until) {
        return to_->MakeError(rd_kafka_error_code(error.get()), rd_kafka_error_string(error.get()),
                              doing);
      }
      env_.SleepMicros(20'000);
    }
  }

  int64_t NowMs() const { return env_.MonotonicNanos() / 1'000'000; }

  Env& env_;
  const TopicCopyRequest request_;
  std::string cluster_;                    // the source's
  std::map<std::string, int> partitions_;  // of the source's topics
  std::map<CopySource, CopyMap> maps_;
  std::vector<std::string> made_;
  std::map<std::string, std::vector<std::unique_ptr<Part>>> parts_;
  int64_t behind_ = 0;  // partitions whose end was not met yet
  bool open_ = false;   // a transaction
  uint64_t sent_ = 0;
  rd_kafka_resp_err_t failed_ = RD_KAFKA_RESP_ERR_NO_ERROR;  // of the first record given up
  Status disorder_ = Status::Ok();
  // Closed first, while the parts are there that deliveries refer to.
  std::unique_ptr<KafkaHandle> from_;
  std::unique_ptr<KafkaHandle> to_;      // producer
  std::unique_ptr<KafkaHandle> target_;  // the same cluster, for questions
  std::unique_ptr<Reading> reading_;
};

TopicCopier::TopicCopier(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TopicCopier::~TopicCopier() = default;

Result<std::unique_ptr<TopicCopier>> TopicCopier::Open(Env& env, const TopicCopyRequest& request) {
  auto impl = std::make_unique<Impl>(env, request);
  WEIR_RETURN_IF_ERROR(impl->Open());
  return std::unique_ptr<TopicCopier>(new TopicCopier(std::move(impl)));
}

Result<CopyRound> TopicCopier::Round() { return impl_->Round(); }

Result<std::vector<CopiedGroup>> TopicCopier::CopyGroups(const std::vector<std::string>& groups) {
  return impl_->CopyGroups(groups);
}

const std::vector<std::string>& TopicCopier::made() const { return impl_->made(); }
const std::map<CopySource, CopyMap>& TopicCopier::maps() const { return impl_->maps(); }

Result<std::map<CopySource, CopyMap>> ReadCopyNotes(Env& env, const KafkaProperties& properties,
                                                    const std::string& cluster) {
  WEIR_ASSIGN_OR_RETURN(const auto consumer, KafkaHandle::Open(env, KafkaHandle::Kind::kConsumer,
                                                               properties, ReaderProperties()));
  return ReadNotes(*consumer, properties, cluster);
}

Status ReachCluster(Env& env, KafkaProperties properties) {
  properties.limit_ms = std::min(properties.limit_ms, kReachMs);
  WEIR_ASSIGN_OR_RETURN(const auto handle, KafkaHandle::Open(env, KafkaHandle::Kind::kConsumer,
                                                             properties, ReaderProperties()));
  const auto id = handle->ClusterId();
  return id.ok() ? Status::Ok() : Status(id.error());
}

Result<std::vector<std::string>> TopicsToCopy(Env& env, const KafkaProperties& properties) {
  // Kafka's own, which the target makes itself, and the notes of copies.
  static const std::set<std::string> kOwn = {"__consumer_offsets", "__transaction_state",
                                             "__share_group_state", "__cluster_metadata",
                                             kCopiesTopic};
  WEIR_ASSIGN_OR_RETURN(const auto consumer, KafkaHandle::Open(env, KafkaHandle::Kind::kConsumer,
                                                               properties, ReaderProperties()));
  const rd_kafka_metadata_t* answer = nullptr;
  WEIR_RETURN_IF_ERROR(consumer->Retry("listing the topics of " + consumer->servers(), [&](int ms) {
    return rd_kafka_metadata(consumer->get(), 1, nullptr, &answer, ms);
  }));
  const RdKafkaPtr<const rd_kafka_metadata_t> metadata(answer);
  std::vector<std::string> out;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const std::string name = metadata->topics[i].topic;
    if (!kOwn.contains(name)) out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace weir::connect
