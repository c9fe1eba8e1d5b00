// What administrators ask of partitions: more of them, fewer records, where they are, who writes to
// them; and what a single node has nothing of.
#include "gmock/gmock.h"
#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/messages/alter_client_quotas.h"
#include "weir/log/kafka/messages/alter_partition_reassignments.h"
#include "weir/log/kafka/messages/alter_replica_log_dirs.h"
#include "weir/log/kafka/messages/consumer_group_describe.h"
#include "weir/log/kafka/messages/create_partitions.h"
#include "weir/log/kafka/messages/delete_records.h"
#include "weir/log/kafka/messages/describe_client_quotas.h"
#include "weir/log/kafka/messages/describe_configs.h"
#include "weir/log/kafka/messages/describe_groups.h"
#include "weir/log/kafka/messages/describe_log_dirs.h"
#include "weir/log/kafka/messages/describe_producers.h"
#include "weir/log/kafka/messages/describe_quorum.h"
#include "weir/log/kafka/messages/describe_topic_partitions.h"
#include "weir/log/kafka/messages/describe_transactions.h"
#include "weir/log/kafka/messages/elect_leaders.h"
#include "weir/log/kafka/messages/incremental_alter_configs.h"
#include "weir/log/kafka/messages/list_config_resources.h"
#include "weir/log/kafka/messages/list_partition_reassignments.h"
#include "weir/log/kafka/messages/offset_fetch.h"
#include "weir/log/kafka/messages/offset_for_leader_epoch.h"
#include "weir/log/kafka/testing/broker_fixture.h"

namespace weir::log::kafka {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class PartitionAdminTest : public testing::BrokerFixture {
 protected:
  const Topic& FindTopic(const std::string& name) { return *log_->topics().Find(name); }
  PartitionLog& Partition(const std::string& topic, int32_t index = 0) {
    return *broker_->FindPartition(&FindTopic(topic), index);
  }
  void Produce(const std::string& topic, const std::string& bytes) {
    NewBatch batch;
    batch.partition = Partition(topic).number();
    batch.bytes = bytes;
    batch.header = *ReadBatchHeader(bytes);
    ASSERT_EQ(log_->Append(batch).error, KafkaError::kNone);
    Flush();
  }

  using Answer = std::pair<KafkaError, std::string>;
  Answer Grow(const CreatePartitionsRequest::CreatePartitionsTopic& wanted, int16_t version = 3,
              bool only_check = false) {
    CreatePartitionsRequest request;
    request.topics.push_back(wanted);
    request.validate_only = only_check;
    const auto result =
        Ask<CreatePartitionsRequest, CreatePartitionsResponse>(request, version).results.at(0);
    EXPECT_EQ(result.name, wanted.name);
    return {static_cast<KafkaError>(result.error_code), result.error_message.value_or("")};
  }

