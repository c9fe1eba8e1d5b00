#include "weir/log/groups/consumer_protocol.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::log {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::string_literals;  // NOLINT: texts with zeros

TEST(ConsumerProtocolTest, TopicsOfASubscription) {
  // Version 1: the topics, user data of no bytes, no owned partitions.
  EXPECT_THAT(*SubscribedTopics("\0\1\0\0\0\2\0\1a\0\2bb\0\0\0\0\0\0\0\0"s),
              ElementsAre("a", "bb"));
  EXPECT_THAT(*SubscribedTopics("\0\0\0\0\0\0\xff\xff\xff\xff"s), IsEmpty());
}

TEST(ConsumerProtocolTest, EveryPrefixOfItIsNone) {
  const std::string whole = "\0\1\0\0\0\2\0\1a\0\2bb"s;
  ASSERT_TRUE(SubscribedTopics(whole));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(SubscribedTopics(std::string_view(whole).substr(0, size))) << size;
  }
  EXPECT_FALSE(SubscribedTopics("\xff\xff\0\0\0\0"s));
  EXPECT_FALSE(SubscribedTopics("\0\1\xff\xff\xff\xff"s));
  EXPECT_FALSE(SubscribedTopics("\0\1\0\0\0\1\xff\xff"s));
}

}  // namespace
}  // namespace weir::log
