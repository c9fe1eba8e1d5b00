// The whole broker under clients that speak its protocol: idempotent and transactional producers of
// both protocols, pipelines that read, make and commit in one transaction, consumers with and
// without groups; on a network that delays, resets and delivers late, over a machine that crashes
// at any operation of its disk, forgets what was not synced, flips bits and sets its clock. Judged
// by Jepsen's invariants of a queue and by KIP-98 (testing/history_checker.h).
//
// More seeds: WEIR_SIM_SEEDS=10000; one again: WEIR_SIM_SEED=17, with its story if it fails.
#include <algorithm>

#include "gtest/gtest.h"
#include "weir/base/checksum.h"
#include "weir/log/kafka/sim/testing/sim_world.h"

namespace weir::log::kafka::sim {
namespace {

std::vector<Violation> RunSeed(uint64_t seed, Wrong wrong,
                               std::vector<std::string>* story = nullptr) {
  SimWorld world(seed, wrong, story);
  return world.Run();
}

// What was found, and how it came to that.
std::string Story(uint64_t seed, Wrong wrong) {
  std::vector<std::string> story;
  const std::vector<Violation> violations = RunSeed(seed, wrong, &story);
  std::string text = "WEIR_SIM_SEED=" + std::to_string(seed) + "\n";
  for (const std::string& line : story) text += line + "\n";
  for (const Violation& violation : violations) {
    text += violation.kind + ": " + violation.what + "\n";
  }
  return text;
}

// What happened in all worlds; if nothing did, they prove nothing.
struct Seen {
  uint64_t worlds = 0;
  SimWorld::Deeds deeds;
  uint64_t written = 0;
  uint64_t polled = 0;
  uint64_t committed = 0;
  uint64_t aborted = 0;
  uint64_t made = 0;
  uint64_t offsets = 0;

