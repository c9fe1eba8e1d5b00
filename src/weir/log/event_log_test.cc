#include "weir/log/event_log.h"

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

class EventLogTest : public ::testing::Test {
 protected:
  EventLogTest() : env_(1) {
    options_.journal.folder = "/log";
    options_.journal.segment_bytes = 4096;
  }

  void Open() {
    log_.reset();
    recovery_ = EventLogRecovery();
    auto opened = EventLog::Open(env_, metrics_, options_, &recovery_);
    ASSERT_TRUE(opened.ok()) << opened.error().ToString();
    log_ = std::move(opened).value();
  }

  void CreateTopic(const std::string& name, size_t partitions) {
    Topic topic;
    topic.name = name;
    topic.id.bytes[0] = static_cast<uint8_t>(name.size());
    topic.configs["retention.ms"] = "1000";
    std::vector<StateChange> changes;
    topic.partitions = log_->NewPartitionNumbers(partitions, &changes);
    changes.push_back(Topics::Put(topic));
    ASSERT_TRUE(log_->Commit({}, changes, nullptr).ok());
  }
  uint32_t Number(const std::string& topic, size_t index) {
    return log_->topics().Find(topic)->partitions[index];
  }
  PartitionLog& Partition(const std::string& topic, size_t index) {
    return *log_->FindPartition(Number(topic, index));
  }

  AppendResult Append(uint32_t partition, const TestBatch& batch) {
    NewBatch added;
    added.partition = partition;
    added.bytes = batch.bytes();
    added.header = *ReadBatchHeader(batch.bytes());
    return log_->Append(added);
  }
  void Flush() {
    ASSERT_TRUE(log_->journal().Flush().ok());
    log_->Advance(log_->journal().durable());
  }

  // Base offsets of what is read.
  std::vector<int64_t> Offsets(uint32_t partition, int64_t from, ReadOptions options = {}) {
    if (options.end_offset == 0) options.end_offset = log_->FindPartition(partition)->durable_end();
    const FetchedBatches read = log_->Read(partition, from, options);
    EXPECT_EQ(read.error, KafkaError::kNone);
    std::vector<int64_t> offsets;
    for (const auto batch : read.batches) offsets.push_back(ReadBatchHeader(batch)->base_offset);
    return offsets;
  }

  SimEnv env_;
  MetricRegistry metrics_;
  EventLogOptions options_;
  std::unique_ptr<EventLog> log_;
  EventLogRecovery recovery_;
};

TEST_F(EventLogTest, TopicsOutliveARestart) {
  Open();
  CreateTopic("a", 2);
  CreateTopic("bb", 1);
  ASSERT_TRUE(log_->Commit({}, {Topics::Remove("a")}, nullptr).ok());
  Flush();
  Open();
  EXPECT_EQ(log_->topics().Find("a"), nullptr);
  const Topic* topic = log_->topics().Find("bb");
  ASSERT_NE(topic, nullptr);
  EXPECT_EQ(topic->configs.at("retention.ms"), "1000");
  EXPECT_EQ(log_->topics().Find(topic->id), topic);
  CreateTopic("ccc", 1);
  EXPECT_NE(Number("ccc", 0), Number("bb", 0));
}

TEST_F(EventLogTest, OffsetsAreGivenInOrderAndServedWhenDurable) {
  Open();
  CreateTopic("t", 2);
  Flush();
  EXPECT_EQ(Append(Number("t", 0), TestBatch(3)).base_offset, 0);
  EXPECT_EQ(Append(Number("t", 1), TestBatch(1)).base_offset, 0);
  EXPECT_EQ(Append(Number("t", 0), TestBatch(2)).base_offset, 3);
  EXPECT_EQ(Partition("t", 0).durable_end(), 0);
  EXPECT_EQ(Partition("t", 0).next_offset(), 5);
  Flush();
  EXPECT_EQ(Partition("t", 0).durable_end(), 5);
  EXPECT_THAT(Offsets(Number("t", 0), 0), ElementsAre(0, 3));
  // From within a batch: the whole batch.
  EXPECT_THAT(Offsets(Number("t", 0), 1), ElementsAre(0, 3));
  EXPECT_THAT(Offsets(Number("t", 0), 3), ElementsAre(3));
  EXPECT_THAT(Offsets(Number("t", 0), 5), IsEmpty());
  ReadOptions until;
  until.end_offset = 3;
  EXPECT_THAT(Offsets(Number("t", 0), 0, until), ElementsAre(0));
}

