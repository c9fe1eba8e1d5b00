#include "weir/log/kafka/handlers/handlers.h"

#include <limits>

#include "gmock/gmock.h"
#include "weir/log/kafka/messages/api_versions.h"
#include "weir/log/kafka/messages/fetch.h"
#include "weir/log/kafka/messages/list_offsets.h"
#include "weir/log/kafka/messages/metadata.h"
#include "weir/log/kafka/messages/produce.h"
#include "weir/log/kafka/testing/broker_fixture.h"

namespace weir::log::kafka {
namespace {

using ::testing::ElementsAre;

class HandlersTest : public testing::BrokerFixture {
 protected:
  const Topic& FindTopic(const std::string& name) { return *log_->topics().Find(name); }

  ProduceRequest Producing(const std::string& topic, int32_t partition, const std::string& batch,
                           int16_t version, int16_t acks = -1) {
    ProduceRequest request;
    request.acks = acks;
    request.topic_data.resize(1);
    if (version >= 13) {
      request.topic_data[0].topic_id = FindTopic(topic).id;
    } else {
      request.topic_data[0].name = topic;
    }
    request.topic_data[0].partition_data.resize(1);
    request.topic_data[0].partition_data[0].index = partition;
    request.topic_data[0].partition_data[0].records = Records(batch);
    return request;
  }
  ProduceResponse::PartitionProduceResponse Produce(const std::string& topic,
                                                    const std::string& batch,
                                                    int16_t version = 12) {
    const auto response =
        Ask<ProduceRequest, ProduceResponse>(Producing(topic, 0, batch, version), version);
    return response.responses.at(0).partition_responses.at(0);
  }