  // Low watermark and error.
  std::pair<int64_t, KafkaError> DeleteBefore(const std::string& topic, int32_t partition,
                                              int64_t offset, int16_t version = 2) {
    DeleteRecordsRequest request;
    request.topics.push_back({topic, {{partition, offset}}});
    const auto result = Ask<DeleteRecordsRequest, DeleteRecordsResponse>(request, version)
                            .topics.at(0)
                            .partitions.at(0);
    EXPECT_EQ(result.partition_index, partition);
    return {result.low_watermark, static_cast<KafkaError>(result.error_code)};
  }
};

TEST_F(PartitionAdminTest, TopicsGetMorePartitionsInEachVersion) {
  for (int16_t version = 0; version <= kCreatePartitionsHandler.max_version; ++version) {
    const std::string name = "t" + std::to_string(version);
    MakeTopic(name, 2);
    const std::vector<uint32_t> had = FindTopic(name).partitions;
    Produce(name, Batch({"kept"}));
    EXPECT_EQ(Grow({name, 5, std::nullopt}, version), Answer(KafkaError::kNone, ""));
    ASSERT_EQ(FindTopic(name).partitions.size(), 5u);
    EXPECT_EQ(FindTopic(name).partitions[0], had[0]);
    EXPECT_EQ(Partition(name).next_offset(), 1);
    EXPECT_EQ(Partition(name, 4).next_offset(), 0);
  }
  Start();
  EXPECT_EQ(FindTopic("t0").partitions.size(), 5u);
  EXPECT_EQ(Partition("t0").next_offset(), 1);
}

TEST_F(PartitionAdminTest, GrowingSaysWhatIsWrong) {
  MakeTopic("t", 2);
  const auto expect = [&](const Answer& answer, KafkaError error, const std::string& message) {
    EXPECT_EQ(answer.first, error) << message;
    EXPECT_THAT(answer.second, HasSubstr(message));
  };
  expect(Grow({"absent", 5, std::nullopt}), KafkaError::kUnknownTopicOrPartition, "not host");
  expect(Grow({"t", 2, std::nullopt}), KafkaError::kInvalidPartitions,
         "Topic already has 2 partition(s).");
  expect(Grow({"t", 1, std::nullopt}), KafkaError::kInvalidPartitions,
         "The topic t currently has 2 partition(s); 1 would not be an increase.");
  expect(Grow({"t", 2'000'000, std::nullopt}), KafkaError::kInvalidPartitions, "at most");
  expect(Grow({"t", 4, {{{{1}}}}}), KafkaError::kInvalidReplicaAssignment,
         "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.");
  expect(Grow({"t", 3, {{{{2}}}}}), KafkaError::kInvalidReplicaAssignment, "broker 2");
  expect(Grow({"t", 3, std::nullopt}, 3, true), KafkaError::kNone, "");
  EXPECT_EQ(FindTopic("t").partitions.size(), 2u);
  expect(Grow({"t", 3, {{{{1}}}}}), KafkaError::kNone, "");
  EXPECT_EQ(FindTopic("t").partitions.size(), 3u);

  CreatePartitionsRequest twice;
  twice.topics = {{"t", 9, std::nullopt}, {"t", 8, std::nullopt}};
  const auto response = Ask<CreatePartitionsRequest, CreatePartitionsResponse>(twice, 3);
  ASSERT_EQ(response.results.size(), 1u);
  EXPECT_EQ(response.results[0].error_message, "Duplicate topic name.");
  EXPECT_EQ(FindTopic("t").partitions.size(), 3u);
}

TEST_F(PartitionAdminTest, RecordsAreDeletedInEachVersion) {
  for (int16_t version = 0; version <= kDeleteRecordsHandler.max_version; ++version) {
    const std::string name = "t" + std::to_string(version);
    MakeTopic(name);
    Produce(name, Batch({"a", "b", "c"}));
    EXPECT_EQ(DeleteBefore(name, 0, 2, version), std::pair(int64_t{2}, KafkaError::kNone));
    EXPECT_EQ(Partition(name).start_offset(), 2);
    // Nothing comes back.
    EXPECT_EQ(DeleteBefore(name, 0, 1, version), std::pair(int64_t{2}, KafkaError::kNone));
    EXPECT_EQ(DeleteBefore(name, 0, -1, version), std::pair(int64_t{3}, KafkaError::kNone));
    EXPECT_EQ(Partition(name).start_offset(), 3);
  }
  Start();
  EXPECT_EQ(Partition("t0").start_offset(), 3);
  EXPECT_EQ(Partition("t0").next_offset(), 3);
}

TEST_F(PartitionAdminTest, DeletingRecordsIsAnsweredWhenDurable) {
  MakeTopic("t");
  Produce("t", Batch({"a", "b"}));
  DeleteRecordsRequest request;
  request.topics.push_back({"t", {{0, 1}}});
  const auto pending = Send<DeleteRecordsRequest, DeleteRecordsResponse>(request, 2);
  EXPECT_FALSE(pending.done());
  Flush();
  EXPECT_TRUE(pending.done());
}

TEST_F(PartitionAdminTest, DeletingRecordsSaysWhatIsWrong) {
  MakeTopic("t");
  MakeTopic("compacted", 1, {{"cleanup.policy", "compact"}});
  Produce("t", Batch({"a"}));
  const auto failed = [](KafkaError error) { return std::pair(int64_t{-1}, error); };
  EXPECT_EQ(DeleteBefore("t", 0, 2), failed(KafkaError::kOffsetOutOfRange));
  EXPECT_EQ(DeleteBefore("t", 0, -2), failed(KafkaError::kOffsetOutOfRange));
  EXPECT_EQ(DeleteBefore("t", 1, 0), failed(KafkaError::kUnknownTopicOrPartition));
  EXPECT_EQ(DeleteBefore("absent", 0, 0), failed(KafkaError::kUnknownTopicOrPartition));
  EXPECT_EQ(DeleteBefore("compacted", 0, 0), failed(KafkaError::kPolicyViolation));
}

TEST_F(PartitionAdminTest, LogDirsHaveTheSizesInEachVersion) {
  MakeTopic("a", 2);
  MakeTopic("b");
  const std::string batch = Batch({"some", "bytes"});
  Produce("a", batch);
  for (int16_t version = 1; version <= kDescribeLogDirsHandler.max_version; ++version) {
    DescribeLogDirsRequest request;
    request.topics.reset();
    const auto all = Ask<DescribeLogDirsRequest, DescribeLogDirsResponse>(request, version);
    ASSERT_EQ(all.results.size(), 1u);
    EXPECT_EQ(all.results[0].log_dir, "/log");
    ASSERT_EQ(all.results[0].topics.size(), 2u);
    EXPECT_EQ(all.results[0].topics[0].partitions.at(0).partition_size,
              static_cast<int64_t>(batch.size()));
    EXPECT_EQ(all.results[0].topics[0].partitions.at(1).partition_size, 0);
    if (version >= 4) {
      EXPECT_GT(all.results[0].usable_bytes, 0);
      EXPECT_GE(all.results[0].total_bytes, all.results[0].usable_bytes);
    }
    request.topics = {{"a", {1, 7}}, {"absent", {0}}};
    const auto some = Ask<DescribeLogDirsRequest, DescribeLogDirsResponse>(request, version);
    ASSERT_EQ(some.results.at(0).topics.size(), 1u);
    EXPECT_THAT(some.results[0].topics[0].partitions, SizeIs(1));
  }
}

TEST_F(PartitionAdminTest, ReplicasStayInTheirFolderInEachVersion) {
  MakeTopic("t");
  for (int16_t version = 1; version <= kAlterReplicaLogDirsHandler.max_version; ++version) {
    AlterReplicaLogDirsRequest request;
    request.dirs = {{"/log", {{"t", {0, 1}}}}, {"/elsewhere", {{"t", {0}}}}};
    const auto response =
        Ask<AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse>(request, version);
    ASSERT_EQ(response.results.size(), 1u);
    const auto& partitions = response.results[0].partitions;
    ASSERT_EQ(partitions.size(), 3u);
    EXPECT_EQ(partitions[0].error_code, 0);
    EXPECT_EQ(partitions[1].error_code, Code(KafkaError::kUnknownTopicOrPartition));
    EXPECT_EQ(partitions[2].error_code, Code(KafkaError::kLogDirNotFound));
  }
}

TEST_F(PartitionAdminTest, TheOneEpochEndsAtTheEndInEachVersion) {
  MakeTopic("t");
  Produce("t", Batch({"a", "b"}));
  for (int16_t version = 2; version <= kOffsetForLeaderEpochHandler.max_version; ++version) {
    const auto ask = [&](const std::string& topic, int32_t current, int32_t epoch) {
      OffsetForLeaderEpochRequest request;
      request.topics.push_back({topic, {{0, current, epoch}}});
      return Ask<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse>(request, version)
          .topics.at(0)
          .partitions.at(0);
    };
    const auto end = ask("t", 0, 0);
    EXPECT_EQ(end.error_code, 0);
    EXPECT_EQ(end.leader_epoch, 0);
    EXPECT_EQ(end.end_offset, 2);
    const auto never = ask("t", -1, 3);
    EXPECT_EQ(never.error_code, 0);
    EXPECT_EQ(never.leader_epoch, -1);
    EXPECT_EQ(never.end_offset, -1);
    EXPECT_EQ(ask("t", 1, 0).error_code, Code(KafkaError::kUnknownLeaderEpoch));
    EXPECT_EQ(ask("absent", -1, 0).error_code, Code(KafkaError::kUnknownTopicOrPartition));
  }
}

TEST_F(PartitionAdminTest, ProducersAreToldWithTheirOpenTransactions) {
  MakeTopic("t");
  BatchOptions options;
  options.producer_id = 7;
  options.producer_epoch = 2;
  options.base_sequence = 0;
  options.transactional = true;
  Produce("t", Batch({"no producer"}));
  Produce("t", Batch({"a", "b"}, options));
  DescribeProducersRequest request;
  request.topics = {{"t", {0, 1}}};
  const auto response = Ask<DescribeProducersRequest, DescribeProducersResponse>(request, 0);
  const auto& partitions = response.topics.at(0).partitions;
  ASSERT_EQ(partitions.at(0).active_producers.size(), 1u);
  const auto& producer = partitions[0].active_producers[0];
  EXPECT_EQ(producer.producer_id, 7);
  EXPECT_EQ(producer.producer_epoch, 2);
  EXPECT_EQ(producer.last_sequence, 1);
  EXPECT_EQ(producer.last_timestamp, 1'767'225'600'000);
  EXPECT_EQ(producer.coordinator_epoch, -1);
  EXPECT_EQ(producer.current_txn_start_offset, 1);
  EXPECT_EQ(partitions.at(1).error_code, Code(KafkaError::kUnknownTopicOrPartition));
}

// Else a small request could ask for more than there is memory.
TEST_F(PartitionAdminTest, WhatIsNamedAgainIsToldOnce) {
  MakeTopic("t");
  constexpr size_t kTimes = 1000;
  DescribeProducersRequest producers;
  producers.topics.assign(kTimes, {"t", std::vector<int32_t>(kTimes, 0)});
  const auto told = Ask<DescribeProducersRequest, DescribeProducersResponse>(producers, 0);
  ASSERT_THAT(told.topics, SizeIs(1));
  EXPECT_THAT(told.topics[0].partitions, SizeIs(1));
  DescribeConfigsRequest configs;
  configs.resources.assign(kTimes, {2, "t", std::nullopt});
  EXPECT_THAT((Ask<DescribeConfigsRequest, DescribeConfigsResponse>(configs, 4).results),
              SizeIs(1));
  const std::vector<std::string> names(kTimes, "g");
  DescribeGroupsRequest groups;
  groups.groups = names;
  EXPECT_THAT((Ask<DescribeGroupsRequest, DescribeGroupsResponse>(groups, 5).groups), SizeIs(1));
  ConsumerGroupDescribeRequest consumer_groups;
  consumer_groups.group_ids = names;
  EXPECT_THAT(
      (Ask<ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse>(consumer_groups, 1).groups),
      SizeIs(1));
  DescribeTransactionsRequest transactions;
  transactions.transactional_ids = names;
  EXPECT_THAT((Ask<DescribeTransactionsRequest, DescribeTransactionsResponse>(transactions, 0)
                   .transaction_states),
              SizeIs(1));
  OffsetFetchRequest offsets;
  offsets.groups.resize(kTimes);
  for (auto& group : offsets.groups) group.group_id = "g";
  EXPECT_THAT((Ask<OffsetFetchRequest, OffsetFetchResponse>(offsets, 8).groups), SizeIs(1));
}

TEST_F(PartitionAdminTest, TopicsAreDescribedPageByPage) {
  MakeTopic("a", 2);
  MakeTopic("b", 3);
  MakeTopic("c", 1);
  DescribeTopicPartitionsRequest request;
  const auto all = Ask<DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse>(request, 0);
  ASSERT_EQ(all.topics.size(), 3u);
  EXPECT_FALSE(all.next_cursor.has_value());
  EXPECT_EQ(all.topics[1].topic_id, FindTopic("b").id);
  EXPECT_EQ(all.topics[1].topic_authorized_operations, 3576);
  EXPECT_THAT(all.topics[1].partitions.at(2).isr_nodes, ElementsAre(1));
  EXPECT_EQ(all.topics[1].partitions[2].leader_epoch, 0);

  request.response_partition_limit = 2;
  std::vector<std::string> seen;
  size_t pages = 0;
  do {
    const auto page =
        Ask<DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse>(request, 0);
    for (const auto& topic : page.topics) {
      for (const auto& partition : topic.partitions) {
        seen.push_back(topic.name.value_or("") + std::to_string(partition.partition_index));
      }
    }
    request.cursor.reset();
    if (page.next_cursor) {
      request.cursor.emplace();
      request.cursor->topic_name = page.next_cursor->topic_name;
      request.cursor->partition_index = page.next_cursor->partition_index;
    }
  } while (request.cursor && ++pages < 10);
  EXPECT_THAT(seen, ElementsAre("a0", "a1", "b0", "b1", "b2", "c0"));
}

TEST_F(PartitionAdminTest, DescribingTopicsSaysWhatIsWrong) {
  MakeTopic("t");
  DescribeTopicPartitionsRequest request;
  request.topics = {{"t"}, {"absent"}, {"a b"}};
  const auto ask = [&] {
    return Ask<DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse>(request, 0).topics;
  };
  auto topics = ask();
  ASSERT_EQ(topics.size(), 3u);
  EXPECT_EQ(topics[0].error_code, Code(KafkaError::kInvalidTopicException));
  EXPECT_EQ(topics[1].error_code, Code(KafkaError::kUnknownTopicOrPartition));
  EXPECT_EQ(topics[2].error_code, 0);
  request.cursor.emplace();
  request.cursor->topic_name = "other";
  EXPECT_EQ(ask().at(0).error_code, Code(KafkaError::kInvalidRequest));
  request.cursor->topic_name = "t";
  request.cursor->partition_index = -1;
  EXPECT_EQ(ask().at(0).error_code, Code(KafkaError::kInvalidRequest));
}

TEST_F(PartitionAdminTest, NothingIsOnItsWayToAnotherNode) {
  MakeTopic("t");
  const auto listed = Ask<ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse>(
      ListPartitionReassignmentsRequest(), 0);
  EXPECT_EQ(listed.error_code, 0);
  EXPECT_TRUE(listed.topics.empty());
  for (int16_t version = 0; version <= kAlterPartitionReassignmentsHandler.max_version; ++version) {
    AlterPartitionReassignmentsRequest request;
    request.topics = {
        {"t",
         {{0, {{1}}}, {0, std::nullopt}, {0, {{1, 2}}}, {0, std::vector<int32_t>()}, {5, {{1}}}}},
        {"absent", {{0, {{1}}}}}};
    const auto response =
        Ask<AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse>(request,
                                                                                     version);
    EXPECT_EQ(response.error_code, 0);
    const auto& partitions = response.responses.at(0).partitions;
    EXPECT_EQ(partitions.at(0).error_code, 0);
    EXPECT_EQ(partitions.at(1).error_code, Code(KafkaError::kNoReassignmentInProgress));
    EXPECT_EQ(partitions.at(2).error_code, Code(KafkaError::kInvalidReplicaAssignment));
    EXPECT_EQ(partitions.at(3).error_code, Code(KafkaError::kInvalidReplicaAssignment));
    EXPECT_EQ(partitions.at(4).error_code, Code(KafkaError::kUnknownTopicOrPartition));
    EXPECT_EQ(response.responses.at(1).partitions.at(0).error_message,
              "Unable to find a topic named absent.");
  }
}

TEST_F(PartitionAdminTest, NoElectionIsNeededInEachVersion) {
  MakeTopic("t");
  for (int16_t version = 0; version <= kElectLeadersHandler.max_version; ++version) {
    ElectLeadersRequest request;
    request.topic_partitions = {{"t", {0, 3}}, {"absent", {0}}};
    const auto response = Ask<ElectLeadersRequest, ElectLeadersResponse>(request, version);
    const auto& partitions = response.replica_election_results.at(0).partition_result;
    EXPECT_EQ(partitions.at(0).error_code, Code(KafkaError::kElectionNotNeeded));
    EXPECT_EQ(partitions.at(1).error_message, "No such partition as t-3");
    EXPECT_EQ(response.replica_election_results.at(1).partition_result.at(0).error_message,
              "No such topic as absent");
    request.topic_partitions.reset();
    const auto all = Ask<ElectLeadersRequest, ElectLeadersResponse>(request, version);
    EXPECT_TRUE(all.replica_election_results.at(0).partition_result.empty());
  }
}

TEST_F(PartitionAdminTest, ConfigResourcesAreListedInEachVersion) {
  MakeTopic("t");
  IncrementalAlterConfigsRequest alter;
  alter.resources = {{16, "metrics", {{"interval.ms", 0, "1000"}}},
                     {32, "group", {{"consumer.session.timeout.ms", 0, "50000"}}}};
  Ask<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>(alter, 1);
  const auto list = [&](std::vector<int8_t> types, int16_t version) {
    ListConfigResourcesRequest request;
    request.resource_types = std::move(types);
    std::vector<std::string> names;
    const auto response =
        Ask<ListConfigResourcesRequest, ListConfigResourcesResponse>(request, version);
    EXPECT_EQ(response.error_code, 0);
    for (const auto& resource : response.config_resources) {
      names.push_back(std::to_string(resource.resource_type) + ":" + resource.resource_name);
    }
    return names;
  };
  EXPECT_THAT(list({}, 0), ElementsAre("16:metrics"));
  EXPECT_THAT(list({}, 1), ElementsAre("2:t", "4:1", "8:1", "16:metrics", "32:group"));
  EXPECT_THAT(list({32, 2}, 1), ElementsAre("2:t", "32:group"));
  ListConfigResourcesRequest unknown;
  unknown.resource_types = {77};
  EXPECT_EQ((Ask<ListConfigResourcesRequest, ListConfigResourcesResponse>(unknown, 1).error_code),
            Code(KafkaError::kUnsupportedVersion));
}

TEST_F(PartitionAdminTest, ThereAreNoQuotasInEachVersion) {
  for (int16_t version = 0; version <= kDescribeClientQuotasHandler.max_version; ++version) {
    const auto described = Ask<DescribeClientQuotasRequest, DescribeClientQuotasResponse>(
        DescribeClientQuotasRequest(), version);
    EXPECT_EQ(described.error_code, 0);
    EXPECT_TRUE(described.entries.has_value() && described.entries->empty());
    AlterClientQuotasRequest request;
    request.entries = {{{{"user", "u"}}, {{"producer_byte_rate", 1000, false}}},
                       {{{"client-id", std::nullopt}}, {{"producer_byte_rate", 0, true}}}};
    const auto altered = Ask<AlterClientQuotasRequest, AlterClientQuotasResponse>(request, version);
    EXPECT_EQ(altered.entries.at(0).error_code, Code(KafkaError::kInvalidRequest));
    EXPECT_EQ(altered.entries.at(0).entity.at(0).entity_name, "u");
    EXPECT_EQ(altered.entries.at(1).error_code, 0);
  }
}

TEST_F(PartitionAdminTest, TheQuorumIsThisNodeInEachVersion) {
  for (int16_t version = 0; version <= kDescribeQuorumHandler.max_version; ++version) {
    DescribeQuorumRequest request;
    request.topics = {{"__cluster_metadata", {{0}, {1}}}};
    const auto response = Ask<DescribeQuorumRequest, DescribeQuorumResponse>(request, version);
    EXPECT_EQ(response.error_code, 0);
    const auto& partitions = response.topics.at(0).partitions;
    EXPECT_EQ(partitions.at(0).leader_id, 1);
    EXPECT_EQ(partitions.at(0).current_voters.at(0).replica_id, 1);
    EXPECT_EQ(partitions.at(1).error_code, Code(KafkaError::kUnknownTopicOrPartition));
    EXPECT_EQ(response.nodes.size(), version >= 2 ? 1u : 0u);
  }
}

}  // namespace
}  // namespace weir::log::kafka
