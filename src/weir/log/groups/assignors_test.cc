#include "weir/log/groups/assignors.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "weir/base/sim_env.h"

namespace weir::log {
namespace {

constexpr TopicId kA{{1}};
constexpr TopicId kB{{2}};
constexpr TopicId kC{{3}};

AssignmentInput Input(const std::map<TopicId, int32_t>& partitions,
                      const std::map<std::string, std::set<TopicId>>& members) {
  AssignmentInput input;
  input.partitions = partitions;
  for (const auto& [id, topics] : members) input.members[id].topics = topics;
  return input;
}

size_t Size(const PartitionSet& partitions) {
  size_t size = 0;
  for (const auto& [topic, indexes] : partitions) size += indexes.size();
  return size;
}

TEST(RangeAssignorTest, EachTopicIsCutIntoRanges) {
  const auto assigned =
      AssignPartitions("range", Input({{kA, 5}, {kB, 2}}, {{"m1", {kA, kB}}, {"m2", {kA, kB}}}));
  EXPECT_EQ(assigned.at("m1"), (PartitionSet{{kA, {0, 1, 2}}, {kB, {0}}}));
  EXPECT_EQ(assigned.at("m2"), (PartitionSet{{kA, {3, 4}}, {kB, {1}}}));
}

TEST(RangeAssignorTest, OnlySubscribersGetARange) {
  const auto assigned = AssignPartitions(
      "range", Input({{kA, 2}, {kB, 2}}, {{"m1", {kA}}, {"m2", {kA, kB}}, {"m3", {}}}));
  EXPECT_EQ(assigned.at("m1"), (PartitionSet{{kA, {0}}}));
  EXPECT_EQ(assigned.at("m2"), (PartitionSet{{kA, {1}}, {kB, {0, 1}}}));
  EXPECT_TRUE(assigned.at("m3").empty());
}

TEST(RangeAssignorTest, InstancesKeepTheirPlaceUnderAnotherId) {
  AssignmentInput input = Input({{kA, 4}}, {{"x", {kA}}, {"a", {kA}}});
  input.members["x"].instance_id = "1";
  input.members["a"].instance_id = "2";
  EXPECT_EQ(AssignPartitions("range", input).at("x"), (PartitionSet{{kA, {0, 1}}}));
}

TEST(UniformAssignorTest, PartitionsStayWhereTheyWere) {
  AssignmentInput input = Input({{kA, 6}}, {{"m1", {kA}}, {"m2", {kA}}, {"m3", {kA}}});
  input.members["m1"].before = {{kA, {0, 2, 4}}};
  input.members["m2"].before = {{kA, {1, 3, 5}}};
  const auto assigned = AssignPartitions("uniform", input);
  EXPECT_EQ(assigned.at("m1"), (PartitionSet{{kA, {0, 2}}}));
  EXPECT_EQ(assigned.at("m2"), (PartitionSet{{kA, {1, 3}}}));
  EXPECT_EQ(assigned.at("m3"), (PartitionSet{{kA, {4, 5}}}));
}

TEST(UniformAssignorTest, WhatNobodyMayKeepIsGivenToOthers) {
  AssignmentInput input = Input({{kA, 2}, {kB, 2}}, {{"m1", {kA}}, {"m2", {kA, kB}}});
  // kA has become smaller, m1 does not want kB any more, and both had 1.
  input.members["m1"].before = {{kA, {0, 1, 2}}, {kB, {0}}};
  input.members["m2"].before = {{kA, {1}}};
  const auto assigned = AssignPartitions("uniform", input);
  EXPECT_EQ(assigned.at("m1"), (PartitionSet{{kA, {0, 1}}}));
  EXPECT_EQ(assigned.at("m2"), (PartitionSet{{kB, {0, 1}}}));
}

// Whatever was before and whoever wants what: each partition has one owner, a subscriber; nobody
// could take one from somebody who has two more.
TEST(AssignorsTest, RandomGroups) {
  SimEnv random(7);
  const auto below = [&](uint64_t n) { return random.RandomU64() % n; };
  for (int round = 0; round < 500; ++round) {
    AssignmentInput input;
    const std::vector<TopicId> topics = {kA, kB, kC};
    for (const TopicId& topic : topics) input.partitions[topic] = static_cast<int32_t>(below(9));
    const uint64_t members = 1 + below(6);
    const bool same = below(2) == 0;
    for (uint64_t i = 0; i < members; ++i) {
      AssignedMember& member = input.members["m" + std::to_string(i)];
      for (const TopicId& topic : topics) {
        if (same || below(2) == 0) member.topics.insert(topic);
        for (int32_t index = 0; index < 9; ++index) {
          if (below(4) == 0) Insert(&member.before, topic, index);
        }
      }
    }
    for (const std::string_view assignor : {kUniformAssignor, kRangeAssignor}) {
      const auto assigned = AssignPartitions(assignor, input);
      ASSERT_EQ(assigned.size(), input.members.size());
      for (const TopicId& topic : topics) {
        const bool wanted =
            std::any_of(input.members.begin(), input.members.end(),
                        [&](const auto& entry) { return entry.second.topics.count(topic) != 0; });
        for (int32_t index = 0; index < 9; ++index) {
          int owners = 0;
          for (const auto& [id, partitions] : assigned) {
            if (!Contains(partitions, topic, index)) continue;
            owners += 1;
            EXPECT_EQ(input.members[id].topics.count(topic), 1u);
          }
          EXPECT_EQ(owners, wanted && index < input.partitions[topic] ? 1 : 0);
        }
      }
      if (assignor == kRangeAssignor) continue;
      for (const auto& [giver, partitions] : assigned) {
        for (const auto& [topic, indexes] : partitions) {
          for (const auto& [taker, others] : assigned) {
            if (input.members[taker].topics.count(topic) == 0) continue;
            EXPECT_LE(Size(partitions), Size(others) + 1) << round;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace weir::log
