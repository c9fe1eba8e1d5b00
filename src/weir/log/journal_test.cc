#include "weir/log/journal.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "weir/base/sim_env.h"

namespace weir::log {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() : env_(1) {
    options_.folder = "/log";
    options_.segment_bytes = 4096;
  }

  // Opens it again; `bodies_` holds what was replayed.
  void Open(Position from = 0) {
    journal_.reset();
    bodies_.clear();
    recovery_ = JournalRecovery();
    auto opened = Journal::Open(
        env_, metrics_, options_, from,
        [this](const Frame& frame, Position) {
          bodies_.emplace_back(frame.body);
          return Status::Ok();
        },
        &recovery_);
    ASSERT_TRUE(opened.ok()) << opened.error().ToString();
    journal_ = std::move(opened).value();
  }

  Position Append(const std::vector<std::string>& bodies) {
    std::vector<NewFrame> group;
    for (const auto& body : bodies) group.push_back({FrameKind::kBatch, 7, body.substr(0, 1), ""});
    for (size_t i = 0; i < bodies.size(); ++i) {
      group[i].head = std::string_view(bodies[i]).substr(0, 1);
      group[i].body = std::string_view(bodies[i]).substr(1);
    }
    auto end = journal_->Append(group, &positions_);
    EXPECT_TRUE(end.ok()) << end.error().ToString();
    return end.ok() ? end->end : 0;
  }
  Result<Journal::Appended> AppendOne(const std::string& body) {
    const NewFrame frame{FrameKind::kBatch, 0, body, ""};
    return journal_->Append({&frame, 1}, nullptr);
  }
  void Flush() {
    const Status status = journal_->Flush();
    ASSERT_TRUE(status.ok()) << status.error().ToString();
  }

  void Damage(Position position, size_t bytes) {
    const auto segments = journal_->Segments();
    Position first = 0;
    for (const Position segment : segments) {
      if (segment <= position) first = segment;
    }
    journal_.reset();
    SegmentFiles files(env_, options_.folder);
    auto file = env_.OpenFile(files.PathOf(first), OpenMode::kReadWrite);
    ASSERT_TRUE(file.ok());
    const std::string bad(bytes, 'W');
    ASSERT_TRUE((*file)->WriteAt(position - first, bad.data(), bytes).ok());
    ASSERT_TRUE((*file)->Sync().ok());
  }

  SimEnv env_;
  MetricRegistry metrics_;
  JournalOptions options_;
  std::unique_ptr<Journal> journal_;
  JournalRecovery recovery_;
  std::vector<std::string> bodies_;
  std::vector<Position> positions_;
};

TEST_F(JournalTest, ReadsBackWhatWasAppended) {
  Open();
  Append({"one", "two"});
  const Position end = Append({"three"});
  EXPECT_LT(journal_->durable(), end);
  Flush();
  EXPECT_EQ(journal_->durable(), end);
  char body[5];
  ASSERT_TRUE(journal_->Read(positions_[0] + kFrameHeaderBytes, body, 5).ok());
  EXPECT_EQ(std::string(body, 5), "three");
  Open();
  EXPECT_THAT(bodies_, ElementsAre("one", "two", "three"));
  EXPECT_EQ(journal_->end(), end);
  EXPECT_EQ(recovery_.torn_bytes, 0u);
}

TEST_F(JournalTest, ReplaysFromAPosition) {
  Open();
  Append({"one"});
  const Position from = journal_->end();
  Append({"two"});
  Flush();
  Open(from);
  EXPECT_THAT(bodies_, ElementsAre("two"));
  Open(journal_->end());
  EXPECT_THAT(bodies_, IsEmpty());
}

TEST_F(JournalTest, RefusesAPositionThatIsNotThere) {
  Open();
  Append({"one"});
  Flush();
  const Position end = journal_->end();
  journal_.reset();
  JournalRecovery recovery;
  auto opened = Journal::Open(
      env_, metrics_, options_, end + 1, [](const Frame&, Position) { return Status::Ok(); },
      &recovery);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), ErrorCode::kCorrupt);
}

