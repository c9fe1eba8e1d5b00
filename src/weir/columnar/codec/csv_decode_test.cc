#include "weir/columnar/codec/csv_decode.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "duckdb.hpp"
#include "weir/base/env.h"
#include "weir/columnar/codec/test_random.h"
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

ColumnPlan FieldPlan(const std::vector<LogicalType>& types) {
  ColumnPlan plan;
  for (size_t i = 0; i < types.size(); ++i) {
    PlannedColumn column;
    column.name = "c" + std::to_string(i);
    column.type = types[i];
    column.field = static_cast<int>(i);
    plan.columns.push_back(column);
  }
  return plan;
}

// Rows as "a|b" lines, failures as "!offset+length column: reason".
std::string DecodeAll(const std::string& text, const CsvDecodeOptions& options,
                      const ColumnPlan& plan, size_t block_bytes = 1 << 20) {
  std::string out;
  MemoryReader bytes(text);
  TextBlockOptions block_options;
  block_options.dialect = options.dialect;
  block_options.block_bytes = block_bytes;
  TextBlockReader reader(&bytes, block_options);
  CsvDecoder decoder(options, plan);
  duckdb::vector<LogicalType> types;
  for (const auto& column : plan.columns) types.push_back(column.type);
  duckdb::DataChunk chunk;
  chunk.Initialize(duckdb::Allocator::DefaultAllocator(), types);
  const FailedRow failed = [&](uint64_t offset, uint64_t length, const std::string& column,
                               const std::string& reason) {
    out += "!" + std::to_string(offset) + "+" + std::to_string(length) + " " + column + ": " +
           reason + "\n";
    return true;
  };
  while (true) {
    auto block = std::make_shared<TextBlock>();
    auto more = reader.Next(block.get());
    EXPECT_TRUE(more.ok());
    if (!more.value()) return out;
    BlockCursor cursor{block};
    while (!cursor.AtEnd()) {
      auto decoded = decoder.Decode(&cursor, chunk, failed);
      EXPECT_TRUE(decoded.ok()) << decoded.error().message();
      chunk.Verify();
      for (size_t r = 0; r < chunk.size(); ++r) {
        for (size_t c = 0; c < chunk.ColumnCount(); ++c) {
          out += (c > 0 ? "|" : "") + chunk.GetValue(c, r).ToString();
        }
        out += "\n";
      }
    }
  }
}

CsvDecodeOptions Options(uint32_t fields) {
  CsvDecodeOptions options;
  options.field_count = fields;
  return options;
}

TEST(CsvDecode, TypedRows) {
  EXPECT_EQ(
      DecodeAll("1,x,2020-01-31\r\n2,\"y\"\"z\",\n\n3,\"\",2020-02-30\n4,a\nb,c,d,e\n", Options(3),
                FieldPlan({LogicalType::INTEGER, LogicalType::VARCHAR, LogicalType::DATE})),
      "!43+3 : 2 fields where 3 are expected\n"
      "!47+7 : 4 fields where 3 are expected\n"
      "!27+15 c2: cannot cast '2020-02-30' to DATE\n"
      "1|x|2020-01-31\n2|y\"z|NULL\n");
}

TEST(CsvDecode, NullsAndQuotes) {
  CsvDecodeOptions options = Options(2);
  const auto plan = FieldPlan({LogicalType::INTEGER, LogicalType::VARCHAR});
  EXPECT_EQ(DecodeAll(",\n\"1\",\"\"\n2,NA\n", options, plan), "NULL|NULL\n1|\n2|NA\n");
  EXPECT_EQ(DecodeAll("\"\",\"\"\n", options, FieldPlan({LogicalType::BLOB, LogicalType::DATE})),
            "|NULL\n");
  options.null_literals = {"NA", "-"};
  EXPECT_EQ(DecodeAll(",\n\"1\",\"NA\"\nNA,NA\n-,\n", options, plan),
            "NULL|\n1|NA\nNULL|NULL\nNULL|\n");
}

TEST(CsvDecode, OriginsConstantsAndProjection) {
  ColumnPlan plan = FieldPlan({LogicalType::VARCHAR});
  plan.columns[0].field = 1;
  plan.file = 7;
  PlannedColumn column;
  column.from = PlannedColumn::From::kConstant;
  column.type = LogicalType::INTEGER;
  column.constant = duckdb::Value::INTEGER(3);
  plan.columns.push_back(column);
  column.from = PlannedColumn::From::kOriginFile;
  plan.columns.push_back(column);
  column.from = PlannedColumn::From::kOriginOffset;
  column.type = LogicalType::BIGINT;
  plan.columns.push_back(column);
  column.from = PlannedColumn::From::kOriginLength;
  column.type = LogicalType::INTEGER;
  plan.columns.push_back(column);
  EXPECT_EQ(DecodeAll("ab,c\nd,\"ef\"\n", Options(2), plan), "c|3|7|0|4\nef|3|7|5|6\n");
}