TEST_F(EventLogTest, ReadsWhatIsDurableBesideWhatIsNot) {
  Open();
  CreateTopic("t", 1);
  Append(Number("t", 0), TestBatch(1).Size(300));
  Flush();
  Append(Number("t", 0), TestBatch(1).Size(300));
  EXPECT_THAT(Offsets(Number("t", 0), 0), ElementsAre(0));
  EXPECT_EQ(metrics_.PrometheusText().find("weir_log_damaged_frames_total 1"), std::string::npos);
}

TEST_F(EventLogTest, ReadsAtLeastOneBatchAndNoMoreThanAsked) {
  Open();
  CreateTopic("t", 1);
  for (int i = 0; i < 10; ++i) Append(Number("t", 0), TestBatch(1).Size(500));
  Flush();
  ReadOptions options;
  options.max_bytes = 10;
  EXPECT_THAT(Offsets(Number("t", 0), 4, options), ElementsAre(4));
  options.at_least_one = false;
  EXPECT_THAT(Offsets(Number("t", 0), 4, options), IsEmpty());
  options.max_bytes = 1100;
  EXPECT_THAT(Offsets(Number("t", 0), 4, options), ElementsAre(4, 5));
}

TEST_F(EventLogTest, ReadsAcrossSegmentsAndRestarts) {
  Open();
  CreateTopic("t", 2);
  std::vector<int64_t> expected;
  for (int i = 0; i < 60; ++i) {
    expected.push_back(Append(Number("t", 0), TestBatch(1 + i % 3).Size(300)).base_offset);
    if (i % 2 == 0) Append(Number("t", 1), TestBatch(1).Size(200));
    if (i % 7 == 0) Flush();
  }
  Flush();
  EXPECT_GT(log_->journal().Segments().size(), 5u);
  EXPECT_THAT(Offsets(Number("t", 0), 0), ::testing::ElementsAreArray(expected));
  const Position end = log_->journal().end();
  Open();
  EXPECT_GT(recovery_.checkpoint, 0u);
  EXPECT_LT(recovery_.frames, 20u);
  EXPECT_EQ(log_->journal().end(), end);
  EXPECT_THAT(Offsets(Number("t", 0), 0), ::testing::ElementsAreArray(expected));

  // Indexes and checkpoints are shortcuts only.
  for (const char* what : {"index", "checkpoint"}) {
    auto entries = env_.ListDir("/log");
    ASSERT_TRUE(entries.ok());
    for (const FileInfo& entry : *entries) {
      if (entry.path.find(what) == std::string::npos) continue;
      auto file = env_.OpenFile("/log/" + entry.path, OpenMode::kReadWrite);
      ASSERT_TRUE((*file)->WriteAt(entry.size / 2, "damage", 6).ok());
    }
    Open();
    EXPECT_THAT(Offsets(Number("t", 0), 0), ::testing::ElementsAreArray(expected)) << what;
  }
  EXPECT_EQ(recovery_.checkpoint, 0u);
  EXPECT_EQ(recovery_.damaged_checkpoints.size(), 2u);
}

TEST_F(EventLogTest, ABatchSentTwiceIsKeptOnce) {
  Open();
  CreateTopic("t", 1);
  const uint32_t number = Number("t", 0);
  EXPECT_EQ(Append(number, TestBatch(3).Producer(7, 0, 0)).base_offset, 0);
  EXPECT_EQ(Append(number, TestBatch(2).Producer(7, 0, 3)).base_offset, 3);
  EXPECT_EQ(Append(number, TestBatch(3).Producer(7, 0, 0)).base_offset, 0);
  EXPECT_EQ(Append(number, TestBatch(1).Producer(7, 0, 6)).error,
            KafkaError::kOutOfOrderSequenceNumber);
  Flush();
  Open();
  EXPECT_EQ(Append(number, TestBatch(2).Producer(7, 0, 3)).base_offset, 3);
  EXPECT_EQ(Append(number, TestBatch(1).Producer(7, 0, 5)).base_offset, 5);
  EXPECT_EQ(Append(number, TestBatch(1).Producer(7, 1, 2)).error,
            KafkaError::kOutOfOrderSequenceNumber);
  EXPECT_EQ(Append(number, TestBatch(1).Producer(7, 1, 0)).base_offset, 6);
  EXPECT_EQ(Append(number, TestBatch(1).Producer(7, 0, 6)).error,
            KafkaError::kInvalidProducerEpoch);
  EXPECT_EQ(Partition("t", 0).next_offset(), 7);
}

