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

TEST(BrokerSimTest, ClientsGetWhatWasPromised) {
  const SimSeeds seeds(25);
  for (uint64_t seed = seeds.first; seed < seeds.end; ++seed) {
    ASSERT_TRUE(RunSeed(seed, Wrong::kNothing).empty()) << Story(seed, Wrong::kNothing);
  }
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
  const char* kind;  // by which it is found out
};

class BrokerSimCanaryTest : public ::testing::TestWithParam<Canary> {};

TEST_P(BrokerSimCanaryTest, IsFoundOut) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    for (const Violation& violation : RunSeed(seed, GetParam().wrong)) {
      if (violation.kind != GetParam().kind) continue;
      RecordProperty("seeds", static_cast<int>(seed) + 1);
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
                      Canary{"Tail", Wrong::kAnswersBeforeDurable, "unseen"},
                      Canary{"NoIdempotence", Wrong::kNoIdempotence, "duplicate"},
                      Canary{"NoIdempotenceOrder", Wrong::kNoIdempotence, "nonmonotonic-send"},
                      Canary{"ReadsAborted", Wrong::kReadsAborted, "G1a"},
                      Canary{"ReadsUncommitted", Wrong::kReadsUncommitted, "precommitted-read"},
                      Canary{"ForgetsPositions", Wrong::kForgetsPositions, "nonmonotonic-poll"},
                      Canary{"SkipsPositions", Wrong::kSkipsPositions, "poll-skip"},
                      Canary{"DropsEndTxn", Wrong::kDropsEndTxn, "lost-write"},
                      Canary{"AbortsInsteadOfCommits", Wrong::kAbortsInsteadOfCommits,
                             "lost-write"},
                      Canary{"AnyEpochEnds", Wrong::kAnyEpochEnds, "zombie-commit"},
                      Canary{"SharesIdentity", Wrong::kSharesIdentity, "shared-identity"},
                      Canary{"LateEndReads", Wrong::kLateEndCounts, "G1a"},
                      Canary{"OffsetsOutside", Wrong::kOffsetsOutside, "unprocessed"},
                      Canary{"ForgetsOffsets", Wrong::kForgetsOffsets, "twice-processed"},
                      Canary{"ForgetsOffsetsSeen", Wrong::kForgetsOffsets, "lost-offset"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace weir::log::kafka::sim
