// Creating, deleting and describing topics and the cluster.
#include "gmock/gmock.h"
#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/messages/create_topics.h"
#include "weir/log/kafka/messages/delete_topics.h"
#include "weir/log/kafka/messages/describe_cluster.h"
#include "weir/log/kafka/messages/fetch.h"
#include "weir/log/kafka/testing/broker_fixture.h"

namespace weir::log::kafka {
namespace {

using ::testing::HasSubstr;

class TopicAdminTest : public testing::BrokerFixture {
 protected:
  const Topic* FindTopic(const std::string& name) { return log_->topics().Find(name); }

  using Wanted = CreateTopicsRequest::CreatableTopic;
  static CreateTopicsRequest Creating(std::vector<Wanted> topics) {
    CreateTopicsRequest request;
    request.topics = std::move(topics);
    return request;
  }
  static Wanted Plain(const std::string& name, int32_t partitions = 1, int16_t factor = 1) {
    Wanted wanted;
    wanted.name = name;
    wanted.num_partitions = partitions;
    wanted.replication_factor = factor;
    return wanted;
  }
  static Wanted With(const std::string& name, const std::string& config,
                     std::optional<std::string> value) {
    Wanted wanted = Plain(name);
    wanted.configs.push_back({config, std::move(value)});
    return wanted;
  }
  static Wanted Assigned(const std::string& name,
                         std::vector<CreateTopicsRequest::CreatableReplicaAssignment> assignments) {
    Wanted wanted = Plain(name, -1, -1);
    wanted.assignments = std::move(assignments);
    return wanted;
  }
  CreateTopicsResponse::CreatableTopicResult Create(const Wanted& wanted, int16_t version = 7) {
    return Ask<CreateTopicsRequest, CreateTopicsResponse>(Creating({wanted}), version).topics.at(0);
  }
  void ExpectRefused(const Wanted& wanted, KafkaError error, const std::string& message) {
    const auto result = Create(wanted);
    EXPECT_EQ(result.error_code, Code(error)) << wanted.name;
    EXPECT_THAT(result.error_message.value_or(""), HasSubstr(message));
    EXPECT_EQ(result.num_partitions, -1);
    EXPECT_TRUE(result.topic_id.IsZero());
  }

