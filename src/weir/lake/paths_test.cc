#include "weir/lake/paths.h"

#include <gtest/gtest.h>

#include <optional>

#include "duckdb/common/types/timestamp.hpp"
#include "duckdb/common/types/value.hpp"
#include "weir/lake/checkpoint_writer.h"

namespace weir::lake {
namespace {

using duckdb::LogicalType;
using duckdb::LogicalTypeId;
using duckdb::Value;

TEST(PathsTest, FoldersAreEscapedOnceAndPathsTwice) {
  const std::string folder = PartitionFolder("a", "x/y%z ü");
  EXPECT_EQ(folder, "a=x%2Fy%25z ü");
  EXPECT_EQ(UriEncodePath(folder + "/f"), "a=x%252Fy%2525z%20%C3%BC/f");
  EXPECT_EQ(UriDecodePath(UriEncodePath(folder)), folder);
  EXPECT_EQ(PartitionFolder("a", std::nullopt), "a=__HIVE_DEFAULT_PARTITION__");
  EXPECT_LE(PartitionFolder("a", std::string(5000, 'x')).size(), 255u);
  EXPECT_NE(PartitionFolder("a", std::string(5000, 'x')),
            PartitionFolder("a", std::string(5001, 'x')));
}

TEST(PathsTest, WhereALogPathLies) {
  EXPECT_EQ(ResolveLogPath("t", "a%20b"), "t/a b");
  EXPECT_EQ(ResolveLogPath("t", "/x/y"), "/x/y");
  EXPECT_EQ(ResolveLogPath("t", "file:/x/y"), "/x/y");
  EXPECT_EQ(ResolveLogPath("t", "file:///x/y"), "/x/y");
  EXPECT_EQ(ResolveLogPath("t", "s3://b/x"), "s3://b/x");
  EXPECT_EQ(UriDecodePath("a%2"), "a%2");
  EXPECT_EQ(UriDecodePath("%zz%"), "%zz%");
}

std::optional<std::string> Text(const Value& value) {
  auto text = PartitionText(value);
  EXPECT_TRUE(text.ok());
  return text.ok() ? *text : std::nullopt;
}

TEST(PathsTest, TextsOfPartitionValues) {
  EXPECT_EQ(Text(Value(LogicalType::INTEGER)), std::nullopt);
  EXPECT_EQ(Text(Value("")), std::nullopt);
  EXPECT_EQ(Text(Value::BOOLEAN(false)), "false");
  EXPECT_EQ(Text(Value::DOUBLE(-1.0 / 0.0)), "-Infinity");
  EXPECT_EQ(Text(Value::DATE(2024, 2, 29)), "2024-02-29");
  EXPECT_EQ(Text(Value::DECIMAL(int16_t{-5}, 3, 3)), "-0.005");
  const auto time = duckdb::Timestamp::FromString("2024-01-02 03:04:05.5", false);
  EXPECT_EQ(Text(Value::TIMESTAMP(time)), "2024-01-02 03:04:05.5");
  EXPECT_EQ(Text(Value::TIMESTAMPTZ(duckdb::timestamp_tz_t(time))), "2024-01-02T03:04:05.5Z");
  EXPECT_FALSE(PartitionText(Value::BLOB("x")).ok());
}

TEST(PathsTest, TextsOfALogCastToTheirType) {
  const LogicalType tz(LogicalTypeId::TIMESTAMP_TZ);
  EXPECT_EQ(CastableText("2024-01-02 03:04:05", tz), "2024-01-02 03:04:05+00");
  EXPECT_EQ(CastableText("2024-01-02T03:04:05Z", tz), "2024-01-02T03:04:05Z");
  EXPECT_EQ(CastableText("2024-01-02 03:04:05-08:00", tz), "2024-01-02 03:04:05-08:00");
  EXPECT_EQ(CastableText("", LogicalType(LogicalTypeId::VARCHAR)), std::nullopt);
  EXPECT_EQ(CastableText("\x01\xC3\xBF", LogicalType(LogicalTypeId::BLOB)), "\\x01\\xFF");
}

TEST(PathsTest, Intervals) {
  EXPECT_EQ(IntervalMs("interval 1 week", -1), 7LL * 24 * 3600 * 1000);
  EXPECT_EQ(IntervalMs("interval 2 days 3 hours", -1), (48LL + 3) * 3600 * 1000);
  EXPECT_EQ(IntervalMs("INTERVAL 0 seconds", -1), 0);
  EXPECT_EQ(IntervalMs("soon", -1), -1);
  EXPECT_EQ(IntervalMs("interval 3 moons", -1), -1);
}

}  // namespace
}  // namespace weir::lake
