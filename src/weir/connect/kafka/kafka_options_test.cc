#include "weir/connect/kafka/kafka_options.h"

#include <gtest/gtest.h>

#include "weir/connect/kafka/kafka_handle.h"

namespace weir::connect {
namespace {

using Options = std::map<std::string, std::string>;

Options Orders() {
  return {{"connector", "kafka"},
          {"topic", "orders"},
          {"properties.bootstrap.servers", "localhost:9092"},
          {"format", "json"}};
}

std::string ErrorOf(Options more) {
  Options options = Orders();
  for (auto& [key, value] : more) options[key] = value;
  std::erase_if(options, [](const auto& option) { return option.second == "-"; });
  auto parsed = ParseKafkaOptions(options);
  return parsed.ok() ? "" : parsed.error().ToString();
}

TEST(KafkaOptions, DefaultsAndWhatIsHandedOn) {
  Options options = Orders();
  options["properties.fetch.min.bytes"] = "7";
  options["sink.delivery-guarantee"] = "exactly-once";
  auto parsed = ParseKafkaOptions(options);
  ASSERT_TRUE(parsed.ok()) << parsed.error().ToString();
  EXPECT_EQ(parsed->topic, "orders");
  EXPECT_EQ(parsed->scan.start, ScanStart::kEarliest);
  EXPECT_EQ(parsed->properties.client.at("fetch.min.bytes"), "7");
  EXPECT_EQ(parsed->sink.at("sink.delivery-guarantee"), "exactly-once");
  EXPECT_EQ(parsed->records.value.name, "json");
  EXPECT_TRUE(parsed->records.value_has_key);
}

TEST(KafkaOptions, MisspeltNamesFindTheRightOnes) {
  EXPECT_NE(ErrorOf({{"topik", "x"}}).find("did you mean 'topic'?"), std::string::npos);
  EXPECT_NE(ErrorOf({{"scan.startup.mod", "x"}}).find("did you mean 'scan.startup.mode'?"),
            std::string::npos);
  EXPECT_NE(ErrorOf({{"scan.startup.mode", "earliest"}}).find("'earliest-offset'"),
            std::string::npos);
  EXPECT_NE(ErrorOf({{"format", "jsn"}}).find("did you mean 'json'?"), std::string::npos);
  EXPECT_NE(ErrorOf({{"json.ignore-parse-error", "true"}}).find("'json.ignore-parse-errors'"),
            std::string::npos);
  EXPECT_NE(ErrorOf({{"properties.sasl.usernam", "x"}}).find("did you mean 'sasl.username'?"),
            std::string::npos);
}

TEST(KafkaOptions, WhatIsMissingIsNamed) {
  EXPECT_NE(ErrorOf({{"topic", "-"}}).find("'topic'"), std::string::npos);
  EXPECT_NE(ErrorOf({{"format", "-"}}).find("'format'"), std::string::npos);
  EXPECT_NE(ErrorOf({{"properties.bootstrap.servers", "-"}}).find("'properties.bootstrap.servers'"),
            std::string::npos);
  EXPECT_NE(ErrorOf({{"scan.startup.mode", "timestamp"}}).find("scan.startup.timestamp-millis"),
            std::string::npos);
  EXPECT_NE(ErrorOf({{"scan.startup.mode", "group-offsets"}}).find("properties.group.id"),
            std::string::npos);
  EXPECT_NE(ErrorOf({{"key.format", "json"}}).find("'key.fields'"), std::string::npos);
}

TEST(KafkaOptions, SpecificOffsets) {
  Options options = Orders();
  options["scan.startup.mode"] = "specific-offsets";
  options["scan.startup.specific-offsets"] = "partition:0,offset:42;partition:1,offset:300";
  auto parsed = ParseKafkaOptions(options);
  ASSERT_TRUE(parsed.ok()) << parsed.error().ToString();
  EXPECT_EQ(parsed->scan.start_offsets, (std::map<int32_t, int64_t>{{0, 42}, {1, 300}}));
  EXPECT_NE(ErrorOf({{"scan.startup.mode", "specific-offsets"},
                     {"scan.startup.specific-offsets", "0:42"}})
                .find("partition:0,offset:42"),
            std::string::npos);
}

TEST(KafkaOptions, KeysAndTheirPrefix) {
  Options options = Orders();
  options.erase("format");
  options["value.format"] = "json";
  options["value.json.ignore-parse-errors"] = "true";
  options["key.format"] = "raw";
  options["key.fields"] = "k_id";
  options["key.fields-prefix"] = "k_";
  options["value.fields-include"] = "EXCEPT_KEY";
  auto parsed = ParseKafkaOptions(options);
  ASSERT_TRUE(parsed.ok()) << parsed.error().ToString();
  EXPECT_EQ(parsed->records.value.options.at("ignore-parse-errors"), "true");
  columnar::Schema table{{{"k_id", duckdb::LogicalType::BIGINT},
                          {"id", duckdb::LogicalType::BIGINT},
                          {"x", duckdb::LogicalType::VARCHAR}}};
  auto key = parsed->records.KeyPart(table);
  auto value = parsed->records.ValuePart(table);
  ASSERT_TRUE(key.ok() && value.ok());
  EXPECT_EQ(key->columns, std::vector<size_t>{0});
  EXPECT_EQ(key->schema.fields[0].name, "id");
  EXPECT_EQ(value->columns, (std::vector<size_t>{1, 2}));
}

TEST(KafkaProperties, JavasWordsForLoginAndTls) {
  auto parsed = ParseKafkaProperties(
      {{"bootstrap.servers", "b:1"},
       {"security.protocol", "SASL_SSL"},
       {"sasl.mechanism", "PLAIN"},
       {"sasl.jaas.config",
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"ann\" "
        "password=\"a \\\"b\\\";c\";"},
       {"ssl.truststore.type", "PEM"},
       {"ssl.truststore.location", "/etc/hostname"},
       {"ssl.endpoint.identification.algorithm", ""}});
  ASSERT_TRUE(parsed.ok()) << parsed.error().ToString();
  EXPECT_EQ(parsed->client.at("sasl.username"), "ann");
  EXPECT_EQ(parsed->client.at("sasl.password"), "a \"b\";c");
  EXPECT_EQ(parsed->client.at("ssl.ca.location"), "/etc/hostname");
  EXPECT_EQ(parsed->client.at("ssl.endpoint.identification.algorithm"), "none");
  EXPECT_FALSE(parsed->client.contains("sasl.jaas.config"));

  auto jks = ParseKafkaProperties(
      {{"bootstrap.servers", "b:1"}, {"ssl.truststore.location", "/etc/trust.jks"}});
  ASSERT_FALSE(jks.ok());
  EXPECT_NE(jks.error().ToString().find("PEM"), std::string::npos);
}

TEST(KafkaProperties, SecretsAreInNoMessage) {
  auto parsed = ParseKafkaProperties(
      {{"bootstrap.servers", "b:1"}, {"ssl.key.pem", "hunter2"}, {"acks", "hunter2"}});
  ASSERT_FALSE(parsed.ok());
  EXPECT_NE(parsed.error().ToString().find("acks"), std::string::npos);
  parsed = ParseKafkaProperties({{"bootstrap.servers", "b:1"}, {"sasl.jaas.config", "hunter2"}});
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().ToString().find("hunter2"), std::string::npos);
}

TEST(KafkaProperties, WhatWeirDecidesIsRefusedWithTheWayToAsk) {
  auto parsed =
      ParseKafkaProperties({{"bootstrap.servers", "b:1"}, {"auto.offset.reset", "earliest"}});
  ASSERT_FALSE(parsed.ok());
  EXPECT_NE(parsed.error().ToString().find("scan.startup.mode"), std::string::npos);
}

TEST(KafkaHandle, AnAbsentBrokerIsAnErrorWithinTheLimitThatSaysWhy) {
  // Port 1 of the loopback: nobody listens there.
  auto properties = ParseKafkaProperties(
      {{"bootstrap.servers", "127.0.0.1:1"}, {"default.api.timeout.ms", "300"}});
  ASSERT_TRUE(properties.ok());
  auto handle = KafkaHandle::Open(RealEnv(), KafkaHandle::Kind::kConsumer, properties.value(), {});
  ASSERT_TRUE(handle.ok()) << handle.error().ToString();
  int64_t low = 0;
  int64_t high = 0;
  const Status status = (*handle)->Retry("reading the offsets of orders/0", [&](int timeout_ms) {
    return rd_kafka_query_watermark_offsets((*handle)->get(), "orders", 0, &low, &high, timeout_ms);
  });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().actor(), Actor::kRetry);
  EXPECT_NE(status.error().message().find("reading the offsets of orders/0"), std::string::npos);
  EXPECT_NE(status.error().message().find("refused"), std::string::npos)
      << status.error().message();
}

}  // namespace
}  // namespace weir::connect
