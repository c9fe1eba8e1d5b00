// The requests of groups over the wire, in every version; what they mean is tested in log/groups.
#include "gmock/gmock.h"
#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/messages/delete_groups.h"
#include "weir/log/kafka/messages/describe_groups.h"
#include "weir/log/kafka/messages/find_coordinator.h"
#include "weir/log/kafka/messages/heartbeat.h"
#include "weir/log/kafka/messages/join_group.h"
#include "weir/log/kafka/messages/leave_group.h"
#include "weir/log/kafka/messages/list_groups.h"
#include "weir/log/kafka/messages/metadata.h"
#include "weir/log/kafka/messages/offset_commit.h"
#include "weir/log/kafka/messages/offset_delete.h"
#include "weir/log/kafka/messages/offset_fetch.h"
#include "weir/log/kafka/messages/produce.h"
#include "weir/log/kafka/messages/sync_group.h"
#include "weir/log/kafka/testing/broker_fixture.h"

namespace weir::log::kafka {
namespace {

class GroupHandlersTest : public testing::BrokerFixture {
 protected:
  struct Member {
    std::string id;
    int32_t generation = -1;
  };

  // The only member of a group, stable.
  Member Join(const std::string& group, int16_t join_version = 9, int16_t sync_version = 5) {
    JoinGroupRequest join;
    join.group_id = group;
    join.session_timeout_ms = 10'000;
    if (join_version >= 1) join.rebalance_timeout_ms = 10'000;
    join.protocol_type = "consumer";
    join.protocols.push_back({"range", "subscription"});
    auto joined = Ask<JoinGroupRequest, JoinGroupResponse>(join, join_version);
    if (joined.error_code == static_cast<int16_t>(KafkaError::kMemberIdRequired)) {
      EXPECT_GE(join_version, 4);
      join.member_id = joined.member_id;
      joined = Ask<JoinGroupRequest, JoinGroupResponse>(join, join_version);
    }
    EXPECT_EQ(joined.error_code, 0) << join_version;
    EXPECT_EQ(joined.leader, joined.member_id);
    EXPECT_EQ(joined.protocol_name, "range");
    EXPECT_EQ(joined.members.size(), 1u);
    SyncGroupRequest sync;
    sync.group_id = group;
    sync.generation_id = joined.generation_id;
    sync.member_id = joined.member_id;
    sync.assignments.push_back({joined.member_id, "assignment"});
    if (sync_version >= 5) {
      sync.protocol_type = "consumer";
      sync.protocol_name = "range";
    }
    const auto synced = Ask<SyncGroupRequest, SyncGroupResponse>(sync, sync_version);
    EXPECT_EQ(synced.error_code, 0) << sync_version;
    EXPECT_EQ(synced.assignment, "assignment");
    return {joined.member_id, joined.generation_id};
  }
};

TEST_F(GroupHandlersTest, FindCoordinatorSaysHereInEachVersion) {
  for (int16_t version = 0; version <= kFindCoordinatorHandler.max_version; ++version) {
    FindCoordinatorRequest request;
    if (version >= 1) request.key_type = 1;
    if (version >= 4) {
      request.coordinator_keys = {"a", "b"};
    } else {
      request.key = "a";
    }
    const auto response = Ask<FindCoordinatorRequest, FindCoordinatorResponse>(request, version);
    if (version < 4) {
      EXPECT_EQ(response.error_code, 0);
      EXPECT_EQ(response.port, 9092);
    } else {
      ASSERT_EQ(response.coordinators.size(), 2u);
      EXPECT_EQ(response.coordinators[1].key, "b");
      EXPECT_EQ(response.coordinators[1].node_id, 1);
    }
  }
}

TEST_F(GroupHandlersTest, TheFirstGroupMakesTheInternalTopicThatNobodyWritesTo) {
  FindCoordinatorRequest find;
  find.coordinator_keys = {"g"};
  EXPECT_EQ(log_->topics().Find(kGroupOffsetsTopic), nullptr);
  for (int i = 0; i < 2; ++i) {
    Ask<FindCoordinatorRequest, FindCoordinatorResponse>(find, 6);
    ASSERT_NE(log_->topics().Find(kGroupOffsetsTopic), nullptr);
  }
  MakeTopic("t");
  MetadataRequest all;
  all.topics.reset();
  const auto described = Ask<MetadataRequest, MetadataResponse>(all, 12);
  ASSERT_EQ(described.topics.size(), 2u);
  EXPECT_EQ(described.topics[0].name, kGroupOffsetsTopic);
  EXPECT_TRUE(described.topics[0].is_internal);
  EXPECT_FALSE(described.topics[1].is_internal);
  Ask<MetadataRequest, MetadataResponse>(MetadataRequest(), 0);  // which can't say it

  ProduceRequest write;
  write.acks = -1;
  write.topic_data.resize(1);
  write.topic_data[0].name = kGroupOffsetsTopic;
  write.topic_data[0].partition_data.resize(1);
  write.topic_data[0].partition_data[0].records = Records("bytes");
  const auto refused = Ask<ProduceRequest, ProduceResponse>(write, 12);
  EXPECT_EQ(refused.responses.at(0).partition_responses.at(0).error_code,
            static_cast<int16_t>(KafkaError::kInvalidTopicException));
}

TEST_F(GroupHandlersTest, JoinSyncHeartbeatAndLeaveInEachVersion) {
  for (int16_t version = 0; version <= kJoinGroupHandler.max_version; ++version) {
    const int16_t sync = std::min(version, kSyncGroupHandler.max_version);
    const std::string group = "g" + std::to_string(version);
    const Member member = Join(group, version, sync);
    HeartbeatRequest beat;
    beat.group_id = group;
    beat.generation_id = member.generation;
    beat.member_id = member.id;
    const int16_t beat_version = std::min(version, kHeartbeatHandler.max_version);
    EXPECT_EQ((Ask<HeartbeatRequest, HeartbeatResponse>(beat, beat_version).error_code), 0);
    beat.generation_id += 1;
    EXPECT_EQ((Ask<HeartbeatRequest, HeartbeatResponse>(beat, beat_version).error_code),
              static_cast<int16_t>(KafkaError::kIllegalGeneration));
    LeaveGroupRequest leave;
    leave.group_id = group;
    const int16_t leave_version = std::min(version, kLeaveGroupHandler.max_version);
    if (leave_version >= 3) {
      leave.members.push_back({member.id, std::nullopt, std::nullopt});
    } else {
      leave.member_id = member.id;
    }
    const auto left = Ask<LeaveGroupRequest, LeaveGroupResponse>(leave, leave_version);
    EXPECT_EQ(left.error_code, 0);
    EXPECT_EQ(left.members.size(), leave_version >= 3 ? 1u : 0u);
  }
}

TEST_F(GroupHandlersTest, OffsetsAreCommittedFetchedAndDeletedInEachVersion) {
  MakeTopic("t", 2);
  const TopicId id = log_->topics().Find("t")->id;
  for (int16_t version = 2; version <= kOffsetCommitHandler.max_version; ++version) {
    OffsetCommitRequest commit;
    commit.group_id = "g";
    commit.topics.resize(1);
    if (version >= 10) {
      commit.topics[0].topic_id = id;
    } else {
      commit.topics[0].name = "t";
    }
    commit.topics[0].partitions.push_back({1, version * 100, -1, "note"});
    const auto committed = Ask<OffsetCommitRequest, OffsetCommitResponse>(commit, version);
    ASSERT_EQ(committed.topics.size(), 1u);
    EXPECT_EQ(committed.topics[0].partitions.at(0).error_code, 0);
    for (int16_t fetched_by = 1; fetched_by <= kOffsetFetchHandler.max_version; ++fetched_by) {
      OffsetFetchRequest fetch;
      if (fetched_by < 8) {
        fetch.group_id = "g";
        fetch.topics->push_back({"t", {0, 1}});
        const auto fetched = Ask<OffsetFetchRequest, OffsetFetchResponse>(fetch, fetched_by);
        ASSERT_EQ(fetched.topics.size(), 1u);
        EXPECT_EQ(fetched.topics[0].partitions.at(0).committed_offset, -1);
        EXPECT_EQ(fetched.topics[0].partitions.at(1).committed_offset, version * 100);
        EXPECT_EQ(fetched.topics[0].partitions.at(1).metadata, "note");
      } else {
        fetch.groups.resize(2);
        fetch.groups[0].group_id = "other";
        fetch.groups[0].topics.reset();
        fetch.groups[1].group_id = "g";
        fetch.groups[1].topics.reset();
        const auto fetched = Ask<OffsetFetchRequest, OffsetFetchResponse>(fetch, fetched_by);
        ASSERT_EQ(fetched.groups.size(), 2u);
        EXPECT_TRUE(fetched.groups[0].topics.empty());
        ASSERT_EQ(fetched.groups[1].topics.size(), 1u);
        EXPECT_EQ(fetched.groups[1].topics[0].partitions.at(0).committed_offset, version * 100);
      }
    }
  }
  OffsetDeleteRequest forget;
  forget.group_id = "g";
  forget.topics.push_back({"t", {{1}}});
  const auto forgotten = Ask<OffsetDeleteRequest, OffsetDeleteResponse>(forget, 0);
  EXPECT_EQ(forgotten.error_code, 0);
  EXPECT_EQ(forgotten.topics.at(0).partitions.at(0).error_code, 0);
}

TEST_F(GroupHandlersTest, GroupsAreListedDescribedAndDeletedInEachVersion) {
  const Member member = Join("g");
  for (int16_t version = 0; version <= kListGroupsHandler.max_version; ++version) {
    const auto listed = Ask<ListGroupsRequest, ListGroupsResponse>({}, version);
    ASSERT_EQ(listed.groups.size(), 1u);
    EXPECT_EQ(listed.groups[0].group_id, "g");
    EXPECT_EQ(listed.groups[0].protocol_type, "consumer");
    EXPECT_EQ(listed.groups[0].group_state, version >= 4 ? "Stable" : "");
  }
  for (int16_t version = 0; version <= kDescribeGroupsHandler.max_version; ++version) {
    DescribeGroupsRequest request;
    request.groups = {"g", "absent"};
    const auto described = Ask<DescribeGroupsRequest, DescribeGroupsResponse>(request, version);
    ASSERT_EQ(described.groups.size(), 2u);
    EXPECT_EQ(described.groups[0].group_state, "Stable");
    ASSERT_EQ(described.groups[0].members.size(), 1u);
    EXPECT_EQ(described.groups[0].members[0].member_assignment, "assignment");
    EXPECT_EQ(described.groups[1].group_state, "Dead");
    EXPECT_EQ(described.groups[1].error_code,
              version >= 6 ? static_cast<int16_t>(KafkaError::kGroupIdNotFound) : 0);
  }
  for (int16_t version = 0; version <= kDeleteGroupsHandler.max_version; ++version) {
    DeleteGroupsRequest request;
    request.groups_names = {"g", "absent"};
    const auto deleted = Ask<DeleteGroupsRequest, DeleteGroupsResponse>(request, version);
    ASSERT_EQ(deleted.results.size(), 2u);
    EXPECT_EQ(deleted.results[0].error_code, static_cast<int16_t>(KafkaError::kNonEmptyGroup));
    EXPECT_EQ(deleted.results[1].error_code, static_cast<int16_t>(KafkaError::kGroupIdNotFound));
  }
}

}  // namespace
}  // namespace weir::log::kafka
