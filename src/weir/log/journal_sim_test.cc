// The journal under crashes, lost un-synced writes, full disks and flipped bits. Groups of numbered
// frames are appended and flushed; after each restart what was promised is there, whole and in
// order, and nothing is there that was not appended.
//
// More seeds: WEIR_SIM_SEEDS=10000; one again: WEIR_SIM_SEED=17.
#include <algorithm>

#include "gtest/gtest.h"
#include "weir/base/sim_env.h"
#include "weir/base/testing/forgetful_env.h"
#include "weir/log/journal.h"

namespace weir::log {
namespace {

enum class Wrong {
  kNothing,
  kSegmentsNotSynced,
  kFolderNotSynced,
};

weir::testing::ForgetfulEnv::Lies LiesOf(Wrong wrong) {
  weir::testing::ForgetfulEnv::Lies lies;
  if (wrong == Wrong::kSegmentsNotSynced) lies.files = ".log";
  if (wrong == Wrong::kFolderNotSynced) lies.folders = "/data/log";
  return lies;
}

class World {
 public:
  World(uint64_t seed, Wrong wrong) : sim_(seed), env_(sim_, LiesOf(wrong)) {
    options_.folder = "/data/log";
    options_.segment_bytes = 600 + Below(3000);
  }

  // Some work with a crash in it, and another start.
  void Round() {
    if (Below(3) > 0) sim_.CrashAtOperation(1 + Below(40));
    if (!Open()) return Restart();
    const uint64_t steps = 1 + Below(40);
    for (uint64_t i = 0; i < steps && !sim_.crashed(); ++i) {
      if (Below(3) == 0) {
        Flush();
      } else {
        Append();
      }
    }
    Restart();
  }

  // Flips a bit of what was promised; the frames hit may be missing from now on.
  void FlipBit() {
    if (promised_end_ < 2 * kSegmentHeaderBytes) return;
    const Position at = Below(promised_end_);
    SegmentFiles files(sim_, options_.folder);
    if (!files.List().ok()) return;
    Position first = 0;
    for (const Position segment : files.Firsts()) {
      if (segment <= at) first = segment;
    }
    auto file = sim_.OpenFile(files.PathOf(first), OpenMode::kReadWrite);
    char byte = 0;
    if (!file.ok() || !(*file)->ReadAt(at - first, &byte, 1).ok()) return;
    byte = static_cast<char>(byte ^ (1 << Below(8)));
    (void)(*file)->WriteAt(at - first, &byte, 1);
    (void)(*file)->Sync();
    for (Group& group : groups_) {
      group.hit |= group.begin <= at && at < group.end;
    }
  }

  void Finish() {
    if (Open()) journal_.reset();
  }
  const std::string& broken() const { return broken_; }
  SimEnv& sim() { return sim_; }

 private:
  struct Group {
    uint64_t number = 0;
    size_t frames = 0;
    Position begin = 0;
    Position end = 0;
    bool hit = false;  // by a flipped bit
  };

  uint64_t Below(uint64_t n) { return sim_.RandomU64() % n; }
  void Break(const std::string& what) {
    if (broken_.empty()) broken_ = what;
  }

  static std::string BodyOf(const Group& group, size_t frame) {
    std::string body = std::to_string(group.number) + "/" + std::to_string(frame) + "/" +
                       std::to_string(group.frames) + ":";
    body.append(group.number * 37 % 500, static_cast<char>('a' + group.number % 26));
    return body;
  }

  bool Open() {
    std::vector<std::pair<Position, std::string>> found;
    JournalRecovery recovery;
    auto opened = Journal::Open(
        env_, metrics_, options_, 0,
        [&](const Frame& frame, Position) {
          found.emplace_back(frame.position, frame.body);
          return Status::Ok();
        },
        &recovery);
    if (!opened.ok()) {
      if (!sim_.crashed()) Break("open: " + opened.error().ToString());
      return false;
    }
    journal_ = std::move(opened).value();
    Check(found, recovery);
    return true;
  }

