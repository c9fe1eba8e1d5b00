#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "weir/log/kafka/api.h"
#include "weir/log/kafka/decoder.h"
#include "weir/log/kafka/encoder.h"
#include "weir/log/kafka/errors.h"
#include "weir/log/kafka/messages/all_messages.h"
#include "weir/log/kafka/testing/any_message.h"
#include "weir/log/kafka/testing/random_message.h"

namespace weir::log::kafka {
namespace {

using testing::AnyMessage;
using ::testing::HasSubstr;
using testing::MessageType;
using testing::RandomMessage;

constexpr Uuid kUuid{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

std::string ToHex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    hex += "0123456789abcdef"[static_cast<uint8_t>(c) >> 4];
    hex += "0123456789abcdef"[static_cast<uint8_t>(c) & 15];
  }
  return hex;
}

template <typename M>
std::string Encode(const M& message, int16_t version) {
  Encoder e;
  const Status status = message.Encode(e, version);
  EXPECT_TRUE(status.ok()) << M::kName << " " << version << ": " << status.error().message();
  return status.ok() ? std::move(e).Finish().ToString() : "";
}

template <typename M>
std::string EncodeError(const M& message, int16_t version) {
  Encoder e;
  const Status status = message.Encode(e, version);
  return status.ok() ? "" : status.error().message();
}

template <typename M>
M Decode(std::string_view bytes, int16_t version) {
  M message;
  Decoder d(bytes);
  Status status = message.Decode(d, version);
  if (status.ok()) status = d.Finish();
  EXPECT_TRUE(status.ok()) << M::kName << " " << version << ": " << status.error().message();
  return message;
}

template <typename M>
std::string DecodeError(std::string_view bytes, int16_t version, size_t memory_max = 1 << 20) {
  M message;
  Decoder d(bytes, memory_max);
  Status status = message.Decode(d, version);
  if (status.ok()) status = d.Finish();
  return status.ok() ? "" : status.error().message();
}

// One message type, and what fills one with random values.
struct Case : MessageType {
  void (*fill)(RandomMessage& random, int16_t version, AnyMessage& message);

