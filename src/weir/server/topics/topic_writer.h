// TopicWriter: appends records to a topic, each once, acknowledged by all that keep it (acks=all,
// idempotent). A record with a key goes to the partition that Kafka's own clients choose for it;
// one without goes with its neighbours, batch by batch in turn.
//
//   WEIR_ASSIGN_OR_RETURN(auto writer, TopicWriter::Open(admin, "orders", {}));
//   WEIR_RETURN_IF_ERROR(writer->Add({.key = "k", .value = "v"}));
//   WEIR_RETURN_IF_ERROR(writer->Flush());   // what was added before is acknowledged now
//
// Limits: kBatchBytes a batch; one request at a time.
// Thread rule: one thread at a time.
// Errors: kNotFound, no such topic; kLimit, a record is larger than the topic takes. After an error
// what was not flushed may or may not be there.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/result.h"
#include "weir/log/record_batch_builder.h"
#include "weir/server/topics/kafka_admin.h"

namespace weir::server {

struct TopicWriterOptions {
  log::Codec codec = log::Codec::kNone;
  int32_t acknowledge_ms = 30'000;
};

struct WrittenRecord {
  std::optional<std::string_view> key = std::nullopt;
  std::optional<std::string_view> value = std::nullopt;  // none: a tombstone
  std::vector<log::RecordHeader> headers = {};
  std::optional<int32_t> partition = std::nullopt;  // none: by key
  int64_t timestamp_ms = -1;                        // -1: now
};

class TopicWriter {
 public:
  static constexpr size_t kBatchBytes = 512 << 10;  // or as the topic allows

  static Result<std::unique_ptr<TopicWriter>> Open(KafkaAdmin& admin, const std::string& topic,
                                                   TopicWriterOptions options);

  // kInvalid: the topic has no such partition.
  Status Add(const WrittenRecord& record);
  Status Flush();

  // How many records are acknowledged, by partition.
  const std::vector<int64_t>& acknowledged() const { return acknowledged_; }

 private:
  struct Partition {
    std::unique_ptr<log::BatchBuilder> batch;
    int32_t next_sequence = 0;
  };

  TopicWriter(KafkaAdmin& admin, TopicInfo topic, TopicWriterOptions options);
  Status BecomeProducer();
  int32_t PartitionFor(const WrittenRecord& record);
  Status Send(int32_t partition);

  KafkaAdmin& admin_;
  const TopicInfo topic_;
  const TopicWriterOptions options_;
  int64_t producer_id_ = -1;
  int16_t producer_epoch_ = -1;
  std::vector<Partition> partitions_;
  std::vector<int64_t> acknowledged_;
  size_t batch_bytes_ = kBatchBytes;
  int32_t keyless_ = 0;  // where records without a key go now
};

// So many bytes a record takes in a batch, at most.
size_t RoomFor(const log::NewRecord& record);
// So many bytes the records of a batch may have in a topic with this 'max.message.bytes', at most
// `wanted`. A single record may have more: the topic says what it thinks of it.
size_t BatchBytesIn(int64_t max_message_bytes, size_t wanted);

// The partition that Kafka's clients choose for a key: murmur2.
int32_t PartitionOfKey(std::string_view key, int32_t partitions);

}  // namespace weir::server
