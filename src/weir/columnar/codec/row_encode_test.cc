// What rows become in messages. JSON and CSV are held against their specifications (and, for
// random values, against DuckDB's own JSON reader), Avro against bytes worked out by hand from its
// specification and against avro-c.
#include "weir/columnar/codec/row_encode.h"

#include <avro.h>
#include <gmock/gmock.h>

#include "weir/columnar/testing/engine_fixture.h"

namespace weir::columnar {
namespace {

using ::testing::HasSubstr;

class RowEncode : public testing::EngineFixture {
 protected:
  // One message a row of the query; "<none>" for a row without one, "error: ..." at the first.
  std::vector<std::string> Encode(const EncodeFormat& format, const std::string& sql) {
    auto rows = engine().Query(connection(), sql);
    if (!rows.ok()) return {"error: " + rows.error().ToString()};
    fields_.clear();
    for (size_t i = 0; i < (*rows)->ColumnCount(); ++i) {
      fields_.push_back({i, {(*rows)->names[i], (*rows)->types[i]}});
    }
    auto encoder = MakeRowEncoder(format, fields_);
    if (!encoder.ok()) return {"error: " + encoder.error().ToString()};
    std::vector<std::string> out;
    while (auto chunk = (*rows)->Fetch()) {
      (*encoder)->Begin(*chunk);
      for (size_t row = 0; row < chunk->size(); ++row) {
        std::string text = "kept:";
        auto there = (*encoder)->Append(row, &text);
        if (!there.ok()) return {"error: " + there.error().ToString()};
        EXPECT_TRUE(text.starts_with("kept:"));
        out.push_back(*there ? text.substr(5) : "<none>");
      }
    }
    return out;
  }
  std::string One(const EncodeFormat& format, const std::string& sql) {
    const auto messages = Encode(format, sql);
    EXPECT_EQ(messages.size(), 1u);
    return messages.front();
  }