  std::unique_ptr<AnyMessage> Random(RandomMessage& random, int16_t version) const {
    auto message = make();
    fill(random, version, *message);
    return message;
  }
};

template <typename M>
constexpr Case CaseOf() {
  return {testing::TypeOf<M>(), [](RandomMessage& random, int16_t version, AnyMessage& message) {
            FillFields(random, version, static_cast<testing::MessageOf<M>&>(message).message);
          }};
}

constexpr Case kCases[] = {
#define X(M) CaseOf<M>(),
    WEIR_KAFKA_MESSAGES(X)
#undef X
};

template <typename F>
void ForEachVersion(F&& f) {
  for (const Case& c : kCases) {
    for (int16_t version = c.min_version; version <= c.max_version; ++version) {
      SCOPED_TRACE(std::string(c.name) + " " + std::to_string(version));
      f(c, version);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

std::string EncodeAny(const AnyMessage& message, int16_t version) {
  Encoder e;
  const Status status = message.Encode(e, version);
  EXPECT_TRUE(status.ok()) << status.error().message();
  return status.ok() ? std::move(e).Finish().ToString() : "";
}

Status DecodeAny(std::string_view bytes, int16_t version, AnyMessage& message) {
  Decoder d(bytes);
  WEIR_RETURN_IF_ERROR(message.Decode(d, version));
  return d.Finish();
}

TEST(KafkaCodec, EveryMessageOfEveryVersionComesBack) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    ForEachVersion([&](const Case& c, int16_t version) {
      RandomMessage random(seed);
      const auto message = c.Random(random, version);
      const std::string bytes = EncodeAny(*message, version);
      const auto again = c.Random(random, version);  // Decode overwrites whatever was there
      const Status status = DecodeAny(bytes, version, *again);
      ASSERT_TRUE(status.ok()) << status.error().message() << ", seed " << seed;
      ASSERT_TRUE(again->Equals(*message)) << "seed " << seed;
      ASSERT_EQ(EncodeAny(*again, version), bytes) << "seed " << seed;
    });
  }
}

TEST(KafkaCodec, InputCutAtAnyByteIsAnError) {
  ForEachVersion([&](const Case& c, int16_t version) {
    RandomMessage random(static_cast<uint64_t>(version));
    random.records_bytes_max = 50;
    const std::string bytes = EncodeAny(*c.Random(random, version), version);
    const auto message = c.make();
    for (size_t size = 0; size < bytes.size(); ++size) {
      // A buffer of exactly this size, so that the address sanitizer sees a byte too far.
      const std::vector<char> cut(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
      ASSERT_FALSE(DecodeAny({cut.data(), cut.size()}, version, *message).ok())
          << "cut to " << size << " of " << bytes.size();
    }
    const Status status = DecodeAny(bytes + "x", version, *message);
    ASSERT_FALSE(status.ok());
    ASSERT_THAT(status.error().message(), HasSubstr("1 bytes are left over"));
  });
}

TEST(KafkaCodec, DamagedInputIsRefusedOrAMessage) {
  size_t messages = 0;
  ForEachVersion([&](const Case& c, int16_t version) {
    RandomMessage random(static_cast<uint64_t>(version) + 99);
    random.records_bytes_max = 50;
    std::string bytes = EncodeAny(*c.Random(random, version), version);
    for (int i = 0; i < 20 && !bytes.empty(); ++i) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Next() >> random.Below(64));
      const auto message = c.make();
      if (!DecodeAny(bytes, version, *message).ok()) continue;
      const std::string written = EncodeAny(*message, version);
      const auto again = c.make();
      ASSERT_TRUE(DecodeAny(written, version, *again).ok());
      ASSERT_EQ(EncodeAny(*again, version), written);
      ++messages;
    }
  });
  EXPECT_GT(messages, 100u) << "the damage is too heavy to test anything";
}

TEST(KafkaCodec, WhatApacheKafkaWroteComesBackAsTheSameBytes) {
  std::ifstream file(WEIR_SOURCE_DIR "/tests/golden/kafka_messages.txt");
  std::map<std::pair<std::string, int16_t>, std::string> golden;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) continue;
    std::istringstream words(line);
    std::string name, hex;
    int16_t version = 0;
    words >> name >> version >> hex;
    golden[{name, version}] = hex;
  }
  ForEachVersion([&](const Case& c, int16_t version) {
    ASSERT_TRUE(golden.contains({std::string(c.name), version}));
    const std::string hex = golden[{std::string(c.name), version}];
    const auto message = c.make();
    const std::string bytes = FromHex(hex);
    const Status status = DecodeAny(bytes, version, *message);
    ASSERT_TRUE(status.ok()) << status.error().message();
    ASSERT_EQ(ToHex(EncodeAny(*message, version)), hex);
  });
}

// The bytes below are what kafka-clients 4.2.0 wrote for these values.

template <typename M>
void ExpectBytes(const M& message, int16_t version, const std::string& hex) {
  EXPECT_EQ(ToHex(Encode(message, version)), hex);
  EXPECT_TRUE(Decode<M>(FromHex(hex), version) == message) << hex;
}

TEST(KafkaGolden, RequestHeader) {
  RequestHeader header;
  header.request_api_key = 1;
  header.request_api_version = 13;
  header.correlation_id = 7;
  header.client_id = "me";
  ExpectBytes(header, 2, "0001000d0000000700026d6500");
  header.request_api_version = 11;
  header.client_id.reset();
  ExpectBytes(header, 1, "0001000b00000007ffff");
}

TEST(KafkaGolden, FetchRequest) {
  FetchRequest fetch;
  fetch.max_wait_ms = 500;
  fetch.min_bytes = 1;
  fetch.max_bytes = 1 << 20;
  fetch.isolation_level = 1;
  fetch.session_id = 3;
  fetch.session_epoch = 4;
  fetch.rack_id = "r1";
  fetch.cluster_id = "c1";
  auto& topic = fetch.topics.emplace_back();
  topic.topic_id = kUuid;
  auto& partition = topic.partitions.emplace_back();
  partition.partition = 2;
  partition.current_leader_epoch = 5;
  partition.fetch_offset = 99;
  partition.last_fetched_epoch = 6;
  partition.log_start_offset = 8;
  partition.partition_max_bytes = 4096;
  auto& forgotten = fetch.forgotten_topics_data.emplace_back();
  forgotten.topic_id = kUuid;
  forgotten.partitions = {1, 2};
  ExpectBytes(fetch, 16,
              "000001f40000000100100000010000000300000004020102030405060708090a0b0c0d0e0f10020000"
              "0002000000050000000000000063000000060000000000000008000010000000020102030405060708"
              "090a0b0c0d0e0f1003000000010000000200037231010003036331");
}