TEST(CsvDecode, RescuedValuesAndColumns) {
  ColumnPlan plan = FieldPlan({LogicalType::INTEGER});
  plan.rescue = true;
  plan.extras.push_back({1, "extra"});
  PlannedColumn rescued;
  rescued.from = PlannedColumn::From::kRescued;
  rescued.type = LogicalType::VARCHAR;
  plan.columns.push_back(rescued);
  EXPECT_EQ(DecodeAll("1,\n x,\"a\"\"b\"\n2,c\n", Options(2), plan),
            "1|NULL\nNULL|{\"c0\":\" x\",\"extra\":\"a\\\"b\"}\n2|{\"extra\":\"c\"}\n");
}

TEST(CsvDecode, IgnoredErrorsAreNull) {
  ColumnPlan plan = FieldPlan({LogicalType::INTEGER});
  plan.null_on_error = true;
  EXPECT_EQ(DecodeAll("1\nx\n2,3\n4\n", Options(1), plan), "1\nNULL\n4\n");
}

TEST(CsvDecode, EscapeCharacterOfItsOwn) {
  CsvDecodeOptions options = Options(2);
  options.dialect.escape = '\\';
  options.dialect.delimiter = ';';
  EXPECT_EQ(DecodeAll("\"a\\\"b\\\\\";c\n", options,
                      FieldPlan({LogicalType::VARCHAR, LogicalType::VARCHAR})),
            "a\"b\\|c\n");
}

TEST(CsvDecode, LongStringsOutliveTheBlock) {
  const std::string a(50, 'a');
  const std::string text = a + ",\"x\"\"" + a + "\"\n";
  MemoryReader bytes(text);
  TextBlockReader reader(&bytes, {});
  duckdb::DataChunk chunk;
  chunk.Initialize(duckdb::Allocator::DefaultAllocator(),
                   {LogicalType::VARCHAR, LogicalType::VARCHAR});
  {
    auto block = std::make_shared<TextBlock>();
    ASSERT_TRUE(reader.Next(block.get()).value());
    BlockCursor cursor{block};
    CsvDecoder decoder(Options(2), FieldPlan({LogicalType::VARCHAR, LogicalType::VARCHAR}));
    ASSERT_TRUE(decoder.Decode(&cursor, chunk, [](auto...) { return true; }).ok());
  }
  EXPECT_EQ(chunk.GetValue(0, 0).ToString(), a);
  EXPECT_EQ(chunk.GetValue(1, 0).ToString(), "x\"" + a);
}

// Valid CSV of any content reads as DuckDB's reader reads it.
TEST(CsvDecode, AsDuckDbReadsIt) {
  duckdb::DuckDB db(nullptr);
  duckdb::Connection connection(db);
  TestRandom random(11);
  const std::string path =
      testing::TempDir() + "csv_decode_test_" + std::to_string(RealEnv().RandomU64()) + ".csv";
  for (int round = 0; round < 60; ++round) {
    std::string text;
    const size_t records = 1 + random() % 60;
    const std::string line_end = random() % 2 ? "\n" : "\r\n";
    for (size_t r = 0; r < records; ++r) {
      for (int f = 0; f < 3; ++f) {
        if (f > 0) text += ',';
        std::string value;
        const bool quoted = random() % 2;
        for (size_t i = random() % 30; i > 0; --i) {
          value += quoted ? std::string("abc,\n\" ;'é\t").substr(random() % 10, 1)
                          : "x y;" + std::to_string(random() % 100);
        }
        // "é" may have been cut in two: keep the text valid.
        std::erase_if(value, [](char c) { return (c & 0x80) != 0; });
        if (f == 0) value += "é";
        if (quoted) {
          text += '"';
          for (const char c : value) text += c == '"' ? "\"\"" : std::string(1, c);
          text += '"';
        } else {
          text += value;
        }
      }
      text += line_end;
    }
    std::ofstream(path, std::ios::binary) << text;
    auto expected = connection.Query(
        "SELECT * FROM read_csv('" + path +
        "', auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"', "
        "new_line = '" +
        (line_end == "\n" ? "\\n" : "\\r\\n") +
        "', allow_quoted_nulls = false, "
        "columns = {'a': 'VARCHAR', 'b': 'VARCHAR', 'c': 'VARCHAR'})");
    ASSERT_FALSE(expected->HasError()) << expected->GetError() << text;
    std::string want;
    for (size_t r = 0; r < expected->RowCount(); ++r) {
      for (size_t c = 0; c < 3; ++c) {
        want += (c > 0 ? "|" : "") + expected->GetValue(c, r).ToString();
      }
      want += "\n";
    }
    ASSERT_EQ(
        DecodeAll(text, Options(3),
                  FieldPlan({LogicalType::VARCHAR, LogicalType::VARCHAR, LogicalType::VARCHAR}),
                  64 + random() % 300),
        want)
        << text;
  }
  std::remove(path.c_str());
}

}  // namespace
}  // namespace weir::columnar