  std::vector<EncodedField> fields_;
};

constexpr const char* kTypes =
    "SELECT 1::TINYINT AS a, -2::BIGINT AS b, 1.5::DOUBLE AS c, 0.10::DECIMAL(9,2) AS d, "
    "true AS e, 'x\"y' AS f, 'ab'::BLOB AS g, DATE '2024-05-01' AS h, "
    "TIMESTAMP '2024-05-01 12:00:00.5' AS i, TIMESTAMPTZ '2024-05-01 12:00:00+00' AS j, "
    "[1, NULL] AS k, {'x': 1, 'y': 'z'} AS l, MAP {'m': 1} AS m, NULL::INTEGER AS n";

TEST_F(RowEncode, JsonIsWhatFlinkWrites) {
  EXPECT_EQ(One({"json", {}}, kTypes),
            R"({"a":1,"b":-2,"c":1.5,"d":0.10,"e":true,"f":"x\"y","g":"YWI=","h":"2024-05-01",)"
            R"("i":"2024-05-01 12:00:00.5","j":"2024-05-01 12:00:00Z","k":[1,null],)"
            R"("l":{"x":1,"y":"z"},"m":{"m":1},"n":null})");
  EXPECT_EQ(One({"json", {{"timestamp-format.standard", "ISO-8601"}}},
                "SELECT TIMESTAMP '2024-05-01 12:00:00.000001' AS i, "
                "TIMESTAMPTZ '1969-12-31 23:59:59.25+00' AS j"),
            R"({"i":"2024-05-01T12:00:00.000001","j":"1969-12-31T23:59:59.25Z"})");
  EXPECT_EQ(One({"json", {{"encode.ignore-null-fields", "true"}}},
                "SELECT 1 AS a, NULL::INTEGER AS b, {'c': NULL::INTEGER, 'd': 2} AS s"),
            R"({"a":1,"s":{"d":2}})");
}

TEST_F(RowEncode, JsonReadsBackEqual) {
  const std::string sql =
      "SELECT i AS id, CASE WHEN i % 7 = 0 THEN NULL ELSE repeat(chr((1 + i % 300)::INTEGER), i % "
      "5) END AS t,"
      " (i * 1.1)::DOUBLE / 3 AS d, (i * 12345678901)::BIGINT AS n FROM range(3000) AS r(i)";
  const auto messages = Encode({"json", {}}, sql);
  ASSERT_EQ(messages.size(), 3000u);
  std::string lines;
  for (const std::string& message : messages) lines += message + "\n";
  WriteText("back.json", lines);
  EXPECT_EQ(Ask("SELECT count(*) FROM ((" + sql +
                ") EXCEPT ALL SELECT id, t, d, n FROM read_json(" + Quoted("back.json") +
                ", format = 'newline_delimited', columns = {id: 'BIGINT', t: 'VARCHAR', "
                "d: 'DOUBLE', n: 'BIGINT'}))"),
            "0");
}

TEST_F(RowEncode, DebeziumHasAnEnvelope) {
  EXPECT_EQ(One({"debezium-json", {}}, "SELECT 1 AS id, NULL::VARCHAR AS t"),
            R"({"before":null,"after":{"id":1,"t":null},"op":"c"})");
}

TEST_F(RowEncode, Csv) {
  EXPECT_EQ(One({"csv", {}},
                "SELECT 1 AS a, 'x,y' AS b, 'say \"hi\"' AS c, NULL::VARCHAR AS d, '' AS e, "
                "0.50::DECIMAL(4,2) AS f, TIMESTAMPTZ '2024-05-01 12:00:00+00' AS g, [1, 2] AS h, "
                "'two\nlines' AS i"),
            "1,\"x,y\",\"say \"\"hi\"\"\",,\"\",0.50,2024-05-01 12:00:00Z,1;2,\"two\nlines\"");
  EXPECT_EQ(One({"csv", {{"field-delimiter", "\\t"}, {"null-literal", "NA"}}},
                "SELECT 'a' AS a, NULL AS b, 'NA' AS c, 'x,y' AS d"),
            "a\tNA\t\"NA\"\tx,y");
  EXPECT_EQ(One({"csv", {{"escape-character", "\\"}}}, R"(SELECT 'a"b\c' AS a)"), R"("a\"b\\c")");
  EXPECT_THAT(One({"csv", {{"disable-quote-character", "true"}}}, "SELECT 'x,y' AS a"),
              HasSubstr("column 'a': 'x,y' can't be written as CSV without quotes"));
  EXPECT_THAT(One({"csv", {{"field-delimiter", "ab"}}}, "SELECT 1 AS a"),
              HasSubstr("option 'csv.field-delimiter' = 'ab'"));
  EXPECT_THAT(One({"csv", {}}, "SELECT MAP {'a': 1} AS m"), HasSubstr("column 'm'"));
}

TEST_F(RowEncode, Raw) {
  EXPECT_EQ(One({"raw", {}}, "SELECT 'as it is, \"x\"' AS a"), "as it is, \"x\"");
  EXPECT_EQ(One({"raw", {}}, "SELECT 258::INTEGER AS a"), std::string("\0\0\1\2", 4));
  EXPECT_EQ(One({"raw", {{"endianness", "little-endian"}}}, "SELECT 258::SMALLINT AS a"),
            std::string("\2\1", 2));
  EXPECT_EQ(One({"raw", {}}, "SELECT -1::BIGINT AS a"), std::string(8, '\xff'));
  EXPECT_EQ(One({"raw", {}}, "SELECT NULL::VARCHAR AS a"), "<none>");
  EXPECT_EQ(One({"raw", {}}, "SELECT '' AS a"), "");
  EXPECT_THAT(One({"raw", {}}, "SELECT 1 AS a, 2 AS b"), HasSubstr("not 2: a, b"));
}

TEST_F(RowEncode, AvroBytesAreThoseOfTheSpecification) {
  // "The string 'foo' is 06 66 6f 6f", "-64 is 7f", in unions whose second branch (02) it is.
  EXPECT_EQ(One({"avro", {}}, "SELECT 'foo' AS a, -64 AS b, NULL::BIGINT AS c, true AS d"),
            std::string("\x02\x06"
                        "foo\x02\x7f\x00\x02\x01",
                        10));
  // 1.28 is 128: two bytes, as one would be negative. -0.01 is -1: one byte.
  EXPECT_EQ(One({"avro", {}}, "SELECT 1.28::DECIMAL(9,2) AS a, -0.01::DECIMAL(30,2) AS b"),
            std::string("\x02\x04\x00\x80\x02\x02\xff", 7));
  EXPECT_THAT(One({"avro", {}}, "SELECT INTERVAL 1 DAY AS v"), HasSubstr("column 'v'"));
}

constexpr const char* kSchema = R"({"type": "record", "name": "r", "fields": [
  {"name": "c", "type": {"type": "enum", "name": "e", "symbols": ["red", "green"]}},
  {"name": "extra", "type": ["null", "string"]},
  {"name": "a", "type": ["long", "null"]},
  {"name": "b", "type": {"type": "long", "logicalType": "timestamp-millis"}},
  {"name": "d", "type": {"type": "fixed", "name": "f", "size": 4, "logicalType": "decimal",
                         "precision": 9, "scale": 2}},
  {"name": "s", "type": {"type": "record", "name": "n", "fields": [
    {"name": "y", "type": "double"}, {"name": "x", "type": {"type": "array", "items": "int"}}]}},
  {"name": "m", "type": {"type": "map", "values": "string"}}]})";