TEST(KafkaGolden, ProduceRequest) {
  ProduceRequest produce;
  produce.acks = -1;
  produce.timeout_ms = 30000;
  produce.transactional_id = "tx";
  auto& topic = produce.topic_data.emplace_back();
  topic.name = "orders";
  topic.partition_data.resize(2);
  topic.partition_data[0].index = 3;
  topic.partition_data[0].records = Records("\x01\x02\x03\x04");
  topic.partition_data[1].index = 4;
  ExpectBytes(produce, 8,
              "00027478ffff000075300000000100066f726465727300000002000000030000000401020304000000"
              "04ffffffff");
  ExpectBytes(produce, 9,
              "037478ffff0000753002076f726465727303000000030501020304000000000400000000");
}

TEST(KafkaGolden, ApiVersionsResponse) {
  ApiVersionsResponse answer;
  answer.error_code = static_cast<int16_t>(KafkaError::kUnsupportedVersion);
  auto& key = answer.api_keys.emplace_back();
  key.max_version = 13;
  ExpectBytes(answer, 0, "00230000000100000000000d");
  answer.throttle_time_ms = 9;
  auto& supported = answer.supported_features.emplace_back();
  supported.name = "transaction.version";
  supported.max_version = 2;
  answer.finalized_features_epoch = 11;
  auto& finalized = answer.finalized_features.emplace_back();
  finalized.name = "transaction.version";
  finalized.min_version_level = 2;
  finalized.max_version_level = 2;
  ExpectBytes(answer, 3,
              "00230200000000000d000000000903001a02147472616e73616374696f6e2e76657273696f6e000000"
              "02000108000000000000000b021a02147472616e73616374696f6e2e76657273696f6e0002000200");
}

TEST(KafkaGolden, NullTopicsAndANullStruct) {
  MetadataRequest metadata;
  metadata.topics.reset();
  metadata.allow_auto_topic_creation = false;
  ExpectBytes(metadata, 4, "ffffffff00");

  ConsumerGroupHeartbeatResponse heartbeat;
  heartbeat.member_id = "m";
  heartbeat.member_epoch = 2;
  heartbeat.heartbeat_interval_ms = 5000;
  ExpectBytes(heartbeat, 0, "00000000000000026d0000000200001388ff00");
  auto& topics = heartbeat.assignment.emplace().topic_partitions.emplace_back();
  topics.topic_id = kUuid;
  topics.partitions = {0, 7};
  ExpectBytes(heartbeat, 0,
              "00000000000000026d000000020000138801020102030405060708090a0b0c0d0e0f10030000000000"
              "000007000000");
}

TEST(KafkaEncoder, AValueThatTheVersionCannotCarryIsAnErrorUnlessIgnorable) {
  FetchRequest fetch;
  fetch.rack_id = "r1";  // 11+, ignorable
  EXPECT_EQ(EncodeError(fetch, 4), "");
  fetch.replica_state.replica_id = 3;  // 15+, not ignorable
  EXPECT_EQ(EncodeError(fetch, 14),
            "FetchRequest.replica_state: has a value, and version 14 has no such field");
  EXPECT_EQ(EncodeError(fetch, 15), "");

  DeleteTopicsRequest drop;
  drop.topics.emplace_back();  // 6+
  EXPECT_THAT(EncodeError(drop, 5), HasSubstr("DeleteTopicsRequest.topics: has a value"));
}

TEST(KafkaEncoder, NullWhereTheVersionHasNoneIsAnError) {
  MetadataRequest metadata;
  metadata.topics.reset();
  EXPECT_EQ(EncodeError(metadata, 0), "MetadataRequest.topics: null where it has to have a value");
}

