#include "weir/log/groups/group_offsets.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "weir/log/groups/testing/group_world.h"

namespace weir::log {
namespace {

using kafka::KafkaError;
using ::testing::ElementsAre;
using testing::GroupWorld;
using testing::Reply;

constexpr int64_t kDayMs = 24LL * 3600 * 1000;

class GroupOffsetsTest : public ::testing::Test, protected GroupWorld {
 protected:
  void SetUp() override {
    Open();
    CreateTopic("t", 4);
  }
  KafkaError Deleted(const std::string& topic, int32_t partition) {
    Reply<OffsetDeleteResponse> reply;
    groups().DeleteOffsets({"g", {{topic, {}, {partition}}}}, reply.done());
    Flush();
    if (reply->error != KafkaError::kNone) return reply->error;
    return reply->topics[0].partitions[0].error;
  }
};

// --- plain commits ---

TEST_F(GroupOffsetsTest, WhatIsCommittedIsFetchedAlsoAfterACrash) {
  EXPECT_EQ(Fetch("t", 0).offset, -1);
  EXPECT_EQ(Fetch("t", 0).error, KafkaError::kNone);
  EXPECT_EQ(Committed(CommitOf("t", 0, 42)), KafkaError::kNone);
  Crash();
  const FetchedOffset fetched = Fetch("t", 0);
  EXPECT_EQ(fetched.offset, 42);
  EXPECT_EQ(fetched.leader_epoch, 3);
  EXPECT_EQ(fetched.metadata, "note");
  EXPECT_EQ(Fetch("t", 1).offset, -1);
  EXPECT_EQ(State(), "Empty");
}

TEST_F(GroupOffsetsTest, ACommitIsAnsweredWhenItIsDurableAndNotSeenBefore) {
  const auto reply = Commit(CommitOf("t", 0, 42));
  Reply<OffsetFetchResponse> fetched;
  OffsetFetchRequest request;
  request.group_id = "g";
  groups().FetchOffsets(request, fetched.done());
  EXPECT_FALSE(reply.ready());
  EXPECT_FALSE(fetched.ready());
  Flush();
  EXPECT_TRUE(reply.ready());
  EXPECT_EQ(fetched->topics[0].partitions[0].offset, 42);
}

TEST_F(GroupOffsetsTest, AfterAFailedSyncOffsetsAreToldWhereTheyAreDurable) {
  EXPECT_EQ(Committed(CommitOf("t", 0, 42)), KafkaError::kNone);
  OffsetCommitRequest other = CommitOf("t", 0, 7);
  other.group_id = "other";
  const auto lost = Commit(other);
  env().SetIoErrorProbability(1);
  EXPECT_FALSE(log().journal().Flush().ok());
  env().SetIoErrorProbability(0);
  const auto fetch = [&](const std::string& group_id) {
    OffsetFetchRequest request;
    request.group_id = group_id;
    request.topics = {{"t", {}, {0}}};
    Reply<OffsetFetchResponse> reply;
    groups().FetchOffsets(request, reply.done());
    EXPECT_TRUE(reply.ready());
    return *reply;
  };
  EXPECT_EQ(fetch("g").error, KafkaError::kNone);
  EXPECT_EQ(fetch("g").topics.at(0).partitions.at(0).offset, 42);
  EXPECT_FALSE(lost.ready());
  EXPECT_EQ(fetch("other").error, KafkaError::kCoordinatorLoadInProgress);
  EXPECT_EQ(fetch("other").topics.at(0).partitions.at(0).offset, -1);
}

TEST_F(GroupOffsetsTest, WhatACommitIsRefusedFor) {
  EXPECT_EQ(Committed(CommitOf("nothing", 0, 1)), KafkaError::kUnknownTopicOrPartition);
  EXPECT_EQ(Committed(CommitOf("t", 4, 1)), KafkaError::kUnknownTopicOrPartition);
  EXPECT_EQ(Committed(CommitOf("t", -1, 1)), KafkaError::kUnknownTopicOrPartition);
  OffsetCommitRequest by_id = CommitOf("", 0, 1);
  by_id.topics[0].id.bytes[0] = 99;
  EXPECT_EQ(Committed(by_id), KafkaError::kUnknownTopicId);
  OffsetCommitRequest large = CommitOf("t", 0, 1);
  large.topics[0].partitions[0].metadata = std::string(4097, 'x');
  EXPECT_EQ(Committed(large), KafkaError::kOffsetMetadataTooLarge);
  EXPECT_EQ(State(), "Dead");
  large.topics[0].partitions[0].metadata = std::string(4096, 'x');
  EXPECT_EQ(Committed(large), KafkaError::kNone);
  EXPECT_EQ(Fetch("t", 0).metadata.size(), 4096u);
}

TEST_F(GroupOffsetsTest, WhoMayCommit) {
  EXPECT_EQ(Committed(CommitOf("t", 0, 1, "x", 1)), KafkaError::kGroupIdNotFound);
  caller.api_version = 8;
  EXPECT_EQ(Committed(CommitOf("t", 0, 1, "x", 1)), KafkaError::kIllegalGeneration);
  const std::string a = StableMember();
  EXPECT_EQ(Committed(CommitOf("t", 0, 1, a, 1)), KafkaError::kNone);
  EXPECT_EQ(Committed(CommitOf("t", 0, 1, a, 0)), KafkaError::kIllegalGeneration);
  EXPECT_EQ(Committed(CommitOf("t", 0, 1, "x", 1)), KafkaError::kUnknownMemberId);
  // From outside, only while nobody is in the group.
  EXPECT_EQ(Committed(CommitOf("t", 0, 1)), KafkaError::kUnknownMemberId);
  Join(JoinOf(a, {{"range", "other"}}));
  EXPECT_EQ(State(), "CompletingRebalance");
  EXPECT_EQ(Committed(CommitOf("t", 0, 1, a, 2)), KafkaError::kRebalanceInProgress);
  Leave({{a, std::nullopt, ""}});
  EXPECT_EQ(Committed(CommitOf("t", 0, 9)), KafkaError::kNone);
  EXPECT_EQ(Offset("t", 0), 9);
}

TEST_F(GroupOffsetsTest, OneAnswerForEachPartitionAskedFor) {
  OffsetCommitRequest request = CommitOf("t", 0, 1);
  request.topics.push_back({"nothing", {}, {{0, 1, -1, std::nullopt}}});
  request.topics[0].partitions.push_back({9, 1, -1, std::nullopt});
  request.topics[0].partitions.push_back({1, 5, -1, std::nullopt});
  const auto reply = Commit(request);
  Flush();
  ASSERT_EQ(reply->topics.size(), 2u);
  std::vector<KafkaError> errors;
  for (const auto& partition : reply->topics[0].partitions) errors.push_back(partition.error);
  EXPECT_THAT(errors, ElementsAre(KafkaError::kNone, KafkaError::kUnknownTopicOrPartition,
                                  KafkaError::kNone));
  EXPECT_EQ(reply->topics[1].name, "nothing");
  EXPECT_EQ(Offset("t", 1), 5);
}

TEST_F(GroupOffsetsTest, AllOffsetsOfAGroup) {
  CreateTopic("u", 1);
  Committed(CommitOf("u", 0, 3));
  Committed(CommitOf("t", 2, 1));
  Committed(CommitOf("t", 0, 2));
  OffsetFetchRequest request;
  request.group_id = "g";
  Reply<OffsetFetchResponse> reply;
  groups().FetchOffsets(request, reply.done());
  ASSERT_EQ(reply->topics.size(), 2u);
  EXPECT_EQ(reply->topics[0].name, "t");
  EXPECT_EQ(reply->topics[0].partitions.size(), 2u);
  EXPECT_EQ(reply->topics[1].partitions[0].offset, 3);
  // Nothing is asked for: nothing is told.
  request.topics.emplace();
  Reply<OffsetFetchResponse> none;
  groups().FetchOffsets(request, none.done());
  EXPECT_TRUE(none->topics.empty());
}

TEST_F(GroupOffsetsTest, FetchByTopicId) {
  Committed(CommitOf("t", 0, 2));
  OffsetFetchRequest request;
  request.group_id = "g";
  request.topics = {{"", log().topics().Find("t")->id, {0}}, {"", TopicId{{77}}, {0}}};
  Reply<OffsetFetchResponse> reply;
  groups().FetchOffsets(request, reply.done());
  EXPECT_EQ(reply->topics[0].partitions[0].offset, 2);
  EXPECT_EQ(reply->topics[1].partitions[0].error, KafkaError::kUnknownTopicId);
}

TEST_F(GroupOffsetsTest, ATopicMadeAgainHasNoOffsets) {
  Committed(CommitOf("t", 0, 42));
  EXPECT_EQ(TxnCommitted(5, CommitOf("t", 1, 10)), KafkaError::kNone);
  std::vector<StateChange> rows = groups().RemoveTopic(log().topics().Find("t")->id);
  EXPECT_EQ(rows.size(), 2u);
  std::vector<StateChange> all = rows;
  all.push_back(Topics::Remove("t"));
  const auto end = log().Commit({}, all, nullptr);
  ASSERT_TRUE(end.ok());
  groups().Apply(rows, *end);
  CreateTopic("t", 4);
  EXPECT_EQ(Offset("t", 0), -1);
  EndTransaction(5, true);
  EXPECT_EQ(Offset("t", 1), -1);
  EXPECT_EQ(groups().offsets().committed(), 0u);
  EXPECT_EQ(groups().offsets().pending(), 0u);
}

TEST_F(GroupOffsetsTest, ThereIsAGreatestNumberOfOffsets) {
  options().offsets_max = 2;
  Open();
  EXPECT_EQ(Committed(CommitOf("t", 0, 1)), KafkaError::kNone);
  EXPECT_EQ(TxnCommitted(5, CommitOf("t", 1, 1)), KafkaError::kNone);
  EXPECT_EQ(Committed(CommitOf("t", 2, 1)), KafkaError::kInvalidCommitOffsetSize);
  EXPECT_EQ(Committed(CommitOf("t", 0, 2)), KafkaError::kNone);
}

TEST_F(GroupOffsetsTest, WhenTheLogTakesNoMoreCommitsAreTriedAgain) {
  env().Crash();
  Commit(CommitOf("t", 0, 1));
  (void)log().journal().Flush();
  const auto reply = Commit(CommitOf("t", 0, 2));
  EXPECT_EQ(reply->topics[0].partitions[0].error, KafkaError::kCoordinatorNotAvailable);
}

// --- deletion ---

TEST_F(GroupOffsetsTest, OffsetsOfTopicsThatAreSubscribedToStay) {
  CreateTopic("u", 1);
  EXPECT_EQ(Deleted("t", 0), KafkaError::kGroupIdNotFound);
  const std::string a = StableMember();
  Committed(CommitOf("t", 0, 1, a, 1));
  Committed(CommitOf("u", 0, 1, a, 1));
  EXPECT_EQ(Deleted("t", 0), KafkaError::kGroupSubscribedToTopic);
  EXPECT_EQ(Deleted("u", 0), KafkaError::kNone);
  EXPECT_EQ(Deleted("nothing", 0), KafkaError::kUnknownTopicOrPartition);
  EXPECT_EQ(Offset("u", 0), -1);
  EXPECT_EQ(Offset("t", 0), 1);
  Leave({{a, std::nullopt, ""}});
  EXPECT_EQ(Deleted("t", 0), KafkaError::kNone);
  EXPECT_EQ(Offset("t", 0), -1);
}

TEST_F(GroupOffsetsTest, WhatMembersOfAnotherKindWantIsNotKnown) {
  JoinGroupRequest request = JoinOf("");
  request.protocol_type = "connect";
  request.member_id = NewMemberId(request);
  Join(request);
  EXPECT_EQ(Deleted("t", 0), KafkaError::kNonEmptyGroup);
}

// --- transactions ---

TEST_F(GroupOffsetsTest, AStagedOffsetCountsWithItsTransaction) {
  Committed(CommitOf("t", 0, 1));
  EXPECT_EQ(TxnCommitted(5, CommitOf("t", 0, 10)), KafkaError::kNone);
  EXPECT_EQ(Offset("t", 0), 1);
  EXPECT_EQ(Fetch("t", 0, true).error, KafkaError::kUnstableOffsetCommit);
  EXPECT_EQ(Fetch("t", 1, true).error, KafkaError::kNone);
  EXPECT_THAT(groups().StagedGroups(5), ElementsAre("g"));
  Crash();
  EXPECT_EQ(Fetch("t", 0, true).error, KafkaError::kUnstableOffsetCommit);
  EndTransaction(5, true);
  EXPECT_EQ(Fetch("t", 0, true).error, KafkaError::kNone);
  EXPECT_EQ(Fetch("t", 0, true).offset, 10);
  Crash();
  EXPECT_EQ(Fetch("t", 0, true).offset, 10);
}

TEST_F(GroupOffsetsTest, AnAbortedOneLeavesNothing) {
  Committed(CommitOf("t", 0, 1));
  TxnCommitted(5, CommitOf("t", 0, 10));
  TxnCommitted(6, CommitOf("t", 0, 20));
  EndTransaction(5, false);
  EXPECT_EQ(Fetch("t", 0, true).error, KafkaError::kUnstableOffsetCommit);
  EndTransaction(6, false);
  EXPECT_EQ(Fetch("t", 0, true).offset, 1);
  EXPECT_TRUE(groups().EndTransaction(6, true).empty());
}

TEST_F(GroupOffsetsTest, TheLaterOfAStagedAndAPlainCommitCountsLiveAndAfterACrash) {
  for (const bool crash : {false, true}) {
    TxnCommitted(5, CommitOf("t", 0, 10));
    Committed(CommitOf("t", 0, 11));
    Committed(CommitOf("t", 1, 11));
    TxnCommitted(5, CommitOf("t", 1, 10));
    if (crash) Crash();
    EndTransaction(5, true);
    EXPECT_EQ(Offset("t", 0), 11);
    EXPECT_EQ(Offset("t", 1), 10);
    Crash();
    EXPECT_EQ(Offset("t", 0), 11);
    EXPECT_EQ(Offset("t", 1), 10);
  }
}

TEST_F(GroupOffsetsTest, WhoMayCommitInATransaction) {
  EXPECT_EQ(TxnCommitted(5, CommitOf("t", 0, 1, "x", 1)), KafkaError::kIllegalGeneration);
  const std::string a = StableMember();
  EXPECT_EQ(TxnCommitted(5, CommitOf("t", 0, 1, a, 2)), KafkaError::kIllegalGeneration);
  EXPECT_EQ(TxnCommitted(5, CommitOf("t", 0, 1, "x", 1)), KafkaError::kUnknownMemberId);
  // Old producers name no member.
  EXPECT_EQ(TxnCommitted(5, CommitOf("t", 0, 1)), KafkaError::kNone);
  Join(JoinOf(a, {{"range", "other"}}));
  EXPECT_EQ(State(), "CompletingRebalance");
  EXPECT_EQ(TxnCommitted(5, CommitOf("t", 0, 1, a, 2)), KafkaError::kNone);
}

TEST_F(GroupOffsetsTest, ADeletedOffsetDoesNotComeBackWithATransaction) {
  Committed(CommitOf("t", 0, 1));
  TxnCommitted(5, CommitOf("t", 0, 10));
  EXPECT_EQ(Deleted("t", 0), KafkaError::kNone);
  EndTransaction(5, true);
  EXPECT_EQ(Offset("t", 0), -1);
}

// --- expiry ---

TEST_F(GroupOffsetsTest, OffsetsOfAGroupWithMembersNeverExpire) {
  JoinGroupRequest join = JoinOf(NewMemberId());
  join.session_timeout_ms = 1'800'000;
  const std::string a = join.member_id;
  Join(join);
  Sync(a, 1, {});
  Flush();
  EXPECT_EQ(Committed(CommitOf("t", 0, 1, a, 1)), KafkaError::kNone);
  for (int i = 0; i < 8 * 48; ++i) {
    Pass(1'800'000 - 1);
    ASSERT_EQ(Heartbeat(a, 1), KafkaError::kNone);
  }
  EXPECT_EQ(Offset("t", 0), 1);
  Leave({{a, std::nullopt, ""}});
  Pass(6 * kDayMs);
  EXPECT_EQ(Offset("t", 0), 1);
  Crash();
  Pass(kDayMs + 600'001);
  EXPECT_EQ(Offset("t", 0), -1);
  EXPECT_EQ(State(), "Dead");
}

TEST_F(GroupOffsetsTest, OffsetsOfASimpleGroupExpireByThemselves) {
  Committed(CommitOf("t", 0, 1));
  Pass(4 * kDayMs);
  Committed(CommitOf("t", 1, 1));
  Pass(3 * kDayMs + 600'001);
  EXPECT_EQ(Offset("t", 0), -1);
  EXPECT_EQ(Offset("t", 1), 1);
  EXPECT_EQ(State(), "Empty");
  Pass(4 * kDayMs);
  EXPECT_EQ(State(), "Dead");
  EXPECT_TRUE(log().state().Find("ggg") == nullptr);
}

TEST_F(GroupOffsetsTest, AnOffsetThatATransactionStagedDoesNotExpire) {
  Committed(CommitOf("t", 0, 1));
  Committed(CommitOf("t", 1, 1));
  TxnCommitted(5, CommitOf("t", 0, 10));
  Pass(8 * kDayMs);
  EXPECT_EQ(Offset("t", 0), 1);
  EXPECT_EQ(Offset("t", 1), -1);
  EndTransaction(5, true);
  EXPECT_EQ(Offset("t", 0), 10);
}

TEST_F(GroupOffsetsTest, RowsThatCannotBeUnderstoodAreRefused) {
  GroupOffsets offsets;
  StateChange row = offsets.Put("g", {}, {});
  EXPECT_TRUE(offsets.Apply(row));
  row.value->pop_back();
  EXPECT_FALSE(offsets.Apply(row));
  EXPECT_FALSE(offsets.Apply({"go", "x"}));
  EXPECT_FALSE(offsets.Apply({"t", "x"}));
  EXPECT_EQ(offsets.committed(), 1u);
}

}  // namespace
}  // namespace weir::log
