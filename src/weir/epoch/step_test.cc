#include "weir/epoch/step.h"

#include "gtest/gtest.h"
#include "weir/base/sim_env.h"
#include "weir/epoch/testing/file_sink.h"

namespace weir::epoch {
namespace {

using testing::FileSink;
using Strings = std::vector<std::string>;

class StepTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const auto& [name, sink] : sinks_) {
      ASSERT_TRUE(sink->Create().ok());
    }
  }

  CommitterOf committer_of() {
    return [this](const std::string& name) -> Result<std::shared_ptr<columnar::SinkCommitter>> {
      const auto it = sinks_.find(name);
      if (it == sinks_.end()) return Error::User(ErrorCode::kNotFound, "no table '" + name + "'");
      return std::shared_ptr<columnar::SinkCommitter>(it->second);
    };
  }

  // An epoch that brings the row "<epoch>" to both sinks.
  Manifest Prepared(uint64_t epoch) {
    Manifest manifest;
    manifest.flow_id = "flow";
    manifest.epoch = epoch;
    for (const char* name : {"t", "q"}) {
      auto token = sinks_[name]->Prepare(epoch, std::to_string(epoch) + "\n");
      EXPECT_TRUE(token.ok());
      manifest.tokens.push_back({name, *token});
    }
    return manifest;
  }

  std::string Rows(const std::string& sink) { return *sinks_[sink]->Rows(); }
  size_t Staged(const std::string& sink) { return env_.ListDir(sink + "/staged")->size(); }

  SimEnv env_{1};
  EpochLog log_{env_, "_weir/flow"};
  std::map<std::string, std::shared_ptr<FileSink>> sinks_ = {
      {"t", std::make_shared<FileSink>(env_, "t")}, {"q", std::make_shared<FileSink>(env_, "q")}};
};

TEST_F(StepTest, CommitsEveryToken) {
  EXPECT_FALSE(Recover(log_, committer_of())->had_manifest);
  const auto results = CommitEpoch(log_, Prepared(1), committer_of());
  ASSERT_TRUE(results.ok()) << results.error().ToString();
  EXPECT_EQ(results->size(), 2u);
  EXPECT_EQ((*results)[0].version, 0);
  EXPECT_EQ(Rows("t"), "1\n");
  EXPECT_EQ(Rows("q"), "1\n");
  const auto recovery = Recover(log_, committer_of());
  ASSERT_TRUE(recovery.ok());
  EXPECT_TRUE(recovery->had_manifest);
  EXPECT_FALSE(recovery->committed_again);
  EXPECT_EQ(recovery->newest->epoch, 1u);
}

TEST_F(StepTest, AWrittenManifestIsCommittedAtTheNextStart) {
  ASSERT_TRUE(log_.Write(Prepared(1)).ok());
  auto recovery = Recover(log_, committer_of());
  ASSERT_TRUE(recovery.ok());
  EXPECT_TRUE(recovery->committed_again);
  ASSERT_EQ(recovery->results.size(), 2u);
  EXPECT_FALSE(recovery->results[0].already_done);
  EXPECT_EQ(Rows("t"), "1\n");
  // The marker lost: again, and nothing twice.
  ASSERT_TRUE(env_.RemoveFile("_weir/flow/00000000000000000001.done").ok());
  recovery = Recover(log_, committer_of());
  ASSERT_TRUE(recovery.ok());
  EXPECT_TRUE(recovery->results[1].already_done);
  EXPECT_EQ(Rows("t"), "1\n");
}

TEST_F(StepTest, ADoneEpochStaysDoneWhenItsTableIsDropped) {
  ASSERT_TRUE(CommitEpoch(log_, Prepared(1), committer_of()).ok());
  sinks_.erase("t");
  EXPECT_TRUE(Recover(log_, committer_of()).ok());
  EXPECT_EQ(Resolve(log_, Resolution::kDiscard, committer_of(), "why").error().code(),
            ErrorCode::kNotFound);
}

TEST_F(StepTest, ASinkThatCantTakeItsTokenStopsTheFlow) {
  ASSERT_TRUE(CommitEpoch(log_, Prepared(1), committer_of()).ok());
  ASSERT_TRUE(sinks_["t"]->SetBroken(true).ok());
  const auto results = CommitEpoch(log_, Prepared(2), committer_of());
  ASSERT_FALSE(results.ok());
  EXPECT_EQ(results.error().code(), ErrorCode::kInDoubt);
  EXPECT_EQ(results.error().actor(), Actor::kOperator);
  EXPECT_EQ(results.error().ExitCode(), 3);
  const std::string text = results.error().ToString();
  EXPECT_NE(text.find("epoch 2"), std::string::npos) << text;
  EXPECT_NE(text.find("'t'"), std::string::npos) << text;
  EXPECT_NE(text.find("the schema has changed"), std::string::npos) << text;
  EXPECT_NE(text.find("weir flow resolve"), std::string::npos) << text;
  EXPECT_EQ(Recover(log_, committer_of()).error().code(), ErrorCode::kInDoubt);
  EXPECT_EQ(Rows("q"), "1\n");  // those behind it are not touched
  EXPECT_EQ(Staged("t"), 2u);

  ASSERT_TRUE(sinks_["t"]->SetBroken(false).ok());
  const auto resolved = Resolve(log_, Resolution::kRetry, committer_of(), "schema is back");
  ASSERT_TRUE(resolved.ok());
  EXPECT_EQ(resolved->committed, (Strings{"t", "q"}));
  EXPECT_EQ(Rows("t"), "1\n2\n");
  EXPECT_EQ(Rows("q"), "1\n2\n");
}

