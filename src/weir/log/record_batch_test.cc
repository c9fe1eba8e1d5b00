#include "weir/log/record_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "weir/log/control_batch.h"
#include "weir/log/record_batch_builder.h"
#include "weir/log/record_batch_reader.h"
#include "weir/log/record_batch_validation.h"

namespace weir::log {
namespace {

using kafka::KafkaError;
using kafka::KafkaErrorName;
using ::testing::HasSubstr;

constexpr int64_t kForEver = std::numeric_limits<int64_t>::max();
constexpr int64_t kNow = 1'700'000'000'000;
constexpr Codec kCodecs[] = {Codec::kNone, Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd};

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

std::map<std::string, std::string> GoldenBatches() {
  std::ifstream file(WEIR_SOURCE_DIR "/tests/golden/record_batches.txt");
  std::map<std::string, std::string> batches;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) continue;
    std::istringstream words(line);
    std::string name, hex;
    words >> name >> hex;
    batches[name] = FromHex(hex);
  }
  return batches;
}

// The records of all golden batches: a fourth without key, a fifth without value, headers at the
// second.
std::vector<NewRecord> FiveRecords(std::vector<std::string>& kept) {
  std::vector<NewRecord> records(5);
  kept.clear();
  kept.reserve(10);
  for (size_t i = 0; i < records.size(); ++i) {
    const std::string number = std::to_string(i);
    records[i].timestamp = kNow + static_cast<int64_t>(i) * 1000;
    if (i != 3) records[i].key = kept.emplace_back("key-" + number);
    if (i != 4) {
      std::string value;
      for (int n = 0; n < 6; ++n) value += "value-" + number + " ";
      records[i].value = kept.emplace_back(value);
    }
  }
  records[1].headers = {{"h", "x"}, {"none", std::nullopt}};
  return records;
}

void ExpectFiveRecords(RecordReader& reader) {
  std::vector<std::string> kept;
  Record record;
  int64_t offset = 0;
  for (const NewRecord& expected : FiveRecords(kept)) {
    ASSERT_TRUE(reader.Next(record)) << reader.status().error().message();
    EXPECT_EQ(record.offset, offset++);
    EXPECT_EQ(record.timestamp, expected.timestamp);
    EXPECT_EQ(record.key, expected.key);
    EXPECT_EQ(record.value, expected.value);
    EXPECT_EQ(record.Headers(), expected.headers);
  }
  EXPECT_FALSE(reader.Next(record));
  EXPECT_TRUE(reader.status().ok());
}

std::string Build(const BatchOptions& options, const std::vector<NewRecord>& records) {
  BatchBuilder builder(options);
  for (const NewRecord& record : records) builder.Add(record);
  return std::move(builder).Finish().value();
}

std::string BuildFive(const BatchOptions& options) {
  std::vector<std::string> kept;
  return Build(options, FiveRecords(kept));
}

// A batch with one header field changed and its CRC set right.
template <typename T>
std::string With(std::string batch, size_t at, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    batch[at + i] = static_cast<char>(value >> (8 * (sizeof(T) - 1 - i)));
  }
  SetMaxTimestamp(batch, false, ReadBatchHeader(batch)->max_timestamp);
  return batch;
}

ProduceVerdict Validate(std::string_view records, ProduceRules rules = {}) {
  rules.now_ms = kNow;
  RecordReader reader;
  return ValidateProduce(records, rules, reader);
}

TEST(RecordBatchGolden, RealProducersBatchesAreSoundAndReadable) {
  const auto batches = GoldenBatches();
  size_t read = 0;
  RecordReader reader;
  for (const auto& [name, bytes] : batches) {
    SCOPED_TRACE(name);
    const Status sound = CheckBatch(bytes);
    ASSERT_TRUE(sound.ok()) << sound.error().message();
    if (ReadBatchHeader(bytes)->control()) continue;
    const Status opened = reader.Open(bytes);
    ASSERT_TRUE(opened.ok()) << opened.error().message();
    ExpectFiveRecords(reader);
    const ProduceVerdict verdict = Validate(bytes, {.compacted = false});
    EXPECT_EQ(verdict.error, KafkaError::kNone) << verdict.message;
    EXPECT_EQ(verdict.max_timestamp, verdict.header.max_timestamp);
    ++read;
  }
  EXPECT_EQ(read, 15u) << "three producers, five codecs";
}

