#include "weir/base/checksum.h"

#include "gtest/gtest.h"

namespace weir {
namespace {

// Values of the reference implementation's own documentation and command line (xxhsum).
TEST(ChecksumTest, KnownValues) {
  EXPECT_EQ(Hex64(Xxh64("")), "ef46db3751d8e999");
  EXPECT_EQ(Hex64(Xxh64("abc")), "44bc2cf5ad770999");
  EXPECT_EQ(Hex64(Xxh3("")), "2d06800538d394c2");
  EXPECT_EQ(Xxh3Hex128(""), "99aa06d3014798d86001c324468d497f");
}

// From the library's plain functions: what is written with AVX is read without, and the other way.
TEST(ChecksumTest, LongInputHasTheValueOfEveryProcessor) {
  std::string bytes;
  for (int i = 0; i < 100'000; ++i) bytes += static_cast<char>(i * 131 >> 3);
  EXPECT_EQ(Hex64(Xxh3(bytes)), "82df6c98b1718056");
  EXPECT_EQ(Hex64(Xxh3(bytes, 42)), "1327a3dcb37277ab");
  EXPECT_EQ(Xxh3Hex128(bytes), "18885e207bf2232782df6c98b1718056");
}

// RFC 3720, B.4: the CRC examples of iSCSI.
TEST(ChecksumTest, Crc32cKnownValues) {
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c("6789", Crc32c("12345")), Crc32c("123456789"));
}

TEST(ChecksumTest, PiecesGiveTheSameAsTheWhole) {
  std::string bytes;
  for (int i = 0; i < 5000; ++i) bytes += static_cast<char>(i * 7);
  for (const size_t piece : {1u, 13u, 256u, 4999u}) {
    Checksum sum;
    for (size_t at = 0; at < bytes.size(); at += piece) sum.Add(bytes.substr(at, piece));
    EXPECT_EQ(sum.value(), Xxh3(bytes)) << piece;
  }
  EXPECT_NE(Xxh3(bytes), Xxh3(bytes, 1));
}

TEST(ChecksumTest, HexGoesBothWays) {
  EXPECT_EQ(Hex64(255), "00000000000000ff");
  EXPECT_EQ(ParseHex64("00000000000000ff"), 255u);
  EXPECT_EQ(ParseHex64(Hex64(0xfedcba9876543210u)), 0xfedcba9876543210u);
  EXPECT_FALSE(ParseHex64("ff").has_value());
  EXPECT_FALSE(ParseHex64("00000000000000FF").has_value());
  EXPECT_FALSE(ParseHex64("00000000000000f ").has_value());
}

}  // namespace
}  // namespace weir
