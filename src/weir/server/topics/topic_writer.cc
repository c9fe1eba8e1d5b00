#include "weir/server/topics/topic_writer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "weir/log/kafka/messages/init_producer_id.h"
#include "weir/log/kafka/messages/produce.h"
#include "weir/server/topics/kafka_failure.h"

namespace weir::server {

namespace kafka = log::kafka;
using kafka::Code;
using kafka::KafkaError;

namespace {

constexpr int16_t kProduceByNameVersion = 11;
constexpr int16_t kAllInSync = -1;
constexpr int kSendTries = 60;
constexpr int64_t kSendPauseUs = 250'000;

// MurmurHash 2, 32 bits, with the seed of Kafka's clients.
uint32_t Murmur2(std::string_view bytes) {
  constexpr uint32_t kMultiplier = 0x5bd1e995;
  constexpr uint32_t kSeed = 0x9747b28c;
  constexpr int kShift = 24;
  uint32_t hash = kSeed ^ static_cast<uint32_t>(bytes.size());
  size_t at = 0;
  for (; at + 4 <= bytes.size(); at += 4) {
    uint32_t word;
    std::memcpy(&word, bytes.data() + at, sizeof(word));
    word *= kMultiplier;
    word ^= word >> kShift;
    word *= kMultiplier;
    hash = (hash * kMultiplier) ^ word;
  }
  const auto rest = [&](size_t i) {
    return static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  };
  const size_t left = bytes.size() - at;
  for (size_t i = 0; i < left; ++i) hash ^= rest(i);
  if (left > 0) hash *= kMultiplier;
  hash ^= hash >> 13;
  hash *= kMultiplier;
  return hash ^ (hash >> 15);
}

}  // namespace

size_t RoomFor(const log::NewRecord& record) {
  constexpr size_t kLengths = 40;
  constexpr size_t kHeaderLengths = 10;
  size_t bytes =
      kLengths + (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
  for (const log::RecordHeader& header : record.headers) {
    bytes += kHeaderLengths + header.key.size() + (header.value ? header.value->size() : 0);
  }
  return bytes;
}

size_t BatchBytesIn(int64_t max_message_bytes, size_t wanted) {
  constexpr int64_t kHeader = 100;  // of the batch, and some
  const auto most = static_cast<size_t>(std::max<int64_t>(max_message_bytes - kHeader, 1));
  return std::min(most, wanted);
}

int32_t PartitionOfKey(std::string_view key, int32_t partitions) {
  return static_cast<int32_t>(Murmur2(key) & 0x7fffffffU) % partitions;
}

TopicWriter::TopicWriter(KafkaAdmin& admin, TopicInfo topic, TopicWriterOptions options)
    : admin_(admin),
      topic_(std::move(topic)),
      options_(options),
      partitions_(topic_.partitions.size()),
      acknowledged_(topic_.partitions.size()) {}

Result<std::unique_ptr<TopicWriter>> TopicWriter::Open(KafkaAdmin& admin, const std::string& topic,
                                                       TopicWriterOptions options) {
  WEIR_ASSIGN_OR_RETURN(TopicInfo info, admin.Topic(topic));
  std::unique_ptr<TopicWriter> writer(new TopicWriter(admin, std::move(info), options));
  // Commands that write a record each shall not all choose the first.
  writer->keyless_ = static_cast<int32_t>(admin.client().env().RandomU64() %
                                          std::max<size_t>(writer->partitions_.size(), 1));
  WEIR_RETURN_IF_ERROR(writer->BecomeProducer());
  // Who may write need not be allowed to read settings.
  const auto settings = admin.Settings(topic);
  for (const TopicSetting& setting : settings.ok() ? *settings : std::vector<TopicSetting>()) {
    if (setting.name != "max.message.bytes" || !setting.value) continue;
    writer->batch_bytes_ =
        BatchBytesIn(std::strtoll(setting.value->c_str(), nullptr, 10), kBatchBytes);
  }
  return writer;
}

Status TopicWriter::BecomeProducer() {
  kafka::InitProducerIdRequest request;
  request.transactional_id.reset();
  for (int tries = 1;; ++tries) {
    WEIR_ASSIGN_OR_RETURN(const auto response, admin_.client().Ask<kafka::InitProducerIdResponse>(
                                                   KafkaClient::kAnyNode, request));
    if (response.error_code == Code(KafkaError::kNone)) {
      producer_id_ = response.producer_id;
      producer_epoch_ = response.producer_epoch;
      return Status::Ok();
    }
    const bool again = kafka::IsRetriable(static_cast<KafkaError>(response.error_code));
    if (!again || tries == kSendTries) {
      return KafkaFailure("asking for a producer's number", response.error_code);
    }
    admin_.client().env().SleepMicros(kSendPauseUs);
  }
}

int32_t TopicWriter::PartitionFor(const WrittenRecord& record) {
  if (record.partition) return *record.partition;
  if (!record.key) return keyless_;
  return PartitionOfKey(*record.key, static_cast<int32_t>(partitions_.size()));
}

Status TopicWriter::Add(const WrittenRecord& record) {
  const int32_t index = PartitionFor(record);
  if (index < 0 || index >= static_cast<int32_t>(partitions_.size())) {
    return Error::User(ErrorCode::kInvalid,
                       topic_.name + " has no partition " + std::to_string(index))
        .Fix("its partitions are 0 to " + std::to_string(partitions_.size() - 1));
  }
  const int64_t timestamp =
      record.timestamp_ms >= 0 ? record.timestamp_ms : admin_.client().env().NowMicros() / 1000;
  const log::NewRecord added{timestamp, record.key, record.value, record.headers};
  Partition& partition = partitions_[static_cast<size_t>(index)];
  if (partition.batch && partition.batch->records_bytes() + RoomFor(added) > batch_bytes_) {
    WEIR_RETURN_IF_ERROR(Send(index));
    if (!record.key && !record.partition) {
      keyless_ = (keyless_ + 1) % static_cast<int32_t>(partitions_.size());
    }
  }
  if (!partition.batch) {
    partition.batch = std::make_unique<log::BatchBuilder>(
        log::BatchOptions{.codec = options_.codec,
                          .producer_id = producer_id_,
                          .producer_epoch = producer_epoch_,
                          .base_sequence = partition.next_sequence});
  }
  partition.batch->Add(added);
  return Status::Ok();
}

Status TopicWriter::Flush() {
  for (size_t i = 0; i < partitions_.size(); ++i) {
    WEIR_RETURN_IF_ERROR(Send(static_cast<int32_t>(i)));
  }
  return Status::Ok();
}

// Tried again with the same sequence numbers, so that a batch whose answer got lost is there once.
Status TopicWriter::Send(int32_t index) {
  Partition& partition = partitions_[static_cast<size_t>(index)];
  if (!partition.batch) return Status::Ok();
  const int32_t count = partition.batch->record_count();
  WEIR_ASSIGN_OR_RETURN(const std::string batch, std::move(*partition.batch).Finish());
  partition.batch.reset();
  const TopicPartition key{topic_.name, index};
  kafka::ProduceRequest request;
  request.acks = kAllInSync;
  request.timeout_ms = options_.acknowledge_ms;
  request.topic_data.emplace_back();
  request.topic_data.back().name = topic_.name;
  request.topic_data.back().partition_data.push_back({index, kafka::Records(batch)});
  for (int tries = 1;; ++tries) {
    WEIR_ASSIGN_OR_RETURN(const int32_t node, admin_.Leader(key));
    const auto response = admin_.client().Ask<kafka::ProduceResponse>(
        node, request, {.version_max = kProduceByNameVersion, .extra_ms = options_.acknowledge_ms});
    Status failure = response.status();
    bool again = !response.ok() && response.error().actor() == Actor::kRetry;
    if (response.ok()) {
      for (const auto& topic : response->responses) {
        for (const auto& result : topic.partition_responses) {
          failure =
              KafkaStatus("writing to " + key.ToString(), result.error_code, result.error_message);
          again = kafka::IsRetriable(static_cast<KafkaError>(result.error_code));
        }
      }
    }
    if (failure.ok()) break;
    if (!again || tries == kSendTries) return failure;
    admin_.client().env().SleepMicros(kSendPauseUs);
    WEIR_RETURN_IF_ERROR(admin_.Leader(key, true).status());
  }
  partition.next_sequence = log::BatchHeader::SequenceAfter(partition.next_sequence, count);
  acknowledged_[static_cast<size_t>(index)] += count;
  return Status::Ok();
}

}  // namespace weir::server
