#include "weir/server/topics/topic_writer.h"

#include "gtest/gtest.h"
#include "weir/server/topics/kafka_connection.h"

namespace weir::server {
namespace {

// The hashes are those of Kafka's own test of murmur2.
TEST(TopicWriterTest, KeysGoWhereKafkasClientsSendThem) {
  const struct {
    std::string_view key;
    int32_t hash;
  } known[] = {{"21", -973932308},
               {"foobar", -790332482},
               {"a-little-bit-long-string", -985981536},
               {"a-little-bit-longer-string", -1486304829},
               {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
               {"abc", 479470107}};
  for (const auto& [key, hash] : known) {
    for (const int32_t partitions : {1, 3, 1000}) {
      EXPECT_EQ(PartitionOfKey(key, partitions), (hash & 0x7fffffff) % partitions) << key;
    }
  }
}

TEST(KafkaAddressTest, HostsAndPorts) {
  const auto read = [](const std::string& text) {
    const auto address = ParseKafkaAddress(text);
    return address.ok() ? address->ToString() : "error: " + address.error().message();
  };
  EXPECT_EQ(read("127.0.0.1:19092"), "127.0.0.1:19092");
  EXPECT_EQ(read("broker.internal"), "broker.internal:9092");
  EXPECT_EQ(read("[::1]:19092"), "[::1]:19092");
  EXPECT_EQ(read("[::1]"), "[::1]:9092");
  EXPECT_EQ(read("::1"), "[::1]:9092");
  for (const char* wrong :
       {"", ":9092", "host:", "host:0", "host:65536", "host:9092x", "a b:1", "http://host:9092"}) {
    EXPECT_EQ(read(wrong).substr(0, 6), "error:") << wrong;
  }
}

}  // namespace
}  // namespace weir::server
