#include "weir/columnar/codec/csv_scan.h"

#include <gtest/gtest.h>

#include <string>

#include "weir/columnar/codec/test_random.h"
#include "weir/columnar/codec/text_blocks.h"

namespace weir::columnar {
namespace {

// What a scan found, as text: records in lines, fields as [begin,end).
std::string Describe(const TextIndex& index) {
  std::string out;
  for (size_t r = 0; r < index.records.size(); ++r) {
    out += std::to_string(index.records[r].begin) + ":";
    for (uint32_t f = 0; f < index.FieldsOf(r); ++f) {
      out += " " + std::to_string(index.ends[index.records[r].first_field + f]);
    }
    out += "\n";
  }
  return out;
}

std::string ScanAll(const std::string& text, const CsvDialect& dialect, bool simd,
                    const std::vector<size_t>& stops = {}) {
  ByteBuffer bytes;
  bytes.Append(text.data(), text.size());
  if (text.empty()) bytes.Reserve(1);
  CsvScanner scanner(dialect, simd);
  TextIndex index;
  scanner.Start(&index, 0);
  for (const size_t stop : stops) scanner.Scan(bytes.data(), stop, UINT32_MAX);
  scanner.Scan(bytes.data(), text.size(), UINT32_MAX);
  const bool closed = scanner.Finish(text.size());
  std::string out = Describe(index);
  for (const auto& garbage : scanner.garbage()) {
    out += "garbage " + std::to_string(garbage.record) + "." + std::to_string(garbage.field) + "\n";
  }
  return out + (closed ? "" : "open quote\n");
}

TEST(CsvScan, FieldsAndRecords) {
  EXPECT_EQ(ScanAll("a,bc\n1,2\n", {}, true), "0: 1 4\n5: 6 8\n");
  EXPECT_EQ(ScanAll("a,bc\r\n1,2", {}, true), "0: 1 5\n6: 7 9\n");  // the decoder drops "\r"
  EXPECT_EQ(ScanAll("\"a,\n\"\"b\",c\n", {}, true), "0: 8 10\n");
  EXPECT_EQ(ScanAll("\"a\"x,c\n", {}, true), "0: 4 6\ngarbage 0.0\n");
  EXPECT_EQ(ScanAll("a\"b,c\n", {}, true), "0: 3 5\n");  // a quote inside a field is a character
  EXPECT_EQ(ScanAll("1,\"never", {}, true), "open quote\n");
  EXPECT_EQ(ScanAll("", {}, true), "");
}

TEST(CsvScan, CommentsAndEscapes) {
  CsvDialect dialect;
  dialect.comment = '#';
  dialect.escape = '\\';
  EXPECT_EQ(ScanAll("#x,\"\n\"a\\\",b\",c\n", dialect, true), "0: 4\n5: 12 14\n");
}

// The masks must say what the state machine says, on text that is as odd as it gets.
TEST(CsvScan, SimdEqualsStateMachine) {
  TestRandom random(1);
  const std::string alphabets[] = {"a,\n\"", "ab,\n\"\r", "abcdefgh,,\n", "\"\"\"\",\n", "a\"\r\n"};
  for (int round = 0; round < 20000; ++round) {
    const std::string& alphabet = alphabets[random() % std::size(alphabets)];
    std::string text;
    const size_t n = random() % 300;
    for (size_t i = 0; i < n; ++i) text += alphabet[random() % alphabet.size()];
    const std::string expected = ScanAll(text, {}, false);
    ASSERT_EQ(ScanAll(text, {}, true), expected) << text;
    if (n > 0) {
      std::vector<size_t> stops = {random() % n};
      stops.push_back(stops[0] + random() % (n - stops[0]));
      ASSERT_EQ(ScanAll(text, {}, true, stops), expected) << text;
    }
  }
}

// Well-formed fields of any content come back whole from quoted text.
TEST(CsvScan, SimdEqualsStateMachineOnWellFormedText) {
  TestRandom random(2);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    size_t records = 1 + random() % 20;
    for (size_t r = 0; r < records; ++r) {
      for (int f = 0; f < 3; ++f) {
        if (f > 0) text += ',';
        std::string value;
        for (size_t i = random() % 40; i > 0; --i) value += "abc,\n\"\r"[random() % 7];
        text += '"';
        for (const char c : value) text += c == '"' ? "\"\"" : std::string(1, c);
        text += '"';
      }
      text += random() % 2 ? "\r\n" : "\n";
    }
    const std::string found = ScanAll(text, {}, true);
    ASSERT_EQ(found, ScanAll(text, {}, false)) << text;
    ASSERT_EQ(std::count(found.begin(), found.end(), '\n'), records) << text;
    ASSERT_EQ(found.find("garbage"), std::string::npos) << text;
  }
}

class MemoryReader : public ByteReader {
 public:
  MemoryReader(std::string_view text, size_t piece) : text_(text), piece_(piece) {}
  Result<size_t> Read(char* buffer, size_t n) override {
    n = std::min({n, piece_, text_.size()});
    std::memcpy(buffer, text_.data(), n);
    text_.remove_prefix(n);
    return n;
  }

