#include "weir/log/retention/compaction.h"

#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "weir/base/sim_env.h"
#include "weir/log/record_batch_builder.h"
#include "weir/log/retention/retention.h"

namespace weir::log {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Pairs = std::vector<std::pair<std::string, std::string>>;  // value "": a tombstone

class CompactionTest : public ::testing::Test {
 protected:
  CompactionTest() : env_(1) {
    log_options_.journal.folder = "/log";
    log_options_.journal.segment_bytes = 4096;
    policy_.deletes = false;
    policy_.compacts = true;
    policy_.delete_retention_ms = 100'000;
  }

  void Open() {
    retention_.reset();
    log_.reset();
    EventLogRecovery recovery;
    auto opened = EventLog::Open(env_, metrics_, log_options_, &recovery);
    ASSERT_TRUE(opened.ok()) << opened.error().ToString();
    log_ = std::move(opened).value();
    retention_ = std::make_unique<Retention>(env_, metrics_, *log_, options_,
                                             [this](const Topic&, size_t) { return policy_; });
    if (log_->topics().Find("t") != nullptr) return;
    Topic topic;
    topic.name = "t";
    std::vector<StateChange> changes;
    topic.partitions = log_->NewPartitionNumbers(1, &changes);
    number_ = topic.partitions[0];
    changes.push_back(Topics::Put(topic));
    ASSERT_TRUE(log_->Commit({}, changes, nullptr).ok());
  }
  int64_t Now() { return env_.NowMicros() / 1000; }
  PartitionLog& Partition() { return *log_->FindPartition(number_); }

  void Append(const std::string& bytes, std::optional<Marker> marker = std::nullopt) {
    NewBatch added{number_, bytes, *ReadBatchHeader(bytes), marker};
    ASSERT_TRUE(log_->Commit({added}, {}, nullptr).ok());
  }
  void Produce(const Pairs& pairs, BatchOptions options = {}) {
    BatchBuilder builder(options);
    for (const auto& [key, value] : pairs) {
      NewRecord record;
      record.timestamp = Now();
      record.key = key;
      if (!value.empty()) record.value = value;
      record.headers.push_back({"h", key});
      builder.Add(record);
    }
    Append(*std::move(builder).Finish());
  }
  void End(int64_t producer, bool commit) {
    const Marker marker{commit, 0};
    Append(MarkerBatch(marker, producer, 0, Now()), marker);
  }
  static BatchOptions Transaction(int64_t producer, int32_t sequence) {
    BatchOptions options;
    options.producer_id = producer;
    options.producer_epoch = 0;
    options.base_sequence = sequence;
    options.transactional = true;
    return options;
  }
  void Flush() {
    ASSERT_TRUE(log_->journal().Flush().ok());
    log_->Advance(log_->journal().durable());
  }
  // What was open is closed, so that it can be compacted.
  void Close() {
    ASSERT_TRUE(log_->Roll().ok());
    Flush();
  }
  void Run(int times = 6) {
    for (int i = 0; i < times; ++i) {
      env_.SleepMicros(1'000'000);
      retention_->Run(Now());
      Flush();
    }
  }
  FetchedBatches Read(int64_t from) {
    ReadOptions options;
    options.end_offset = Partition().durable_end();
    options.max_bytes = 100 << 20;
    return log_->Read(number_, from, options);
  }
  // "offset key=value" of each record, "!" for a marker.
  std::vector<std::string> Records(int64_t from = 0) {
    std::vector<std::string> found;
    const FetchedBatches read = Read(from);
    EXPECT_EQ(read.error, kafka::KafkaError::kNone);
    for (const std::string_view batch : read.batches) {
      const Status sound = CheckBatch(batch);
      EXPECT_TRUE(sound.ok()) << sound.error().ToString();
      RecordReader reader;
      EXPECT_TRUE(reader.Open(batch).ok());
      for (Record record; reader.Next(record);) {
        const std::string offset = std::to_string(record.offset);
        if (reader.header().control()) {
          found.push_back(offset + " !");
          continue;
        }
        EXPECT_EQ(record.Headers()[0].value, record.key);
        if (record.offset < from) continue;
        found.push_back(offset + " " + std::string(*record.key) + "=" +
                        std::string(record.value.value_or("")));
      }
      EXPECT_TRUE(reader.status().ok());
    }
    return found;
  }

