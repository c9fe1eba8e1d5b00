#include "weir/log/record_batch_validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "weir/log/record_batch.h"

namespace weir::log {

using kafka::KafkaError;

namespace {

constexpr size_t kRecordErrorsMax = 100;  // a batch of a million bad records needs no more
constexpr int16_t kFirstZstdVersion = 7;
constexpr int64_t kNoTimestamp = -1;

void Reject(ProduceVerdict& verdict, KafkaError error, std::string message) {
  verdict.error = error;
  verdict.message = std::move(message);
}

// a - b, at the ends of the range where it would overflow.
int64_t Difference(int64_t a, int64_t b) {
  int64_t out = 0;
  if (!__builtin_sub_overflow(a, b, &out)) return out;
  return a < b ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

bool TimestampIsFine(const Record& record, const BatchHeader& header, const ProduceRules& rules) {
  if (header.log_append_time()) return false;  // the broker's to set
  return rules.log_append_time || record.timestamp == kNoTimestamp ||
         (Difference(rules.now_ms, record.timestamp) <= rules.before_ms_max &&
          Difference(record.timestamp, rules.now_ms) <= rules.after_ms_max);
}

std::string TimestampError(const Record& record, const BatchHeader& header,
                           const ProduceRules& rules) {
  if (header.log_append_time()) {
    return "Invalid timestamp type in message. Producer should not set timestamp type to "
           "LogAppendTime.";
  }
  return fmt::format(
      "Timestamp {} of message with offset {} is out of range. The timestamp should be within "
      "[{}, {}]",
      record.timestamp, record.offset, Difference(rules.now_ms, rules.before_ms_max),
      Difference(rules.now_ms, -rules.after_ms_max));
}

// The batch as a whole; false if it is rejected.
bool CheckOneBatch(std::string_view records, const ProduceRules& rules, ProduceVerdict& verdict) {
  const auto reject = [&](KafkaError error, std::string message) {
    Reject(verdict, error, std::move(message));
    return false;
  };
  if (records.empty()) {
    return reject(KafkaError::kInvalidRecord,
                  fmt::format("Produce requests with version {} must have at least one record "
                              "batch per partition",
                              rules.request_version));
  }
  // Magic stands at the same place in all formats, a length of older ones may be shorter.
  constexpr size_t kMagicAt = 16;
  if (records.size() > kMagicAt && records[kMagicAt] >= 0 && records[kMagicAt] < 2) {
    return reject(KafkaError::kInvalidRecord,
                  fmt::format("Produce requests with version {} are only allowed to contain record "
                              "batches with magic version 2",
                              rules.request_version));
  }
  const auto header = ReadBatchHeader(records);
  if (!header.has_value() || header->total_bytes() > records.size()) {
    return reject(KafkaError::kCorruptMessage, "The record batch is shorter than its length says");
  }
  verdict.header = *header;
  if (header->magic != 2) {
    return reject(KafkaError::kInvalidRecord,
                  fmt::format("Produce requests with version {} are only allowed to contain record "
                              "batches with magic version 2",
                              rules.request_version));
  }
  if (header->total_bytes() != records.size()) {
    return reject(
        KafkaError::kInvalidRecord,
        fmt::format("Produce requests with version {} are only allowed to contain exactly "
                    "one record batch per partition",
                    rules.request_version));
  }
  if (records.size() > rules.batch_bytes_max) {
    return reject(KafkaError::kMessageTooLarge,
                  fmt::format("The record batch size in the append is {} bytes which exceeds the "
                              "maximum configured value of {}.",
                              records.size(), rules.batch_bytes_max));
  }
  if (!CrcMatches(records, *header)) {
    return reject(KafkaError::kCorruptMessage, "Record is corrupt: its stored crc is wrong");
  }
  if (header->codec() > static_cast<int>(Codec::kZstd)) {
    return reject(KafkaError::kUnsupportedCompressionType,
                  fmt::format("Compression type {} does not exist", header->codec()));
  }
  if (header->codec() == static_cast<int>(Codec::kZstd) &&
      rules.request_version < kFirstZstdVersion) {
    return reject(KafkaError::kUnsupportedCompressionType,
                  fmt::format("Produce requests with version {} are not allowed to use ZStandard "
                              "compression",
                              rules.request_version));
  }
  if (header->base_offset != 0) {
    return reject(KafkaError::kInvalidRecord,
                  fmt::format("The baseOffset of the record batch should be 0, but it is {}",
                              header->base_offset));
  }
  if (header->last_offset_delta < 0) {
    return reject(
        KafkaError::kInvalidRecord,
        fmt::format("Batch has an invalid offset range: [0, {}]", header->last_offset_delta));
  }
  if (header->record_count <= 0) {
    return reject(KafkaError::kInvalidRecord,
                  fmt::format("Invalid reported count for record batch: {}", header->record_count));
  }
  if (int64_t{header->last_offset_delta} + 1 != header->record_count) {
    return reject(KafkaError::kInvalidRecord,
                  fmt::format("Inconsistent batch offset range [0, {}] and count of records {}",
                              header->last_offset_delta, header->record_count));
  }
  if (header->control()) {
    return reject(KafkaError::kInvalidRecord, "Clients are not allowed to write control records");
  }
  if (header->idempotent() && header->base_sequence < 0) {
    return reject(KafkaError::kInvalidRecord,
                  fmt::format("Invalid sequence number {} in record batch with producerId {}",
                              header->base_sequence, header->producer_id));
  }
  return true;
}

}  // namespace

ProduceVerdict ValidateProduce(std::string_view records, const ProduceRules& rules,
                               RecordReader& reader) {
  ProduceVerdict verdict;
  if (!CheckOneBatch(records, rules, verdict)) return verdict;
  const Status opened = reader.Open(records, rules.records_bytes_max);
  if (!opened.ok()) {
    const bool too_large = opened.error().code() == ErrorCode::kLimit;
    Reject(verdict, too_large ? KafkaError::kMessageTooLarge : KafkaError::kCorruptMessage,
           opened.error().message());
    return verdict;
  }
  bool has_bad_timestamp = false;
  size_t rejected = 0;
  int32_t index = 0;
  Record record;
  const auto refuse = [&](std::string error) {
    if (++rejected <= kRecordErrorsMax) verdict.record_errors.push_back({index, std::move(error)});
  };
  for (; reader.Next(record); ++index) {
    if (record.offset != index) [[unlikely]] {
      // Kafka writes such a batch anew; no client since 0.11 makes one.
      refuse(fmt::format("Inner record {} does not have incremental offsets", record.offset));
    } else if (rules.compacted && !record.key.has_value()) {
      refuse("Compacted topic cannot accept message without key");
    } else if (!TimestampIsFine(record, verdict.header, rules)) {
      has_bad_timestamp = true;
      refuse(TimestampError(record, verdict.header, rules));
    } else {
      verdict.max_timestamp = std::max(verdict.max_timestamp, record.timestamp);
    }
  }
  if (!reader.status().ok()) {
    verdict.record_errors.clear();
    Reject(verdict, KafkaError::kInvalidRecord, reader.status().error().message());
  } else if (has_bad_timestamp) {
    Reject(verdict, KafkaError::kInvalidTimestamp,
           "One or more records have been rejected due to invalid timestamp");
  } else if (rejected > 0) {
    Reject(verdict, KafkaError::kInvalidRecord,
           fmt::format("One or more records have been rejected due to {} record errors in total",
                       rejected));
  }
  if (rules.log_append_time) verdict.max_timestamp = rules.now_ms;
  return verdict;
}

}  // namespace weir::log