  FetchRequest Fetching(const std::string& topic, int64_t offset, int16_t version) {
    FetchRequest request;
    request.max_wait_ms = 100;
    request.min_bytes = 1;
    request.max_bytes = 1 << 20;
    request.topics.resize(1);
    if (version >= 13) {
      request.topics[0].topic_id = FindTopic(topic).id;
    } else {
      request.topics[0].topic = topic;
    }
    request.topics[0].partitions.resize(1);
    request.topics[0].partitions[0].fetch_offset = offset;
    request.topics[0].partitions[0].partition_max_bytes = 1 << 20;
    return request;
  }
  static int16_t Code(KafkaError error) { return static_cast<int16_t>(error); }
};

TEST_F(HandlersTest, ApiVersionsListsWhatIsServedInEachVersion) {
  for (int16_t version = 0; version <= kApiVersionsHandler.max_version; ++version) {
    ApiVersionsRequest request;
    if (version >= 3) {
      request.client_software_name = "test";
      request.client_software_version = "1";
    }
    const auto response = Ask<ApiVersionsRequest, ApiVersionsResponse>(request, version);
    EXPECT_EQ(response.error_code, 0);
    EXPECT_EQ(response.api_keys.size(), Handlers().size());
    EXPECT_EQ(response.api_keys.at(0).api_key, 0);
    EXPECT_EQ(response.api_keys.at(0).min_version, 0);  // for librdkafka
    EXPECT_EQ(response.api_keys.at(0).max_version, 13);
  }
}

TEST_F(HandlersTest, AnUnknownVersionOfApiVersionsIsAnsweredInTheOldestForm) {
  ApiVersionsResponse got;
  const std::string request("\x00\x12\x00\x63\x00\x00\x12\x67", 8);  // version 99
  bool answered = false;
  Dispatch(*broker_, session_, request, [&](Response response) {
    answered = true;
    ASSERT_EQ(response.kind, Response::Kind::kAnswer);
    const std::string bytes = response.bytes.ToString();
    Decoder decoder(std::string_view(bytes).substr(8));
    ASSERT_TRUE(got.Decode(decoder, 0).ok());
    EXPECT_TRUE(decoder.Finish().ok());
  });
  EXPECT_TRUE(answered);
  EXPECT_EQ(got.error_code, Code(KafkaError::kUnsupportedVersion));
  EXPECT_FALSE(got.api_keys.empty());
}

TEST_F(HandlersTest, WhatIsNoRequestClosesTheConnection) {
  for (const std::string& bytes :
       {std::string(), std::string("\x00", 1), std::string("\x7f\xff\x00\x00\x00\x00\x00\x01", 8),
        std::string("\x00\x00\x00\x63\x00\x00\x00\x01", 8),
        std::string("\x00\x03\x00\x0c\x00\x00\x00\x01\x00\x01", 10)}) {
    bool closed = false;
    Dispatch(*broker_, session_, bytes,
             [&](Response response) { closed = response.kind == Response::Kind::kClose; });
    EXPECT_TRUE(closed);
  }
}

TEST_F(HandlersTest, MetadataDescribesAndCreatesTopicsInEachVersion) {
  MakeTopic("known", 3);
  for (int16_t version = 0; version <= kMetadataHandler.max_version; ++version) {
    MetadataRequest request;
    request.topics.emplace(2);
    request.topics->at(0).name = "known";
    request.topics->at(1).name = "new" + std::to_string(version);
    const auto response = Ask<MetadataRequest, MetadataResponse>(request, version);
    ASSERT_EQ(response.topics.size(), 2u);
    EXPECT_EQ(response.topics[0].error_code, 0);
    EXPECT_EQ(response.topics[0].partitions.size(), 3u);
    EXPECT_EQ(response.topics[1].error_code, 0);
    EXPECT_EQ(response.topics[1].partitions.size(), 1u);
    EXPECT_THAT(response.topics[0].partitions[2].isr_nodes, ElementsAre(1));
    EXPECT_EQ(response.brokers.at(0).port, 9092);
    if (version >= 2) {
      EXPECT_EQ(response.cluster_id->size(), 22u);
    }
  }
  // All topics: null, in version 0 an empty list; else an empty list means none.
  MetadataRequest all;
  all.topics.emplace();
  EXPECT_EQ((Ask<MetadataRequest, MetadataResponse>(all, 0).topics.size()), 15u);
  EXPECT_EQ((Ask<MetadataRequest, MetadataResponse>(all, 1).topics.size()), 0u);
  all.topics.reset();
  EXPECT_EQ((Ask<MetadataRequest, MetadataResponse>(all, 1).topics.size()), 15u);
}

TEST_F(HandlersTest, MetadataSaysWhatIsWrong) {
  MetadataRequest request;
  request.allow_auto_topic_creation = false;
  request.topics.emplace(3);
  request.topics->at(0).name = "absent";
  request.topics->at(1).name = "not a name";
  request.topics->at(2).name = std::nullopt;
  request.topics->at(2).topic_id.bytes[3] = 1;
  const auto response = Ask<MetadataRequest, MetadataResponse>(request, 12);
  EXPECT_EQ(response.topics[0].error_code, Code(KafkaError::kUnknownTopicOrPartition));
  EXPECT_EQ(response.topics[1].error_code, Code(KafkaError::kInvalidTopicException));
  EXPECT_EQ(response.topics[2].error_code, Code(KafkaError::kUnknownTopicId));
}

TEST_F(HandlersTest, MetadataFindsTopicsByTheirIds) {
  MakeTopic("t", 3);
  for (const std::optional<std::string>& name :
       {std::optional<std::string>(), std::optional<std::string>("")}) {  // "": Java's client
    MetadataRequest request;
    request.topics.emplace(1);
    request.topics->at(0).name = name;
    request.topics->at(0).topic_id = FindTopic("t").id;
    const auto response = Ask<MetadataRequest, MetadataResponse>(request, 12);
    ASSERT_EQ(response.topics.size(), 1u);
    EXPECT_EQ(response.topics[0].error_code, 0);
    EXPECT_EQ(response.topics[0].name, "t");
    EXPECT_EQ(response.topics[0].partitions.size(), 3u);
  }
}

TEST_F(HandlersTest, MetadataDescribesATopicOnceHoweverOftenItIsAskedFor) {
  MakeTopic("t", 3);
  MetadataRequest request;
  request.topics.emplace(1000);
  for (size_t i = 0; i < 1000; ++i) {
    auto& asked = request.topics->at(i);
    asked.name = i % 2 == 0 ? "t" : std::to_string(i);
    if (i % 2 == 1) asked.topic_id = FindTopic("t").id;  // the name is not looked at then
  }
  const auto response = Ask<MetadataRequest, MetadataResponse>(request, 12);
  EXPECT_EQ(response.topics.size(), 2u);
}

TEST_F(HandlersTest, WhatIsProducedIsFetchedInEachVersion) {
  MakeTopic("t");
  int64_t offset = 0;
  for (int16_t version = 3; version <= kProduceHandler.max_version; ++version) {
    const auto produced = Produce("t", Batch({"one", "two"}), version);
    EXPECT_EQ(produced.error_code, 0) << version;
    EXPECT_EQ(produced.base_offset, offset);
    offset += 2;
  }
  for (int16_t version = 4; version <= kFetchHandler.max_version; ++version) {
    const auto pending = Send<FetchRequest, FetchResponse>(Fetching("t", 3, version), version);
    const FetchResponse response = pending.Get();
    ASSERT_EQ(response.responses.size(), 1u);
    const auto& data = response.responses[0].partitions.at(0);
    EXPECT_EQ(data.error_code, 0);
    EXPECT_EQ(data.high_watermark, offset);
    RecordReader reader;
    ASSERT_TRUE(reader.Open(data.records->first().substr(0, Batch({"one", "two"}).size())).ok());
    Record record;
    ASSERT_TRUE(reader.Next(record));
    EXPECT_EQ(record.offset, 2);
    EXPECT_EQ(record.value, "one");
  }
}

TEST_F(HandlersTest, ProduceIsAnsweredWhenDurable) {
  MakeTopic("t");
  const std::string batch = Batch({"x"});
  const auto all = Send<ProduceRequest, ProduceResponse>(Producing("t", 0, batch, 9), 9);
  const auto leader = Send<ProduceRequest, ProduceResponse>(Producing("t", 0, batch, 9, 1), 9);
  const auto none = Send<ProduceRequest, ProduceResponse>(Producing("t", 0, batch, 9, 0), 9);
  EXPECT_FALSE(all.done());
  EXPECT_FALSE(leader.done());
  EXPECT_TRUE(none.silent());
  Flush();
  EXPECT_EQ(all.Get().responses[0].partition_responses[0].base_offset, 0);
  EXPECT_EQ(leader.Get().responses[0].partition_responses[0].base_offset, 1);
}

TEST_F(HandlersTest, ProduceSaysWhatIsWrong) {
  MakeTopic("t");
  MakeTopic("compacted", 1, {{"cleanup.policy", "compact"}});
  MakeTopic("small", 1, {{"max.message.bytes", "100"}});
  std::string damaged = Batch({"value"});
  damaged.back() = static_cast<char>(damaged.back() + 1);
  EXPECT_EQ(Produce("t", damaged).error_code, Code(KafkaError::kCorruptMessage));
  EXPECT_EQ(Produce("t", "").error_code, Code(KafkaError::kInvalidRecord));
  EXPECT_EQ(Produce("compacted", Batch({"no key"})).error_code, Code(KafkaError::kInvalidRecord));
  EXPECT_EQ(Produce("small", Batch({std::string(200, 'x')})).error_code,
            Code(KafkaError::kMessageTooLarge));
  EXPECT_EQ(Produce("absent", Batch({"x"})).error_code, Code(KafkaError::kUnknownTopicOrPartition));
  const auto acks = Ask<ProduceRequest, ProduceResponse>(Producing("t", 0, Batch({"x"}), 9, 2), 9);
  EXPECT_EQ(acks.responses[0].partition_responses[0].error_code,
            Code(KafkaError::kInvalidRequiredAcks));
  EXPECT_EQ(broker_->FindPartition(&FindTopic("t"), 0)->next_offset(), 0);
}

TEST_F(HandlersTest, LogAppendTimeIsTheBrokers) {
  MakeTopic("t", 1, {{"message.timestamp.type", "LogAppendTime"}});
  const auto produced = Produce("t", Batch({"x"}, {}, 5));
  EXPECT_EQ(produced.error_code, 0);
  EXPECT_GE(produced.log_append_time_ms, 1'767'225'600'000);
  const auto fetched = Send<FetchRequest, FetchResponse>(Fetching("t", 0, 12), 12);
  const FetchResponse response = fetched.Get();
  RecordReader reader;
  ASSERT_TRUE(reader.Open(response.responses.at(0).partitions[0].records->first()).ok());
  Record record;
  ASSERT_TRUE(reader.Next(record));
  EXPECT_EQ(record.timestamp, produced.log_append_time_ms);
}

TEST_F(HandlersTest, AFetchWaitsForRecordsOrTime) {
  MakeTopic("t");
  auto waiting = Send<FetchRequest, FetchResponse>(Fetching("t", 0, 11), 11);
  EXPECT_FALSE(waiting.done());
  Produce("t", Batch({"x"}));
  ASSERT_TRUE(waiting.done());
  EXPECT_GT(waiting.Get().responses[0].partitions[0].records->size(), 0u);

  waiting = Send<FetchRequest, FetchResponse>(Fetching("t", 1, 11), 11);
  Pass(99);
  EXPECT_FALSE(waiting.done());
  Pass(1);
  ASSERT_TRUE(waiting.done());
  EXPECT_EQ(waiting.Get().responses[0].partitions[0].records->size(), 0u);
  EXPECT_EQ(broker_->fetch_waiters().size(), 0u);

  FetchRequest weeks = Fetching("t", 1, 11);
  weeks.max_wait_ms = std::numeric_limits<int32_t>::max();
  waiting = Send<FetchRequest, FetchResponse>(weeks, 11);
  Pass(59'999);
  EXPECT_FALSE(waiting.done());
  Pass(1);
  EXPECT_TRUE(waiting.done());

  FetchRequest much = Fetching("t", 0, 11);
  much.min_bytes = 100'000;
  waiting = Send<FetchRequest, FetchResponse>(much, 11);
  Produce("t", Batch({"y"}));
  EXPECT_FALSE(waiting.done());
  Produce("t", Batch({std::string(100'000, 'z')}));
  EXPECT_TRUE(waiting.done());
}

TEST_F(HandlersTest, NothingIsServedBeforeItIsDurable) {
  MakeTopic("t");
  Send<ProduceRequest, ProduceResponse>(Producing("t", 0, Batch({"x"}), 9), 9);
  const auto waiting = Send<FetchRequest, FetchResponse>(Fetching("t", 0, 11), 11);
  EXPECT_FALSE(waiting.done());
  Flush();
  EXPECT_TRUE(waiting.done());
}

TEST_F(HandlersTest, FetchSaysWhatIsWrong) {
  MakeTopic("t");
  Produce("t", Batch({"x"}));
  const auto error = [&](FetchRequest request, int16_t version) {
    return (Ask<FetchRequest, FetchResponse>(request, version))
        .responses.at(0)
        .partitions.at(0)
        .error_code;
  };
  EXPECT_EQ(error(Fetching("t", 2, 11), 11), Code(KafkaError::kOffsetOutOfRange));
  EXPECT_EQ(error(Fetching("t", -1, 11), 11), Code(KafkaError::kOffsetOutOfRange));
  EXPECT_EQ(error(Fetching("absent", 0, 11), 11), Code(KafkaError::kUnknownTopicOrPartition));
  FetchRequest unknown = Fetching("t", 0, 13);
  unknown.topics[0].topic_id.bytes[0] ^= 1;
  EXPECT_EQ(error(unknown, 13), Code(KafkaError::kUnknownTopicId));
  FetchRequest future = Fetching("t", 0, 11);
  future.topics[0].partitions[0].current_leader_epoch = 7;
  EXPECT_EQ(error(future, 11), Code(KafkaError::kUnknownLeaderEpoch));
}

TEST_F(HandlersTest, AFetchSessionSaysOnlyWhatIsNew) {
  MakeTopic("a");
  MakeTopic("b");
  FetchRequest first = Fetching("a", 0, 12);
  first.max_wait_ms = 0;
  first.session_epoch = 0;
  first.topics.push_back(Fetching("b", 0, 12).topics[0]);
  const auto full = Ask<FetchRequest, FetchResponse>(first, 12);
  EXPECT_NE(full.session_id, 0);
  EXPECT_EQ(full.responses.size(), 2u);

  FetchRequest next;
  next.session_id = full.session_id;
  next.session_epoch = 1;
  next.max_bytes = 1 << 20;
  EXPECT_EQ((Ask<FetchRequest, FetchResponse>(next, 12).responses.size()), 0u);
  Produce("b", Batch({"x"}));
  next.session_epoch = 2;
  const auto incremental = Ask<FetchRequest, FetchResponse>(next, 12);
  ASSERT_EQ(incremental.responses.size(), 1u);
  EXPECT_EQ(incremental.responses[0].topic, "b");
  EXPECT_GT(incremental.responses[0].partitions[0].records->size(), 0u);

  EXPECT_EQ((Ask<FetchRequest, FetchResponse>(next, 12).error_code),
            Code(KafkaError::kInvalidFetchSessionEpoch));
  next.session_epoch = 3;
  next.forgotten_topics_data.push_back({"b", {}, {0}});
  EXPECT_EQ((Ask<FetchRequest, FetchResponse>(next, 12).responses.size()), 0u);
  next.session_id += 1;
  EXPECT_EQ((Ask<FetchRequest, FetchResponse>(next, 12).error_code),
            Code(KafkaError::kFetchSessionIdNotFound));
}

TEST_F(HandlersTest, ListOffsetsFindsTheSpecialOnesAndTimestampsInEachVersion) {
  MakeTopic("t");
  for (int64_t i = 0; i < 10; ++i) {
    // The greatest timestamp is not the last one.
    Produce("t", Batch({"a", "b"}, {}, 1'767'225'600'000 + 1000 * (i == 9 ? 3 : i)));
  }
  for (int16_t version = 1; version <= kListOffsetsHandler.max_version; ++version) {
    const auto at = [&](int64_t timestamp) {
      ListOffsetsRequest request;
      request.replica_id = -1;
      request.topics.resize(1);
      request.topics[0].name = "t";
      request.topics[0].partitions.resize(1);
      request.topics[0].partitions[0].timestamp = timestamp;
      const auto response = Ask<ListOffsetsRequest, ListOffsetsResponse>(request, version);
      EXPECT_EQ(response.topics.at(0).partitions.at(0).error_code, 0);
      return response.topics[0].partitions[0].offset;
    };
    EXPECT_EQ(at(-1), 20);
    EXPECT_EQ(at(-2), 0);
    EXPECT_EQ(at(-3), 16);
    EXPECT_EQ(at(0), 0);
    EXPECT_EQ(at(1'767'225'602'500), 6);
    EXPECT_EQ(at(1'767'225'699'000), -1);
  }
}

// As Kafka: else a small request could look up a timestamp a hundred thousand times.
TEST_F(HandlersTest, ListOffsetsRefusesPartitionsThatAreNamedAgain) {
  MakeTopic("t", 2);
  Produce("t", Batch({"a", "b"}));
  ListOffsetsRequest request;
  request.topics.resize(2);
  request.topics[0].name = request.topics[1].name = "t";
  request.topics[0].partitions.resize(2);
  request.topics[0].partitions[1].partition_index = 1;
  request.topics[1].partitions.resize(1);
  const auto response = Ask<ListOffsetsRequest, ListOffsetsResponse>(request, 7);
  const auto invalid = Code(KafkaError::kInvalidRequest);
  EXPECT_EQ(response.topics.at(0).partitions.at(0).error_code, invalid);
  EXPECT_EQ(response.topics[0].partitions.at(1).error_code, 0);
  EXPECT_EQ(response.topics.at(1).partitions.at(0).error_code, invalid);
  EXPECT_EQ(response.topics[1].partitions[0].offset, -1);
}

// Records were deleted up to the middle of a batch: times below its start are not found, those
// above are, in it or behind it.
TEST_F(HandlersTest, ListOffsetsFindsTimestampsWhereTheStartIsWithinABatch) {
  MakeTopic("t");
  BatchBuilder first;
  for (const int64_t timestamp : {300, 100, 200}) first.Add({.timestamp = timestamp, .value = "v"});
  auto batch = std::move(first).Finish();
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ(Produce("t", *batch).error_code, 0);
  EXPECT_EQ(Produce("t", Batch({"v"}, {}, 250)).error_code, 0);
  const uint32_t number = FindTopic("t").partitions[0];
  ASSERT_TRUE(log_->Commit({}, {EventLog::StartOffset(number, 1)}, nullptr).ok());
  Flush();
  const auto at = [&](int64_t timestamp) {
    ListOffsetsRequest request;
    request.topics.resize(1);
    request.topics[0].name = "t";
    request.topics[0].partitions.resize(1);
    request.topics[0].partitions[0].timestamp = timestamp;
    const auto response = Ask<ListOffsetsRequest, ListOffsetsResponse>(request, 7);
    EXPECT_EQ(response.topics.at(0).partitions.at(0).error_code, 0);
    return response.topics[0].partitions[0].offset;
  };
  EXPECT_EQ(at(50), 1);
  EXPECT_EQ(at(150), 2);
  EXPECT_EQ(at(250), 3);
  EXPECT_EQ(at(300), -1);
  EXPECT_EQ(at(-3), 3);  // not the one that was deleted
}

// The greatest timestamp is one of a record that may be read: not of one that waits for the disk,
// nor, for read_committed, of one whose transaction is open.
TEST_F(HandlersTest, ListOffsetsFindsTheGreatestTimestampOfWhatMayBeRead) {
  MakeTopic("t");
  const uint32_t number = FindTopic("t").partitions[0];
  for (const int64_t timestamp : {100, 300, 200}) Produce("t", Batch({"v"}, {}, timestamp));
  BatchOptions open;
  open.producer_id = 5;
  open.producer_epoch = 0;
  open.base_sequence = 0;
  open.transactional = true;
  for (const auto& batch : {Batch({"v", "w"}, open, 400), Batch({"v"}, {}, 350)}) {
    ASSERT_TRUE(log_->Commit({{number, batch, *ReadBatchHeader(batch), {}}}, {}, nullptr).ok());
  }
  Flush();
  const std::string waits = Batch({"v"}, {}, 500);
  ASSERT_TRUE(log_->Commit({{number, waits, *ReadBatchHeader(waits), {}}}, {}, nullptr).ok());
  const auto newest = [&](int8_t isolation_level) {
    ListOffsetsRequest request;
    request.isolation_level = isolation_level;
    request.topics.resize(1);
    request.topics[0].name = "t";
    request.topics[0].partitions.resize(1);
    request.topics[0].partitions[0].timestamp = -3;
    return Ask<ListOffsetsRequest, ListOffsetsResponse>(request, 7).topics[0].partitions[0].offset;
  };
  EXPECT_EQ(newest(0), 3);
  EXPECT_EQ(newest(1), 1);
  Flush();
  EXPECT_EQ(newest(0), 6);
  EXPECT_EQ(newest(1), 1);
  ASSERT_TRUE(log_->Commit({}, {EventLog::StartOffset(number, 4)}, nullptr).ok());
  EXPECT_EQ(newest(0), 6);
  EXPECT_EQ(newest(1), -1);
}

TEST_F(HandlersTest, AFetchMayNameAPartitionTwiceAndWait) {
  MakeTopic("t");
  for (const int16_t version : {4, 12}) {
    FetchRequest request;
    request.max_bytes = 0;  // the first batch comes all the same
    request.min_bytes = 1;
    request.max_wait_ms = 60'000;
    request.topics.resize(1);
    request.topics[0].topic = "t";
    request.topics[0].partitions.resize(2);
    const int64_t newest = broker_->FindPartition(&FindTopic("t"), 0)->next_offset();
    for (auto& partition : request.topics[0].partitions) partition.fetch_offset = newest;
    const auto pending = Send<FetchRequest, FetchResponse>(request, version);
    ASSERT_FALSE(pending.done());
    Produce("t", Batch({"x"}));
    Pass(1);
    ASSERT_TRUE(pending.done());
    EXPECT_GT(pending.Get().responses.at(0).partitions.at(0).records->size(), 0u);
  }
}

TEST_F(HandlersTest, AFetchBringsNoMoreThanItsConnectionHasRoomFor) {
  MakeTopic("t");
  for (int i = 0; i < 4; ++i) Produce("t", Batch({std::string(1000, 'x')}));
  uint64_t room = 2500;
  session_->answer_room = [&] { return room; };
  FetchRequest request;
  request.max_bytes = 1 << 20;
  request.min_bytes = 1 << 20;
  request.max_wait_ms = 60'000;
  request.topics.resize(1);
  request.topics[0].topic = "t";
  request.topics[0].partitions.resize(1);
  request.topics[0].partitions[0].partition_max_bytes = 1 << 20;
  const auto bytes = [&] {
    const auto pending = Send<FetchRequest, FetchResponse>(request, 12);
    if (!pending.done()) Pass(60'000);
    return pending.Get().responses.at(0).partitions.at(0).records->size();
  };
  EXPECT_GT(bytes(), 2000u);
  EXPECT_LT(bytes(), 2500u);
  room = 1;
  EXPECT_GT(bytes(), 1000u);  // a batch, as ever
  room = 0;
  const auto full = Send<FetchRequest, FetchResponse>(request, 12);
  ASSERT_TRUE(full.done());
  EXPECT_EQ(full.Get().responses.at(0).partitions.at(0).records->size(), 0u);
  // With nothing to bring it waits as it was told.
  request.topics[0].partitions[0].fetch_offset = 4;
  EXPECT_FALSE((Send<FetchRequest, FetchResponse>(request, 12).done()));
}

}  // namespace
}  // namespace weir::log::kafka
