#include "weir/log/topic_config.h"

#include <algorithm>
#include <map>
#include <string>

#include "gtest/gtest.h"

namespace weir::log {
namespace {

TEST(TopicConfigTest, DefinitionsAreSortedAndTheirDefaultsAreRight) {
  const auto definitions = TopicConfigDefinitions();
  EXPECT_TRUE(std::is_sorted(definitions.begin(), definitions.end(),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));
  for (const ConfigDefinition& definition : definitions) {
    const auto wrong = WrongWithTopicConfig(definition.name, definition.default_value);
    EXPECT_FALSE(wrong.has_value()) << *wrong;
  }
}

TEST(TopicConfigTest, DefaultsAreTheStructsOwn) {
  const TopicSettings parsed = ParseTopicConfigs({});
  EXPECT_FALSE(parsed.compacts);
  EXPECT_TRUE(parsed.deletes);
  EXPECT_EQ(parsed.retention_ms, 604'800'000);
  EXPECT_EQ(parsed.max_message_bytes, 1'048'588);
  EXPECT_EQ(parsed.timestamp_after_max_ms, 3'600'000);
}

TEST(TopicConfigTest, RefusesWhatKafkaRefuses) {
  for (const auto& [name, value] : std::multimap<std::string, std::string>{
           {"cleanup.policy", "shred"},
           {"compression.type", "brotli"},
           {"max.message.bytes", "-1"},
           {"min.cleanable.dirty.ratio", "1.5"},
           {"min.cleanable.dirty.ratio", "nan"},
           {"no.such.thing", "1"},
           {"preallocate", "yes"},
           {"retention.bytes", "many"},
           {"retention.ms", "-2"},
           {"segment.bytes", "99999999999"},
       }) {
    EXPECT_TRUE(WrongWithTopicConfig(name, value).has_value()) << name;
  }
}

TEST(TopicConfigTest, ParsesWhatWasSet) {
  const TopicSettings parsed = ParseTopicConfigs({{"cleanup.policy", "compact, delete"},
                                                  {"message.timestamp.type", "LogAppendTime"},
                                                  {"min.cleanable.dirty.ratio", "0.25"},
                                                  {"retention.ms", "-1"}});
  EXPECT_TRUE(parsed.compacts);
  EXPECT_TRUE(parsed.deletes);
  EXPECT_TRUE(parsed.log_append_time);
  EXPECT_EQ(parsed.min_cleanable_ratio, 0.25);
  EXPECT_EQ(parsed.retention_ms, -1);
}

}  // namespace
}  // namespace weir::log
