#include "weir/log/kafka/read_ahead.h"

#include "gtest/gtest.h"
#include "weir/log/kafka/messages/fetch.h"
#include "weir/log/kafka/messages/produce.h"
#include "weir/log/kafka/testing/broker_fixture.h"

namespace weir::log::kafka {
namespace {

class ReadAheadTest : public testing::BrokerFixture {
 protected:
  static constexpr int64_t kBatches = 40;
  static constexpr size_t kBatchBytes = 300 << 10;

  // A batch of one record for each offset, each with its number at the begin.
  void SetUp() override {
    MakeTopic("t");
    for (int64_t i = 0; i < kBatches; ++i) {
      std::string value = std::to_string(i) + " ";
      value.resize(kBatchBytes, 'x');
      ProduceRequest request;
      request.acks = -1;
      request.topic_data.resize(1);
      request.topic_data[0].name = "t";
      request.topic_data[0].partition_data.resize(1);
      const std::string batch = Batch({value});
      request.topic_data[0].partition_data[0].records = Records(batch);
      const auto response = Ask<ProduceRequest, ProduceResponse>(request, 9);
      ASSERT_EQ(response.responses.at(0).partition_responses.at(0).error_code, 0);
    }
    partition_ = broker_->FindPartition(log_->topics().Find("t"), 0);
  }

  ReadAhead& ahead() { return broker_->read_ahead(); }
  static ReadOptions Options(uint64_t max_bytes = 1 << 20) {
    return {.max_bytes = max_bytes, .at_least_one = true, .end_offset = kBatches};
  }
  void Plan(int64_t offset, const ReadOptions& options = Options()) {
    ahead().Plan({{partition_->number(), offset, options}});
    Pass(0);
  }
  // Their base offsets.
  static std::vector<int64_t> Offsets(const FetchedBatches& read) {
    std::vector<int64_t> offsets;
    for (const std::string_view batch : read.batches) {
      offsets.push_back(ReadBatchHeader(batch)->base_offset);
    }
    return offsets;
  }
  double Counted(const std::string& name) {
    return static_cast<double>(metrics_.GetCounter(name, "").value());
  }
  double used() { return Counted("weir_log_read_ahead_bytes_total"); }
  double unused() { return Counted("weir_log_read_ahead_unused_bytes_total"); }

  PartitionLog* partition_ = nullptr;
};

TEST_F(ReadAheadTest, WhatWasReadAheadIsWhatAReadGives) {
  Plan(5);
  EXPECT_GE(ahead().bytes(), 3 * kBatchBytes);
  const FetchedBatches read = ahead().Read(partition_->number(), 5, Options());
  EXPECT_EQ(Offsets(read), Offsets(log_->Read(partition_->number(), 5, Options())));
  EXPECT_EQ(Offsets(read), (std::vector<int64_t>{5, 6, 7}));
  EXPECT_EQ(used(), static_cast<double>(read.bytes));
  EXPECT_EQ(ahead().bytes(), 0u);
  // Once: the next one reads.
  EXPECT_EQ(Offsets(ahead().Read(partition_->number(), 5, Options())),
            (std::vector<int64_t>{5, 6, 7}));
  EXPECT_EQ(used(), static_cast<double>(read.bytes));
}

TEST_F(ReadAheadTest, ItIsNotGivenWhereARequestAllowsLess) {
  Plan(0);
  EXPECT_EQ(Offsets(ahead().Read(partition_->number(), 0, Options(400 << 10))),
            (std::vector<int64_t>{0}));
  Plan(0);
  ReadOptions committed = Options();
  committed.end_offset = 2;
  EXPECT_EQ(Offsets(ahead().Read(partition_->number(), 0, committed)),
            (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(used(), 0);
  EXPECT_GT(unused(), 0);
}

TEST_F(ReadAheadTest, ItIsNotGivenAfterTheRecordsWentOrCompactionCame) {
  Plan(3);
  partition_->SetStartOffset(6);
  EXPECT_EQ(ahead().Read(partition_->number(), 3, Options()).error, KafkaError::kOffsetOutOfRange);
  Plan(6);
  partition_->SetCleaned({.end_offset = 8, .at_ms = 1, .tombstones = 0}, 0);
  EXPECT_EQ(Offsets(ahead().Read(partition_->number(), 6, Options())),
            (std::vector<int64_t>{6, 7, 8}));
  EXPECT_EQ(used(), 0);

  Plan(9);
  const uint32_t number = partition_->number();
  Position end = 0;
  std::string message;
  ASSERT_EQ(broker_->DeleteTopic("t", &end, &message), KafkaError::kNone) << message;
  EXPECT_EQ(ahead().Read(number, 9, Options()).error, KafkaError::kUnknownTopicOrPartition);
  EXPECT_EQ(used(), 0);
  EXPECT_EQ(ahead().bytes(), 0u);
}

TEST_F(ReadAheadTest, ItHoldsNoMoreThanItsLimitAndNotForLong) {
  for (int64_t offset = 0; offset < kBatches; ++offset) Plan(offset, Options(4 << 20));
  EXPECT_LE(ahead().bytes(), ReadAhead::kBytesMax);
  EXPECT_GT(ahead().bytes(), ReadAhead::kBytesMax / 2);
  Pass(ReadAhead::kKeptUs / 1000);
  EXPECT_EQ(ahead().bytes(), 0u);
  EXPECT_GT(unused(), 0);
  // There is room again.
  Plan(0);
  EXPECT_GT(ahead().bytes(), 0u);
}

TEST_F(ReadAheadTest, AConsumerReadsThroughAPartition) {
  int64_t next = 0;
  while (next < kBatches) {
    FetchRequest request;
    request.max_wait_ms = 100;
    request.min_bytes = 1;
    request.max_bytes = 16 << 20;
    request.topics.resize(1);
    request.topics[0].topic = "t";
    request.topics[0].partitions.resize(1);
    request.topics[0].partitions[0].fetch_offset = next;
    request.topics[0].partitions[0].partition_max_bytes = 1 << 20;
    const auto pending = Send<FetchRequest, FetchResponse>(request, 11);
    const FetchResponse response = pending.Get();
    std::string_view left = response.responses.at(0).partitions.at(0).records->first();
    ASSERT_FALSE(left.empty());
    while (!left.empty()) {
      const auto header = ReadBatchHeader(left);
      ASSERT_TRUE(header);
      ASSERT_EQ(header->base_offset, next);
      next = header->last_offset() + 1;
      left.remove_prefix(header->total_bytes());
    }
    Pass(0);
  }
  // All but the first answer, and the last where the end was near.
  EXPECT_GE(used(), static_cast<double>((kBatches - 6) * kBatchBytes));
  EXPECT_EQ(ahead().bytes(), 0u);
}

}  // namespace
}  // namespace weir::log::kafka