TEST(RecordBatchGolden, HeaderFields) {
  const auto batches = GoldenBatches();
  const auto header = ReadBatchHeader(batches.at("java-none"));
  EXPECT_TRUE(header->transactional());
  EXPECT_FALSE(header->control());
  EXPECT_EQ(header->producer_id, 9000);
  EXPECT_EQ(header->producer_epoch, 3);
  EXPECT_EQ(header->base_sequence, 17);
  EXPECT_EQ(header->max_timestamp, kNow + 4000);
  for (const char* producer : {"java-", "python-", "librdkafka-"}) {
    for (const auto& [codec, number] :
         {std::pair{"none", 0}, {"gzip", 1}, {"snappy", 2}, {"lz4", 3}, {"zstd", 4}}) {
      EXPECT_EQ(ReadBatchHeader(batches.at(std::string(producer) + codec))->codec(), number)
          << producer << codec;
    }
  }
  // Both ways of writing snappy are among them.
  EXPECT_THAT(batches.at("java-snappy"), HasSubstr("SNAPPY"));
  EXPECT_THAT(batches.at("librdkafka-snappy"), ::testing::Not(HasSubstr("SNAPPY")));
}

TEST(RecordBatchGolden, MarkersAreTheBytesOfKafka) {
  const auto batches = GoldenBatches();
  for (const bool commit : {false, true}) {
    const std::string& golden = batches.at(commit ? "java-commit" : "java-abort");
    const Marker marker{.commit = commit, .coordinator_epoch = 7};
    EXPECT_EQ(MarkerBatch(marker, 9000, 3, kNow), golden);
    const auto read = ReadMarker(golden);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->commit, commit);
    EXPECT_EQ(read->coordinator_epoch, 7);
  }
}

TEST(RecordBatch, TheBuilderWritesWhatLibrdkafkaWrites) {
  std::string batch = BuildFive({});
  SetLeaderEpoch(batch, 0);  // librdkafka sends 0, the others -1
  EXPECT_EQ(batch, GoldenBatches().at("librdkafka-none"));
}

