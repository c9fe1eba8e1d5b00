#include "weir/observe/quantity.h"

#include <gtest/gtest.h>

namespace weir::observe {
namespace {

TEST(Quantity, CountsHaveCommas) {
  EXPECT_EQ(Count(0), "0");
  EXPECT_EQ(Count(999), "999");
  EXPECT_EQ(Count(1000), "1,000");
  EXPECT_EQ(Count(336776), "336,776");
  EXPECT_EQ(Count(-1234567), "-1,234,567");
  EXPECT_EQ(Counted(1, "row"), "1 row");
  EXPECT_EQ(Counted(2000, "row"), "2,000 rows");
}

TEST(Quantity, BytesAreDecimalWithTwoDigits) {
  EXPECT_EQ(Bytes(0), "0 B");
  EXPECT_EQ(Bytes(999), "999 B");
  EXPECT_EQ(Bytes(1000), "1.0 kB");
  EXPECT_EQ(Bytes(766e6), "766 MB");
  EXPECT_EQ(Bytes(999'600), "1.0 MB");
  EXPECT_EQ(Bytes(2.5e12), "2.5 TB");
  EXPECT_EQ(BytesPerSecond(10e6, 0), "");
  EXPECT_EQ(BytesPerSecond(10e6, 2), "5.0 MB/s");
}

TEST(Quantity, SecondsGrowIntoMinutesAndHours) {
  EXPECT_EQ(Seconds(0.041), "0.04 s");
  EXPECT_EQ(Seconds(99.5), "99.50 s");
  EXPECT_EQ(Seconds(725), "12 min 5 s");
  EXPECT_EQ(Seconds(7260), "2 h 1 min");
}

// The expected texts are `date -u -d @SECONDS`.
TEST(Quantity, TimesAreUtc) {
  EXPECT_EQ(UtcTime(0), "1970-01-01 00:00:00");
  EXPECT_EQ(UtcTime(1359615609'000000), "2013-01-31 07:00:09");
  EXPECT_EQ(UtcTime(1709164799'999999), "2024-02-28 23:59:59");
  EXPECT_EQ(UtcTime(1709164800'000000), "2024-02-29 00:00:00");
  EXPECT_EQ(UtcTime(-1), "1969-12-31 23:59:59");
}

}  // namespace
}  // namespace weir::observe