TEST_F(StepTest, DiscardWithdrawsWhatNoSinkHolds) {
  ASSERT_TRUE(CommitEpoch(log_, Prepared(1), committer_of()).ok());
  ASSERT_TRUE(sinks_["t"]->SetBroken(true).ok());
  ASSERT_FALSE(CommitEpoch(log_, Prepared(2), committer_of()).ok());
  const auto resolved = Resolve(log_, Resolution::kDiscard, committer_of(), "read it again");
  ASSERT_TRUE(resolved.ok()) << resolved.error().ToString();
  EXPECT_TRUE(resolved->withdrawn);
  EXPECT_EQ(resolved->committed, Strings{});
  EXPECT_EQ(Recover(log_, committer_of())->newest->epoch, 1u);
  EXPECT_EQ(Staged("t"), 1u);  // of epoch 1, as ever
  ASSERT_TRUE(sinks_["t"]->SetBroken(false).ok());
  ASSERT_TRUE(CommitEpoch(log_, Prepared(2), committer_of()).ok());
  EXPECT_EQ(Rows("t"), "1\n2\n");
  EXPECT_EQ(Rows("q"), "1\n2\n");
}

TEST_F(StepTest, DiscardGoesOnBehindAnEpochThatASinkHolds) {
  ASSERT_TRUE(sinks_["q"]->SetBroken(true).ok());
  ASSERT_FALSE(CommitEpoch(log_, Prepared(1), committer_of()).ok());
  EXPECT_EQ(Rows("t"), "1\n");
  const auto resolved = Resolve(log_, Resolution::kDiscard, committer_of(), "q was migrated");
  ASSERT_TRUE(resolved.ok());
  EXPECT_FALSE(resolved->withdrawn);
  EXPECT_EQ(resolved->committed, Strings{"t"});
  EXPECT_EQ(resolved->dropped, Strings{"q"});
  EXPECT_EQ(*env_.ReadFile("_weir/flow/00000000000000000001.done"),
            "{\"why\":\"q was migrated; not in table 'q'\"}\n");
  EXPECT_EQ(Recover(log_, committer_of())->newest->epoch, 1u);
  EXPECT_EQ(Rows("t"), "1\n");
  EXPECT_EQ(Rows("q"), "");
}

// The first sink held the epoch and was dropped afterwards: the others may hold it, so reading the
// input again would bring its rows twice.
TEST_F(StepTest, DiscardDoesNotWithdrawWhatALaterSinkMayHold) {
  ASSERT_TRUE(CommitEpoch(log_, Prepared(1), committer_of()).ok());
  ASSERT_TRUE(env_.RemoveFile("_weir/flow/00000000000000000001.done").ok());
  sinks_.erase("t");
  const auto resolved = Resolve(log_, Resolution::kDiscard, committer_of(), "t was dropped");
  ASSERT_TRUE(resolved.ok());
  EXPECT_FALSE(resolved->withdrawn);
  EXPECT_EQ(resolved->committed, Strings{"q"});
  EXPECT_EQ(resolved->dropped, Strings{"t"});
  EXPECT_EQ(Rows("q"), "1\n");
}

TEST_F(StepTest, AFullDiskIsNoReasonToGiveRowsUp) {
  ASSERT_TRUE(log_.Write(Prepared(1)).ok());
  env_.SetCapacity(0);
  const auto committed = Recover(log_, committer_of());
  ASSERT_FALSE(committed.ok());
  EXPECT_EQ(committed.error().code(), ErrorCode::kInDoubt);
  EXPECT_EQ(committed.error().actor(), Actor::kRetry);
  EXPECT_EQ(Resolve(log_, Resolution::kDiscard, committer_of(), "").error().actor(), Actor::kRetry);
  env_.SetCapacity(1 << 20);
  EXPECT_TRUE(Recover(log_, committer_of())->committed_again);
  EXPECT_EQ(Rows("q"), "1\n");
}

// With the log lost, epochs would start at 1 again and the sinks would take them for old ones.
TEST_F(StepTest, ALostLogIsFoundOutBeforeRowsVanish) {
  ASSERT_TRUE(CommitEpoch(log_, Prepared(1), committer_of()).ok());
  ASSERT_TRUE(env_.RemoveTree("_weir/flow").ok());
  EpochLog log(env_, "_weir/flow");
  EXPECT_FALSE(Recover(log, committer_of())->had_manifest);
  const auto again = CommitEpoch(log, Prepared(1), committer_of());
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code(), ErrorCode::kConflict);  // so the caller aborts its tokens
  EXPECT_NE(again.error().message().find("'t' already holds"), std::string::npos);
  EXPECT_FALSE(Recover(log, committer_of())->had_manifest);  // taken back
}

TEST_F(StepTest, AnEpochWithoutSinksOnlyMovesThePositions) {
  Manifest manifest;
  manifest.flow_id = "flow";
  manifest.epoch = 1;
  manifest.positions["source"] = "5";
  ASSERT_TRUE(CommitEpoch(log_, manifest, committer_of()).ok());
  EXPECT_EQ(Recover(log_, committer_of())->newest->positions["source"], "5");
}

}  // namespace
}  // namespace weir::epoch