 private:
  std::string_view text_;
  const size_t piece_;
};

// All records of a text, good and bad, as text, read by splits of the given size.
std::string ReadAll(const std::string& text, size_t split, size_t block, size_t max_record,
                    bool take_last = true) {
  std::string out;
  uint64_t start = 0;
  for (uint64_t stop = split; start < text.size(); stop += split) {
    if (start >= stop) continue;
    TextBlockOptions options;
    options.start = start;
    options.stop = stop;
    options.block_bytes = block;
    options.max_record_bytes = max_record;
    options.take_last_line = take_last;
    MemoryReader bytes(std::string_view(text).substr(start), 7);
    TextBlockReader reader(&bytes, options);
    TextBlock found;
    while (true) {
      auto more = reader.Next(&found);
      EXPECT_TRUE(more.ok());
      size_t bad = 0;
      const auto flush = [&](uint64_t before) {
        for (; bad < found.bad.size() && found.bad[bad].offset <= before; ++bad) {
          const BadRecord& b = found.bad[bad];
          out += "bad " + std::to_string(b.offset) + "+" + std::to_string(b.length) + " " +
                 b.reason + "\n";
        }
      };
      for (size_t r = 0; r < found.index.records.size(); ++r) {
        flush(found.offset + found.index.records[r].begin);
        out += std::to_string(found.offset + found.index.records[r].begin) + ":";
        for (uint32_t f = 0; f < found.index.FieldsOf(r); ++f) {
          out += " " + std::to_string(found.offset +
                                      found.index.ends[found.index.records[r].first_field + f]);
        }
        out += "\n";
      }
      flush(UINT64_MAX);
      if (!more.value()) break;
    }
    if (reader.left_last_line()) {
      out += "left " + std::to_string(reader.next_start()) + "\n";
      break;
    }
    start = reader.next_start();
  }
  return out;
}

TEST(TextBlocks, LimitsAndOpenQuotes) {
  EXPECT_EQ(ReadAll("a,b\n\"x\n1,2\n", 1000, 1000, 100),
            "0: 1 3\nbad 4+2 a quote is opened that never closes\n7: 8 10\n");
  EXPECT_EQ(ReadAll("a,b\n0123456789\n1,2\n", 1000, 1000, 5),
            "0: 1 3\nbad 4+10 the line has 10 bytes, 'max-record-bytes' is 5\n15: 16 18\n");
  EXPECT_EQ(ReadAll("\"a\n0\n1\n2\n\",b\n", 1000, 1000, 5),
            "bad 0+2 a quote is opened that does not close within 'max-record-bytes'\n"
            "3: 4\n5: 6\n7: 8\nbad 9+3 a quote is opened that never closes\n");
  EXPECT_EQ(ReadAll("a\nb", 1000, 1000, 5, false), "0: 1\nleft 2\n");
  EXPECT_EQ(ReadAll("a\nb", 1000, 1000, 5, true), "0: 1\n2: 3\n");
}

TEST(TextBlocks, BadText) {
  EXPECT_EQ(ReadAll(std::string("a,b\0c\nd,\xff\ne\n", 12), 1000, 1000, 100),
            "bad 0+5 NUL byte at byte 3 of the record\n0: 1 5\n"
            "bad 6+3 byte 0xff at byte 2 of the record is not UTF-8\n6: 7 9\n10: 11\n");
}

// The same records whatever the splits, blocks and reads; limits are hit on purpose.
TEST(TextBlocks, SplitInvariance) {
  TestRandom random(3);
  const std::string alphabets[] = {"ab,\n\"", "abcdefgh,,\n\n\"", "\"\",\n\xc3\xa9", "a\"\r\nbcde"};
  for (int round = 0; round < 2000; ++round) {
    const std::string& alphabet = alphabets[random() % std::size(alphabets)];
    std::string text;
    for (size_t i = random() % 200; i > 0; --i) text += alphabet[random() % alphabet.size()];
    const size_t max_record = 3 + random() % 60;
    const std::string expected = ReadAll(text, 100000, 100000, max_record);
    for (const size_t split : {1, 2, 3, 5, 17, 64, 100}) {
      ASSERT_EQ(ReadAll(text, split, 100000, max_record), expected) << text << "\nsplit " << split;
    }
    for (const size_t block : {1, 8, 30, 64, 130}) {
      ASSERT_EQ(ReadAll(text, 100000, block, max_record), expected) << text << "\nblock " << block;
    }
    ASSERT_EQ(ReadAll(text, 40, 16, max_record), expected) << text;
  }
}

}  // namespace
}  // namespace weir::columnar