TEST_F(JournalTest, GroupsStayInOneSegmentAndSegmentsRoll) {
  Open();
  std::vector<std::string> expected;
  for (int i = 0; i < 20; ++i) {
    expected.push_back("a" + std::string(700, static_cast<char>('a' + i)));
    expected.push_back("b" + std::to_string(i));
    Append({expected[expected.size() - 2], expected.back()});
    if (i % 3 == 0) Flush();
  }
  Flush();
  EXPECT_GT(journal_->Segments().size(), 3u);
  Open();
  EXPECT_EQ(bodies_, expected);
  // A group larger than a segment gets one of its own.
  Append({std::string(10'000, 'x')});
  Append({"after"});
  Flush();
  Open();
  EXPECT_EQ(bodies_.back(), "after");
}

TEST_F(JournalTest, TornEndIsCutAndSaid) {
  Open();
  Append({"kept"});
  Flush();
  Append({"lost one", "lost two"});
  Flush();  // nothing later says that these were promised
  const Position second = positions_[1];
  Damage(second + kFrameHeaderBytes, 3);
  Open();
  EXPECT_THAT(bodies_, ElementsAre("kept"));
  EXPECT_GT(recovery_.torn_bytes, 0u);
  EXPECT_THAT(recovery_.damage, IsEmpty());
  Append({"next"});
  Flush();
  Open();
  EXPECT_THAT(bodies_, ElementsAre("kept", "next"));
}

TEST_F(JournalTest, DamageToWhatWasPromisedIsJumpedOver) {
  Open();
  Append({"first"});
  const Position bad = Append({"second", "sister"}) - 1;
  Append({"third"});
  Flush();
  Append({"fourth"});  // says that everything above is durable
  Flush();
  Damage(bad, 1);
  Open();
  EXPECT_THAT(bodies_, ElementsAre("first", "second", "third", "fourth"));
  ASSERT_EQ(recovery_.damage.size(), 1u);
  EXPECT_LE(recovery_.damage[0].begin, bad);
  EXPECT_GT(recovery_.damage[0].end, bad);
}

TEST_F(JournalTest, DamageInAnEarlierSegmentIsJumpedOver) {
  Open();
  Append({"first"});
  const Position bad = positions_[0] + 4;
  Flush();
  Append({std::string(4000, 'x')});
  Flush();
  EXPECT_EQ(journal_->Segments().size(), 2u);
  Damage(bad, 1);
  Open();
  EXPECT_THAT(bodies_, ElementsAre(std::string(4000, 'x')));
  EXPECT_EQ(recovery_.damage.size(), 1u);
}

TEST_F(JournalTest, FullDiskWaitsForRoom) {
  Open();
  Append({"one"});
  Flush();
  env_.SetCapacity(1);
  const Position end = Append({std::string(3000, 'x')});
  const Status full = journal_->Flush();
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code(), ErrorCode::kNoSpace);
  EXPECT_FALSE(journal_->failure().has_value());
  Append({std::string(3000, 'y')});  // a new segment, once there is room
  env_.SetCapacity(uint64_t{1} << 30);
  Flush();
  EXPECT_EQ(journal_->durable(), end);
  Flush();
  Open();
  EXPECT_EQ(bodies_.size(), 3u);
}

TEST_F(JournalTest, TakesNothingAfterAFailedSync) {
  Open();
  Append({"one"});
  Flush();
  Append({"two"});
  env_.SetIoErrorProbability(1);
  EXPECT_FALSE(journal_->Flush().ok());
  env_.SetIoErrorProbability(0);
  ASSERT_TRUE(journal_->failure().has_value());
  EXPECT_FALSE(AppendOne("three").ok());
  char body[3];
  EXPECT_TRUE(journal_->Read(positions_[0], body, 0).ok());
}

TEST_F(JournalTest, LimitsWhatWaits) {
  options_.buffer_bytes = 1000;
  Open();
  Append({std::string(900, 'x')});
  auto more = AppendOne(std::string(900, 'y'));
  ASSERT_FALSE(more.ok());
  EXPECT_EQ(more.error().code(), ErrorCode::kLimit);
  EXPECT_EQ(more.error().actor(), Actor::kRetry);
  Flush();
  Append({std::string(900, 'y')});
}

TEST_F(JournalTest, RemovesSegments) {
  Open();
  for (int i = 0; i < 5; ++i) {
    Append({std::string(3000, 'x')});
    Flush();
  }
  const auto segments = journal_->Segments();
  EXPECT_TRUE(journal_->RemoveSegment(segments[0]).ok());
  EXPECT_FALSE(journal_->RemoveSegment(segments.back()).ok());
  char body[1];
  EXPECT_FALSE(journal_->Read(segments[0] + kSegmentHeaderBytes, body, 1).ok());
  EXPECT_TRUE(journal_->Read(segments[1] + kSegmentHeaderBytes, body, 1).ok());
}

// After a sync that failed, the bytes stay readable and no later sync writes them.
TEST(JournalFailedSyncTest, WhatAStartFoundStays) {
  size_t found_more = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SimEnv env(seed);
    MetricRegistry metrics;
    JournalOptions options;
    options.folder = "/log";
    std::vector<std::string> bodies;
    std::unique_ptr<Journal> journal;
    const auto open = [&] {
      bodies.clear();
      JournalRecovery recovery;
      auto opened = Journal::Open(
          env, metrics, options, 0,
          [&](const Frame& frame, Position) {
            bodies.emplace_back(frame.body);
            return Status::Ok();
          },
          &recovery);
      ASSERT_TRUE(opened.ok()) << opened.error().ToString();
      journal = std::move(opened).value();
    };
    const auto append = [&](const std::string& body) {
      const NewFrame frame{FrameKind::kBatch, 0, body, ""};
      ASSERT_TRUE(journal->Append({&frame, 1}, nullptr).ok());
    };
    open();
    append("one");
    ASSERT_TRUE(journal->Flush().ok());
    append("two");
    env.SetIoErrorProbability(0.5);
    (void)journal->Flush();
    env.SetIoErrorProbability(0);
    journal.reset();
    env.Restart(SimEnv::CrashKind::kProcessKilled);
    open();
    const std::vector<std::string> found = bodies;
    found_more += found.size() > 1 ? 1 : 0;
    env.Crash();
    journal.reset();
    env.Restart(SimEnv::CrashKind::kPowerLost);
    open();
    EXPECT_EQ(bodies, found) << "seed " << seed;
  }
  EXPECT_GT(found_more, 5u);
}

TEST(JournalThreadsTest, ManyAppendOneFlushes) {
  Env& env = RealEnv();
  const std::string folder = ::testing::TempDir() + "journal_threads";
  ASSERT_TRUE(env.RemoveTree(folder).ok());
  MetricRegistry metrics;
  JournalOptions options;
  options.folder = folder;
  options.segment_bytes = 100'000;
  JournalRecovery recovery;
  size_t replayed = 0;
  const auto count = [&](const Frame&, Position) {
    replayed += 1;
    return Status::Ok();
  };
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  {
    auto journal = Journal::Open(env, metrics, options, 0, count, &recovery);
    ASSERT_TRUE(journal.ok());
    std::mutex mutex;
    std::condition_variable wake;
    Position durable = 0;
    (*journal)->StartFlushing(
        [&](Position position) {
          const std::lock_guard lock(mutex);
          durable = position;
          wake.notify_all();
        },
        [](const Error& failure) { ADD_FAILURE() << failure.ToString(); });
    std::vector<std::unique_ptr<Thread>> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.push_back(env.StartThread("append", [&] {
        for (int i = 0; i < kEach; ++i) {
          const std::string body(200, 'x');
          const NewFrame frame{FrameKind::kBatch, 1, body, ""};
          auto end = (*journal)->Append({&frame, 1}, nullptr);
          ASSERT_TRUE(end.ok());
          std::unique_lock lock(mutex);
          wake.wait(lock, [&] { return durable >= end->end; });
        }
      }));
    }
    threads.clear();
  }
  auto again = Journal::Open(env, metrics, options, 0, count, &recovery);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(replayed, static_cast<size_t>(kThreads * kEach));
  EXPECT_EQ(recovery.torn_bytes, 0u);
  again->reset();
  EXPECT_TRUE(env.RemoveTree(folder).ok());
}

}  // namespace
}  // namespace weir::log