TEST(KafkaEncoder, ALongStringIsAnError) {
  RequestHeader header;
  header.client_id = std::string(32767, 'x');
  EXPECT_EQ(EncodeError(header, 1), "");
  header.client_id->push_back('x');
  EXPECT_EQ(EncodeError(header, 1), "RequestHeader.client_id: 32768 bytes, and 32767 is the limit");
}

TEST(KafkaEncoder, AnUnknownVersionIsAnError) {
  EXPECT_EQ(EncodeError(FetchRequest(), 3), "FetchRequest has versions 4 to 18, not 3");
  EXPECT_EQ(DecodeError<FetchRequest>("", 19), "FetchRequest has versions 4 to 18, not 19");
}

TEST(KafkaEncoder, LargeRecordsAreReferencedAndSmallOnesCopied) {
  const std::string large(100'000, 'L'), second(5'000, 'S'), small(100, 's');
  FetchResponse response;
  auto& partitions = response.responses.emplace_back().partitions;
  partitions.resize(2);
  partitions[0].records.emplace(large).Append(small);
  partitions[0].records->Append(second);
  partitions[1].records = Records(small);

  Encoder e = Encoder::ForFrame();
  ResponseHeader header;
  header.correlation_id = 5;
  ASSERT_TRUE(header.Encode(e, 1).ok());
  ASSERT_TRUE(response.Encode(e, 16).ok());
  const size_t size = e.size();
  const Encoded frame = std::move(e).Finish();
  std::vector<std::string_view> pieces;
  frame.ForEachPiece([&](std::string_view piece) { pieces.push_back(piece); });
  ASSERT_EQ(pieces.size(), 5u);
  EXPECT_EQ(pieces[1].data(), large.data());
  EXPECT_EQ(pieces[1].size(), large.size());
  EXPECT_EQ(pieces[2], small);
  EXPECT_EQ(pieces[3].data(), second.data());

  const std::string bytes = frame.ToString();
  EXPECT_EQ(bytes.size(), size);
  EXPECT_EQ(frame.size(), size);
  Decoder d(bytes);
  EXPECT_EQ(d.Int32("length"), static_cast<int32_t>(size - 4));
  ASSERT_TRUE(header.Decode(d, 1).ok());
  FetchResponse again;
  ASSERT_TRUE(again.Decode(d, 16).ok());
  ASSERT_TRUE(d.Finish().ok());
  EXPECT_TRUE(again == response);
  EXPECT_EQ(again.responses[0].partitions[0].records->first(), large + small + second);
}

TEST(KafkaDecoder, ErrorsNameTheFieldAndTheByte) {
  EXPECT_EQ(DecodeError<RequestHeader>(FromHex("0001000d000000"), 2),
            "RequestHeader.correlation_id: 4 bytes are needed and 3 are left (byte 4)");
  EXPECT_EQ(DecodeError<RequestHeader>(FromHex("0001000d000000070009"), 2),
            "RequestHeader.client_id: a length of 9 where 0 bytes are left (byte 10)");
  EXPECT_EQ(DecodeError<MetadataRequest>(FromHex("ffffffff"), 0),
            "MetadataRequest.topics: null where it has to have a value (byte 4)");
}

TEST(KafkaDecoder, AnArrayIsNoLongerThanTheBytesCouldFill) {
  EXPECT_EQ(DecodeError<MetadataRequest>(FromHex("7fffffff"), 1),
            "MetadataRequest.topics: an array of 2147483647 elements where 0 bytes are left "
            "(byte 4)");
  EXPECT_THAT(DecodeError<MetadataRequest>(FromHex("fffffffe"), 1),
              HasSubstr("an array of -2 elements"));
  // One topic takes at least the 2 bytes of its name's length: 3 do not go into 5 bytes.
  EXPECT_THAT(DecodeError<MetadataRequest>(FromHex("000000030000000000"), 1),
              HasSubstr("an array of 3 elements where 5 bytes are left"));
}

TEST(KafkaDecoder, AMessageOfEmptyElementsStopsAtTheMemoryLimit) {
  std::string bytes = FromHex("000f4240");  // a million topics of an empty name
  bytes.resize(bytes.size() + 2'000'000);
  EXPECT_EQ(DecodeError<MetadataRequest>(bytes, 1, 512 << 20), "");
  EXPECT_THAT(DecodeError<MetadataRequest>(bytes, 1, 1 << 20), HasSubstr("the limit of memory"));
}

