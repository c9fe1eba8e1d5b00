#include "weir/base/byte_codec.h"

#include <limits>

#include "gtest/gtest.h"

namespace weir {
namespace {

TEST(ByteCodecTest, ReadsWhatWasWritten) {
  ByteWriter writer;
  writer.U8(200);
  writer.U32(4'000'000'000);
  writer.U64(std::numeric_limits<uint64_t>::max());
  for (const int64_t value :
       {int64_t{0}, int64_t{-1}, int64_t{63}, int64_t{-65}, std::numeric_limits<int64_t>::min(),
        std::numeric_limits<int64_t>::max()}) {
    writer.Signed(value);
  }
  writer.Varint(std::numeric_limits<uint64_t>::max());
  writer.String("text");
  writer.String("");

  ByteReader reader(writer.bytes());
  EXPECT_EQ(reader.U8(), 200);
  EXPECT_EQ(reader.U32(), 4'000'000'000);
  EXPECT_EQ(reader.U64(), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(reader.Signed(), 0);
  EXPECT_EQ(reader.Signed(), -1);
  EXPECT_EQ(reader.Signed(), 63);
  EXPECT_EQ(reader.Signed(), -65);
  EXPECT_EQ(reader.Signed(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(reader.Signed(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(reader.Varint(), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(reader.String(), "text");
  EXPECT_EQ(reader.String(), "");
  EXPECT_TRUE(reader.ok());
  EXPECT_TRUE(reader.done());
}

TEST(ByteCodecTest, EveryShorterPrefixIsRefused) {
  ByteWriter writer;
  writer.Varint(300);
  writer.String("hello");
  writer.U64(7);
  for (size_t n = 0; n < writer.bytes().size(); ++n) {
    ByteReader reader(std::string_view(writer.bytes()).substr(0, n));
    reader.Varint();
    reader.String();
    reader.U64();
    EXPECT_FALSE(reader.ok()) << n;
  }
}

TEST(ByteCodecTest, HostileLengthsAreRefused) {
  ByteReader endless(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11));
  EXPECT_EQ(endless.Varint(), 0u);
  EXPECT_FALSE(endless.ok());
  ByteWriter writer;
  writer.Varint(1'000'000);
  ByteReader count(writer.bytes());
  EXPECT_EQ(count.Count(), 0u);
  EXPECT_FALSE(count.ok());
}

}  // namespace
}  // namespace weir