TEST_F(EventLogTest, SequencesGoOnAtZeroAfterTheGreatest) {
  Open();
  CreateTopic("t", 1);
  const uint32_t number = Number("t", 0);
  EXPECT_EQ(Append(number, TestBatch(1).Producer(7, 0, 2147483646)).error, KafkaError::kNone);
  EXPECT_EQ(Append(number, TestBatch(2).Producer(7, 0, 2147483647)).error, KafkaError::kNone);
  EXPECT_EQ(Append(number, TestBatch(1).Producer(7, 0, 1)).error, KafkaError::kNone);
}

TEST_F(EventLogTest, WhoWaitsIsToldInOrderOnceItIsDurable) {
  Open();
  CreateTopic("t", 1);
  std::vector<int> told;
  const Position first = Append(Number("t", 0), TestBatch(1)).end;
  const Position second = Append(Number("t", 0), TestBatch(1)).end;
  log_->WhenDurable(second, [&] { told.push_back(2); });
  log_->WhenDurable(first, [&] { told.push_back(1); });
  std::vector<uint32_t> advanced;
  log_->OnPartitionAdvanced([&](uint32_t partition) { advanced.push_back(partition); });
  EXPECT_THAT(told, IsEmpty());
  Flush();
  EXPECT_THAT(told, ElementsAre(1, 2));
  EXPECT_THAT(advanced, ElementsAre(Number("t", 0)));
  log_->WhenDurable(first, [&] { told.push_back(3); });
  EXPECT_THAT(told, ElementsAre(1, 2, 3));
}

// Who is told may ask for the end at once.
TEST_F(EventLogTest, WhatIsDurableIsToldWhenThePartitionsEndHasMoved) {
  Open();
  CreateTopic("t", 1);
  const Position end = Append(Number("t", 0), TestBatch(2)).end;
  ASSERT_TRUE(log_->journal().Flush().ok());
  int64_t seen = -1;
  log_->WhenDurable(end, [&] { seen = Partition("t", 0).durable_end(); });
  EXPECT_EQ(seen, -1);
  log_->Advance(log_->journal().durable());
  EXPECT_EQ(seen, 2);
}

TEST_F(EventLogTest, FindsTheBatchOfATimestamp) {
  Open();
  CreateTopic("t", 1);
  const uint32_t number = Number("t", 0);
  for (int64_t i = 0; i < 40; ++i) Append(number, TestBatch(2).Timestamp(1000 + 10 * i).Size(400));
  Flush();
  const auto at = [&](int64_t timestamp) {
    auto found = log_->BatchAtTimestamp(number, timestamp);
    EXPECT_TRUE(found.ok());
    return *found;
  };
  EXPECT_EQ(at(0), 0);
  EXPECT_EQ(at(1000), 0);
  EXPECT_EQ(at(1001), 2);
  EXPECT_EQ(at(1200), 40);
  EXPECT_EQ(at(1390), 78);
  EXPECT_EQ(at(1391), std::nullopt);
}