TEST(KafkaDecoder, UnknownTaggedFieldsAreSkipped) {
  RequestHeader header = Decode<RequestHeader>(FromHex("0001000d0000000700026d65"
                                                       "02"
                                                       "0003aabbcc"
                                                       "6401dd"),
                                               2);
  EXPECT_EQ(header.client_id, "me");
  EXPECT_THAT(DecodeError<RequestHeader>(FromHex("0001000d0000000700026d65"
                                                 "01"
                                                 "0004aabbcc"),
                                         2),
              HasSubstr("a tagged field of 4 bytes where 3 are left"));
}

TEST(KafkaDecoder, ATaggedFieldFillsItsSize) {
  // FetchRequest's cluster_id (tag 0) "c1" is 3 bytes; the size says 4.
  const std::string head =
      "ffffffff"
      "000001f4"
      "00000001"
      "00100000"
      "01"
      "00000003"
      "00000004"
      "01"
      "01"
      "01";
  EXPECT_EQ(Decode<FetchRequest>(FromHex(head + "010003036331"), 12).cluster_id, "c1");
  EXPECT_THAT(DecodeError<FetchRequest>(FromHex(head + "01000403633100"), 12),
              HasSubstr("1 bytes are left over in tag 0"));
}

TEST(KafkaDecoder, AVarintOfMoreThan32BitsIsAnError) {
  const std::string bytes = FromHex("ffffffff0f");
  Decoder largest(bytes);
  EXPECT_EQ(largest.UnsignedVarint("n"), 0xffffffffu);
  for (const char* hex : {"ffffffff1f", "ffffffffff01", "8080808080808000"}) {
    const std::string wrong = FromHex(hex);
    Decoder d(wrong);
    EXPECT_EQ(d.UnsignedVarint("n"), 0u);
    EXPECT_THAT(d.status().error().message(), HasSubstr("more than 32 bits")) << hex;
  }
}

TEST(KafkaDecoder, FieldsThatAVersionLacksGetTheirDefault) {
  FetchRequest fetch;
  fetch.max_wait_ms = 5;
  const std::string bytes = Encode(fetch, 4);
  RandomMessage random(1);
  FetchRequest again = random.Make<FetchRequest>(18);
  Decoder d(bytes);
  ASSERT_TRUE(again.Decode(d, 4).ok());
  EXPECT_EQ(again.session_epoch, -1);
  EXPECT_EQ(again.rack_id, "");
  EXPECT_FALSE(again.cluster_id.has_value());
  EXPECT_EQ(again.replica_state.replica_epoch, -1);
}

TEST(KafkaApi, KnowsVersionsAndHeaders) {
  const ApiInfo* fetch = FindApi(1);
  ASSERT_NE(fetch, nullptr);
  EXPECT_EQ(fetch->name, "Fetch");
  EXPECT_TRUE(fetch->Has(4) && fetch->Has(18) && !fetch->Has(3) && !fetch->Has(19));
  EXPECT_EQ(fetch->RequestHeaderVersion(11), 1);
  EXPECT_EQ(fetch->RequestHeaderVersion(12), 2);
  EXPECT_EQ(fetch->ResponseHeaderVersion(11), 0);
  EXPECT_EQ(fetch->ResponseHeaderVersion(12), 1);

  const ApiInfo* versions = FindApi(static_cast<int16_t>(ApiKey::kApiVersions));
  EXPECT_EQ(versions->RequestHeaderVersion(3), 2);
  EXPECT_EQ(versions->ResponseHeaderVersion(3), 0);
  EXPECT_EQ(FindApi(17)->RequestHeaderVersion(1), 1) << "SaslHandshake never became flexible";

  const ApiInfo* produce = FindApi(0);
  EXPECT_EQ(produce->min_version, 3);
  EXPECT_EQ(produce->listed_min_version, 0);
  EXPECT_EQ(FindApi(22)->max_version, 5) << "InitProducerId 6 is unstable in 4.2";
  EXPECT_EQ(FindApi(4), nullptr);
  EXPECT_EQ(FindApi(-1), nullptr);
  EXPECT_EQ(FindApi(32000), nullptr);
}

}  // namespace
}  // namespace weir::log::kafka