  static DeleteTopicsRequest Deleting(const std::string& name, int16_t version) {
    DeleteTopicsRequest request;
    if (version >= 6) {
      request.topics.push_back({name, {}});
    } else {
      request.topic_names.push_back(name);
    }
    return request;
  }
};

TEST_F(TopicAdminTest, TopicsAreCreatedInEachVersion) {
  for (int16_t version = kCreateTopicsHandler.min_version;
       version <= kCreateTopicsHandler.max_version; ++version) {
    const std::string name = "t" + std::to_string(version);
    Wanted wanted = With(name, "cleanup.policy", "compact");
    wanted.num_partitions = 3;
    const auto result = Create(wanted, version);
    EXPECT_EQ(result.error_code, 0);
    EXPECT_FALSE(result.error_message.has_value());
    ASSERT_NE(FindTopic(name), nullptr);
    EXPECT_EQ(FindTopic(name)->partitions.size(), 3u);
    EXPECT_TRUE(FindTopic(name)->settings.compacts);
    if (version >= 7) {
      EXPECT_EQ(result.topic_id, FindTopic(name)->id);
    }
    if (version < 5) continue;
    EXPECT_EQ(result.num_partitions, 3);
    EXPECT_EQ(result.replication_factor, 1);
    ASSERT_FALSE(result.configs->empty());
    EXPECT_EQ(result.configs->at(0).name, "cleanup.policy");
    EXPECT_EQ(result.configs->at(0).value, "compact");
    EXPECT_EQ(result.configs->at(0).config_source, 1);
    EXPECT_EQ(result.configs->at(1).config_source, 5);
  }
}

TEST_F(TopicAdminTest, ANewTopicIsTheBrokersOwnUnlessItSays) {
  broker_options_.default_partitions = 4;
  Start();
  EXPECT_EQ(Create(Plain("defaults", -1, -1)).num_partitions, 4);
  EXPECT_EQ(FindTopic("defaults")->partitions.size(), 4u);
  EXPECT_EQ(Create(Plain("replicated", 2, 3)).replication_factor, 1);
  EXPECT_EQ(Create(Assigned("assigned", {{1, {1}}, {0, {1}}})).num_partitions, 2);
  EXPECT_EQ(FindTopic("assigned")->partitions.size(), 2u);
}

TEST_F(TopicAdminTest, ATopicIsThereWhenItsCreationIsAnswered) {
  const auto pending =
      Send<CreateTopicsRequest, CreateTopicsResponse>(Creating({Plain("t", 2)}), 7);
  EXPECT_FALSE(pending.done());
  Flush();
  EXPECT_TRUE(pending.done());
  Start();
  ASSERT_NE(FindTopic("t"), nullptr);
  EXPECT_EQ(FindTopic("t")->id, pending.Get().topics.at(0).topic_id);
}

TEST_F(TopicAdminTest, CreatingSaysWhatIsWrong) {
  MakeTopic("exists.already");
  ExpectRefused(Plain("exists.already"), KafkaError::kTopicAlreadyExists,
                "Topic 'exists.already' already exists.");
  ExpectRefused(Plain("exists_already"), KafkaError::kInvalidTopicException,
                "collides with existing topic: exists.already");
  ExpectRefused(Plain(""), KafkaError::kInvalidTopicException, "the empty string is not allowed");
  ExpectRefused(Plain(".."), KafkaError::kInvalidTopicException, "'..' is not allowed");
  ExpectRefused(Plain("a b"), KafkaError::kInvalidTopicException, "other than ASCII");
  ExpectRefused(Plain(std::string(250, 'x')), KafkaError::kInvalidTopicException,
                "max allowed length 249");
  ExpectRefused(Plain("__cluster_metadata"), KafkaError::kTopicAuthorizationFailed, "");
  ExpectRefused(Plain("n", 0), KafkaError::kInvalidPartitions, "non-positive");
  ExpectRefused(Plain("n", -2), KafkaError::kInvalidPartitions, "non-positive");
  ExpectRefused(Plain("n", 10'001), KafkaError::kPolicyViolation, "Excessively large");
  ExpectRefused(Plain("n", 1, 0), KafkaError::kInvalidReplicationFactor, "larger than 0");
  ExpectRefused(Plain("n", 1, -2), KafkaError::kInvalidReplicationFactor, "larger than 0");
  ExpectRefused(With("n", "no.such.config", "1"), KafkaError::kInvalidConfig,
                "Unknown topic config name: no.such.config");
  ExpectRefused(With("n", "retention.ms", "soon"), KafkaError::kInvalidConfig,
                "Invalid value soon for configuration retention.ms: Not a number of type LONG");
  ExpectRefused(With("n", "retention.ms", "-2"), KafkaError::kInvalidConfig,
                "Value must be at least -1");
  ExpectRefused(With("n", "cleanup.policy", std::nullopt), KafkaError::kInvalidConfig,
                "Null value not supported for topic configs: cleanup.policy");
  EXPECT_EQ(log_->topics().all().size(), 1u);
}

TEST_F(TopicAdminTest, AssignmentsAreOfThisNodeAndOfAllPartitions) {
  Wanted both = Assigned("n", {{0, {1}}});
  both.num_partitions = 1;
  ExpectRefused(both, KafkaError::kInvalidRequest, "numPartitions was not set to -1");
  both.num_partitions = -1;
  both.replication_factor = 1;
  ExpectRefused(both, KafkaError::kInvalidRequest, "replication factor was not set to -1");
  ExpectRefused(Assigned("n", {{0, {1}}, {0, {1}}}), KafkaError::kInvalidReplicaAssignment,
                "multiple manual partition assignments for partition 0");
  ExpectRefused(Assigned("n", {{0, {1}}, {2, {1}}}), KafkaError::kInvalidReplicaAssignment,
                "consecutive 0-based");
  ExpectRefused(Assigned("n", {{0, {}}}), KafkaError::kInvalidReplicaAssignment, "empty replica");
  ExpectRefused(Assigned("n", {{0, {1, 2}}}), KafkaError::kInvalidReplicaAssignment,
                "includes broker 2, but no such broker");
  ExpectRefused(Assigned("n", {{0, {1, 1}}}), KafkaError::kInvalidReplicaAssignment,
                "broker 1 more than once");
}

TEST_F(TopicAdminTest, OneReplicaIsAllThereCanBeIfTheBrokerSaysSo) {
  broker_options_.clamp_replication = false;
  Start();
  ExpectRefused(Plain("n", 1, 3), KafkaError::kInvalidReplicationFactor,
                "replication factor of 3 cannot be reached because only 1 broker(s)");
  EXPECT_EQ(Create(Plain("n", 1, 1)).error_code, 0);
}

TEST_F(TopicAdminTest, EachTopicOfARequestIsOnItsOwn) {
  const auto response = Ask<CreateTopicsRequest, CreateTopicsResponse>(
      Creating({Plain("twice"), Plain("good"), Plain("twice"), Plain("bad", 0)}), 7);
  ASSERT_EQ(response.topics.size(), 3u);
  EXPECT_EQ(response.topics[0].name, "good");
  EXPECT_EQ(response.topics[0].error_code, 0);
  EXPECT_EQ(response.topics[1].error_code, Code(KafkaError::kInvalidPartitions));
  EXPECT_EQ(response.topics[2].name, "twice");
  EXPECT_EQ(response.topics[2].error_code, Code(KafkaError::kInvalidRequest));
  EXPECT_EQ(response.topics[2].error_message, "Duplicate topic name.");
  EXPECT_EQ(FindTopic("twice"), nullptr);
}

TEST_F(TopicAdminTest, OnlyValidatingCreatesNothing) {
  CreateTopicsRequest request = Creating({Plain("good", 5), Plain("bad", 0)});
  request.validate_only = true;
  const auto pending = Send<CreateTopicsRequest, CreateTopicsResponse>(request, 7);
  ASSERT_TRUE(pending.done());
  EXPECT_EQ(pending.Get().topics.at(0).error_code, 0);
  EXPECT_EQ(pending.Get().topics.at(0).num_partitions, 5);
  EXPECT_EQ(pending.Get().topics.at(1).error_code, Code(KafkaError::kInvalidPartitions));
  EXPECT_TRUE(log_->topics().all().empty());
}

TEST_F(TopicAdminTest, TopicsAreDeletedInEachVersion) {
  for (int16_t version = kDeleteTopicsHandler.min_version;
       version <= kDeleteTopicsHandler.max_version; ++version) {
    MakeTopic("t");
    const TopicId id = FindTopic("t")->id;
    const auto pending =
        Send<DeleteTopicsRequest, DeleteTopicsResponse>(Deleting("t", version), version);
    EXPECT_FALSE(pending.done());
    Flush();
    const auto response = pending.Get();
    ASSERT_EQ(response.responses.size(), 1u);
    EXPECT_EQ(response.responses[0].error_code, 0);
    EXPECT_EQ(response.responses[0].name, "t");
    if (version >= 6) {
      EXPECT_EQ(response.responses[0].topic_id, id);
    }
    EXPECT_EQ(FindTopic("t"), nullptr);
    const auto again =
        Ask<DeleteTopicsRequest, DeleteTopicsResponse>(Deleting("t", version), version);
    EXPECT_EQ(again.responses.at(0).error_code, Code(KafkaError::kUnknownTopicOrPartition));
  }
  Start();
  EXPECT_TRUE(log_->topics().all().empty());
}

TEST_F(TopicAdminTest, TopicsAreDeletedByTheirId) {
  MakeTopic("a");
  MakeTopic("b");
  MakeTopic("c");
  const TopicId a = FindTopic("a")->id;
  const TopicId b = FindTopic("b")->id;
  const TopicId c = FindTopic("c")->id;
  TopicId unknown;
  unknown.bytes[0] = 1;
  DeleteTopicsRequest request;
  request.topics = {{std::nullopt, a},      {std::nullopt, b}, {std::nullopt, b},
                    {std::nullopt, {}},     {"c", c},          {"d", {}},
                    {std::nullopt, unknown}};
  const auto response = Ask<DeleteTopicsRequest, DeleteTopicsResponse>(request, 6);
  const auto find = [&](std::optional<std::string> name, const TopicId& id) {
    for (const auto& result : response.responses) {
      if (result.name == name && result.topic_id == id) return result.error_code;
    }
    return Code(KafkaError::kUnknownServerError);
  };
  EXPECT_EQ(response.responses.size(), 6u);
  EXPECT_EQ(find("a", a), 0);
  EXPECT_EQ(find(std::nullopt, b), Code(KafkaError::kInvalidRequest));
  EXPECT_EQ(find(std::nullopt, {}), Code(KafkaError::kInvalidRequest));
  EXPECT_EQ(find("c", c), Code(KafkaError::kInvalidRequest));
  EXPECT_EQ(find("d", {}), Code(KafkaError::kUnknownTopicOrPartition));
  EXPECT_EQ(find(std::nullopt, unknown), Code(KafkaError::kUnknownTopicId));
  EXPECT_EQ(FindTopic("a"), nullptr);
  EXPECT_NE(FindTopic("b"), nullptr);
  EXPECT_NE(FindTopic("c"), nullptr);

  request.topics = {{std::nullopt, b}, {"b", {}}};
  const auto same = Ask<DeleteTopicsRequest, DeleteTopicsResponse>(request, 6);
  EXPECT_EQ(same.responses.at(0).error_code, Code(KafkaError::kInvalidRequest));
  EXPECT_NE(FindTopic("b"), nullptr);
}

TEST_F(TopicAdminTest, WhoWaitsForADeletedTopicIsTold) {
  for (const int16_t version : {int16_t{12}, int16_t{13}}) {
    MakeTopic("t");
    FetchRequest fetch;
    fetch.max_wait_ms = 10'000;
    fetch.min_bytes = 1;
    fetch.topics.resize(1);
    if (version >= 13) {
      fetch.topics[0].topic_id = FindTopic("t")->id;
    } else {
      fetch.topics[0].topic = "t";
    }
    fetch.topics[0].partitions.resize(1);
    const auto waiting = Send<FetchRequest, FetchResponse>(fetch, version);
    EXPECT_FALSE(waiting.done());
    Ask<DeleteTopicsRequest, DeleteTopicsResponse>(Deleting("t", 6), 6);
    ASSERT_TRUE(waiting.done());
    EXPECT_EQ(
        waiting.Get().responses.at(0).partitions.at(0).error_code,
        Code(version >= 13 ? KafkaError::kUnknownTopicId : KafkaError::kUnknownTopicOrPartition));
  }
}

TEST_F(TopicAdminTest, BytesBehindARequestDoNotMatter) {
  // Metadata 13 of all topics, as librdkafka 2.16 sends it.
  const std::string request(
      "\x00\x03\x00\x0d\x00\x00\x00\x01\xff\xff\x00"
      "\x00\x00\x00\x00\x00\x00\x00",
      18);
  bool answered = false;
  Dispatch(*broker_, session_, request,
           [&](Response response) { answered = response.kind == Response::Kind::kAnswer; });
  EXPECT_TRUE(answered);
}

TEST_F(TopicAdminTest, TheClusterIsThisBrokerInEachVersion) {
  for (int16_t version = 0; version <= kDescribeClusterHandler.max_version; ++version) {
    DescribeClusterRequest request;
    request.include_cluster_authorized_operations = version > 0;
    const auto response = Ask<DescribeClusterRequest, DescribeClusterResponse>(request, version);
    EXPECT_EQ(response.error_code, 0);
    EXPECT_EQ(response.cluster_id.size(), 22u);
    EXPECT_EQ(response.controller_id, 1);
    ASSERT_EQ(response.brokers.size(), 1u);
    EXPECT_EQ(response.brokers[0].host, "127.0.0.1");
    EXPECT_EQ(response.brokers[0].port, 9092);
    EXPECT_EQ(response.cluster_authorized_operations, version > 0 ? 8096 : -2147483648);
  }
  DescribeClusterRequest request;
  request.endpoint_type = 2;
  EXPECT_EQ((Ask<DescribeClusterRequest, DescribeClusterResponse>(request, 1).error_code),
            Code(KafkaError::kMismatchedEndpointType));
  request.endpoint_type = 9;
  EXPECT_EQ((Ask<DescribeClusterRequest, DescribeClusterResponse>(request, 1).error_code),
            Code(KafkaError::kUnsupportedEndpointType));
}

}  // namespace
}  // namespace weir::log::kafka