  void Add(const SimWorld& world) {
    worlds += 1;
    deeds.starts += world.deeds().starts;
    deeds.crashes_on_disk += world.deeds().crashes_on_disk;
    deeds.late_requests += world.deeds().late_requests;
    deeds.flips += world.deeds().flips;
    deeds.jumps += world.deeds().jumps;
    deeds.killed_clients += world.deeds().killed_clients;
    for (const auto& [value, write] : world.history().writes) {
      written += write.fate == Fate::kDone ? 1 : 0;
      made += write.origin != 0 ? 1 : 0;
    }
    for (const PollOp& poll : world.history().polls) polled += poll.records.size();
    for (const auto& [id, transaction] : world.history().transactions) {
      committed += transaction.fate == Fate::kDone ? 1 : 0;
      aborted += transaction.fate == Fate::kNot ? 1 : 0;
    }
    offsets += world.history().offsets.size();
  }
};

TEST(BrokerSimTest, ClientsGetWhatWasPromised) {
  const SimSeeds seeds(25);
  Seen seen;
  for (uint64_t seed = seeds.first; seed < seeds.end; ++seed) {
    SimWorld world(seed, Wrong::kNothing);
    ASSERT_TRUE(world.Run().empty()) << Story(seed, Wrong::kNothing);
    seen.Add(world);
  }
  const uint64_t worlds = seen.worlds;
  if (worlds < 25) return;
  EXPECT_GT(seen.deeds.starts, worlds);
  EXPECT_GT(seen.deeds.crashes_on_disk, worlds / 5);
  EXPECT_GT(seen.deeds.late_requests, worlds / 5);
  EXPECT_GT(seen.deeds.flips, worlds / 50);
  EXPECT_GT(seen.deeds.jumps, worlds / 5);
  EXPECT_GT(seen.deeds.killed_clients, worlds / 5);
  EXPECT_GT(seen.written, 100 * worlds);
  EXPECT_GT(seen.polled, 400 * worlds);
  EXPECT_GT(seen.committed, 15 * worlds);
  EXPECT_GT(seen.aborted, 4 * worlds);
  EXPECT_GT(seen.made, 40 * worlds);
  EXPECT_GT(seen.offsets, 20 * worlds);
}

TEST(BrokerSimTest, SameSeedSameWorld) {
  const auto fingerprint = [](uint64_t seed) {
    std::vector<std::string> story;
    SimWorld world(seed, Wrong::kNothing, &story);
    world.Run();
    uint64_t sum = world.disk().Fingerprint();
    for (const std::string& line : story) sum = Xxh3(line, sum);
    return sum;
  };
  EXPECT_EQ(fingerprint(3), fingerprint(3));
  EXPECT_NE(fingerprint(3), fingerprint(4));
}

struct Canary {
  const char* name;
  Wrong wrong;
  const char* kind;         // by which it is found out
  uint64_t first_seed = 0;  // where it is rare: one from which it is not far
};

class BrokerSimCanaryTest : public ::testing::TestWithParam<Canary> {};

TEST_P(BrokerSimCanaryTest, IsFoundOut) {
  const uint64_t first = GetParam().first_seed;
  for (uint64_t seed = first; seed < first + 300; ++seed) {
    for (const Violation& violation : RunSeed(seed, GetParam().wrong)) {
      if (violation.kind != GetParam().kind) continue;
      RecordProperty("seeds", static_cast<int>(seed - first) + 1);
      return;
    }
  }
  FAIL() << "300 seeds did not find it";
}

INSTANTIATE_TEST_SUITE_P(
    Wrongs, BrokerSimCanaryTest,
    ::testing::Values(Canary{"SegmentsNotSynced", Wrong::kSegmentsNotSynced, "lost-write"},
                      Canary{"SegmentsNotSyncedSeen", Wrong::kSegmentsNotSynced, "phantom-read"},
                      Canary{"AnswersBeforeDurable", Wrong::kAnswersBeforeDurable, "lost-write"},
                      Canary{"OffsetReused", Wrong::kAnswersBeforeDurable, "inconsistent-offsets"},
                      Canary{"Tail", Wrong::kAnswersBeforeDurable, "unseen", 51},
                      Canary{"NoIdempotence", Wrong::kNoIdempotence, "duplicate"},
                      Canary{"NoIdempotenceOrder", Wrong::kNoIdempotence, "nonmonotonic-send"},
                      Canary{"ReadsAborted", Wrong::kReadsAborted, "G1a"},
                      Canary{"ReadsUncommitted", Wrong::kReadsUncommitted, "precommitted-read"},
                      Canary{"ReadsUncommittedCircle", Wrong::kReadsUncommitted, "G1c"},
                      Canary{"ForgetsPositions", Wrong::kForgetsPositions, "nonmonotonic-poll"},
                      Canary{"SkipsRecords", Wrong::kSkipsRecords, "int-poll-skip"},
                      Canary{"SkipsPositions", Wrong::kSkipsPositions, "poll-skip"},
                      Canary{"DropsEndTxn", Wrong::kDropsEndTxn, "lost-write"},
                      Canary{"AbortsInsteadOfCommits", Wrong::kAbortsInsteadOfCommits,
                             "lost-write"},
                      Canary{"AnyEpochEnds", Wrong::kAnyEpochEnds, "zombie-commit", 10},
                      Canary{"SharesIdentity", Wrong::kSharesIdentity, "shared-identity"},
                      Canary{"TearsTransactions", Wrong::kTearsTransactions, "torn-transaction"},
                      Canary{"LateEndReads", Wrong::kLateEndCounts, "G1a", 128},
                      Canary{"OffsetsOutside", Wrong::kOffsetsOutside, "unprocessed"},
                      Canary{"ForgetsOffsets", Wrong::kForgetsOffsets, "twice-processed"},
                      Canary{"ForgetsOffsetsSeen", Wrong::kForgetsOffsets, "lost-offset"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace weir::log::kafka::sim