constexpr const char* kRow =
    "SELECT 7::INTEGER AS a, TIMESTAMPTZ '1969-12-31 23:59:59.9995+00' AS b, 'green' AS c, "
    "-1.28::DECIMAL(9,2) AS d, {'x': [3, 4], 'y': 1.5::DOUBLE} AS s, MAP {'k': 'v'} AS m";

TEST_F(RowEncode, AvroIsReadByItsOwnLibrary) {
  const std::string message = One({"avro", {{"schema", kSchema}}}, kRow);
  avro_schema_t schema = nullptr;
  ASSERT_EQ(avro_schema_from_json_length(kSchema, std::string(kSchema).size(), &schema), 0)
      << avro_strerror();
  avro_value_iface_t* iface = avro_generic_class_from_schema(schema);
  avro_value_t value;
  ASSERT_EQ(avro_generic_value_new(iface, &value), 0);
  avro_reader_t reader = avro_reader_memory(message.data(), static_cast<int64_t>(message.size()));
  ASSERT_EQ(avro_value_read(reader, &value), 0) << avro_strerror();
  char* json = nullptr;
  ASSERT_EQ(avro_value_to_json(&value, 1, &json), 0);
  const std::string text = json;
  free(json);
  avro_reader_free(reader);
  avro_value_decref(&value);
  avro_value_iface_decref(iface);
  avro_schema_decref(schema);
  EXPECT_EQ(text, R"({"c": "green", "extra": null, "a": {"long": 7}, "b": -1, )"
                  R"("d": "\u00FF\u00FF\u00FF\u0080", "s": {"y": 1.5, "x": [3, 4]}, )"
                  R"("m": {"k": "v"}})");
}

TEST_F(RowEncode, AvroSchemasThatDoNotFitAreRefused) {
  const EncodeFormat format{"avro", {{"schema", kSchema}}};
  const std::string row = kRow;
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = row;
    changed.replace(changed.find(from), from.size(), to);
    return One(format, changed);
  };
  EXPECT_THAT(with("AS a", "AS q"), HasSubstr("column 'q': 'avro.schema' has no such field"));
  EXPECT_THAT(with("'green' AS c, ", ""), HasSubstr("a field 'c' that is no column"));
  EXPECT_THAT(with("DECIMAL(9,2)", "DECIMAL(9,3)"), HasSubstr("column 'd': DECIMAL(9,3)"));
  EXPECT_THAT(with("[3, 4]", "[3::BIGINT, 4]"), HasSubstr("column 's.x': BIGINT"));
  EXPECT_THAT(with("'green'", "'blue'"), HasSubstr("'blue' is no symbol"));
  EXPECT_THAT(with("'green'", "NULL::VARCHAR"), HasSubstr("column 'c': NULL is not allowed"));
  EXPECT_THAT(One({"avro", {{"schema", "\"int\""}}}, row), HasSubstr("a record is needed"));
}

TEST_F(RowEncode, UnknownFormatsAreRefused) {
  EXPECT_THAT(One({"protobuf", {}}, "SELECT 1 AS a"), HasSubstr("format 'protobuf'"));
  EXPECT_THAT(One({"json", {{"timestamp-format.standard", "RFC"}}}, "SELECT 1 AS a"),
              HasSubstr("option 'json.timestamp-format.standard' = 'RFC'"));
}

}  // namespace
}  // namespace weir::columnar
