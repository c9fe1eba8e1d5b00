#include "weir/guard/row_json.h"

#include <gtest/gtest.h>

#include "duckdb.hpp"
#include "weir/base/json.h"

namespace weir::guard {
namespace {

// Writing a value as JSON and casting the JSON scalar back gives the value, for every type that a
// table may hold.
TEST(RowJsonTest, EveryTypeReadsBackEqual) {
  duckdb::DuckDB database(nullptr);
  duckdb::Connection connection(database);
  for (const std::string sql :
       {"true",
        "(-128)::TINYINT",
        "32767::SMALLINT",
        "(-2147483648)::INTEGER",
        "9223372036854775807::BIGINT",
        "0.1::FLOAT",
        "3.4028235e38::FLOAT",
        "0.1::DOUBLE",
        "1e300::DOUBLE",
        "5e-324::DOUBLE",
        "'NaN'::DOUBLE",
        "'-Infinity'::DOUBLE",
        "'Infinity'::FLOAT",
        "123456789012345678901234567890.12345678::DECIMAL(38,8)",
        "(-0.05)::DECIMAL(4,2)",
        "(-0.05)::DECIMAL(2,2)",
        "'a \"b\" \\ \n\t\x01 ü 𝄞'::VARCHAR",
        "''::VARCHAR",
        "'\\x00\\xFFab'::BLOB",
        "DATE '0001-01-01'",
        "DATE '2024-02-29'",
        "TIMESTAMP '2024-02-29 12:34:56.789012'",
        "CAST(TIMESTAMP '1969-12-31 23:59:59.5' AT TIME ZONE 'UTC' AS TIMESTAMPTZ)"}) {
    auto rows = connection.Query("SELECT " + sql + " AS v");
    ASSERT_FALSE(rows->HasError()) << sql << rows->GetError();
    auto chunk = rows->Fetch();
    const duckdb::Value value = chunk->GetValue(0, 0);
    JsonWriter json;
    AppendValue(value, &json);
    const Result<Json> parsed = ParseJson(json.text());
    ASSERT_TRUE(parsed.ok()) << sql << " " << json.text();
    const std::string scalar = parsed->is_string() ? parsed->get<std::string>() : json.text();
    const duckdb::Value back = duckdb::Value(scalar).DefaultCastAs(value.type());
    EXPECT_TRUE(duckdb::Value::NotDistinctFrom(back, value)) << sql << " " << json.text();
  }
}

TEST(RowJsonTest, NestedValuesAndNull) {
  duckdb::DuckDB database(nullptr);
  duckdb::Connection connection(database);
  auto rows = connection.Query(
      "SELECT {'a': 1, 'b': [1.5, NULL]} AS s, MAP {'k': 2, 'l': NULL} AS m, NULL::INTEGER AS n");
  auto chunk = rows->Fetch();
  columnar::Schema schema{{{"s", chunk->data[0].GetType()},
                           {"m", chunk->data[1].GetType()},
                           {"n", chunk->data[2].GetType()}}};
  EXPECT_EQ(RowJson(*chunk, 0, schema),
            R"({"s":{"a":1,"b":[1.5,null]},"m":{"k":2,"l":null},"n":null})");
  schema.fields.resize(1);
  EXPECT_EQ(RowJson(*chunk, 0, schema), R"({"s":{"a":1,"b":[1.5,null]}})");
}

TEST(JsonWriterTest, BytesThatAreNotUtf8AreReplaced) {
  for (const std::string bytes :
       {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
    JsonWriter json;
    json.BeginArray().String("a" + bytes + "b").String("ok").EndArray();
    const Result<Json> parsed = ParseJson(json.text());
    ASSERT_TRUE(parsed.ok()) << json.text();
    const std::string text = (*parsed)[0];
    EXPECT_EQ(text.substr(0, 4), "a\xef\xbf\xbd");
    EXPECT_EQ(text.back(), 'b');
  }
}

}  // namespace
}  // namespace weir::guard
