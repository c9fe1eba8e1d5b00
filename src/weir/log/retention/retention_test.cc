#include "weir/log/retention/retention.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "weir/base/sim_env.h"
#include "weir/log/testing/test_batch.h"

namespace weir::log {
namespace {

using kafka::KafkaError;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::TestBatch;

constexpr int64_t kHourMs = 3'600'000;

class RetentionTest : public ::testing::Test {
 protected:
  RetentionTest() : env_(1) {
    log_options_.journal.folder = "/log";
    log_options_.journal.segment_bytes = 4096;
    options_.roll_bytes = 200;
  }

  void Open() {
    retention_.reset();
    log_.reset();
    recovery_ = EventLogRecovery();
    auto opened = EventLog::Open(env_, metrics_, log_options_, &recovery_);
    ASSERT_TRUE(opened.ok()) << opened.error().ToString();
    log_ = std::move(opened).value();
    retention_ = std::make_unique<Retention>(
        env_, metrics_, *log_, options_,
        [this](const Topic& topic, size_t) { return policies_[topic.name]; });
  }
  uint32_t CreateTopic(const std::string& name, RetentionPolicy policy = {}) {
    policies_[name] = policy;
    Topic topic;
    topic.name = name;
    topic.id.bytes[0] = static_cast<uint8_t>(name[0]);
    std::vector<StateChange> changes;
    topic.partitions = log_->NewPartitionNumbers(1, &changes);
    changes.push_back(Topics::Put(topic));
    EXPECT_TRUE(log_->Commit({}, changes, nullptr).ok());
    return topic.partitions[0];
  }
  int64_t Now() { return env_.NowMicros() / 1000; }
  void Append(uint32_t number, int64_t timestamp, size_t bytes = 200, int32_t records = 1) {
    const TestBatch batch = TestBatch(records).Timestamp(timestamp).Size(bytes);
    NewBatch added;
    added.partition = number;
    added.bytes = batch.bytes();
    added.header = *ReadBatchHeader(batch.bytes());
    ASSERT_EQ(log_->Append(added).error, KafkaError::kNone);
  }
  void Flush() {
    ASSERT_TRUE(log_->journal().Flush().ok());
    log_->Advance(log_->journal().durable());
  }
  // As often as it takes for everything to come to rest.
  void Run(int times = 8) {
    for (int i = 0; i < times; ++i) {
      env_.SleepMicros(1'000'000);
      retention_->Run(Now());
      Flush();
    }
  }
  PartitionLog& Partition(uint32_t number) { return *log_->FindPartition(number); }
  int64_t Start(uint32_t number) { return Partition(number).start_offset(); }
  std::vector<int64_t> Offsets(uint32_t number) {
    ReadOptions options;
    options.end_offset = Partition(number).durable_end();
    const FetchedBatches read = log_->Read(number, Start(number), options);
    EXPECT_EQ(read.error, KafkaError::kNone);
    std::vector<int64_t> offsets;
    for (const auto batch : read.batches) offsets.push_back(ReadBatchHeader(batch)->base_offset);
    return offsets;
  }
  size_t Files(const std::string& suffix) {
    size_t count = 0;
    for (const FileInfo& entry : *env_.ListDir("/log")) count += entry.path.ends_with(suffix);
    return count;
  }