TEST_F(EventLogTest, ALogThatIsLargerThanWhatIsFreeTakesRecordsAfterAStart) {
  env_.SetCapacity(100'000);
  options_.disk.reserve_bytes = 20'000;
  Open();
  CreateTopic("t", 1);
  for (int i = 0; i < 90; ++i) Append(Number("t", 0), TestBatch(1).Size(500));
  Flush();
  ASSERT_GT(log_->journal().end(), 45'000u);
  Open();
  EXPECT_EQ(Append(Number("t", 0), TestBatch(1).Size(500)).error, KafkaError::kNone);
}

TEST_F(EventLogTest, ProducersAreRefusedBeforeTheDiskIsFullAndStateIsNot) {
  env_.SetCapacity(100'000);
  options_.disk.reserve_bytes = 20'000;
  Open();
  CreateTopic("t", 1);
  const uint32_t number = Number("t", 0);
  AppendResult appended;
  int64_t taken = 0;
  for (int i = 0; i < 300 && appended.error == KafkaError::kNone; ++i) {
    appended = Append(number, TestBatch(1).Producer(7, 0, i).Size(500));
    taken += appended.error == KafkaError::kNone ? 1 : 0;
    if (i % 5 == 0) Flush();
  }
  EXPECT_EQ(appended.error, KafkaError::kKafkaStorageError);
  EXPECT_THAT(appended.message, ::testing::HasSubstr("20000 are kept in reserve"));
  // Appended and not yet written bytes count too: an index and a checkpoint are what was taken.
  Flush();
  EXPECT_GE(*env_.FreeDiskBytes("/log"), 18'000u);
  EXPECT_GT(taken, 100);
  // Of a producer that is new here, a small batch does not pass a large one that was refused.
  EXPECT_EQ(Append(number, TestBatch(1).Producer(8, 0, 0).Size(900)).error,
            KafkaError::kKafkaStorageError);
  EXPECT_EQ(Append(number, TestBatch(1).Producer(8, 0, 1)).error,
            KafkaError::kOutOfOrderSequenceNumber);
  // What was taken before is said again.
  const auto newest = static_cast<int32_t>(taken - 1);
  EXPECT_EQ(Append(number, TestBatch(1).Producer(7, 0, newest).Size(500)).base_offset, newest);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(log_->Commit({}, {{"o" + std::to_string(i), "offset"}}, nullptr).ok());
    Flush();
  }
  EXPECT_NE(metrics_.PrometheusText().find("weir_log_disk_reserve_bytes 20000"), std::string::npos);

  env_.SetCapacity(200'000);
  env_.SleepMicros(100'000);
  EXPECT_EQ(Append(number, TestBatch(1).Producer(7, 0, newest + 1)).error, KafkaError::kNone);
  EXPECT_EQ(Append(number, TestBatch(1).Producer(8, 0, 0).Size(900)).error, KafkaError::kNone);
  EXPECT_EQ(Append(number, TestBatch(1).Producer(8, 0, 1)).error, KafkaError::kNone);
}

TEST_F(EventLogTest, TheReserveFitsTheDisk) {
  const auto reserve = [&](uint64_t capacity) {
    SimEnv env(1);
    env.SetCapacity(capacity);
    MetricRegistry metrics;
    DiskSpace disk(env, metrics, "/", {});
    disk.Begin(0);
    return disk.reserve_bytes();
  };
  EXPECT_EQ(reserve(uint64_t{1} << 40), (uint64_t{1} << 40) / 50);
  EXPECT_EQ(reserve(uint64_t{20} << 30), uint64_t{1} << 30);
  EXPECT_EQ(reserve(1'000'000'000), 100'000'000u);
}

TEST_F(EventLogTest, ABadBatchIsJumpedOverAndCounted) {
  Open();
  CreateTopic("t", 1);
  const uint32_t number = Number("t", 0);
  Position bad = 0;
  for (int i = 0; i < 3; ++i) {
    const AppendResult appended = Append(number, TestBatch(1).Size(300));
    if (i == 1) bad = appended.end - 10;
  }
  Flush();
  auto file = env_.OpenFile("/log/00000000000000000000.log", OpenMode::kReadWrite);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->WriteAt(bad, "W", 1).ok());
  EXPECT_THAT(Offsets(number, 0), ElementsAre(0, 2));
  EXPECT_THAT(Offsets(number, 1), ElementsAre(2));
  EXPECT_NE(metrics_.PrometheusText().find("weir_log_damaged_frames_total 2"), std::string::npos);
}

// They would work on a log that is gone.
TEST_F(EventLogTest, ALogThatCannotBeOpenedLeavesNoTasks) {
  Open();
  CreateTopic("t", 1);
  for (int i = 0; i < 10; ++i) {
    Append(Number("t", 0), TestBatch(1).Size(1000));
    Flush();
  }
  log_.reset();
  for (const FileInfo& file : *env_.ListDir("/log")) {
    if (file.path.ends_with(".log")) continue;
    ASSERT_TRUE(env_.RemoveFile("/log/" + file.path).ok());
  }
  std::vector<std::function<void()>> tasks;
  options_.background = [&](std::function<void()> task) { tasks.push_back(std::move(task)); };
  const uint64_t before = env_.operations();
  Open();
  EXPECT_GT(tasks.size(), 1u);
  log_.reset();
  tasks.clear();
  env_.CrashAtOperation(env_.operations() - before);  // the last one of a start
  EventLogRecovery recovery;
  EXPECT_FALSE(EventLog::Open(env_, metrics_, options_, &recovery).ok());
  EXPECT_GT(recovery.frames, 10u);
  EXPECT_THAT(tasks, IsEmpty());
}

}  // namespace
}  // namespace weir::log
