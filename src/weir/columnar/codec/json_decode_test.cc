#include "weir/columnar/codec/json_decode.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "duckdb/common/allocator.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "weir/columnar/codec/json_array.h"
#include "weir/columnar/codec/text_blocks.h"

namespace weir::columnar {
namespace {

using duckdb::LogicalType;

class MemoryReader : public ByteReader {
 public:
  explicit MemoryReader(std::string_view text) : text_(text) {}
  Result<size_t> Read(char* buffer, size_t n) override {
    n = std::min(n, text_.size());
    std::memcpy(buffer, text_.data(), n);
    text_.remove_prefix(n);
    return n;
  }

 private:
  std::string_view text_;
};

using Columns = std::vector<std::pair<std::string, LogicalType>>;

ColumnPlan Plan(const Columns& columns) {
  ColumnPlan plan;
  for (const auto& [name, type] : columns) {
    PlannedColumn column;
    column.name = name;
    column.key = name;
    column.type = type;
    plan.columns.push_back(column);
    plan.known_keys.push_back(name);
  }
  return plan;
}

std::string Decode(const std::string& text, ColumnPlan plan, bool array = false,
                   size_t block_bytes = 1 << 20, JsonDecodeOptions decode = {},
                   size_t max_record_bytes = 1 << 20) {
  std::string out;
  MemoryReader bytes(text);
  TextBlockOptions options;
  options.dialect = CsvDialect::Lines();
  options.block_bytes = block_bytes;
  options.max_record_bytes = max_record_bytes;
  std::unique_ptr<TextBlockSource> blocks;
  if (array) {
    blocks = std::make_unique<JsonArrayReader>(&bytes, options);
  } else {
    blocks = std::make_unique<TextBlockReader>(&bytes, options);
  }
  duckdb::vector<LogicalType> types;
  for (const auto& column : plan.columns) types.push_back(column.type);
  duckdb::DataChunk chunk;
  chunk.Initialize(duckdb::Allocator::DefaultAllocator(), types);
  const auto decoder = NewJsonDecoder(std::move(plan), decode);
  std::string failures;
  const FailedRow failed = [&](uint64_t offset, uint64_t length, const std::string& column,
                               const std::string& reason) {
    failures += "!" + std::to_string(offset) + "+" + std::to_string(length) + " " + column + ": " +
                reason + "\n";
    return true;
  };
  while (true) {
    auto block = std::make_shared<TextBlock>();
    auto more = blocks->Next(block.get());
    EXPECT_TRUE(more.ok());
    BlockCursor cursor{block};
    while (!cursor.AtEnd()) {
      auto decoded = decoder->Decode(&cursor, chunk, failed);
      if (!decoded.ok()) return "error: " + decoded.error().message();
      chunk.Verify();
      for (size_t r = 0; r < chunk.size(); ++r) {
        for (size_t c = 0; c < chunk.ColumnCount(); ++c) {
          out += (c > 0 ? "|" : "") + chunk.GetValue(c, r).ToString();
        }
        out += "\n";
      }
    }
    if (!more.value()) return out + failures;
  }
}

TEST(JsonDecode, ScalarsByKey) {
  EXPECT_EQ(Decode("{\"a\": 1, \"b\": \"x\", \"c\": true}\n\n"
                   "{\"B\":\"q\\\"\\u00e9\\n\",\"a\":\"12\"}\r\n"
                   "{\"c\":null,\"z\":[1,{\"y\":2}], \"b\": {\"k\": [1, 2]} , \"a\":-0}",
                   Plan({{"a", LogicalType::INTEGER},
                         {"b", LogicalType::VARCHAR},
                         {"c", LogicalType::BOOLEAN}})),
            "1|x|true\n12|q\"é\n|NULL\n0|{\"k\": [1, 2]}|NULL\n");
}

TEST(JsonDecode, NumbersKeepTheirDigits) {
  EXPECT_EQ(Decode("{\"d\":12345678901234567890123.45,\"i\":9223372036854775807}\n"
                   "{\"d\":1e2,\"i\":9223372036854775808}\n{\"d\":0.1}\n",
                   Plan({{"d", LogicalType::DECIMAL(38, 2)}, {"i", LogicalType::BIGINT}})),
            "12345678901234567890123.45|9223372036854775807\n0.10|NULL\n"
            "!57+33 i: $.i: cannot cast '9223372036854775808' to BIGINT\n");
}

TEST(JsonDecode, NestedTypes) {
  const auto item =
      LogicalType::STRUCT({{"p", LogicalType::DECIMAL(6, 2)}, {"n", LogicalType::VARCHAR}});
  EXPECT_EQ(Decode("{\"l\":[{\"p\":1.5,\"n\":\"a\"},{\"n\":\"b\",\"x\":0},null],\"m\":{\"k\":1,"
                   "\"q\":null}}\n"
                   "{\"l\":[],\"m\":{}}\n{\"l\":null}\n"
                   "{\"l\":[{\"p\":\"zwei\"}]}\n{\"l\":[{\"p\":[1]}],\"m\":{\"k\":2}}\n"
                   "{\"l\":{\"p\":1}}\n{\"m\":{\"k\":1,\"k\":2}}\n{\"l\":[{\"p\":3}]}\n",
                   Plan({{"l", LogicalType::LIST(item)},
                         {"m", LogicalType::MAP(LogicalType::VARCHAR, LogicalType::INTEGER)}})),
            "[{'p': 1.50, 'n': a}, {'p': NULL, 'n': b}, NULL]|{k=1, q=NULL}\n[]|{}\nNULL|NULL\n"
            "[{'p': 3.00, 'n': NULL}]|NULL\n"
            "!95+20 l[].p: $.l[].p: cannot cast 'zwei' to DECIMAL(6,2)\n"
            "!116+29 l[].p: $.l[].p: expected DECIMAL(6,2), found [1]\n"
            "!146+13 l: $.l: expected STRUCT(p DECIMAL(6,2), n VARCHAR)[], found {\"p\":1}\n"
            "!160+19 : key 'k' stands twice in $.m\n");
}

TEST(JsonDecode, BrokenDocumentsAreOneRowEach) {
  const std::vector<std::pair<std::string, std::string>> broken = {
      {"{\"a\":1", "not JSON: a bracket is missing"},
      {"{\"a\":01}", "not JSON: '01' is no value"},
      {"{\"a\":1}{\"a\":2}", "not JSON: text follows the document"},
      {"{\"a\":1,\"z\":tru}", ""},
      {"{\"a\":1,\"z\":[1,2}", ""},
      {"{\"a\":1,\"z\":{\"y\":1.}}", "not JSON: '1.' is no number"},
      {"{\"a\":1,}", ""},
      {"{\"a\":1 \"b\":2}", ""},
      {"{\"a\":\"\\x\"}", ""},
      {"{\"a\" 1}", ""},
      {"[1]", "an object is expected, found [1]"},
      {"\"x\"", "an object is expected, found \"x\""},
      {"nonsense", ""},
      {"{\"a\":1,\"a\":2}", "key 'a' stands twice"},
      {"{\"a\":nul}", ""},
      {"{'a':1}", ""},
      {"}", ""},
      {"{\"a\":\"open}", "not JSON: a string does not end"}};
  for (const auto& [text, reason] : broken) {
    const std::string got =
        Decode("{\"a\":7}\n" + text + "\n{\"a\":8}\n", Plan({{"a", LogicalType::VARCHAR}}));
    const std::string expected = "7\n8\n!8+" + std::to_string(text.size()) + " : " + reason;
    EXPECT_EQ(got.substr(0, expected.size()), expected) << text;
    EXPECT_EQ(std::count(got.begin(), got.end(), '\n'), 3) << text;
  }
}

TEST(JsonDecode, DepthIsLimited) {
  const std::string deep = std::string(50000, '[') + std::string(50000, ']') + '}';
  for (const char* key : {"a", "z"}) {
    EXPECT_EQ(Decode("{\"" + std::string(key) + "\":" + deep + "\n{\"a\":1}\n",
                     Plan({{"a", LogicalType::VARCHAR}})),
              "1\n!0+" + std::to_string(deep.size() + 5) +
                  " : nested more than 64 deep ('json.max-depth')\n");
  }
}

TEST(JsonDecode, RescueKeepsWhatDoesNotFit) {
  ColumnPlan plan =
      Plan({{"a", LogicalType::INTEGER}, {"l", LogicalType::LIST(LogicalType::INTEGER)}});
  plan.rescue = true;
  PlannedColumn rescued;
  rescued.from = PlannedColumn::From::kRescued;
  rescued.type = LogicalType::VARCHAR;
  plan.columns.push_back(rescued);
  EXPECT_EQ(
      Decode("{\"a\":\"x\",\"n\":{\"q\":1},\"l\":[1,{},[2]]}\n{\"a\":1}\n{\"a\":[3]}\n", plan),
      "NULL|[1, NULL, NULL]|{\"n\":{\"q\":1},\"l[]\":{},\"l[]\":[2],\"a\":\"x\"}\n"
      "1|NULL|NULL\nNULL|NULL|{\"a\":[3]}\n");
}

TEST(JsonDecode, ArraysElementByElement) {
  const std::string text =
      " [ {\"a\":1},\n {\"a\":\"]},[\\\"\"} ,{\"a\":[1,2]},3, {\"a\":}, {\"a\":5} ] \n";
  const std::string expected =
      "1\n]},[\"\n[1,2]\n5\n"
      "!41+1 : an object is expected, found 3\n!44+6 : not JSON";
  for (const size_t block : {1000, 1, 5, 20}) {
    EXPECT_EQ(
        Decode(text, Plan({{"a", LogicalType::VARCHAR}}), true, block).substr(0, expected.size()),
        expected)
        << block;
  }
  EXPECT_EQ(Decode("[{\"a\":1},{\"a\":2", Plan({{"a", LogicalType::VARCHAR}}), true),
            "1\n!9+6 : the JSON array does not end\n");
  EXPECT_EQ(Decode("[{\"a\":1}] x", Plan({{"a", LogicalType::VARCHAR}}), true),
            "1\n!10+1 : text follows the JSON array\n");
  EXPECT_EQ(Decode("[]", Plan({{"a", LogicalType::VARCHAR}}), true), "");
  EXPECT_EQ(Decode("[1,\"" + std::string(200, 'x') + "\"]", Plan({{"a", LogicalType::VARCHAR}}),
                   true, 10, {}, 50),
            "!1+1 : an object is expected, found 1\n!3+202 : the element of the JSON array has 202 "
            "bytes, 'max-record-bytes' is 50\n");
}

TEST(JsonDecode, NewKeysCanFail) {
  JsonDecodeOptions options;
  options.fail_on_new_keys = true;
  EXPECT_EQ(
      Decode("{\"a\":1}\n{\"b\":1}\n", Plan({{"a", LogicalType::INTEGER}}), false, 100, options),
      "error: the document at byte 8 has a new key 'b' (failOnNewColumns)");
}

TEST(InferJson, TypesOfEveryValueSeen) {
  const std::string text =
      "{\"i\":1,\"d\":1.5,\"s\":\"12\",\"t\":\"2020-01-01T00:00:00Z\",\"n\":null}\n"
      "{\"i\":2,\"d\":2,\"l\":[1,2.5],\"o\":{\"x\":true},\"m\":1}\nbroken\n"
      "{\"h\":12345678901234567890,\"m\":\"x\",\"day\":\"2020-01-01\"}\n";
  MemoryReader bytes(text);
  TextBlockOptions options;
  options.dialect = CsvDialect::Lines();
  TextBlockReader reader(&bytes, options);
  TextBlock block;
  ASSERT_TRUE(reader.Next(&block).value());
  Schema schema;
  InferJson(block, 100, &schema);
  EXPECT_EQ(schema.ToString(),
            "i BIGINT, d DOUBLE, s VARCHAR, t TIMESTAMP WITH TIME ZONE, n VARCHAR, l DOUBLE[], "
            "o STRUCT(x BOOLEAN), m VARCHAR, h DECIMAL(38,0), day DATE");
}

}  // namespace
}  // namespace weir::columnar
