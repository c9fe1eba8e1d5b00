#include "weir/epoch/epoch_log.h"

#include "gtest/gtest.h"
#include "weir/base/sim_env.h"

namespace weir::epoch {
namespace {

using Epochs = std::vector<uint64_t>;

Manifest Make(uint64_t epoch, const std::string& run_id = "run") {
  Manifest manifest;
  manifest.flow_id = "flow";
  manifest.epoch = epoch;
  manifest.run_id = run_id;
  manifest.positions["source"] = std::to_string(epoch * 10);
  return manifest;
}

class EpochLogTest : public testing::Test {
 protected:
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const FileInfo& entry : *env_.ListDir("warehouse/_weir/flow")) {
      names.push_back(entry.path);
    }
    return names;
  }

  SimEnv env_{1};
  EpochLog log_{env_, "warehouse/_weir/flow"};
};

TEST_F(EpochLogTest, EmptyBeforeTheFirstWrite) {
  EXPECT_FALSE(log_.Newest()->has_value());
  EXPECT_EQ(*log_.Epochs(), Epochs{});
  EXPECT_TRUE(log_.Forget(0).ok());
  EXPECT_EQ(log_.Read(1).error().code(), ErrorCode::kNotFound);
}

TEST_F(EpochLogTest, WritesAndFindsTheNewest) {
  ASSERT_TRUE(log_.Write(Make(1)).ok());
  ASSERT_TRUE(log_.Write(Make(2)).ok());
  EXPECT_EQ(**log_.Newest(), Make(2));
  EXPECT_EQ(*log_.Read(1), Make(1));
  EXPECT_EQ(*log_.Epochs(), (Epochs{1, 2}));
  EXPECT_EQ(Names()[0], "00000000000000000001.json");
}

TEST_F(EpochLogTest, AnEpochIsWrittenOnce) {
  ASSERT_TRUE(log_.Write(Make(5)).ok());
  const Status other = log_.Write(Make(5, "another run"));
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code(), ErrorCode::kConflict);
  EXPECT_EQ(log_.Write(Make(4)).error().code(), ErrorCode::kConflict);
  EXPECT_EQ(**log_.Newest(), Make(5));
}

TEST_F(EpochLogTest, ACorruptManifestIsNamed) {
  ASSERT_TRUE(log_.Write(Make(1)).ok());
  ASSERT_TRUE(env_.WriteFileAtomic("warehouse/_weir/flow/00000000000000000002.json", "?").ok());
  const auto newest = log_.Newest();
  ASSERT_FALSE(newest.ok());
  EXPECT_EQ(newest.error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(newest.error().where(), "warehouse/_weir/flow/00000000000000000002.json");
}

TEST_F(EpochLogTest, ACopiedManifestIsFoundOut) {
  ASSERT_TRUE(log_.Write(Make(1)).ok());
  const std::string folder = "warehouse/_weir/flow/";
  ASSERT_TRUE(
      env_.LinkNoReplace(folder + "00000000000000000001.json", folder + "00000000000000000002.json")
          .ok());
  EXPECT_EQ(log_.Newest().error().code(), ErrorCode::kCorrupt);
}

TEST_F(EpochLogTest, OtherFilesAreLeftAlone) {
  ASSERT_TRUE(log_.Write(Make(1)).ok());
  const std::string folder = "warehouse/_weir/flow/";
  for (const char* name : {".00000000000000000009.json.0123456789abcdef.tmp", "9.json",
                           "0000000000000000000x.json", "99999999999999999999.json", "README"}) {
    ASSERT_TRUE(env_.WriteFileAtomic(folder + name, "?").ok());
  }
  EXPECT_EQ(*log_.Epochs(), Epochs{1});
  EXPECT_TRUE(log_.Forget(0).ok());
  EXPECT_EQ(Names().size(), 6u);
}

TEST_F(EpochLogTest, ForgetKeepsTheNewestAndTheNewestThatIsDone) {
  for (uint64_t epoch = 1; epoch <= 6; ++epoch) {
    ASSERT_TRUE(log_.Write(Make(epoch)).ok());
    if (epoch <= 4) {
      ASSERT_TRUE(log_.MarkDone(epoch, "", false).ok());
    }
  }
  ASSERT_TRUE(log_.MarkBegun(2).ok());
  ASSERT_TRUE(log_.Forget(5).ok());
  EXPECT_EQ(*log_.Epochs(), (Epochs{2, 3, 4, 5, 6}));
  ASSERT_TRUE(log_.Forget(0).ok());
  EXPECT_EQ(*log_.Epochs(), (Epochs{4, 5, 6}));
  EXPECT_EQ(Names().size(), 4u);  // and the marker of 4
  ASSERT_TRUE(log_.MarkDone(6, "", false).ok());
  ASSERT_TRUE(log_.Forget(0).ok());
  EXPECT_EQ(*log_.Epochs(), Epochs{6});
}

TEST_F(EpochLogTest, ForgetWithoutAnyDoneKeepsAll) {
  ASSERT_TRUE(log_.Write(Make(1)).ok());
  ASSERT_TRUE(log_.Write(Make(2)).ok());
  ASSERT_TRUE(log_.Forget(0).ok());
  EXPECT_EQ(*log_.Epochs(), (Epochs{1, 2}));
}

TEST_F(EpochLogTest, WithdrawLeavesTheReason) {
  ASSERT_TRUE(log_.Write(Make(1)).ok());
  ASSERT_TRUE(log_.Write(Make(2)).ok());
  ASSERT_TRUE(log_.Withdraw(Make(2), "the table \"t\" is gone").ok());
  EXPECT_EQ(**log_.Newest(), Make(1));
  EXPECT_EQ(*env_.ReadFile("warehouse/_weir/flow/00000000000000000002.discarded"),
            "{\"why\":\"the table \\\"t\\\" is gone\"}\n");
  EXPECT_TRUE(log_.Write(Make(2, "again")).ok());
}

TEST_F(EpochLogTest, AWriteThatSurelyFailedSaysWhy) {
  ASSERT_TRUE(log_.Write(Make(1)).ok());
  env_.SetCapacity(10);
  EXPECT_EQ(log_.Write(Make(2)).error().code(), ErrorCode::kNoSpace);
  EXPECT_EQ(**log_.Newest(), Make(1));
}

// The error's code decides whether the caller may throw its staged files away.
TEST_F(EpochLogTest, AWriteWhoseLastStepFailedIsInDoubt) {
  ASSERT_TRUE(log_.Write(Make(1)).ok());
  int in_doubt = 0;
  for (uint64_t epoch = 2; epoch < 200; ++epoch) {
    env_.SetIoErrorProbability(0.2);
    const Status written = log_.Write(Make(epoch));
    env_.SetIoErrorProbability(0);
    const bool there = (*log_.Newest())->epoch == epoch;
    if (written.ok()) {
      EXPECT_TRUE(there);
    } else if (written.error().code() == ErrorCode::kInDoubt) {
      ++in_doubt;
    } else {
      EXPECT_FALSE(there) << written.error().ToString();
    }
  }
  EXPECT_GT(in_doubt, 10);
}

}  // namespace
}  // namespace weir::epoch