  SimEnv env_;
  MetricRegistry metrics_;
  EventLogOptions log_options_;
  RetentionOptions options_;
  std::map<std::string, RetentionPolicy> policies_;
  std::unique_ptr<EventLog> log_;
  EventLogRecovery recovery_;
  std::unique_ptr<Retention> retention_;
};

TEST_F(RetentionTest, OldBatchesGoOneByOne) {
  Open();
  const uint32_t number = CreateTopic("t", {.retention_ms = kHourMs});
  for (int64_t i = 0; i < 10; ++i) Append(number, Now() - kHourMs + i * 1000 - 4500, 200, 2);
  Flush();
  retention_->Run(Now());
  EXPECT_EQ(Start(number), 10);
  env_.SleepMicros(2'000'000);
  retention_->Run(Now());
  EXPECT_EQ(Start(number), 14);
  EXPECT_THAT(Offsets(number), ElementsAre(14, 16, 18));
  Flush();
  Open();
  EXPECT_EQ(Start(number), 14);
}

TEST_F(RetentionTest, TooManyBytesGoFromTheBeginAndAtLeastTheWantedStay) {
  Open();
  const uint32_t number = CreateTopic("t", {.retention_bytes = 1000});
  for (int i = 0; i < 100; ++i) Append(number, Now(), 300);
  Flush();
  Run(2);
  EXPECT_THAT(Offsets(number), ElementsAre(96, 97, 98, 99));
  Append(number, Now(), 100);
  Flush();
  Run(2);
  EXPECT_THAT(Offsets(number), ElementsAre(97, 98, 99, 100));
}

TEST_F(RetentionTest, AClockThatIsAheadKeepsNothingForEver) {
  Open();
  const uint32_t number = CreateTopic("t", {.retention_ms = kHourMs});
  Append(number, Now() + 1000 * kHourMs);
  Append(number, -1);
  Flush();
  env_.SleepMicros(kHourMs * 990);
  Run(1);
  EXPECT_EQ(Start(number), 0);
  env_.SleepMicros(kHourMs * 20);
  Run(1);
  EXPECT_EQ(Start(number), 2);
}

TEST_F(RetentionTest, WhatAGroupNeedsAndWhatATransactionHasOpenStay) {
  Open();
  const uint32_t needed = CreateTopic("needed", {.retention_ms = 0, .needed_from = 3});
  const uint32_t open = CreateTopic("open", {.retention_ms = 0});
  for (int i = 0; i < 3; ++i) Append(needed, Now() - 10, 100, 2);
  Append(open, Now() - 10);
  const TestBatch batch = TestBatch(1).Producer(5, 0, 0).Attributes(16).Timestamp(Now() - 10);
  NewBatch added{open, batch.bytes(), *ReadBatchHeader(batch.bytes()), std::nullopt};
  log_->Append(added);
  Append(open, Now() - 10);
  Flush();
  Run(1);
  EXPECT_EQ(Start(needed), 2);
  EXPECT_EQ(Start(open), 1);
}

TEST_F(RetentionTest, DeadSegmentsGoWhenNoCheckpointNeedsThem) {
  Open();
  const uint32_t number = CreateTopic("t", {.retention_ms = kHourMs});
  for (int i = 0; i < 100; ++i) {
    Append(number, Now());
    if (i % 5 == 0) Flush();
  }
  Flush();
  const size_t before = Files(".log");
  EXPECT_GT(before, 5u);
  Run();
  EXPECT_EQ(Files(".log"), before);
  // An idle log comes to rest with next to nothing on disk.
  for (int i = 0; i < 6; ++i) {
    env_.SleepMicros(kHourMs * 1100);
    Run();
  }
  EXPECT_EQ(Start(number), 100);
  EXPECT_LE(Files(".log"), 3u);
  EXPECT_LE(Files(".index"), 3u);
  EXPECT_LT(log_->journal().bytes(), 400u);
  Open();
  EXPECT_EQ(Start(number), 100);
  EXPECT_EQ(Partition(number).next_offset(), 100);
  Append(number, Now());
  Flush();
  EXPECT_THAT(Offsets(number), ElementsAre(100));
}

TEST_F(RetentionTest, SegmentsKeptByAFewBatchesAreRewritten) {
  Open();
  const uint32_t much = CreateTopic("much", {.retention_ms = kHourMs});
  const uint32_t little = CreateTopic("little");
  std::vector<int64_t> expected;
  for (int i = 0; i < 200; ++i) {
    Append(much, Now());
    if (i % 10 == 0) {
      expected.push_back(Partition(little).next_offset());
      Append(little, Now(), 100, 3);
    }
    if (i % 5 == 0) Flush();
  }
  Flush();
  const uint64_t before = log_->journal().bytes();
  for (int i = 0; i < 4; ++i) {
    env_.SleepMicros(kHourMs * 1100);
    Run();
  }
  EXPECT_LT(log_->journal().bytes(), before / 8);
  // The segment that was open came later.
  EXPECT_EQ(log_->journal().files().SettledFirsts().size(), 2u);
  EXPECT_THAT(Offsets(little), ::testing::ElementsAreArray(expected));
  EXPECT_THAT(Offsets(much), IsEmpty());
  const FetchedBatches within = log_->Read(little, 10, {.end_offset = 15});
  ASSERT_EQ(within.batches.size(), 2u);
  EXPECT_EQ(ReadBatchHeader(within.batches[0])->base_offset, 9);

  // After restarts too, also without the index.
  Open();
  EXPECT_THAT(Offsets(little), ::testing::ElementsAreArray(expected));
  for (const Position settled : log_->journal().files().SettledFirsts()) {
    ASSERT_TRUE(env_.RemoveFile(log_->indexes().PathOf(settled)).ok());
  }
  Open();
  EXPECT_THAT(Offsets(little), ::testing::ElementsAreArray(expected));

  // What settled dies as everything does.
  policies_["little"].retention_ms = kHourMs;
  Run();
  EXPECT_THAT(log_->journal().files().SettledFirsts(), IsEmpty());
  EXPECT_EQ(Files(".index"), log_->journal().Segments().size() - 1);
}

TEST_F(RetentionTest, ADamagedSegmentIsNotRewritten) {
  Open();
  const uint32_t much = CreateTopic("much", {.retention_ms = kHourMs});
  const uint32_t little = CreateTopic("little");
  for (int i = 0; i < 60; ++i) {
    Append(much, Now());
    if (i % 10 == 1) Append(little, Now(), 100);
    Flush();
  }
  const Position at = (*log_->IndexOf(0))->Find(little)->front().position;
  auto file = env_.OpenFile(log_->journal().files().PathOf(0), OpenMode::kReadWrite);
  ASSERT_TRUE((*file)->WriteAt(at + 70, "damage", 6).ok());
  for (int i = 0; i < 6; ++i) {
    env_.SleepMicros(kHourMs * 1100);
    Run();
  }
  EXPECT_TRUE(env_.Exists(log_->journal().files().PathOf(0)));
  EXPECT_THAT(log_->journal().files().SettledFirsts(), ::testing::SizeIs(2));
  EXPECT_THAT(Offsets(little), ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(RetentionTest, ManySmallSegmentsBecomeOne) {
  Open();
  const uint32_t number = CreateTopic("t");
  options_.settled_bytes_max = 1 << 20;
  Open();
  policies_["t"] = {};
  for (int i = 0; i < 300; ++i) {
    Append(number, Now());
    if (i % 5 == 0) Flush();
  }
  Flush();
  EXPECT_GT(log_->journal().Segments().size(), 12u);
  Run();
  EXPECT_LE(log_->journal().Segments().size(), 3u);
  EXPECT_EQ(log_->journal().files().SettledFirsts().size(), 1u);
  EXPECT_EQ(Offsets(number).size(), 300u);
}

TEST_F(RetentionTest, ManyPartitionsAreVisitedInTurns) {
  options_.partitions_per_run = 10;
  Open();
  std::vector<uint32_t> numbers;
  for (int i = 0; i < 35; ++i) {
    numbers.push_back(CreateTopic("t" + std::to_string(i), {.retention_ms = 1000}));
    Append(numbers.back(), Now() - 2000);
  }
  Flush();
  Run(3);
  EXPECT_EQ(retention_->passes(), 0u);
  Run(1);
  EXPECT_EQ(retention_->passes(), 1u);
  for (const uint32_t number : numbers) EXPECT_EQ(Start(number), 1);
}

}  // namespace
}  // namespace weir::log
