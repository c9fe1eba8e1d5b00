// Describing and changing the settings of topics, the broker, groups and client metrics.
#include "gmock/gmock.h"
#include "weir/log/kafka/config_resources.h"
#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/messages/alter_configs.h"
#include "weir/log/kafka/messages/describe_configs.h"
#include "weir/log/kafka/messages/incremental_alter_configs.h"
#include "weir/log/kafka/testing/broker_fixture.h"

namespace weir::log::kafka {
namespace {

using ::testing::HasSubstr;

constexpr int8_t kTopic = 2;
constexpr int8_t kBroker = 4;
constexpr int8_t kLogger = 8;
constexpr int8_t kMetrics = 16;
constexpr int8_t kGroup = 32;

class ConfigsTest : public testing::BrokerFixture {
 protected:
  using Described = DescribeConfigsResponse::DescribeConfigsResult;
  using Entry = DescribeConfigsResponse::DescribeConfigsResourceResult;

  Described Describe(int8_t type, const std::string& name, int16_t version = 4,
                     std::optional<std::vector<std::string>> keys = std::nullopt) {
    DescribeConfigsRequest request;
    request.resources.push_back({type, name, std::move(keys)});
    request.include_synonyms = true;
    request.include_documentation = version >= 3;
    return Ask<DescribeConfigsRequest, DescribeConfigsResponse>(request, version).results.at(0);
  }
  Entry Find(const Described& described, const std::string& name) {
    for (const Entry& entry : described.configs) {
      if (entry.name == name) return entry;
    }
    ADD_FAILURE() << "no " << name;
    return {};
  }
  std::string ValueOf(int8_t type, const std::string& resource, const std::string& name) {
    return Find(Describe(type, resource), name).value.value_or("null");
  }

