#include "weir/columnar/codec/text_values.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "duckdb/common/types/value.hpp"
#include "duckdb/common/vector_operations/vector_operations.hpp"
#include "weir/columnar/codec/test_random.h"

namespace weir::columnar {
namespace {

using duckdb::LogicalType;

// Our cast of the texts must be DuckDB's, value for value, and fail for the same rows.
void ExpectAsDuckDb(const std::vector<std::string>& texts, const LogicalType& type) {
  auto arena = std::make_shared<TextArena>();
  TextValues values;
  duckdb::Vector source(LogicalType::VARCHAR, texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    char* copy = arena->Allocate(texts[i].size());
    std::memcpy(copy, texts[i].data(), texts[i].size());
    values.Add(copy, texts[i].size());
    duckdb::FlatVector::GetData<duckdb::string_t>(source)[i] =
        duckdb::StringVector::AddString(source, texts[i]);
  }
  duckdb::Vector expected(type, texts.size());
  std::string message;
  duckdb::VectorOperations::DefaultTryCast(source, expected, texts.size(), &message);
  duckdb::Vector result(type, texts.size());
  std::vector<uint32_t> failed;
  CastText(values, result, arena, &failed);
  std::sort(failed.begin(), failed.end());
  for (size_t i = 0; i < texts.size(); ++i) {
    const duckdb::Value want = expected.GetValue(i);
    const duckdb::Value got = result.GetValue(i);
    const bool did_fail = std::binary_search(failed.begin(), failed.end(), i);
    ASSERT_EQ(got.ToString(), want.ToString()) << "'" << texts[i] << "' as " << type.ToString();
    ASSERT_EQ(did_fail, want.IsNull()) << "'" << texts[i] << "' as " << type.ToString();
    if (type.id() == duckdb::LogicalTypeId::DOUBLE && !want.IsNull()) {
      const double a = got.GetValue<double>();
      const double b = want.GetValue<double>();
      ASSERT_EQ(std::memcmp(&a, &b, sizeof(a)), 0) << texts[i];
    }
  }
}

std::vector<LogicalType> Types() {
  return {LogicalType::TINYINT,         LogicalType::SMALLINT,       LogicalType::INTEGER,
          LogicalType::BIGINT,          LogicalType::DOUBLE,         LogicalType::DATE,
          LogicalType::TIMESTAMP,       LogicalType::TIMESTAMP_TZ,   LogicalType::BOOLEAN,
          LogicalType::DECIMAL(4, 2),   LogicalType::DECIMAL(9, 0),  LogicalType::DECIMAL(9, 9),
          LogicalType::DECIMAL(15, 2),  LogicalType::DECIMAL(18, 4), LogicalType::DECIMAL(18, 18),
          LogicalType::DECIMAL(38, 10), LogicalType::FLOAT,          LogicalType::UBIGINT};
}

TEST(CastText, ValuesOfNote) {
  const std::vector<std::string> texts = {"0",
                                          "-0",
                                          "00",
                                          "1",
                                          "-1",
                                          "+1",
                                          " 1",
                                          "1 ",
                                          "1_000",
                                          "1e3",
                                          "1.5",
                                          "-1.5",
                                          ".5",
                                          "5.",
                                          ".",
                                          "-",
                                          "",
                                          "127",
                                          "128",
                                          "-128",
                                          "-129",
                                          "32767",
                                          "32768",
                                          "2147483647",
                                          "2147483648",
                                          "-2147483648",
                                          "9223372036854775807",
                                          "9223372036854775808",
                                          "-9223372036854775808",
                                          "99999999",
                                          "999999999",
                                          "9999999999999999",
                                          "99999999999999999",
                                          "0.1",
                                          "0.30000000000000004",
                                          "123456789012345",
                                          "1234567890123456",
                                          "9007199254740993",
                                          "1e400",
                                          "nan",
                                          "inf",
                                          "0x10",
                                          "1996-03-13",
                                          "1996-02-29",
                                          "1900-02-29",
                                          "2000-02-29",
                                          "0001-01-01",
                                          "0000-01-01",
                                          "9999-12-31",
                                          "1996-13-01",
                                          "1996-00-10",
                                          "1996-01-00",
                                          "1996-04-31",
                                          "1996-3-1",
                                          "1996/03/13",
                                          "-1996-03-13",
                                          "2013-01-01 05:00:00",
                                          "2013-01-01T05:00:00",
                                          "2013-01-01T05:00:00Z",
                                          "2013-01-01 24:00:00",
                                          "2013-01-01 05:60:00",
                                          "2013-01-01 05:00:60",
                                          "2013-01-01 05:00",
                                          "2013-01-01 05:00:00.123456",
                                          "2013-01-01 05:00:00+02",
                                          "2013-02-30 05:00:00",
                                          "true",
                                          "false",
                                          "t",
                                          "yes",
                                          "TRUE",
                                          "99.99",
                                          "99.995",
                                          "100.00",
                                          "0.004",
                                          "-99.99",
                                          "0000000001.5",
                                          "12:3",
                                          "1:",
                                          "0.999999999",
                                          "0.000000001",
                                          "1.000000000",
                                          "12345678901234.56",
                                          "-0.0",
                                          "0.0",
                                          "1.",
                                          "-.5"};
  for (const LogicalType& type : Types()) ExpectAsDuckDb(texts, type);
}

TEST(CastText, RandomTextAsDuckDb) {
  TestRandom random(7);
  const std::string alphabets[] = {"0123456789", "0123456789.-", "019.-+eE _:TZ", "12-"};
  for (int round = 0; round < 60; ++round) {
    std::vector<std::string> texts;
    for (int i = 0; i < 300; ++i) {
      std::string text;
      const std::string& alphabet = alphabets[random() % std::size(alphabets)];
      for (size_t n = random() % 20; n > 0; --n) text += alphabet[random() % alphabet.size()];
      if (i % 3 == 0) {  // near a date or a timestamp
        text = "2013-01-01 05:00:00";
        text.resize(random() % 3 == 0 ? 10 : 19);
        text[random() % text.size()] = "0123456789-: T"[random() % 14];
        text[random() % text.size()] = "0123456789-: T"[random() % 14];
      }
      texts.push_back(text);
    }
    for (const LogicalType& type : Types()) ExpectAsDuckDb(texts, type);
  }
}

TEST(CastText, NestedElementsThatFailFailTheirRow) {
  auto arena = std::make_shared<TextArena>();
  TextValues values;
  for (const char* text : {"[1, 2]", "[1, x]", "[]"}) {
    char* copy = arena->Allocate(10);
    std::memcpy(copy, text, std::strlen(text));
    values.Add(copy, std::strlen(text));
  }
  duckdb::Vector result(LogicalType::LIST(LogicalType::INTEGER));
  std::vector<uint32_t> failed;
  CastText(values, result, arena, &failed);
  EXPECT_EQ(failed, std::vector<uint32_t>{1});
  EXPECT_EQ(result.GetValue(0).ToString(), "[1, 2]");
  EXPECT_TRUE(result.GetValue(1).IsNull());
  EXPECT_EQ(result.GetValue(2).ToString(), "[]");
}

}  // namespace
}  // namespace weir::columnar
