#include "weir/log/producer_state.h"

#include "gtest/gtest.h"

namespace weir::log {
namespace {

using kafka::KafkaError;

BatchHeader Batch(int64_t producer, int16_t epoch, int32_t sequence, int32_t records,
                  int64_t offset, bool transactional = false) {
  BatchHeader header;
  header.producer_id = producer;
  header.producer_epoch = epoch;
  header.base_sequence = sequence;
  header.last_offset_delta = records - 1;
  header.base_offset = offset;
  header.attributes = transactional ? 16 : 0;
  return header;
}

TEST(ProducerStateTest, TheFiveNewestBatchesAreKnownAgain) {
  ProducerStates producers;
  for (int32_t i = 0; i < 7; ++i) {
    const BatchHeader batch = Batch(1, 0, i * 10, 10, 100 + i * 10);
    ASSERT_EQ(producers.Check(batch).error, KafkaError::kNone);
    producers.Add(batch, 0);
  }
  for (int32_t i = 2; i < 7; ++i) {
    const ProducerVerdict verdict = producers.Check(Batch(1, 0, i * 10, 10, -1));
    EXPECT_TRUE(verdict.duplicate);
    EXPECT_EQ(verdict.base_offset, 100 + i * 10);
  }
  EXPECT_EQ(producers.Check(Batch(1, 0, 10, 10, -1)).error, KafkaError::kOutOfOrderSequenceNumber);
  EXPECT_EQ(producers.Check(Batch(1, 0, 20, 9, -1)).error, KafkaError::kOutOfOrderSequenceNumber);
}

// A client takes the acknowledgement of the second for that of the first.
TEST(ProducerStateTest, BehindARefusedBatchOfANewProducerNothingComesFirst) {
  ProducerStates producers;
  producers.Refuse(Batch(1, 0, 0, 10, -1), 1000);
  producers.Refuse(Batch(1, 0, 10, 10, -1), 1000);
  EXPECT_EQ(producers.Check(Batch(1, 0, 10, 10, -1)).error, KafkaError::kOutOfOrderSequenceNumber);
  EXPECT_EQ(producers.Check(Batch(1, 1, 10, 1, -1)).error, KafkaError::kNone);
  EXPECT_EQ(producers.Check(Batch(2, 0, 10, 1, -1)).error, KafkaError::kNone);
  const BatchHeader first = Batch(1, 0, 0, 10, 0);
  ASSERT_EQ(producers.Check(first).error, KafkaError::kNone);
  producers.Add(first, 2000);
  EXPECT_EQ(producers.Check(Batch(1, 0, 10, 10, -1)).error, KafkaError::kNone);
  // It was forgotten, and goes on where it was.
  EXPECT_EQ(producers.Expire(3000), 1u);
  EXPECT_EQ(producers.Check(Batch(1, 0, 10, 10, -1)).error, KafkaError::kNone);
  // Nor is a batch waited for that nobody sends again.
  producers.Refuse(Batch(3, 0, 0, 1, -1), 1000);
  producers.Expire(3000);
  EXPECT_EQ(producers.Check(Batch(3, 0, 1, 1, -1)).error, KafkaError::kNone);
  for (int64_t id = 10; id < 20 + static_cast<int64_t>(ProducerStates::kRefusedMax); ++id) {
    producers.Refuse(Batch(id, 0, 0, 1, -1), 4000);
  }
  EXPECT_EQ(producers.Check(Batch(10, 0, 1, 1, -1)).error, KafkaError::kNone);
  EXPECT_EQ(producers.Check(Batch(1000, 0, 1, 1, -1)).error, KafkaError::kOutOfOrderSequenceNumber);
}

TEST(ProducerStateTest, SilentProducersAreForgottenUnlessTheyHaveSomethingOpen) {
  ProducerStates producers;
  producers.Add(Batch(1, 0, 0, 1, 0), 1000);
  producers.Add(Batch(2, 0, 0, 1, 1), 2000);
  producers.Add(Batch(3, 0, 0, 1, 2, true), 1000);
  EXPECT_EQ(producers.Expire(1500), 1u);
  EXPECT_EQ(producers.producers().count(1), 0u);
  EXPECT_EQ(producers.FirstOpen(), 2);
  EXPECT_EQ(producers.End(3, 0, 0, 0, 1000), 2);
  EXPECT_EQ(producers.FirstOpen(), std::nullopt);
  producers.HeardAll(5000);
  EXPECT_EQ(producers.Expire(4000), 0u);
  EXPECT_EQ(producers.Expire(6000), 2u);
}

// The first one may have been refused for a passing reason while the next was on its way.
TEST(ProducerStateTest, BehindAMarkerOfANewEpochTheFirstBatchComesFirst) {
  ProducerStates producers;
  producers.Add(Batch(1, 0, 0, 1, 0, true), 0);
  EXPECT_EQ(producers.End(1, 1, 0, 0, 0), 0);
  EXPECT_EQ(producers.Check(Batch(1, 1, 1, 1, -1)).error, KafkaError::kOutOfOrderSequenceNumber);
  EXPECT_EQ(producers.Check(Batch(1, 1, 0, 1, -1)).error, KafkaError::kNone);
}

TEST(ProducerStateTest, ComesBackFromItsBytes) {
  ProducerStates producers;
  for (int32_t i = 0; i < 7; ++i) producers.Add(Batch(1, 3, i, 1, i), 0);
  producers.Add(Batch(2, 1, 0, 1, 9, true), 0);
  ByteWriter out;
  producers.Encode(out);
  ProducerStates again;
  ByteReader in(out.bytes());
  ASSERT_TRUE(again.Decode(in));
  EXPECT_TRUE(in.done());
  EXPECT_EQ(again.FirstOpen(), 9);
  EXPECT_EQ(again.Check(Batch(1, 3, 2, 1, -1)).base_offset, 2);
  EXPECT_EQ(again.Check(Batch(1, 3, 7, 1, -1)).error, KafkaError::kNone);
  EXPECT_EQ(again.Check(Batch(1, 2, 8, 1, -1)).error, KafkaError::kInvalidProducerEpoch);
}

}  // namespace
}  // namespace weir::log
