#include "weir/log/groups/consumer_groups.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "weir/log/groups/testing/group_world.h"

namespace weir::log {
namespace {

using kafka::KafkaError;
using ::testing::ElementsAre;
using testing::GroupWorld;
using testing::Reply;

class ConsumerGroupsTest : public ::testing::Test, protected GroupWorld {
 protected:
  void SetUp() override {
    Open();
    CreateTopic("t", 4);
  }
  // Two members that have half each, in epoch 2.
  void TwoMembers() {
    EXPECT_EQ(Beat(JoinAs("a")).assignment, Partitions("t", {0, 1, 2, 3}));
    EXPECT_EQ(Beat(JoinAs("b")).assignment, PartitionSet());
    Beat(BeatAs("a", 1, Partitions("t", {0, 1, 2, 3})));
    EXPECT_EQ(Beat(BeatAs("a", 1, Partitions("t", {0, 1}))).member_epoch, 2);
    EXPECT_EQ(Beat(BeatAs("b", 2, PartitionSet())).assignment, Partitions("t", {2, 3}));
    EXPECT_EQ(DescribeConsumers().state, "Stable");
  }
  ConsumerGroupHeartbeatRequest StaticAs(const std::string& member_id, const std::string& instance,
                                         int32_t epoch = 0) {
    ConsumerGroupHeartbeatRequest request =
        epoch == 0 ? JoinAs(member_id) : BeatAs(member_id, epoch);
    request.instance_id = instance;
    return request;
  }
};

// --- requests ---

TEST_F(ConsumerGroupsTest, WhatAHeartbeatIsRefusedFor) {
  const auto error = [&](const std::function<void(ConsumerGroupHeartbeatRequest&)>& change) {
    ConsumerGroupHeartbeatRequest request = JoinAs("a");
    change(request);
    return Beat(request).error;
  };
  using Request = ConsumerGroupHeartbeatRequest;
  EXPECT_EQ(error([](Request& r) { r.group_id = ""; }), KafkaError::kInvalidRequest);
  EXPECT_EQ(error([](Request& r) { r.member_id = ""; }), KafkaError::kInvalidRequest);
  EXPECT_EQ(error([](Request& r) { r.instance_id = ""; }), KafkaError::kInvalidRequest);
  EXPECT_EQ(error([](Request& r) { r.rack_id = ""; }), KafkaError::kInvalidRequest);
  EXPECT_EQ(error([](Request& r) { r.member_epoch = -3; }), KafkaError::kInvalidRequest);
  EXPECT_EQ(error([](Request& r) { r.member_epoch = -2; }), KafkaError::kInvalidRequest);
  EXPECT_EQ(error([](Request& r) { r.rebalance_timeout_ms = -1; }), KafkaError::kInvalidRequest);
  EXPECT_EQ(error([](Request& r) { r.owned.reset(); }), KafkaError::kInvalidRequest);
  EXPECT_EQ(error([](Request& r) { r.owned->emplace(TopicId{{1}}, std::set<int32_t>{0}); }),
            KafkaError::kInvalidRequest);
  EXPECT_EQ(error([](Request& r) { r.subscribed_topics.reset(); }), KafkaError::kInvalidRequest);
  EXPECT_EQ(error([](Request& r) { r.server_assignor = "mine"; }),
            KafkaError::kUnsupportedAssignor);
  EXPECT_EQ(error([](Request& r) { r.subscribed_regex = "("; }),
            KafkaError::kInvalidRegularExpression);
  EXPECT_EQ(error([](Request& r) { r.member_epoch = 1; }), KafkaError::kGroupIdNotFound);
  EXPECT_EQ(error([](Request& r) { r.member_epoch = -1; }), KafkaError::kGroupIdNotFound);
  EXPECT_TRUE(groups().ListGroups({}).empty());
  Beat(JoinAs("a"));
  EXPECT_EQ(Beat(BeatAs("x", 1)).error, KafkaError::kUnknownMemberId);
  EXPECT_EQ(Beat(BeatAs("x", -1)).error, KafkaError::kUnknownMemberId);
}

TEST_F(ConsumerGroupsTest, InVersion0TheBrokerMayChooseTheId) {
  Reply<ConsumerGroupHeartbeatResponse> reply;
  groups().ConsumerHeartbeat({0, "app", ""}, JoinAs(""), reply.done());
  Flush();
  EXPECT_EQ(reply->error, KafkaError::kNone);
  EXPECT_EQ(reply->member_id.size(), 36u);
  EXPECT_EQ(Beat(BeatAs(reply->member_id, 1)).error, KafkaError::kNone);
}

TEST_F(ConsumerGroupsTest, AGroupHasAGreatestSize) {
  options().consumer_max_size = 1;
  Open();
  Beat(JoinAs("a"));
  EXPECT_EQ(Beat(JoinAs("b")).error, KafkaError::kGroupMaxSizeReached);
  EXPECT_EQ(Beat(BeatAs("a", 1)).error, KafkaError::kNone);
}

TEST_F(ConsumerGroupsTest, ThereIsAGreatestNumberOfMembersAndOfTheirBytes) {
  options().members_max = 1;
  options().member_bytes_max = 10;
  Open();
  EXPECT_EQ(Beat(JoinAs("a", {"123456", "78901"})).error, KafkaError::kInvalidRequest);
  Beat(JoinAs("a"));
  EXPECT_EQ(Beat(JoinAs("b")).error, KafkaError::kGroupMaxSizeReached);
  Beat(BeatAs("a", -1));
  EXPECT_EQ(Beat(JoinAs("b")).error, KafkaError::kNone);
  Crash();
  EXPECT_EQ(Beat(JoinAs("a")).error, KafkaError::kGroupMaxSizeReached);
}

// --- reconciliation ---

TEST_F(ConsumerGroupsTest, AMemberGetsWhatAnotherHasGivenUpAndNotBefore) {
  const auto joined = Beat(JoinAs("a"));
  EXPECT_EQ(joined.member_epoch, 1);
  EXPECT_EQ(joined.heartbeat_interval_ms, 5'000);
  EXPECT_EQ(joined.assignment, Partitions("t", {0, 1, 2, 3}));
  EXPECT_EQ(Beat(BeatAs("a", 1)).assignment, std::nullopt);
  EXPECT_EQ(DescribeConsumers().state, "Stable");

  const auto second = Beat(JoinAs("b"));
  EXPECT_EQ(second.member_epoch, 2);
  EXPECT_EQ(second.assignment, PartitionSet());
  EXPECT_EQ(DescribeConsumers().state, "Reconciling");
  const auto told = Beat(BeatAs("a", 1, Partitions("t", {0, 1, 2, 3})));
  EXPECT_EQ(told.member_epoch, 1);
  EXPECT_EQ(told.assignment, Partitions("t", {0, 1}));
  // Still at it; and a heartbeat that does not say what it owns says that nothing changed.
  EXPECT_EQ(Beat(BeatAs("a", 1, Partitions("t", {0, 1, 2}))).member_epoch, 1);
  EXPECT_EQ(Beat(BeatAs("a", 1)).member_epoch, 1);
  EXPECT_EQ(Beat(BeatAs("b", 2)).assignment, std::nullopt);
  EXPECT_EQ(Beat(BeatAs("a", 1, Partitions("t", {0, 1}))).member_epoch, 2);
  EXPECT_EQ(Beat(BeatAs("b", 2)).assignment, Partitions("t", {2, 3}));
  EXPECT_EQ(DescribeConsumers().state, "Stable");
}

TEST_F(ConsumerGroupsTest, AStepIsAnsweredWhenItIsDurable) {
  Reply<ConsumerGroupHeartbeatResponse> reply;
  groups().ConsumerHeartbeat(caller, JoinAs("a"), reply.done());
  EXPECT_FALSE(reply.ready());
  Flush();
  EXPECT_TRUE(reply.ready());
  // Nothing is written for a heartbeat that changes nothing.
  const Position end = log().journal().end();
  EXPECT_EQ(Beat(BeatAs("a", 1)).error, KafkaError::kNone);
  EXPECT_EQ(log().journal().end(), end);
}

TEST_F(ConsumerGroupsTest, AStepThatCannotBeWrittenDidNotHappen) {
  TwoMembers();
  env().Crash();
  ConsumerGroupHeartbeatRequest change = BeatAs("a", 2);
  change.subscribed_topics = {{"t", "u"}};
  Reply<ConsumerGroupHeartbeatResponse> lost;
  groups().ConsumerHeartbeat(caller, change, lost.done());
  EXPECT_FALSE(log().journal().Flush().ok());
  EXPECT_EQ(lost.calls(), 0u);
  const auto before = DescribeConsumers();
  Reply<ConsumerGroupHeartbeatResponse> refused;
  groups().ConsumerHeartbeat(caller, JoinAs("c"), refused.done());
  EXPECT_EQ(refused->error, KafkaError::kCoordinatorNotAvailable);
  EXPECT_EQ(DescribeConsumers().members.size(), 2u);
  EXPECT_EQ(DescribeConsumers().group_epoch, before.group_epoch);
  Crash();
  EXPECT_EQ(DescribeConsumers().group_epoch, 2);
  EXPECT_EQ(DescribeConsumers().state, "Stable");
}

TEST_F(ConsumerGroupsTest, EpochsThatAreNotTheMembersOwnAreFenced) {
  TwoMembers();
  EXPECT_EQ(Beat(BeatAs("a", 3)).error, KafkaError::kFencedMemberEpoch);
  // An answer was lost: the epoch before, and nothing that is not assigned.
  EXPECT_EQ(Beat(BeatAs("a", 1)).error, KafkaError::kFencedMemberEpoch);
  EXPECT_EQ(Beat(BeatAs("a", 1, Partitions("t", {0, 2}))).error, KafkaError::kFencedMemberEpoch);
  EXPECT_EQ(Beat(BeatAs("a", 1, Partitions("t", {0}))).member_epoch, 2);
  // Who was fenced comes back with epoch 0 and is told everything.
  const auto again = Beat(JoinAs("a"));
  EXPECT_EQ(again.error, KafkaError::kNone);
  EXPECT_EQ(again.member_epoch, 2);
  EXPECT_EQ(again.assignment, Partitions("t", {0, 1}));
}

TEST_F(ConsumerGroupsTest, WhoLeavesFreesItsPartitions) {
  TwoMembers();
  const auto left = Beat(BeatAs("b", -1));
  EXPECT_EQ(left.error, KafkaError::kNone);
  EXPECT_EQ(left.member_epoch, -1);
  EXPECT_EQ(DescribeConsumers().state, "Assigning");
  const auto all = Beat(BeatAs("a", 2));
  EXPECT_EQ(all.member_epoch, 3);
  EXPECT_EQ(all.assignment, Partitions("t", {0, 1, 2, 3}));
  Beat(BeatAs("a", -1));
  EXPECT_EQ(DescribeConsumers().state, "Empty");
  Crash();
  EXPECT_EQ(DescribeConsumers().state, "Empty");
  EXPECT_EQ(Beat(JoinAs("c")).member_epoch, 5);
}

TEST_F(ConsumerGroupsTest, ASilentMemberIsFenced) {
  TwoMembers();
  for (int i = 0; i < 10; ++i) {
    Pass(5'000);
    Beat(BeatAs("a", DescribeConsumers().members[0].member_epoch));
  }
  EXPECT_EQ(Beat(BeatAs("b", 2)).error, KafkaError::kUnknownMemberId);
  EXPECT_EQ(DescribeConsumers().members[0].assignment, Partitions("t", {0, 1, 2, 3}));
}

TEST_F(ConsumerGroupsTest, WhoDoesNotGiveUpInTimeIsFenced) {
  Beat(JoinAs("a"));
  Beat(JoinAs("b"));
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(Beat(BeatAs("a", 1, Partitions("t", {0, 1, 2, 3}))).error, KafkaError::kNone);
    Pass(5'000);
  }
  Pass(1);
  EXPECT_EQ(Beat(BeatAs("a", 1, Partitions("t", {0, 1}))).error, KafkaError::kUnknownMemberId);
  EXPECT_EQ(Beat(BeatAs("b", 2)).assignment, Partitions("t", {0, 1, 2, 3}));
}

TEST_F(ConsumerGroupsTest, AMemberInRevocationGoesOnAfterACrash) {
  Beat(JoinAs("a"));
  Beat(JoinAs("b"));
  Beat(BeatAs("a", 1, Partitions("t", {0, 1, 2, 3})));
  Crash();
  EXPECT_EQ(DescribeConsumers().state, "Reconciling");
  EXPECT_EQ(Beat(BeatAs("b", 2)).assignment, std::nullopt);
  EXPECT_EQ(Beat(BeatAs("a", 1, Partitions("t", {0, 1}))).member_epoch, 2);
  EXPECT_EQ(Beat(BeatAs("b", 2)).assignment, Partitions("t", {2, 3}));
  Crash();
  EXPECT_EQ(DescribeConsumers().state, "Stable");
  Pass(45'001);
  EXPECT_EQ(DescribeConsumers().state, "Empty");
}

// --- subscriptions ---

TEST_F(ConsumerGroupsTest, WhatWasNotSubscribedToIsGivenUp) {
  CreateTopic("u", 2);
  Beat(JoinAs("a"));
  ConsumerGroupHeartbeatRequest change = BeatAs("a", 1, Partitions("t", {0, 1, 2, 3}));
  change.subscribed_topics = {{"u"}};
  EXPECT_EQ(Beat(change).assignment, PartitionSet());
  const auto done = Beat(BeatAs("a", 1, PartitionSet()));
  EXPECT_EQ(done.member_epoch, 2);
  EXPECT_EQ(done.assignment, Partitions("u", {0, 1}));
}

TEST_F(ConsumerGroupsTest, PartitionsThatAreAddedAreAssigned) {
  Beat(JoinAs("a"));
  Topic topic = *log().topics().Find("t");
  std::vector<StateChange> changes;
  topic.partitions.push_back(log().NewPartitionNumbers(1, &changes)[0]);
  changes.push_back(Topics::Put(topic));
  ASSERT_TRUE(log().Commit({}, changes, nullptr).ok());
  Pass(1'000);
  EXPECT_EQ(Beat(BeatAs("a", 1)).assignment, Partitions("t", {0, 1, 2, 3, 4}));
  // Somebody said so: at once. A topic that is gone is given up.
  ASSERT_TRUE(log().Commit({}, {Topics::Remove("t")}, nullptr).ok());
  groups().TopicsChanged();
  EXPECT_EQ(Beat(BeatAs("a", 2)).assignment, PartitionSet());
}

TEST_F(ConsumerGroupsTest, TopicsThatMatchAnExpression) {
  CreateTopic("logs-a", 1);
  ConsumerGroupHeartbeatRequest join = JoinAs("a", {});
  join.subscribed_topics.reset();
  join.subscribed_regex = "logs-.*|t";
  PartitionSet expected = Partitions("t", {0, 1, 2, 3});
  expected.merge(Partitions("logs-a", {0}));
  EXPECT_EQ(Beat(join).assignment, PartitionSet());
  EXPECT_EQ(Beat(BeatAs("a", 1)).assignment, expected);
  EXPECT_EQ(Beat(BeatAs("a", 2)).member_epoch, 2);
  CreateTopic("my-logs-a", 1);
  CreateTopic("logs-b", 2);
  Pass(1'000);
  expected.merge(Partitions("logs-b", {0, 1}));
  EXPECT_EQ(Beat(BeatAs("a", 2)).assignment, expected);
  EXPECT_EQ(DescribeConsumers().members[0].subscribed_regex, "logs-.*|t");
  Crash();
  CreateTopic("logs-c", 1);
  expected.merge(Partitions("logs-c", {0}));
  EXPECT_EQ(Beat(BeatAs("a", 3)).assignment, expected);
  ConsumerGroupHeartbeatRequest none = BeatAs("a", 4, expected);
  none.subscribed_regex = "";
  EXPECT_EQ(Beat(none).assignment, PartitionSet());
}

TEST_F(ConsumerGroupsTest, AnExpressionMatchesFromTheGroupsNextHeartbeatOn) {
  CreateTopic("u", 2);
  ConsumerGroupHeartbeatRequest join = JoinAs("a", {"u"});
  join.subscribed_regex = "t";
  // What has a name is there at once.
  const auto joined = Beat(join);
  EXPECT_EQ(joined.member_epoch, 1);
  EXPECT_EQ(joined.assignment, Partitions("u", {0, 1}));
  PartitionSet both = Partitions("t", {0, 1, 2, 3});
  both.merge(Partitions("u", {0, 1}));
  const auto resolved = Beat(BeatAs("a", 1));
  EXPECT_EQ(resolved.member_epoch, 2);
  EXPECT_EQ(resolved.assignment, both);

  // Known to the group: it matches at once.
  ConsumerGroupHeartbeatRequest second = JoinAs("b", {});
  second.subscribed_regex = "t";
  EXPECT_EQ(Beat(second).member_epoch, 3);
  EXPECT_FALSE(DescribeConsumers().members[1].target_assignment.empty());

  // New to it: no epoch of its own. Another member's heartbeat will do to resolve it.
  Beat(BeatAs("b", -1));
  Beat(BeatAs("a", 2));
  ConsumerGroupHeartbeatRequest third = JoinAs("c", {});
  third.subscribed_regex = "u|v";
  const auto waiting = Beat(third);
  EXPECT_EQ(waiting.member_epoch, DescribeConsumers().members[0].member_epoch);
  EXPECT_EQ(waiting.assignment, PartitionSet());
  EXPECT_EQ(DescribeConsumers().state, "Stable");
  Beat(BeatAs("a", waiting.member_epoch));
  EXPECT_EQ(DescribeConsumers().group_epoch, waiting.member_epoch + 1);
  EXPECT_EQ(DescribeConsumers().members[1].target_assignment, Partitions("u", {0, 1}));
}

TEST_F(ConsumerGroupsTest, AnExpressionThatWaitsIsResolvedAfterACrashToo) {
  Beat(JoinAs("a"));
  ConsumerGroupHeartbeatRequest join = JoinAs("b", {});
  join.subscribed_regex = "t";
  // The topics are those that the targets were made for already.
  EXPECT_EQ(Beat(join).member_epoch, 1);
  Crash();
  EXPECT_EQ(Beat(BeatAs("b", 1)).member_epoch, 2);
  EXPECT_EQ(DescribeConsumers().members[1].target_assignment, Partitions("t", {2, 3}));
}

TEST_F(ConsumerGroupsTest, AnotherExpressionTakesWhatTheOneBeforeHadWhenItIsResolved) {
  CreateTopic("u", 2);
  ConsumerGroupHeartbeatRequest join = JoinAs("a", {});
  join.subscribed_regex = "t";
  Beat(join);
  EXPECT_EQ(Beat(BeatAs("a", 1)).assignment, Partitions("t", {0, 1, 2, 3}));
  ConsumerGroupHeartbeatRequest change = BeatAs("a", 2);
  change.subscribed_regex = "u";
  EXPECT_EQ(Beat(change).assignment, std::nullopt);
  EXPECT_EQ(Beat(BeatAs("a", 2)).assignment, PartitionSet());
  const auto done = Beat(BeatAs("a", 2, PartitionSet()));
  EXPECT_EQ(done.member_epoch, 3);
  EXPECT_EQ(done.assignment, Partitions("u", {0, 1}));
}

TEST_F(ConsumerGroupsTest, TheAssignorThatMostMembersWant) {
  ConsumerGroupHeartbeatRequest join = JoinAs("a");
  EXPECT_EQ(DescribeConsumers().error, KafkaError::kGroupIdNotFound);
  Beat(join);
  EXPECT_EQ(DescribeConsumers().assignor, "uniform");
  join.member_id = "b";
  join.server_assignor = "range";
  Beat(join);
  EXPECT_EQ(DescribeConsumers().assignor, "range");
}

// --- static members ---

TEST_F(ConsumerGroupsTest, AStaticMemberComesBackToWhatItHad) {
  Beat(StaticAs("a", "i1"));
  EXPECT_EQ(Beat(StaticAs("a2", "i1")).error, KafkaError::kUnreleasedInstanceId);
  const auto left = Beat(StaticAs("a", "i1", -2));
  EXPECT_EQ(left.member_epoch, -2);
  EXPECT_EQ(DescribeConsumers().group_epoch, 1);
  Crash();
  const auto back = Beat(StaticAs("a2", "i1"));
  EXPECT_EQ(back.error, KafkaError::kNone);
  EXPECT_EQ(back.member_epoch, 1);
  EXPECT_EQ(back.assignment, Partitions("t", {0, 1, 2, 3}));
  EXPECT_EQ(Beat(StaticAs("a", "i1", 1)).error, KafkaError::kFencedInstanceId);
  EXPECT_EQ(Beat(StaticAs("a", "i1", -1)).error, KafkaError::kFencedInstanceId);
  EXPECT_EQ(Beat(StaticAs("a", "i2", 1)).error, KafkaError::kUnknownMemberId);
  EXPECT_EQ(Beat(StaticAs("a", "i2", -1)).error, KafkaError::kUnknownMemberId);
  EXPECT_EQ(DescribeConsumers().members.size(), 1u);
  EXPECT_EQ(Beat(StaticAs("a2", "i1", -1)).error, KafkaError::kNone);
  EXPECT_EQ(DescribeConsumers().state, "Empty");
}

TEST_F(ConsumerGroupsTest, AStaticMemberThatDoesNotComeBackIsOut) {
  Beat(StaticAs("a", "i1"));
  Beat(StaticAs("a", "i1", -2));
  Pass(45'001);
  EXPECT_EQ(DescribeConsumers().state, "Empty");
}

TEST_F(ConsumerGroupsTest, AnAdministratorRemovesAnInstance) {
  Beat(StaticAs("a", "i1"));
  const auto left = Leave({{"", "i1", ""}, {"", "i2", ""}, {"a", std::nullopt, ""}});
  EXPECT_EQ(left.members[0].error, KafkaError::kNone);
  EXPECT_EQ(left.members[1].error, KafkaError::kUnknownMemberId);
  EXPECT_EQ(left.members[2].error, KafkaError::kUnknownMemberId);
  EXPECT_EQ(DescribeConsumers().state, "Empty");
}

// --- offsets ---

TEST_F(ConsumerGroupsTest, OffsetsAreCommittedWithTheMembersEpoch) {
  TwoMembers();
  EXPECT_EQ(Committed(CommitOf("t", 0, 7, "a", 2)), KafkaError::kNone);
  EXPECT_EQ(Committed(CommitOf("t", 0, 8, "a", 1)), KafkaError::kStaleMemberEpoch);
  EXPECT_EQ(Committed(CommitOf("t", 0, 8, "x", 2)), KafkaError::kUnknownMemberId);
  EXPECT_EQ(Committed(CommitOf("t", 0, 8)), KafkaError::kUnknownMemberId);
  EXPECT_EQ(TxnCommitted(5, CommitOf("t", 0, 8, "a", 1)), KafkaError::kIllegalGeneration);
  caller.api_version = 8;
  EXPECT_EQ(Committed(CommitOf("t", 0, 8, "a", 2)), KafkaError::kUnsupportedVersion);
  caller.api_version = 9;

  OffsetFetchRequest request;
  request.group_id = "g";
  const auto fetch = [&](std::optional<std::string> member_id, int32_t epoch) {
    request.member_id = std::move(member_id);
    request.member_epoch = epoch;
    Reply<OffsetFetchResponse> reply;
    groups().FetchOffsets(request, reply.done());
    return reply->error;
  };
  EXPECT_EQ(fetch("a", 2), KafkaError::kNone);
  EXPECT_EQ(fetch("a", 1), KafkaError::kStaleMemberEpoch);
  EXPECT_EQ(fetch("x", 2), KafkaError::kUnknownMemberId);
  EXPECT_EQ(fetch(std::nullopt, -1), KafkaError::kNone);

  Reply<OffsetDeleteResponse> deleted;
  groups().DeleteOffsets({"g", {{"t", {}, {0}}}}, deleted.done());
  EXPECT_EQ(deleted->topics[0].partitions[0].error, KafkaError::kGroupSubscribedToTopic);
}

// --- one type or the other ---

TEST_F(ConsumerGroupsTest, AGroupChangesItsTypeWhenItIsEmpty) {
  const std::string member = StableMember();
  Committed(CommitOf("t", 0, 7, member, 1));
  EXPECT_EQ(Beat(JoinAs("a")).error, KafkaError::kGroupIdNotFound);
  Leave({{member, std::nullopt, ""}});
  EXPECT_EQ(Beat(JoinAs("a")).member_epoch, 1);
  EXPECT_EQ(groups().DescribeGroups({"g"})[0].error_message, "Group g is not a classic group.");
  const auto listed = groups().ListGroups({{}, {"consumer"}});
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].state, "Stable");
  EXPECT_EQ(Join(JoinOf(""))->error, KafkaError::kInconsistentGroupProtocol);
  EXPECT_EQ(Heartbeat(member, 1), KafkaError::kUnknownMemberId);
  Crash();
  EXPECT_EQ(Offset("t", 0), 7);
  Reply<std::vector<DeletedGroup>> refused;
  groups().DeleteGroups({"g"}, refused.done());
  EXPECT_EQ((*refused)[0].error, KafkaError::kNonEmptyGroup);
  Beat(BeatAs("a", -1));
  StableMember();
  EXPECT_EQ(DescribeConsumers().error_message, "Group g is not a consumer group.");
  Crash();
  EXPECT_EQ(State(), "Stable");
  EXPECT_EQ(Offset("t", 0), 7);
}

TEST_F(ConsumerGroupsTest, AnEmptyGroupIsDeletedOrForgottenWithItsOffsets) {
  for (const bool deleted : {true, false}) {
    Beat(JoinAs("a"));
    Committed(CommitOf("t", 0, 7, "a", 1));
    Beat(BeatAs("a", -1));
    if (deleted) {
      Reply<std::vector<DeletedGroup>> reply;
      groups().DeleteGroups({"g"}, reply.done());
      Flush();
      EXPECT_EQ((*reply)[0].error, KafkaError::kNone);
    } else {
      Pass(7LL * 24 * 3'600'000 + 600'001);
    }
    EXPECT_TRUE(groups().ListGroups({}).empty());
    Flush();
    Crash();
    EXPECT_TRUE(groups().ListGroups({}).empty());
    EXPECT_EQ(Offset("t", 0), -1);
  }
}

TEST(TopicPatternTest, MatchesWholeNamesAndRefusesWhatItCannotRead) {
  std::string wrong;
  const auto pattern = TopicPattern::Make("a+", &wrong);
  ASSERT_NE(pattern, nullptr);
  EXPECT_TRUE(pattern->Matches("aa"));
  EXPECT_FALSE(pattern->Matches("aab"));
  EXPECT_EQ(TopicPattern::Make("a(?=b)", &wrong), nullptr);
  EXPECT_NE(wrong, "");
  EXPECT_EQ(TopicPattern::Make(std::string(5'000, 'a'), &wrong), nullptr);
  EXPECT_EQ(TopicPattern::Make("((a{1000}){1000}){1000}", &wrong), nullptr);
}

}  // namespace
}  // namespace weir::log
