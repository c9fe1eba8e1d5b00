#include "weir/log/groups/classic_groups.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "weir/log/groups/testing/group_world.h"

namespace weir::log {
namespace {

using kafka::KafkaError;
using ::testing::ElementsAre;
using testing::GroupWorld;
using testing::Reply;
using testing::Subscription;

class ClassicGroupsTest : public ::testing::Test, protected GroupWorld {
 protected:
  void SetUp() override {
    Open();
    CreateTopic("t", 4);
  }
  JoinGroupRequest Static(const std::string& instance, const std::string& member_id = "") {
    JoinGroupRequest request = JoinOf(member_id);
    request.instance_id = instance;
    return request;
  }
  // Two members of a stable group in generation 2; the first leads.
  void TwoMembers() {
    a_ = StableMember();
    b_ = NewMemberId();
    const auto joined_b = Join(JoinOf(b_));
    EXPECT_FALSE(joined_b.ready());
    EXPECT_EQ(Heartbeat(a_, 1), KafkaError::kRebalanceInProgress);
    const auto joined_a = Join(JoinOf(a_));
    ASSERT_TRUE(joined_a.ready());
    ASSERT_TRUE(joined_b.ready());
    EXPECT_EQ(joined_a->leader, a_);
    const auto synced_b = Sync(b_, 2);
    const auto synced_a = Sync(a_, 2, {{a_, "for a"}, {b_, "for b"}});
    EXPECT_FALSE(synced_a.ready());
    Flush();
    EXPECT_EQ(synced_a->assignment, "for a");
    EXPECT_EQ(synced_b->assignment, "for b");
  }
  // A static leader and follower in generation 2.
  void TwoStatic() {
    const auto first = Join(Static("i1"));
    a_ = first->member_id;
    Sync(a_, 1, {{a_, "x"}});
    Flush();
    const auto second = Join(Static("i2"));
    const auto again = Join(Static("i1", a_));
    b_ = second->member_id;
    EXPECT_EQ(again->generation_id, 2);
    Sync(b_, 2);
    Sync(a_, 2, {{a_, "for a"}, {b_, "for b"}});
    Flush();
    EXPECT_EQ(State(), "Stable");
  }
  std::string a_, b_;
};

// --- join ---

TEST_F(ClassicGroupsTest, AMemberNeedsAnIdFirst) {
  const auto first = Join(JoinOf(""));
  EXPECT_EQ(first->error, KafkaError::kMemberIdRequired);
  EXPECT_EQ(first->member_id.substr(0, 4), "app-");
  EXPECT_EQ(State(), "Empty");
  const auto joined = Join(JoinOf(first->member_id));
  EXPECT_EQ(joined->error, KafkaError::kNone);
  EXPECT_EQ(joined->generation_id, 1);
  EXPECT_EQ(joined->leader, first->member_id);
  EXPECT_EQ(joined->protocol_name, "range");
  EXPECT_EQ(joined->protocol_type, "consumer");
  ASSERT_EQ(joined->members.size(), 1u);
  EXPECT_EQ(joined->members[0].metadata, Subscription({"t"}));
  EXPECT_EQ(State(), "CompletingRebalance");
}

TEST_F(ClassicGroupsTest, BeforeVersion4AMemberJoinsAtOnce) {
  caller.api_version = 3;
  const auto joined = Join(JoinOf(""));
  EXPECT_EQ(joined->error, KafkaError::kNone);
  EXPECT_EQ(joined->leader, joined->member_id);
}

TEST_F(ClassicGroupsTest, WhatAJoinIsRefusedFor) {
  JoinGroupRequest request = JoinOf("");
  request.group_id = "";
  EXPECT_EQ(Join(request)->error, KafkaError::kInvalidGroupId);
  request = JoinOf("");
  request.session_timeout_ms = 5'999;
  EXPECT_EQ(Join(request)->error, KafkaError::kInvalidSessionTimeout);
  request.session_timeout_ms = 1'800'001;
  EXPECT_EQ(Join(request)->error, KafkaError::kInvalidSessionTimeout);
  EXPECT_EQ(Join(JoinOf("made up"))->error, KafkaError::kUnknownMemberId);
  request = JoinOf("", {});
  EXPECT_EQ(Join(request)->error, KafkaError::kInconsistentGroupProtocol);
  request = JoinOf("");
  request.protocol_type = "";
  EXPECT_EQ(Join(request)->error, KafkaError::kInconsistentGroupProtocol);
  EXPECT_TRUE(groups().ListGroups({}).empty());

  StableMember();
  EXPECT_EQ(Join(JoinOf("made up"))->error, KafkaError::kUnknownMemberId);
  EXPECT_EQ(Join(JoinOf("", {{"other", ""}}))->error, KafkaError::kInconsistentGroupProtocol);
  request = JoinOf("");
  request.protocol_type = "connect";
  EXPECT_EQ(Join(request)->error, KafkaError::kInconsistentGroupProtocol);
}

TEST_F(ClassicGroupsTest, AnIdThatIsNotUsedIsForgottenAfterASession) {
  const std::string id = NewMemberId();
  Pass(10'001);
  EXPECT_EQ(Join(JoinOf(id))->error, KafkaError::kUnknownMemberId);
}

TEST_F(ClassicGroupsTest, ARebalanceWaitsForAnIdThatWasGivenOut) {
  a_ = StableMember();
  const std::string promised = NewMemberId();
  const auto again = Join(JoinOf(a_));
  EXPECT_FALSE(again.ready());
  const auto joined = Join(JoinOf(promised));
  EXPECT_TRUE(again.ready());
  EXPECT_EQ(joined->generation_id, 2);
  Sync(promised, 2);
  Sync(a_, 2, {});
  Flush();

  NewMemberId();
  const auto waits = Join(JoinOf(a_));
  EXPECT_FALSE(waits.ready());
  Join(JoinOf(promised));
  EXPECT_FALSE(waits.ready());
  Pass(10'001);
  EXPECT_EQ(waits->generation_id, 3);
}

TEST_F(ClassicGroupsTest, TheInitialDelayIsProlongedByNewMembers) {
  options().initial_rebalance_delay_ms = 3'000;
  Open();
  const std::string a = NewMemberId();
  const auto joined_a = Join(JoinOf(a));
  Pass(2'000);
  const auto joined_b = Join(JoinOf(NewMemberId()));
  Pass(1'500);
  EXPECT_FALSE(joined_a.ready());
  Pass(2'500);
  ASSERT_TRUE(joined_a.ready());
  EXPECT_EQ(joined_a->members.size(), 2u);
  EXPECT_TRUE(joined_b->members.empty());
  EXPECT_EQ(joined_b->generation_id, 1);
}

TEST_F(ClassicGroupsTest, TheProtocolThatMostMembersWantAndAllSupport) {
  caller.api_version = 3;
  options().initial_rebalance_delay_ms = 1'000;
  Open();
  const auto first = Join(JoinOf("", {{"a", "1"}, {"b", "1"}, {"c", "1"}}));
  Join(JoinOf("", {{"c", "2"}, {"b", "2"}}));
  Join(JoinOf("", {{"d", "3"}, {"b", "3"}, {"c", "3"}}));
  Pass(2'001);
  // b and c are everybody's; two of three want b before c.
  EXPECT_EQ(first->protocol_name, "b");
  EXPECT_EQ(first->members.size(), 3u);
}

TEST_F(ClassicGroupsTest, TheLeaderBringsAboutARebalanceAndAFollowerDoesNot) {
  TwoMembers();
  const auto told = Join(JoinOf(b_));
  EXPECT_EQ(told->generation_id, 2);
  EXPECT_TRUE(told->members.empty());
  EXPECT_EQ(State(), "Stable");
  const auto changed = Join(JoinOf(b_, {{"range", Subscription({"u"})}}));
  EXPECT_FALSE(changed.ready());
  EXPECT_EQ(State(), "PreparingRebalance");
  EXPECT_EQ(Join(JoinOf(a_))->generation_id, 3);
  EXPECT_EQ(changed->generation_id, 3);
  Sync(b_, 3);
  Sync(a_, 3, {});
  Flush();
  EXPECT_EQ(State(), "Stable");
  EXPECT_FALSE(Join(JoinOf(a_)).ready());
  EXPECT_EQ(State(), "PreparingRebalance");
}

TEST_F(ClassicGroupsTest, WhoMissedTheAnswerToAJoinIsToldAgain) {
  a_ = NewMemberId();
  Join(JoinOf(a_));
  const auto again = Join(JoinOf(a_));
  EXPECT_EQ(again->generation_id, 1);
  EXPECT_EQ(again->members.size(), 1u);
  // Other metadata: another generation.
  EXPECT_EQ(Join(JoinOf(a_, {{"range", "other"}}))->generation_id, 2);
}

TEST_F(ClassicGroupsTest, WhoDoesNotRejoinInTimeIsOut) {
  TwoMembers();
  const auto joined = Join(JoinOf(b_, {{"range", "other"}}));
  // a sends heartbeats, but does not join.
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(Heartbeat(a_, 2), KafkaError::kRebalanceInProgress);
    Pass(5'000);
  }
  EXPECT_EQ(joined->generation_id, 3);
  EXPECT_EQ(joined->leader, b_);
  EXPECT_EQ(Heartbeat(a_, 2), KafkaError::kUnknownMemberId);
}

TEST_F(ClassicGroupsTest, AGroupHasAGreatestSize) {
  options().max_size = 1;
  Open();
  a_ = StableMember();
  EXPECT_EQ(Join(JoinOf(""))->error, KafkaError::kGroupMaxSizeReached);
  EXPECT_EQ(Heartbeat(a_, 1), KafkaError::kNone);
}

TEST_F(ClassicGroupsTest, ThereIsAGreatestNumberOfGroups) {
  options().groups_max = 1;
  Open();
  NewMemberId();
  JoinGroupRequest other = JoinOf("");
  other.group_id = "h";
  EXPECT_EQ(Join(other)->error, KafkaError::kCoordinatorNotAvailable);
}

TEST_F(ClassicGroupsTest, ThereIsAGreatestNumberOfMembersAndOfTheirBytes) {
  options().members_max = 2;
  options().member_bytes_max = 100;
  Open();
  EXPECT_EQ(Join(JoinOf("", {{"range", std::string(96, 'x')}}))->error,
            KafkaError::kInvalidRequest);
  a_ = StableMember();
  const std::string promised = NewMemberId();
  EXPECT_EQ(Join(JoinOf(""))->error, KafkaError::kGroupMaxSizeReached);
  const auto joined = Join(JoinOf(promised));
  EXPECT_EQ(Beat(JoinAs("consumer")).error, KafkaError::kGroupIdNotFound);
  // Who goes makes room.
  Leave({{a_, std::nullopt, ""}});
  EXPECT_EQ(joined->generation_id, 2);
  NewMemberId();
}

TEST_F(ClassicGroupsTest, AssignmentsThatAreTooLargeAreRefused) {
  options().generation_bytes_max = 1'000;
  Open();
  a_ = NewMemberId();
  Join(JoinOf(a_));
  EXPECT_EQ(Sync(a_, 1, {{a_, std::string(1'000, 'x')}})->error, KafkaError::kUnknownServerError);
  EXPECT_EQ(Join(JoinOf(a_))->generation_id, 2);
}

// --- sync ---

TEST_F(ClassicGroupsTest, WhatASyncIsRefusedFor) {
  a_ = NewMemberId();
  Join(JoinOf(a_));
  SyncGroupRequest request;
  EXPECT_EQ(Sync(request)->error, KafkaError::kInvalidGroupId);
  request.group_id = "nobody's";
  EXPECT_EQ(Sync(request)->error, KafkaError::kUnknownMemberId);
  EXPECT_EQ(Sync("made up", 1)->error, KafkaError::kUnknownMemberId);
  EXPECT_EQ(Sync(a_, 0)->error, KafkaError::kIllegalGeneration);
  request.group_id = "g";
  request.member_id = a_;
  request.generation_id = 1;
  request.protocol_type = "connect";
  EXPECT_EQ(Sync(request)->error, KafkaError::kInconsistentGroupProtocol);
  request.protocol_type = "consumer";
  request.protocol_name = "roundrobin";
  EXPECT_EQ(Sync(request)->error, KafkaError::kInconsistentGroupProtocol);
  request.instance_id = "nobody";
  EXPECT_EQ(Sync(request)->error, KafkaError::kUnknownMemberId);
}

TEST_F(ClassicGroupsTest, AnAssignmentIsToldWhenItIsDurableAndToldAgain) {
  a_ = NewMemberId();
  Join(JoinOf(a_));
  const auto synced = Sync(a_, 1, {{a_, "mine"}});
  EXPECT_FALSE(synced.ready());
  EXPECT_EQ(State(), "CompletingRebalance");
  Flush();
  EXPECT_EQ(synced->assignment, "mine");
  EXPECT_EQ(synced->protocol_name, "range");
  EXPECT_EQ(Sync(a_, 1)->assignment, "mine");
}

TEST_F(ClassicGroupsTest, ARebalanceInterruptsThoseWhoWaitForTheirAssignment) {
  TwoMembers();
  Join(JoinOf(a_));
  Join(JoinOf(b_));
  const auto waits = Sync(b_, 3);
  EXPECT_FALSE(waits.ready());
  NewMemberId();
  EXPECT_FALSE(waits.ready());
  const auto joined = Join(JoinOf(NewMemberId()));
  EXPECT_EQ(waits->error, KafkaError::kRebalanceInProgress);
  EXPECT_EQ(Sync(b_, 3)->error, KafkaError::kRebalanceInProgress);
  EXPECT_FALSE(joined.ready());
}

TEST_F(ClassicGroupsTest, AnAssignmentThatBecameDurableTooLateIsNobodys) {
  TwoMembers();
  Join(JoinOf(a_));
  Join(JoinOf(b_));
  const auto synced = Sync(a_, 3, {{a_, "late"}});
  const auto joined = Join(JoinOf(b_, {{"range", "other"}}));
  EXPECT_EQ(synced->error, KafkaError::kRebalanceInProgress);
  Flush();
  EXPECT_EQ(synced.calls(), 1u);
  EXPECT_EQ(State(), "PreparingRebalance");
  EXPECT_FALSE(joined.ready());
}

TEST_F(ClassicGroupsTest, WhoNeverAsksForItsAssignmentIsOut) {
  TwoMembers();
  Join(JoinOf(a_));
  Join(JoinOf(b_));
  Sync(a_, 3, {{a_, "x"}, {b_, "y"}});
  Flush();
  EXPECT_EQ(State(), "Stable");
  for (int i = 0; i < 6; ++i) {
    Heartbeat(a_, 3);
    Heartbeat(b_, 3);
    Pass(5'000);
  }
  EXPECT_EQ(State(), "PreparingRebalance");
  EXPECT_EQ(Heartbeat(b_, 3), KafkaError::kUnknownMemberId);
  EXPECT_EQ(Join(JoinOf(a_))->generation_id, 4);
}

TEST_F(ClassicGroupsTest, WhenTheLogTakesNoMoreMembersAreToldToTryAgain) {
  a_ = NewMemberId();
  Join(JoinOf(a_));
  env().Crash();
  // The journal has failed as soon as something could not be written.
  OffsetCommitRequest other = CommitOf("t", 0, 1);
  other.group_id = "h";
  Commit(other);
  EXPECT_FALSE(log().journal().Flush().ok());
  const auto synced = Sync(a_, 1, {{a_, "mine"}});
  EXPECT_EQ(synced->error, KafkaError::kCoordinatorNotAvailable);
  EXPECT_EQ(State(), "PreparingRebalance");
}

// --- heartbeats and leaving ---

TEST_F(ClassicGroupsTest, WhatAHeartbeatIsRefusedFor) {
  EXPECT_EQ(Heartbeat("x", 1), KafkaError::kUnknownMemberId);
  a_ = StableMember();
  EXPECT_EQ(Heartbeat(a_, 1), KafkaError::kNone);
  EXPECT_EQ(Heartbeat(a_, 2), KafkaError::kIllegalGeneration);
  EXPECT_EQ(Heartbeat("x", 1), KafkaError::kUnknownMemberId);
  EXPECT_EQ(Heartbeat(a_, 1, "i"), KafkaError::kUnknownMemberId);
}

TEST_F(ClassicGroupsTest, ASilentMemberIsRemovedAfterItsSession) {
  TwoMembers();
  Pass(9'000);
  EXPECT_EQ(Heartbeat(b_, 2), KafkaError::kNone);
  Pass(2'000);
  EXPECT_EQ(State(), "PreparingRebalance");
  const auto joined = Join(JoinOf(b_));
  EXPECT_EQ(joined->generation_id, 3);
  EXPECT_EQ(joined->leader, b_);
  EXPECT_EQ(Heartbeat(a_, 2), KafkaError::kUnknownMemberId);
}

TEST_F(ClassicGroupsTest, ACommitIsASignOfLife) {
  a_ = StableMember();
  for (int i = 0; i < 4; ++i) {
    Pass(9'000);
    EXPECT_EQ(Committed(CommitOf("t", 0, i, a_, 1)), KafkaError::kNone);
  }
  EXPECT_EQ(Heartbeat(a_, 1), KafkaError::kNone);
}

TEST_F(ClassicGroupsTest, TheLastOneToLeaveLeavesAnEmptyGroup) {
  TwoMembers();
  const auto left = Leave({{a_, std::nullopt, ""}, {"x", std::nullopt, ""}});
  ASSERT_EQ(left.members.size(), 2u);
  EXPECT_EQ(left.members[0].error, KafkaError::kNone);
  EXPECT_EQ(left.members[1].error, KafkaError::kUnknownMemberId);
  EXPECT_EQ(State(), "PreparingRebalance");
  EXPECT_EQ(Leave({{b_, std::nullopt, ""}}).members[0].error, KafkaError::kNone);
  EXPECT_EQ(State(), "Empty");
  Flush();
  Crash();
  EXPECT_EQ(State(), "Empty");
  // Generations go on.
  EXPECT_EQ(Join(JoinOf(NewMemberId()))->generation_id, 4);
}

TEST_F(ClassicGroupsTest, OneWhoWaitsToJoinMayLeave) {
  TwoMembers();
  const auto joined = Join(JoinOf(b_, {{"range", "other"}}));
  Leave({{b_, std::nullopt, ""}});
  EXPECT_EQ(joined->error, KafkaError::kUnknownMemberId);
  const std::string promised = NewMemberId();
  EXPECT_EQ(Leave({{promised, std::nullopt, ""}}).members[0].error, KafkaError::kNone);
  EXPECT_EQ(Join(JoinOf(promised))->error, KafkaError::kUnknownMemberId);
  EXPECT_EQ(Leave({{"", std::nullopt, ""}}).members[0].error, KafkaError::kUnknownMemberId);
}

// --- static members (KIP-345) ---

TEST_F(ClassicGroupsTest, AStaticMemberComesBackWithoutARebalance) {
  TwoStatic();
  const auto back = Join(Static("i2"));
  EXPECT_FALSE(back.ready());
  Flush();
  EXPECT_EQ(back->error, KafkaError::kNone);
  EXPECT_NE(back->member_id, b_);
  EXPECT_EQ(back->generation_id, 2);
  EXPECT_FALSE(back->skip_assignment);
  EXPECT_EQ(State(), "Stable");
  EXPECT_EQ(Sync(back->member_id, 2)->assignment, "for b");
  EXPECT_EQ(Heartbeat(b_, 2, "i2"), KafkaError::kFencedInstanceId);
  EXPECT_EQ(Sync(b_, 2)->error, KafkaError::kUnknownMemberId);
  EXPECT_EQ(Join(Static("i2", b_))->error, KafkaError::kFencedInstanceId);
  OffsetCommitRequest commit = CommitOf("t", 0, 1, b_, 2);
  commit.instance_id = "i2";
  EXPECT_EQ(Committed(commit), KafkaError::kFencedInstanceId);
  EXPECT_EQ(Leave({{b_, "i2", ""}}).members[0].error, KafkaError::kFencedInstanceId);
}

TEST_F(ClassicGroupsTest, AStaticLeaderComesBackAndSkipsTheAssignment) {
  TwoStatic();
  const auto back = Join(Static("i1"));
  Flush();
  EXPECT_TRUE(back->skip_assignment);
  EXPECT_EQ(back->leader, back->member_id);
  EXPECT_EQ(back->members.size(), 2u);
  EXPECT_EQ(Sync(back->member_id, 2)->assignment, "for a");
  // Before version 9 it must not take itself for the leader.
  caller.api_version = 8;
  const auto old = Join(Static("i1"));
  Flush();
  EXPECT_FALSE(old->skip_assignment);
  EXPECT_EQ(old->leader, back->member_id);
  EXPECT_TRUE(old->members.empty());
}

TEST_F(ClassicGroupsTest, AStaticMemberThatWantsAnotherProtocolBringsAboutARebalance) {
  const auto first = Join(Static("i1"));
  Sync(first->member_id, 1, {});
  Flush();
  JoinGroupRequest other = Static("i1");
  other.protocols = {{"sticky", ""}};
  EXPECT_EQ(Join(other)->error, KafkaError::kInconsistentGroupProtocol);
  other.protocols = {{"sticky", ""}, {"range", Subscription({"t"})}};
  const auto back = Join(other);
  EXPECT_EQ(back->generation_id, 2);
  EXPECT_EQ(back->protocol_name, "sticky");
}

TEST_F(ClassicGroupsTest, TheOneWhoIsReplacedWhileItWaitsIsFenced) {
  TwoStatic();
  JoinGroupRequest changed = Static("i2", b_);
  changed.protocols[0].metadata = Subscription({"u"});
  const auto waits = Join(changed);
  EXPECT_FALSE(waits.ready());
  const auto back = Join(Static("i2"));
  EXPECT_EQ(waits->error, KafkaError::kFencedInstanceId);
  const auto again = Join(Static("i1", a_));
  EXPECT_EQ(again->generation_id, 3);
  EXPECT_EQ(back->generation_id, 3);
  // While it waits for its assignment, too; the leader may have it under the old id.
  SyncGroupRequest sync;
  sync.group_id = "g";
  sync.generation_id = 3;
  sync.member_id = back->member_id;
  sync.instance_id = "i2";
  const auto waits_sync = Sync(sync);
  Join(Static("i2"));
  EXPECT_EQ(waits_sync->error, KafkaError::kFencedInstanceId);
  EXPECT_EQ(State(), "PreparingRebalance");
}

TEST_F(ClassicGroupsTest, AStaticMemberIsNotDroppedByARebalanceButByItsSession) {
  TwoStatic();
  const auto leader = Join(Static("i1", a_));
  EXPECT_FALSE(leader.ready());
  for (int i = 0; i < 6; ++i) {
    Heartbeat(b_, 2, "i2");
    Pass(5'000);
  }
  // The rebalance goes on without its answer, with its membership.
  EXPECT_EQ(leader->generation_id, 3);
  EXPECT_EQ(leader->members.size(), 2u);
  for (int i = 0; i < 3; ++i) {
    Heartbeat(a_, 3, "i1");
    Pass(5'000);
  }
  EXPECT_EQ(Heartbeat(b_, 3, "i2"), KafkaError::kUnknownMemberId);
}

TEST_F(ClassicGroupsTest, AnAdministratorRemovesAnInstance) {
  TwoStatic();
  const auto left = Leave({{"", "i2", "scaled down"}, {"", "i9", ""}});
  EXPECT_EQ(left.members[0].error, KafkaError::kNone);
  EXPECT_EQ(left.members[1].error, KafkaError::kUnknownMemberId);
  EXPECT_EQ(State(), "PreparingRebalance");
}

// --- restarts ---

TEST_F(ClassicGroupsTest, AStableGroupGoesOnAfterACrash) {
  TwoMembers();
  Crash();
  EXPECT_EQ(State(), "Stable");
  EXPECT_EQ(Heartbeat(a_, 2), KafkaError::kNone);
  EXPECT_EQ(Heartbeat(b_, 2), KafkaError::kNone);
  EXPECT_EQ(Sync(b_, 2)->assignment, "for b");
  EXPECT_EQ(Join(JoinOf(b_))->generation_id, 2);
  EXPECT_EQ(Committed(CommitOf("t", 0, 5, a_, 2)), KafkaError::kNone);
  const auto described = groups().DescribeGroups({"g"})[0];
  ASSERT_EQ(described.members.size(), 2u);
  EXPECT_EQ(described.protocol_data, "range");
  EXPECT_EQ(described.members[0].client_host, "/127.0.0.1");
  // Sessions begin at the restart.
  Pass(10'001);
  EXPECT_EQ(State(), "Empty");
}

TEST_F(ClassicGroupsTest, AStaticMemberComesBackAfterACrash) {
  TwoStatic();
  Crash();
  const auto back = Join(Static("i2"));
  Flush();
  EXPECT_EQ(back->generation_id, 2);
  EXPECT_EQ(Sync(back->member_id, 2)->assignment, "for b");
}

// --- administration ---

TEST_F(ClassicGroupsTest, GroupsAreListedByStateAndType) {
  StableMember();
  OffsetCommitRequest simple = CommitOf("t", 0, 1);
  simple.group_id = "a simple one";
  Committed(simple);
  const auto names = [&](const ListGroupsRequest& request) {
    std::vector<std::string> found;
    for (const auto& group : groups().ListGroups(request)) {
      found.push_back(group.group_id + " " + group.protocol_type + " " + group.state + " " +
                      group.type);
    }
    return found;
  };
  EXPECT_THAT(names({}), ElementsAre("a simple one  Empty classic", "g consumer Stable classic"));
  EXPECT_THAT(names({{"stable"}, {}}), ElementsAre("g consumer Stable classic"));
  EXPECT_THAT(names({{"Empty", "Dead"}, {"Classic"}}), ElementsAre("a simple one  Empty classic"));
  EXPECT_THAT(names({{}, {"consumer"}}), ElementsAre());
}

TEST_F(ClassicGroupsTest, OnlyEmptyGroupsCanBeDeleted) {
  a_ = StableMember();
  Committed(CommitOf("t", 0, 7, a_, 1));
  Reply<std::vector<DeletedGroup>> refused;
  groups().DeleteGroups({"g", "nobody's"}, refused.done());
  EXPECT_EQ((*refused)[0].error, KafkaError::kNonEmptyGroup);
  EXPECT_EQ((*refused)[1].error, KafkaError::kGroupIdNotFound);
  Leave({{a_, std::nullopt, ""}});
  Reply<std::vector<DeletedGroup>> deleted;
  groups().DeleteGroups({"g"}, deleted.done());
  EXPECT_FALSE(deleted.ready());
  Flush();
  EXPECT_EQ((*deleted)[0].error, KafkaError::kNone);
  EXPECT_EQ(State(), "Dead");
  EXPECT_EQ(groups().DescribeGroups({"g"})[0].error, KafkaError::kGroupIdNotFound);
  Crash();
  EXPECT_EQ(State(), "Dead");
  EXPECT_EQ(Offset("t", 0), -1);
}

TEST_F(ClassicGroupsTest, MetadataIsDescribedOfStableGroupsOnly) {
  TwoMembers();
  auto described = groups().DescribeGroups({"g"})[0];
  EXPECT_EQ(described.members[0].metadata, Subscription({"t"}));
  Join(JoinOf(a_));
  described = groups().DescribeGroups({"g"})[0];
  EXPECT_EQ(described.state, "PreparingRebalance");
  EXPECT_EQ(described.protocol_data, "");
  EXPECT_EQ(described.members[0].metadata, "");
}

TEST_F(ClassicGroupsTest, AnAnswerMayAskTheNextThing) {
  a_ = NewMemberId();
  Reply<SyncGroupResponse> synced;
  groups().JoinGroup(caller, JoinOf(a_), [&](const JoinGroupResponse& joined) {
    SyncGroupRequest request;
    request.group_id = "g";
    request.generation_id = joined.generation_id;
    request.member_id = joined.member_id;
    request.assignments = {{joined.member_id, "mine"}};
    groups().SyncGroup(caller, request, synced.done());
  });
  Flush();
  EXPECT_EQ(synced->assignment, "mine");
}

}  // namespace
}  // namespace weir::log