TEST(RecordBatch, EveryCodecComesBack) {
  RecordReader reader;
  for (const Codec codec : kCodecs) {
    SCOPED_TRACE(static_cast<int>(codec));
    const std::string batch = BuildFive({.codec = codec});
    ASSERT_TRUE(CheckBatch(batch).ok());
    ASSERT_TRUE(reader.Open(batch).ok());
    ExpectFiveRecords(reader);

    // Larger than a block of any framing.
    std::string value;
    for (uint32_t i = 0; i < 300'000; ++i) value.push_back(static_cast<char>(i * i >> (i % 7)));
    const std::string large = Build({.codec = codec}, {{.value = value}, {.value = "end"}});
    ASSERT_TRUE(reader.Open(large).ok());
    Record record;
    ASSERT_TRUE(reader.Next(record));
    EXPECT_EQ(record.value, value);
    ASSERT_TRUE(reader.Next(record));
    EXPECT_EQ(record.value, "end");
    EXPECT_FALSE(reader.Next(record));
  }
}

TEST(RecordBatch, OneBitThatFlippedIsFound) {
  const std::string batch = BuildFive({});
  for (size_t at = 0; at < batch.size(); ++at) {
    std::string damaged = batch;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    const bool outside_of_crc = at < 8 || (at >= 12 && at < 16);  // base offset, leader epoch
    EXPECT_EQ(CheckBatch(damaged).ok(), outside_of_crc) << "byte " << at;
  }
}

TEST(RecordBatch, ABatchCutAnywhereIsFound) {
  const std::string batch = BuildFive({});
  for (size_t size = 0; size < batch.size(); ++size) {
    EXPECT_FALSE(CheckBatch(batch.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(CheckBatch(batch + "x").ok());
}

TEST(RecordBatch, CountsAndOffsetsThatCannotBeAreFound) {
  const std::string batch = BuildFive({});
  const auto error = [](const std::string& bytes) {
    const Status status = CheckBatch(bytes);
    return status.ok() ? "" : status.error().message();
  };
  EXPECT_THAT(error(With(batch, 57, int32_t{6})), HasSubstr("6 records in 5 offsets"));
  EXPECT_THAT(error(With(batch, 57, int32_t{-1})), HasSubstr("-1 records in 5 offsets"));
  EXPECT_EQ(error(With(batch, 57, int32_t{3})), "") << "compacted";
  EXPECT_THAT(error(With(batch, 23, int32_t{-1})), HasSubstr("for 0 offsets"));
  EXPECT_THAT(error(With(batch, 0, std::numeric_limits<int64_t>::max() - 2)),
              HasSubstr("9223372036854775805 for 5 offsets"));
  EXPECT_THAT(error(With(batch, 21, int16_t{5})), HasSubstr("codec 5, which is none"));
}

TEST(RecordBatch, ACursorWalksWholeBatches) {
  const std::string one = BuildFive({}), two = BuildFive({.codec = Codec::kLz4});
  const std::string blob = one + two + one.substr(0, one.size() - 1);
  BatchCursor batches(blob);
  ASSERT_TRUE(batches.Next());
  EXPECT_EQ(batches.bytes(), one);
  ASSERT_TRUE(batches.Next());
  EXPECT_EQ(batches.bytes(), two);
  EXPECT_EQ(batches.header().codec(), 3);
  EXPECT_FALSE(batches.Next());
  EXPECT_EQ(batches.rest().size(), one.size() - 1);
}

TEST(RecordBatch, TheBrokersFieldsChangeInPlace) {
  std::string batch = BuildFive({});
  SetBaseOffset(batch, 123'456'789'012);
  SetLeaderEpoch(batch, 5);
  ASSERT_TRUE(CheckBatch(batch).ok());
  EXPECT_EQ(ReadBatchHeader(batch)->base_offset, 123'456'789'012);
  EXPECT_EQ(ReadBatchHeader(batch)->leader_epoch, 5);

  SetMaxTimestamp(batch, true, kNow + 77);
  ASSERT_TRUE(CheckBatch(batch).ok());
  EXPECT_TRUE(ReadBatchHeader(batch)->log_append_time());
  RecordReader reader;
  ASSERT_TRUE(reader.Open(batch).ok());
  Record record;
  while (reader.Next(record)) EXPECT_EQ(record.timestamp, kNow + 77);
  EXPECT_EQ(record.offset, 123'456'789'016);
  SetMaxTimestamp(batch, false, kNow);
  EXPECT_FALSE(ReadBatchHeader(batch)->log_append_time());
  EXPECT_TRUE(CheckBatch(batch).ok());
}

TEST(RecordReader, ADecompressionBombEndsAtTheLimit) {
  const std::string zeros(20 << 20, '\0');
  RecordReader reader;
  for (const Codec codec : {Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    SCOPED_TRACE(static_cast<int>(codec));
    const std::string batch = Build({.codec = codec}, {{.value = zeros}});
    const Status refused = reader.Open(batch, 1 << 20);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), ErrorCode::kLimit);
    Record record;
    EXPECT_FALSE(reader.Next(record));
    ASSERT_TRUE(reader.Open(batch).ok()) << "the reader works again";
    ASSERT_TRUE(reader.Next(record));
    EXPECT_EQ(record.value->size(), zeros.size());
    // The limit is exact.
    const size_t bytes = zeros.size() + 13;
    EXPECT_TRUE(reader.Open(batch, bytes).ok());
    EXPECT_FALSE(reader.Open(batch, bytes - 1).ok());
  }
}

// Java's clients refuse a frame whose blocks need the ones before (bit 5 of its flags).
TEST(RecordBatch, Lz4BlocksStandAlone) {
  const std::string batch = Build({.codec = Codec::kLz4}, {{.value = std::string(300'000, 'x')}});
  EXPECT_NE(batch[kBatchHeaderBytes + 4] & 0x20, 0);
}

// 127 MiB in a few bytes: no room is made for them to find that out.
TEST(RecordReader, WhatSnappyCouldNotHoldIsNoSnappy) {
  const std::string batch = BuildFive({.codec = Codec::kSnappy});
  std::string lying = batch.substr(0, kBatchHeaderBytes) + std::string("\xff\xff\xff\x3f\x00", 5);
  lying = With(lying, 8, static_cast<int32_t>(lying.size() - kBatchLengthEnd));
  RecordReader reader;
  const Status refused = reader.Open(lying, 1 << 20);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kCorrupt);
}

TEST(RecordReader, CompressedBytesCutOrDamagedAreAnError) {
  RecordReader reader;
  Record record;
  for (const Codec codec : {Codec::kGzip, Codec::kSnappy, Codec::kLz4, Codec::kZstd}) {
    SCOPED_TRACE(static_cast<int>(codec));
    const std::string batch = BuildFive({.codec = codec});
    for (size_t size = kBatchHeaderBytes; size < batch.size(); ++size) {
      const std::string cut =
          With(batch.substr(0, size), 8, static_cast<int32_t>(size - kBatchLengthEnd));
      ASSERT_TRUE(CheckBatch(cut).ok());
      Status status = reader.Open(cut);
      while (status.ok() && reader.Next(record)) {
      }
      EXPECT_FALSE(status.ok() && reader.status().ok()) << "cut to " << size;
    }
    for (size_t at = kBatchHeaderBytes; at < batch.size(); ++at) {  // no crash, whatever is said
      std::string damaged = batch;
      damaged[at] = static_cast<char>(~damaged[at]);
      if (!reader.Open(damaged).ok()) continue;
      while (reader.Next(record)) (void)record.Headers();
    }
  }
}

TEST(RecordReader, RecordsThatLieAboutTheirLengthsAreAnError) {
  const std::string batch = BuildFive({});
  RecordReader reader;
  Record record;
  for (size_t at = kBatchHeaderBytes; at < batch.size(); ++at) {
    for (const int bit : {0, 1, 3, 7}) {
      std::string damaged = batch;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      const std::vector<char> exact(damaged.begin(), damaged.end());
      ASSERT_TRUE(reader.Open({exact.data(), exact.size()}).ok());
      while (reader.Next(record)) (void)record.Headers();
    }
  }
  const std::string fewer = With(batch, 57, int32_t{4});
  ASSERT_TRUE(reader.Open(fewer).ok());
  while (reader.Next(record)) {
  }
  EXPECT_THAT(reader.status().error().message(), HasSubstr("bytes are left after the last record"));
}

TEST(RecordReader, OffsetsThatOverflowAreAnError) {
  RecordReader reader;
  const std::string batch = BuildFive({.base_offset = std::numeric_limits<int64_t>::max() - 3});
  ASSERT_FALSE(reader.Open(batch).ok());
  EXPECT_THAT(reader.status().error().message(), HasSubstr("offsets overflow"));
  EXPECT_TRUE(
      reader.Open(BuildFive({.base_offset = std::numeric_limits<int64_t>::max() - 4})).ok());
}

TEST(ValidateProduce, TakesWhatAProducerSends) {
  const ProduceVerdict verdict = Validate(BuildFive({.codec = Codec::kZstd,
                                                     .producer_id = 4,
                                                     .producer_epoch = 0,
                                                     .base_sequence = 0,
                                                     .transactional = true}));
  EXPECT_EQ(verdict.error, KafkaError::kNone) << verdict.message;
  EXPECT_EQ(verdict.header.record_count, 5);
  EXPECT_EQ(verdict.max_timestamp, kNow + 4000);
}

TEST(ValidateProduce, RefusesWithKafkasCodes) {
  const std::string batch = BuildFive({});
  const auto error = [](std::string_view bytes, ProduceRules rules = {}) {
    return KafkaErrorName(Validate(bytes, rules).error);
  };
  EXPECT_EQ(error(""), "INVALID_RECORD");
  EXPECT_EQ(error(batch + batch), "INVALID_RECORD") << "one batch a partition";
  EXPECT_EQ(error(batch.substr(0, 70)), "CORRUPT_MESSAGE");
  std::string old = batch;
  old[16] = 1;
  EXPECT_EQ(error(old), "INVALID_RECORD") << "magic 1";
  std::string damaged = batch;
  damaged.back() ^= 1;
  EXPECT_EQ(error(damaged), "CORRUPT_MESSAGE");
  EXPECT_EQ(error(batch, {.batch_bytes_max = batch.size()}), "NONE");
  EXPECT_EQ(error(batch, {.batch_bytes_max = batch.size() - 1}), "MESSAGE_TOO_LARGE");
  EXPECT_EQ(error(BuildFive({.base_offset = 3})), "INVALID_RECORD");
  EXPECT_EQ(error(BuildFive({.control = true})), "INVALID_RECORD");
  EXPECT_EQ(error(BuildFive({.producer_id = 1, .producer_epoch = 0})), "INVALID_RECORD")
      << "a producer id without a sequence";
  EXPECT_EQ(error(With(batch, 57, int32_t{0})), "INVALID_RECORD");
  EXPECT_EQ(error(With(batch, 57, int32_t{4})), "INVALID_RECORD");
  EXPECT_EQ(error(With(batch, 23, int32_t{-5})), "INVALID_RECORD");
  EXPECT_EQ(error(With(batch, 21, int16_t{6})), "UNSUPPORTED_COMPRESSION_TYPE");
  EXPECT_EQ(error(With(batch, 21, int16_t{4})), "CORRUPT_MESSAGE") << "not zstd";

  const std::string zstd = BuildFive({.codec = Codec::kZstd});
  EXPECT_EQ(error(zstd, {.request_version = 6}), "UNSUPPORTED_COMPRESSION_TYPE");
  EXPECT_EQ(error(zstd, {.request_version = 7}), "NONE");
  EXPECT_EQ(error(zstd, {.records_bytes_max = 100}), "MESSAGE_TOO_LARGE");
}

TEST(ValidateProduce, NamesTheRecordsWithoutKeyInACompactedTopic) {
  const ProduceVerdict verdict = Validate(BuildFive({}), {.compacted = true});
  EXPECT_EQ(verdict.error, KafkaError::kInvalidRecord);
  ASSERT_EQ(verdict.record_errors.size(), 1u);
  EXPECT_EQ(verdict.record_errors[0].index, 3);
  EXPECT_THAT(verdict.record_errors[0].message, HasSubstr("without key"));
}

TEST(ValidateProduce, NamesTheRecordsWithTimestampsOutOfRange) {
  const auto at = [](int64_t timestamp) { return Build({}, {{.timestamp = timestamp}}); };
  EXPECT_EQ(Validate(at(kNow + 3'600'000)).error, KafkaError::kNone);
  const ProduceVerdict late = Validate(at(kNow + 3'600'001));
  EXPECT_EQ(late.error, KafkaError::kInvalidTimestamp);
  ASSERT_EQ(late.record_errors.size(), 1u);
  EXPECT_THAT(late.record_errors[0].message, HasSubstr("Timestamp 1700003600001 of message"));
  EXPECT_EQ(Validate(at(0)).error, KafkaError::kNone) << "no limit to the past as shipped";
  EXPECT_EQ(Validate(at(0), {.before_ms_max = 1000}).error, KafkaError::kInvalidTimestamp);
  EXPECT_THAT(Validate(at(0), {.before_ms_max = 1000, .after_ms_max = kForEver})
                  .record_errors.at(0)
                  .message,
              HasSubstr("within [1699999999000, 9223372036854775807]"));
  EXPECT_EQ(Validate(at(-1), {.before_ms_max = 1000}).error, KafkaError::kNone) << "no timestamp";
  EXPECT_EQ(Validate(at(std::numeric_limits<int64_t>::max())).error, KafkaError::kInvalidTimestamp);
  EXPECT_EQ(Validate(at(0), {.log_append_time = true, .before_ms_max = 1}).error,
            KafkaError::kNone);

  std::string stamped = at(kNow);
  SetMaxTimestamp(stamped, true, kNow);
  EXPECT_EQ(Validate(stamped).error, KafkaError::kInvalidTimestamp)
      << "LogAppendTime is the broker's to set";
}

TEST(ValidateProduce, FindsTheGreatestTimestampWhateverTheHeaderSays) {
  std::string batch = Build({}, {{.timestamp = kNow}, {.timestamp = kNow + 9}, {.timestamp = 5}});
  SetMaxTimestamp(batch, false, 1);
  EXPECT_EQ(Validate(batch).max_timestamp, kNow + 9);
  EXPECT_EQ(Validate(batch, {.log_append_time = true}).max_timestamp, kNow);
}

}  // namespace
}  // namespace weir::log