  using Answer = std::pair<KafkaError, std::string>;
  using Settings = std::vector<AlterConfigsRequest::AlterableConfig>;
  Answer Replace(int8_t type, const std::string& name, const Settings& settings,
                 int16_t version = 2, bool only_check = false) {
    AlterConfigsRequest request;
    request.resources.push_back({type, name, settings});
    request.validate_only = only_check;
    const auto result =
        Ask<AlterConfigsRequest, AlterConfigsResponse>(request, version).responses.at(0);
    EXPECT_EQ(result.resource_name, name);
    EXPECT_EQ(result.resource_type, type);
    return {static_cast<KafkaError>(result.error_code), result.error_message.value_or("")};
  }
  using Changes = std::vector<IncrementalAlterConfigsRequest::AlterableConfig>;
  Answer Change(int8_t type, const std::string& name, const Changes& changes, int16_t version = 1,
                bool only_check = false) {
    IncrementalAlterConfigsRequest request;
    request.resources.push_back({type, name, changes});
    request.validate_only = only_check;
    const auto result =
        Ask<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>(request, version)
            .responses.at(0);
    EXPECT_EQ(result.resource_name, name);
    EXPECT_EQ(result.resource_type, type);
    return {static_cast<KafkaError>(result.error_code), result.error_message.value_or("")};
  }
  static constexpr int8_t kSet = 0;
  static constexpr int8_t kDelete = 1;
  static constexpr int8_t kAppend = 2;
  static constexpr int8_t kSubtract = 3;
};

TEST_F(ConfigsTest, ATopicsSettingsAreToldInEachVersion) {
  MakeTopic("t", 1, {{"cleanup.policy", "compact"}});
  for (int16_t version = 1; version <= kDescribeConfigsHandler.max_version; ++version) {
    const Described described = Describe(kTopic, "t", version);
    EXPECT_EQ(described.error_code, 0);
    EXPECT_EQ(described.configs.size(), TopicConfigDefinitions().size());
    const Entry policy = Find(described, "cleanup.policy");
    EXPECT_EQ(policy.value, "compact");
    EXPECT_EQ(policy.config_source, 1);
    EXPECT_FALSE(policy.read_only);
    ASSERT_EQ(policy.synonyms.size(), 2u);
    EXPECT_EQ(policy.synonyms[0].source, 1);
    EXPECT_EQ(policy.synonyms[1].name, "log.cleanup.policy");
    EXPECT_EQ(policy.synonyms[1].value, "delete");
    EXPECT_EQ(policy.synonyms[1].source, 5);
    const Entry retention = Find(described, "retention.ms");
    EXPECT_EQ(retention.value, "604800000");
    EXPECT_EQ(retention.config_source, 5);
    EXPECT_EQ(retention.synonyms.at(0).name, "log.retention.hours");
    EXPECT_EQ(retention.synonyms.at(0).value, "168");
    if (version >= 3) {
      EXPECT_EQ(policy.config_type, 7);
      EXPECT_EQ(retention.config_type, 5);
      EXPECT_NE(retention.documentation.value_or(""), "");
    }
  }
}

TEST_F(ConfigsTest, OnlyWhatWasAskedIsTold) {
  MakeTopic("t");
  EXPECT_EQ(Describe(kTopic, "t", 4, {{"retention.ms", "no.such"}}).configs.size(), 1u);
  EXPECT_GT(Describe(kTopic, "t", 4, std::vector<std::string>()).configs.size(), 20u);
  DescribeConfigsRequest request;
  request.resources.push_back({kTopic, "t", std::nullopt});
  const auto plain = Ask<DescribeConfigsRequest, DescribeConfigsResponse>(request, 4);
  EXPECT_TRUE(plain.results.at(0).configs.at(0).synonyms.empty());
  EXPECT_FALSE(plain.results.at(0).configs.at(0).documentation.has_value());
}

TEST_F(ConfigsTest, TheBrokersSettingsAreToldAndSayWhereTheyComeFrom) {
  broker_options_.default_partitions = 7;
  Start();
  const Described described = Describe(kBroker, "1");
  EXPECT_EQ(described.error_code, 0);
  EXPECT_EQ(Find(described, "num.partitions").value, "7");
  EXPECT_EQ(Find(described, "num.partitions").config_source, 4);
  EXPECT_TRUE(Find(described, "num.partitions").read_only);
  EXPECT_EQ(Find(described, "node.id").value, "1");
  EXPECT_EQ(Find(described, "auto.create.topics.enable").value, "true");
  EXPECT_EQ(Find(described, "advertised.listeners").value, "PLAINTEXT://127.0.0.1:9092");
  EXPECT_EQ(Find(described, "log.dirs").value, "/log");
  EXPECT_EQ(Find(described, "message.max.bytes").value, "1048588");
  EXPECT_EQ(Find(described, "message.max.bytes").config_source, 5);
  EXPECT_EQ(Find(described, "log.retention.hours").value, "168");
  EXPECT_FALSE(Find(described, "log.retention.ms").value.has_value());
  EXPECT_TRUE(std::is_sorted(described.configs.begin(), described.configs.end(),
                             [](const Entry& a, const Entry& b) { return a.name < b.name; }));
  EXPECT_TRUE(Describe(kBroker, "").configs.empty());
  EXPECT_TRUE(Describe(kLogger, "1").configs.empty());
}

TEST_F(ConfigsTest, DescribingSaysWhatIsWrong) {
  const auto expect = [&](int8_t type, const std::string& name, KafkaError error,
                          const std::string& message) {
    const Described described = Describe(type, name);
    EXPECT_EQ(described.error_code, Code(error)) << name;
    EXPECT_EQ(described.resource_name, name);
    EXPECT_THAT(described.error_message.value_or(""), HasSubstr(message));
    EXPECT_TRUE(described.configs.empty());
  };
  expect(kTopic, "absent", KafkaError::kUnknownTopicOrPartition, "does not exist");
  expect(kTopic, "", KafkaError::kInvalidRequest, "Default topic resources are not allowed.");
  expect(kTopic, "a b", KafkaError::kInvalidTopicException, "other than ASCII");
  expect(kBroker, "2", KafkaError::kInvalidRequest, "Unexpected broker id, expected 1");
  expect(kBroker, "x", KafkaError::kInvalidRequest, "Broker id must be an integer, but it is: x");
  expect(kLogger, "", KafkaError::kInvalidRequest, "Broker id must be an integer");
  expect(kMetrics, "", KafkaError::kInvalidRequest, "must not be empty");
  expect(kGroup, "", KafkaError::kInvalidRequest, "must not be empty");
  expect(3, "x", KafkaError::kInvalidRequest, "Unsupported resource type: 3");
}

TEST_F(ConfigsTest, AlterConfigsReplacesAllInEachVersion) {
  for (int16_t version = 0; version <= kAlterConfigsHandler.max_version; ++version) {
    const std::string name = "t" + std::to_string(version);
    MakeTopic(name, 2, {{"cleanup.policy", "compact"}});
    const TopicId id = log_->topics().Find(name)->id;
    EXPECT_EQ(Replace(kTopic, name, {{"retention.ms", "5000"}}, version).first, KafkaError::kNone);
    const Topic& topic = *log_->topics().Find(name);
    EXPECT_EQ(topic.configs, (Configs{{"retention.ms", "5000"}}));
    EXPECT_EQ(topic.settings.retention_ms, 5000);
    EXPECT_FALSE(topic.settings.compacts);
    EXPECT_EQ(topic.id, id);
    EXPECT_EQ(topic.partitions.size(), 2u);
  }
}

TEST_F(ConfigsTest, SettingsAreChangedOneByOneInEachVersion) {
  for (int16_t version = 0; version <= kIncrementalAlterConfigsHandler.max_version; ++version) {
    const std::string name = "t" + std::to_string(version);
    MakeTopic(name, 1, {{"retention.ms", "1000"}, {"segment.bytes", "5000"}});
    EXPECT_EQ(Change(kTopic, name,
                     {{"retention.ms", kSet, "2000"},
                      {"segment.bytes", kDelete, std::nullopt},
                      {"cleanup.policy", kAppend, "compact"}},
                     version),
              Answer(KafkaError::kNone, ""));
    EXPECT_EQ(log_->topics().Find(name)->configs,
              (Configs{{"cleanup.policy", "delete,compact"}, {"retention.ms", "2000"}}));
    EXPECT_EQ(Change(kTopic, name, {{"cleanup.policy", kSubtract, "delete"}}, version).first,
              KafkaError::kNone);
    EXPECT_EQ(ValueOf(kTopic, name, "cleanup.policy"), "compact");
  }
  Start();
  EXPECT_EQ(ValueOf(kTopic, "t0", "cleanup.policy"), "compact");
}

TEST_F(ConfigsTest, ItemsOfListsComeOnceAndGoWhole) {
  Change(kMetrics, "m", {{"metrics", kSet, "a,b,a"}});
  Change(kMetrics, "m", {{"metrics", kAppend, "c,b,c"}});
  EXPECT_EQ(ValueOf(kMetrics, "m", "metrics"), "a,b,a,c");
  Change(kMetrics, "m", {{"metrics", kSubtract, "a,x"}});
  EXPECT_EQ(ValueOf(kMetrics, "m", "metrics"), "b,c");
}

TEST_F(ConfigsTest, AChangeIsAnsweredWhenDurable) {
  MakeTopic("t");
  IncrementalAlterConfigsRequest request;
  request.resources.push_back({kTopic, "t", {{"retention.ms", kSet, "1"}}});
  const auto pending =
      Send<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>(request, 1);
  EXPECT_FALSE(pending.done());
  Flush();
  EXPECT_TRUE(pending.done());
}

TEST_F(ConfigsTest, OnlyCheckingChangesNothing) {
  MakeTopic("t");
  EXPECT_EQ(Replace(kTopic, "t", {{"retention.ms", "5"}}, 2, true).first, KafkaError::kNone);
  EXPECT_EQ(Change(kTopic, "t", {{"retention.ms", kSet, "5"}}, 1, true).first, KafkaError::kNone);
  EXPECT_EQ(Change(kTopic, "t", {{"retention.ms", kSet, "x"}}, 1, true).first,
            KafkaError::kInvalidConfig);
  EXPECT_TRUE(log_->topics().Find("t")->configs.empty());
}

TEST_F(ConfigsTest, ChangingSaysWhatIsWrongAndChangesNothing) {
  MakeTopic("t");
  const auto expect = [&](const Answer& answer, KafkaError error, const std::string& message) {
    EXPECT_EQ(answer.first, error) << message;
    EXPECT_THAT(answer.second, HasSubstr(message));
  };
  expect(Replace(kTopic, "absent", {}), KafkaError::kUnknownTopicOrPartition, "does not exist");
  expect(Replace(kTopic, "t", {{"retention.ms", std::nullopt}}), KafkaError::kInvalidRequest,
         "Null value not supported for : retention.ms");
  expect(Replace(kTopic, "t", {{"retention.ms", "1"}, {"retention.ms", "2"}}),
         KafkaError::kInvalidRequest, "Error due to duplicate config keys");
  expect(Replace(kTopic, "t", {{"retention.ms", "1"}, {"nope", "2"}}), KafkaError::kInvalidConfig,
         "Unknown topic config name: nope");
  expect(Change(kTopic, "absent", {}), KafkaError::kUnknownTopicOrPartition, "does not exist");
  expect(Change(kTopic, "t", {{"retention.ms", kSet, std::nullopt}}), KafkaError::kInvalidRequest,
         "Null value not supported for : retention.ms");
  expect(Change(kTopic, "t", {{"retention.ms", kSet, "1"}, {"retention.ms", kDelete, ""}}),
         KafkaError::kInvalidRequest, "Error due to duplicate config keys");
  expect(Change(kTopic, "t", {{"retention.ms", kAppend, "1"}}), KafkaError::kInvalidConfig,
         "Can't APPEND to key retention.ms because its type is not LIST.");
  expect(Change(kTopic, "t", {{"preallocate", kSet, "yes"}}), KafkaError::kInvalidConfig,
         "Expected value to be either true or false");
  expect(Change(kTopic, "t", {{"retention.ms", 9, "1"}}), KafkaError::kInvalidRequest,
         "Unknown operation 9");
  expect(Change(kBroker, "1", {{"log.dirs", kSet, "/x"}}), KafkaError::kInvalidRequest,
         "Cannot update these configs dynamically: Set(log.dirs)");
  expect(Change(kBroker, "5", {{"num.io.threads", kSet, "4"}}), KafkaError::kInvalidRequest,
         "Unexpected broker id");
  expect(Change(kLogger, "1", {{"root", kSet, "DEBUG"}}), KafkaError::kInvalidConfig,
         "Logger root does not exist!");
  expect(Change(kGroup, "g", {{"nope", kSet, "1"}}), KafkaError::kInvalidConfig,
         "Unknown group config name: nope");
  expect(Change(kMetrics, "m", {{"nope", kSet, "1"}}), KafkaError::kInvalidRequest,
         "Unknown client metrics configuration: nope");
  EXPECT_TRUE(log_->topics().Find("t")->configs.empty());

  IncrementalAlterConfigsRequest twice;
  twice.resources = {{kTopic, "t", {}}, {kTopic, "t", {}}};
  const auto response =
      Ask<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>(twice, 1);
  EXPECT_EQ(response.responses.at(1).error_message, "Each resource must appear at most once.");
}

TEST_F(ConfigsTest, SettingsOfBrokersAndGroupsAreKept) {
  EXPECT_EQ(Change(kBroker, "", {{"num.io.threads", kSet, "4"}}).first, KafkaError::kNone);
  EXPECT_EQ(Change(kBroker, "1", {{"num.network.threads", kSet, "5"}}).first, KafkaError::kNone);
  EXPECT_EQ(Change(kGroup, "g", {{"consumer.session.timeout.ms", kSet, "50000"}}).first,
            KafkaError::kNone);
  EXPECT_EQ(Change(kMetrics, "m", {{"interval.ms", kSet, "1000"}}).first, KafkaError::kNone);
  Start();
  const Entry all = Find(Describe(kBroker, "1"), "num.io.threads");
  EXPECT_EQ(all.value, "4");
  EXPECT_EQ(all.config_source, 3);
  EXPECT_FALSE(all.read_only);
  const Entry own = Find(Describe(kBroker, "1"), "num.network.threads");
  EXPECT_EQ(own.value, "5");
  EXPECT_EQ(own.config_source, 2);
  EXPECT_EQ(Describe(kBroker, "").configs.size(), 1u);
  const Entry timeout = Find(Describe(kGroup, "g"), "consumer.session.timeout.ms");
  EXPECT_EQ(timeout.value, "50000");
  EXPECT_EQ(timeout.config_source, 8);
  EXPECT_EQ(ValueOf(kGroup, "other", "consumer.session.timeout.ms"), "45000");
  EXPECT_EQ(ValueOf(kMetrics, "m", "interval.ms"), "1000");
  EXPECT_EQ(ConfiguredResources(*broker_, ResourceType::kGroup), std::vector<std::string>{"g"});
  EXPECT_EQ(Change(kGroup, "g", {{"consumer.session.timeout.ms", kDelete, std::nullopt}}).first,
            KafkaError::kNone);
  EXPECT_TRUE(ConfiguredResources(*broker_, ResourceType::kGroup).empty());
}

}  // namespace
}  // namespace weir::log::kafka
