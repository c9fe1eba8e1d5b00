#include "weir/lake/schema_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weir/lake/protocol_check.h"
#include "weir/lake/schema_check.h"

namespace weir::lake {
namespace {

using duckdb::LogicalType;
using duckdb::LogicalTypeId;
using ::testing::HasSubstr;

std::string Refusal(const columnar::Schema& schema) {
  auto json = SchemaToJson(schema);
  return json.ok() ? "" : json.error().ToString();
}

TEST(SchemaJsonTest, EveryTypeGoesThereAndBack) {
  columnar::Schema schema;
  int number = 0;
  const auto add = [&](const LogicalType& type) {
    schema.fields.push_back({"c" + std::to_string(number++), type, number % 2 == 0});
  };
  for (const auto id :
       {LogicalTypeId::BOOLEAN, LogicalTypeId::TINYINT, LogicalTypeId::SMALLINT,
        LogicalTypeId::INTEGER, LogicalTypeId::BIGINT, LogicalTypeId::FLOAT, LogicalTypeId::DOUBLE,
        LogicalTypeId::VARCHAR, LogicalTypeId::BLOB, LogicalTypeId::DATE, LogicalTypeId::TIMESTAMP,
        LogicalTypeId::TIMESTAMP_TZ}) {
    add(LogicalType(id));
  }
  add(LogicalType::DECIMAL(38, 10));
  const auto point = LogicalType::STRUCT({{"x y", LogicalType(LogicalTypeId::DOUBLE)},
                                          {"\"q\"", LogicalType::LIST(LogicalTypeId::DATE)}});
  add(LogicalType::MAP(LogicalType(LogicalTypeId::VARCHAR), LogicalType::LIST(point)));
  auto json = SchemaToJson(schema);
  ASSERT_TRUE(json.ok()) << json.error().ToString();
  auto again = SchemaFromJson(*json);
  ASSERT_TRUE(again.ok()) << again.error().ToString();
  EXPECT_EQ(*again, schema);
}

TEST(SchemaJsonTest, TypesWithoutACounterpartNameTheCast) {
  EXPECT_THAT(Refusal({{{"a", LogicalType(LogicalTypeId::UBIGINT)}}}), HasSubstr("DECIMAL(20,0)"));
  EXPECT_THAT(Refusal({{{"a", LogicalType::LIST(LogicalTypeId::TIME)}}}),
              HasSubstr("no type for TIME"));
  EXPECT_THAT(Refusal({{{"a", LogicalType(LogicalTypeId::TIMESTAMP_NS)}}}),
              HasSubstr("to TIMESTAMP"));
}

TEST(SchemaJsonTest, DamagedSchemasAreErrors) {
  for (const char* json :
       {"", "{", "[]", "{\"type\":\"struct\"}", "{\"type\":\"struct\",\"fields\":[{}]}",
        "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"decimal(39,2)\"}]}",
        "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"decimal(5\"}]}",
        "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"variant\"}]}"}) {
    EXPECT_FALSE(SchemaFromJson(json).ok()) << json;
  }
}

TEST(SchemaJsonTest, NewColumnsLeaveTheOthersAsTheyAre) {
  const std::string json =
      R"({"type":"struct","fields":[{"name":"a","type":{"type":"array","elementType":"long",)"
      R"("containsNull":false},"nullable":false,"metadata":{"comment":"kept"}}]})";
  auto wider = AppendColumns(json, {{{"b", LogicalType(LogicalTypeId::DATE), false}}});
  ASSERT_TRUE(wider.ok());
  EXPECT_EQ(*wider,
            R"({"type":"struct","fields":[{"name":"a","type":{"type":"array","elementType":"long",)"
            R"("containsNull":false},"nullable":false,"metadata":{"comment":"kept"}},)"
            R"({"name":"b","type":"date","nullable":true,"metadata":{}}]})");
  auto keys = FieldMetadataKeys(*wider);
  ASSERT_TRUE(keys.ok());
  EXPECT_EQ(*keys, std::set<std::string>{"comment"});
}

TEST(ProtocolCheckTest, FeaturesAreRefusedByName) {
  Metadata metadata;
  metadata.schema_string = R"({"type":"struct","fields":[]})";
  Protocol protocol{3, 7, {"deletionVectors", "variantType"}, {"deletionVectors", "variantType"}};
  EXPECT_THAT(CheckReadable(protocol, metadata).error().message(), HasSubstr("'variantType'"));
  protocol = {1, 7, {}, {"appendOnly", "rowTracking"}};
  EXPECT_TRUE(CheckReadable(protocol, metadata).ok());
  EXPECT_THAT(CheckWritable(protocol, metadata, WriteKind::kAppend).error().message(),
              HasSubstr("'rowTracking'"));
  protocol = {1, 4, {}, {}};
  metadata.configuration["delta.enableChangeDataFeed"] = "true";
  EXPECT_TRUE(CheckWritable(protocol, metadata, WriteKind::kAppend).ok());
  EXPECT_THAT(CheckWritable(protocol, metadata, WriteKind::kRewrite).error().message(),
              HasSubstr("'changeDataFeed'"));
  metadata.configuration = {{"delta.constraints.c", "a > 0"}};
  EXPECT_THAT(CheckWritable(protocol, metadata, WriteKind::kAppend).error().message(),
              HasSubstr("'checkConstraints'"));
  metadata.configuration = {{"delta.appendOnly", "true"}};
  EXPECT_EQ(CheckWritable(protocol, metadata, WriteKind::kRewrite).error().code(),
            ErrorCode::kPermission);
  metadata.configuration = {{"delta.columnMapping.mode", "name"}};
  EXPECT_THAT(CheckReadable({2, 5, {}, {}}, metadata).error().message(),
              HasSubstr("'columnMapping'"));
}

TEST(ProtocolCheckTest, AFeatureBringsWhatTheLegacyVersionsImplied) {
  const Protocol protocol = WithFeature({2, 5, {}, {}}, "timestampNtz");
  EXPECT_EQ(protocol.min_reader_version, 3);
  EXPECT_EQ(protocol.min_writer_version, 7);
  EXPECT_THAT(protocol.reader_features, ::testing::ElementsAre("columnMapping", "timestampNtz"));
  EXPECT_THAT(
      protocol.writer_features,
      ::testing::ElementsAre("appendOnly", "invariants", "checkConstraints", "changeDataFeed",
                             "generatedColumns", "columnMapping", "timestampNtz"));
}

TEST(SchemaCheckTest, AColumnThatMustHaveValuesCannotBeMissing) {
  const columnar::Schema table = {{{"a", LogicalType(LogicalTypeId::DATE), false},
                                   {"b", LogicalType(LogicalTypeId::DATE), true}}};
  const columnar::Schema b_only = {{{"B", LogicalType(LogicalTypeId::DATE), true}}};
  auto fitted = FitSchema(table, b_only, true, "t");
  ASSERT_FALSE(fitted.ok());
  EXPECT_THAT(fitted.error().message(), HasSubstr("- a DATE NOT NULL"));
  const columnar::Schema a_only = {{{"A", LogicalType(LogicalTypeId::DATE), true}}};
  fitted = FitSchema(table, a_only, true, "t");
  ASSERT_TRUE(fitted.ok());
  EXPECT_EQ(fitted->columns.fields.at(0).name, "a");
  EXPECT_FALSE(fitted->columns.fields.at(0).nullable);
}

}  // namespace
}  // namespace weir::lake