  void Check(const std::vector<std::pair<Position, std::string>>& found,
             const JournalRecovery& recovery) {
    size_t at = 0;
    bool ended = false;
    std::vector<Group> kept;
    for (const Group& group : groups_) {
      size_t frames = 0;
      for (size_t i = 0; i < group.frames; ++i) {
        if (at < found.size() && found[at].second == BodyOf(group, i)) {
          frames += 1;
          at += 1;
        }
      }
      const bool promised = group.end <= promised_;
      const std::string name = "group " + std::to_string(group.number);
      if (promised && frames < group.frames && !group.hit)
        Break(name + " was promised and is lost");
      if (!promised && frames != 0 && frames < group.frames) Break(name + " is there in part");
      if (!promised && frames != 0 && ended) Break(name + " is there, one before it is not");
      ended |= !promised && frames == 0;
      if (frames > 0) kept.push_back(group);
    }
    if (at < found.size()) Break("found what was not appended: " + found[at].second.substr(0, 30));
    if (recovery.damage.empty() == false && flips_ == 0) Break("damage without a flipped bit");
    groups_ = kept;
    promised_ = recovery.end;
    // What comes from here on says so; before, a flipped bit in the newest bytes looks like a torn
    // write.
    promised_end_ = 0;
  }

  void Append() {
    Group group;
    group.number = next_++;
    group.frames = 1 + Below(3);
    std::vector<std::string> bodies;
    for (size_t i = 0; i < group.frames; ++i) bodies.push_back(BodyOf(group, i));
    std::vector<NewFrame> frames;
    for (const auto& body : bodies) {
      const std::string_view text = body;
      const size_t half = Below(text.size());
      frames.push_back({FrameKind::kBatch, 1, text.substr(0, half), text.substr(half)});
    }
    std::vector<Position> positions;
    auto end = journal_->Append(frames, &positions);
    if (!end.ok()) {
      if (!sim_.crashed()) Break("append: " + end.error().ToString());
      return;
    }
    group.begin = positions[0];
    group.end = end->end;
    groups_.push_back(group);
  }

  void Flush() {
    const Position before = promised_;
    if (journal_->Flush().ok()) {
      promised_ = journal_->durable();
      // This flush's frames were written when everything up to `before` was durable.
      if (promised_ > before) promised_end_ = before;
    } else if (!sim_.crashed()) {
      Break("flush failed");
    }
  }

  void Restart() {
    journal_.reset();
    sim_.Restart(Below(2) == 0 ? SimEnv::CrashKind::kPowerLost : SimEnv::CrashKind::kProcessKilled);
    if (Below(4) == 0 && promised_end_ > 0) {
      flips_ += 1;
      FlipBit();
    }
  }

  SimEnv sim_;
  weir::testing::ForgetfulEnv env_;
  MetricRegistry metrics_;
  JournalOptions options_;
  std::unique_ptr<Journal> journal_;
  std::vector<Group> groups_;
  uint64_t next_ = 0;
  uint64_t flips_ = 0;
  Position promised_ = 0;      // durable, as the journal said
  Position promised_end_ = 0;  // before it, frames on disk say so too
  std::string broken_;
};

std::string RunSeed(uint64_t seed, Wrong wrong) {
  World world(seed, wrong);
  for (int i = 0; i < 6 && world.broken().empty(); ++i) world.Round();
  world.Finish();
  return world.broken();
}

TEST(JournalSimTest, WhatWasPromisedIsThere) {
  const SimSeeds seeds(500);
  for (uint64_t seed = seeds.first; seed < seeds.end; ++seed) {
    ASSERT_EQ(RunSeed(seed, Wrong::kNothing), "") << "WEIR_SIM_SEED=" << seed;
  }
}

TEST(JournalSimTest, SameSeedSameWorld) {
  const auto fingerprint = [](uint64_t seed) {
    World world(seed, Wrong::kNothing);
    for (int i = 0; i < 4; ++i) world.Round();
    return world.sim().Fingerprint();
  };
  EXPECT_EQ(fingerprint(3), fingerprint(3));
  EXPECT_NE(fingerprint(3), fingerprint(4));
}

class JournalSimCanaryTest : public ::testing::TestWithParam<Wrong> {};

TEST_P(JournalSimCanaryTest, IsFoundOut) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    if (!RunSeed(seed, GetParam()).empty()) return;
  }
  FAIL() << "2000 seeds did not find it";
}

INSTANTIATE_TEST_SUITE_P(Wrongs, JournalSimCanaryTest,
                         ::testing::Values(Wrong::kSegmentsNotSynced, Wrong::kFolderNotSynced),
                         [](const auto& info) {
                           return info.param == Wrong::kSegmentsNotSynced ? "SegmentsNotSynced"
                                                                          : "FolderNotSynced";
                         });

}  // namespace
}  // namespace weir::log