  SimEnv env_;
  MetricRegistry metrics_;
  EventLogOptions log_options_;
  RetentionOptions options_;
  RetentionPolicy policy_;
  uint32_t number_ = 0;
  std::unique_ptr<EventLog> log_;
  std::unique_ptr<Retention> retention_;
};

TEST_F(CompactionTest, TheNewestRecordOfEachKeyStaysWhereItWas) {
  for (const Codec codec : {Codec::kNone, Codec::kLz4, Codec::kZstd}) {
    Open();
    const int64_t base = Partition().next_offset();
    BatchOptions options;
    options.codec = codec;
    Produce({{"a", "1"}, {"b", "1"}, {"c", "1"}}, options);
    Produce({{"a", "2"}}, options);
    Produce({{"b", "2"}, {"d", "1"}, {"b", "3"}}, options);
    Close();
    Run();
    const auto at = [&](int64_t offset, const std::string& rest) {
      return std::to_string(base + offset) + " " + rest;
    };
    const std::vector<std::string> expected = {at(2, "c=1"), at(3, "a=2"), at(5, "d=1"),
                                               at(6, "b=3")};
    EXPECT_THAT(Records(base), ::testing::ElementsAreArray(expected));
    EXPECT_EQ(ReadBatchHeader(Read(base).batches[0])->codec(), static_cast<int>(codec));
    EXPECT_THAT(Records(base + 4), ElementsAre(expected[2], expected[3]));
    EXPECT_THAT(Records(base + 6), ElementsAre(expected[3]));
    Open();
    EXPECT_THAT(Records(base), ::testing::ElementsAreArray(expected));
    EXPECT_EQ(Partition().next_offset(), base + 7);
  }
}

TEST_F(CompactionTest, WhatIsOpenStaysAsItIs) {
  Open();
  Produce({{"a", "1"}});
  Close();
  Produce({{"a", "2"}});
  Flush();
  Run();
  EXPECT_THAT(Records(), ElementsAre("0 a=1", "1 a=2"));
  // An idle log closes it after a while.
  options_.roll_bytes = 10;
  Open();
  env_.SleepMicros(7200'000'000);
  Run();
  EXPECT_THAT(Records(), ElementsAre("1 a=2"));
}

TEST_F(CompactionTest, TombstonesStayForAWhileAfterTheyWereMet) {
  Open();
  Produce({{"a", "1"}, {"b", "1"}});
  Produce({{"a", ""}});
  Close();
  env_.SleepMicros(200'000'000);  // their own age does not count
  Run();
  EXPECT_THAT(Records(), ElementsAre("1 b=1", "2 a="));
  Run(50);
  EXPECT_THAT(Records(), ElementsAre("1 b=1", "2 a="));
  Produce({{"c", "1"}});
  Close();
  Run();
  EXPECT_THAT(Records(), ElementsAre("1 b=1", "2 a=", "3 c=1"));
  Run(60);
  EXPECT_THAT(Records(), ElementsAre("1 b=1", "3 c=1"));
}

// Who reads to the end of a partition waits until a batch has brought it there.
TEST_F(CompactionTest, ABatchReachesTheEndAlsoWithoutRecords) {
  const auto end = [&] { return ReadBatchHeader(Read(0).batches.back())->last_offset(); };
  Open();
  Produce({{"a", "1"}, {"b", "1"}});
  Produce({{"a", ""}, {"b", ""}});
  Close();
  Run(120);
  EXPECT_THAT(Records(), IsEmpty());
  EXPECT_EQ(end(), 3);
  Produce({{"a", "aborted"}}, Transaction(5, 0));
  End(5, false);
  Close();
  Run(120);
  EXPECT_THAT(Records(), ElementsAre("5 !"));
  EXPECT_EQ(Read(0).batches.size(), 1u);          // what stood in for the last one before has gone
  Produce({{"c", "1"}, {"d", "1"}, {"e", "1"}});  // enough for it to pay
  Close();
  Run(120);
  EXPECT_THAT(Records(), ElementsAre("6 c=1", "7 d=1", "8 e=1"));
  Open();
  EXPECT_THAT(Records(), ElementsAre("6 c=1", "7 d=1", "8 e=1"));
  EXPECT_EQ(Partition().next_offset(), 9);
}

// Two partitions in one rewriting, which goes over to a next segment within the second one: what it
// says of the first one counts once, else tombstones that may go at once would never.
TEST_F(CompactionTest, TombstonesOfAPartitionBeforeTheEndOfASegmentAreNotForgotten) {
  policy_.delete_retention_ms = 0;
  Open();
  Topic topic;
  topic.name = "u";
  std::vector<StateChange> changes;
  topic.partitions = log_->NewPartitionNumbers(1, &changes);
  changes.push_back(Topics::Put(topic));
  ASSERT_TRUE(log_->Commit({}, changes, nullptr).ok());
  Produce({{"a", ""}});
  for (const char* keys : {"bcdefghijk", "l"}) {
    for (const char* key = keys; *key != 0; ++key) {
      BatchBuilder builder;
      builder.Add({.timestamp = Now(), .key = std::string(1, *key), .value = "1"});
      const std::string batch = *std::move(builder).Finish();
      ASSERT_TRUE(
          log_->Commit({{topic.partitions[0], batch, *ReadBatchHeader(batch), {}}}, {}, nullptr)
              .ok());
    }
    Close();
  }
  const uint64_t both = Partition().bytes() + log_->FindPartition(topic.partitions[0])->bytes();
  options_.settled_bytes_max = both;
  retention_ = std::make_unique<Retention>(env_, metrics_, *log_, options_,
                                           [this](const Topic&, size_t) { return policy_; });
  Run(20);
  EXPECT_THAT(Records(), IsEmpty());
}

TEST_F(CompactionTest, AbortedRecordsGoAndMarkersWhenTheirRecordsAreGone) {
  Open();
  Produce({{"a", "1"}, {"b", "1"}});
  Produce({{"a", "aborted"}}, Transaction(5, 0));
  End(5, false);
  Produce({{"b", "2"}}, Transaction(6, 0));
  End(6, true);
  Produce({{"c", "open"}}, Transaction(7, 0));
  Produce({{"b", "3"}});
  Close();
  Run();
  // The open transaction holds up what comes after it.
  EXPECT_THAT(Records(), ElementsAre("0 a=1", "3 !", "4 b=2", "5 !", "6 c=open", "7 b=3"));
  EXPECT_THAT(Partition().AbortedBetween(0, 100), IsEmpty());
  End(7, true);
  Close();
  Run();
  EXPECT_THAT(Records(), ElementsAre("0 a=1", "3 !", "5 !", "6 c=open", "7 b=3", "8 !"));
  Run(120);
  EXPECT_THAT(Records(), ElementsAre("0 a=1", "6 c=open", "7 b=3", "8 !"));
  // Producers are remembered all the same.
  EXPECT_EQ(Partition().producers().producers().count(6), 1u);
}

TEST_F(CompactionTest, FewKeysAtATimeFitAndAllAreDoneInTheEnd) {
  options_.compaction_memory_bytes = 24 * 40;
  options_.settled_bytes_max = 3000;
  options_.rewrite_bytes_per_second = 4000;
  policy_.min_cleanable_ratio = 0;
  Open();
  std::map<std::string, std::string> newest;
  std::map<std::string, int64_t> offsets;
  for (int i = 0; i < 600; ++i) {
    const std::string key = "key" + std::to_string(i * 37 % 150);
    const std::string value = "v" + std::to_string(i) + std::string(50, 'x');
    offsets[key] = Partition().next_offset();
    newest[key] = std::to_string(offsets[key]) + " " + key + "=" + value;
    Produce({{key, value}});
    if (i % 10 == 0) Flush();
  }
  Close();
  Run(600);
  std::vector<std::string> expected;
  std::map<int64_t, std::string> sorted;
  for (const auto& [key, offset] : offsets) sorted[offset] = newest[key];
  for (const auto& [offset, record] : sorted) expected.push_back(record);
  EXPECT_THAT(Records(), ::testing::ElementsAreArray(expected));
  EXPECT_EQ(Partition().cleaned_end(), 600);
  EXPECT_GT(log_->journal().files().SettledFirsts().size(), 1u);
}

TEST_F(CompactionTest, NotBeforeItPaysAndNotWhatIsYoung) {
  policy_.min_cleanable_ratio = 0.9;
  policy_.min_compaction_lag_ms = 100'000;
  Open();
  Produce({{"a", "1"}});
  Produce({{"a", "2"}});
  Close();
  Run();
  EXPECT_THAT(Records(), ElementsAre("0 a=1", "1 a=2"));
  Run(110);
  EXPECT_THAT(Records(), ElementsAre("1 a=2"));
  Produce({{"a", "3"}});
  Close();
  Run(120);
  EXPECT_THAT(Records(), ElementsAre("1 a=2", "2 a=3"));
  policy_.min_cleanable_ratio = 0.3;
  Run();
  EXPECT_THAT(Records(), ElementsAre("2 a=3"));
}

TEST_F(CompactionTest, ATopicsLongestLagClosesTheOpenSegmentAndPaysOrNot) {
  policy_.max_compaction_lag_ms = 20'000;
  Open();
  Produce({{"a", "1"}});
  Produce({{"a", "2"}});
  Flush();
  Run(15);
  EXPECT_THAT(Records(), ElementsAre("0 a=1", "1 a=2"));
  Run(10);
  EXPECT_THAT(Records(), ElementsAre("1 a=2"));
  policy_.min_cleanable_ratio = 0.9;
  Produce({{"a", "3"}});
  Flush();
  Run(60);
  EXPECT_THAT(Records(), ElementsAre("2 a=3"));
  // Without anything to compact, nothing is closed.
  const size_t segments = log_->journal().Segments().size();
  Run(60);
  EXPECT_EQ(log_->journal().Segments().size(), segments);
}

TEST_F(CompactionTest, WhatCannotBeDecodedStays) {
  Open();
  Produce({{"a", "1"}});
  std::string bad = [] {
    BatchBuilder builder({.codec = Codec::kZstd});
    builder.Add({.timestamp = 1, .key = "a", .value = "2"});
    return *std::move(builder).Finish();
  }();
  bad[kBatchHeaderBytes + 2] ^= 0x55;
  Append(bad);
  Produce({{"a", "3"}});
  Close();
  Run();
  const FetchedBatches read = Read(0);
  ASSERT_EQ(read.batches.size(), 2u);
  EXPECT_EQ(ReadBatchHeader(read.batches[0])->base_offset, 1);
  EXPECT_EQ(ReadBatchHeader(read.batches[1])->base_offset, 2);
}

}  // namespace
}  // namespace weir::log
