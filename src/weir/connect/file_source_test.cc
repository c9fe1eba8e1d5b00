#include "weir/connect/file_source.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "duckdb/common/allocator.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "weir/columnar/testing/engine_fixture.h"
#include "weir/connect/files/file_position.h"

namespace weir::connect {
namespace {

using columnar::Field;
using columnar::Schema;
using duckdb::LogicalType;

class Rejected : public columnar::UnparsedRows {
 public:
  bool Add(columnar::UnparsedRow row) override {
    rows.push_back(row);
    return true;
  }
  std::vector<columnar::UnparsedRow> rows;
};

// What one run of a source gave.
struct ReadRun {
  std::string rows;      // "a|b\n" a row
  std::string rejected;  // "file+offset+length column: reason\n"
  columnar::Position end;
  columnar::SourceChanges changes;
  size_t splits = 0;
};

class FileSourceTest : public columnar::testing::EngineFixture {
 protected:
  using Options = std::map<std::string, std::string>;

  Result<std::shared_ptr<columnar::BatchSource>> OpenSource(
      Options options, std::optional<Schema> declared = std::nullopt) {
    return OpenFileSource(engine(), {"t", std::move(options), std::move(declared), folder()});
  }

  static Schema Columns(std::vector<std::pair<std::string, LogicalType>> columns) {
    Schema schema;
    for (auto& [name, type] : columns) {
      Field field;
      field.name = name;
      field.type = type;
      schema.fields.push_back(field);
    }
    return schema;
  }

  // Reads the splits in the given order; `columns` empty: all of the schema.
  static Result<ReadRun> Read(columnar::BatchSource& source, const columnar::Position& from = "",
                              std::vector<uint64_t> columns = {}, bool backwards = false) {
    WEIR_ASSIGN_OR_RETURN(auto scan, source.Plan({from, false}));
    ReadRun run;
    Rejected rejected;
    if (columns.empty()) {
      for (size_t i = 0; i < source.schema().fields.size(); ++i) columns.push_back(i);
    }
    duckdb::vector<LogicalType> types;
    for (const uint64_t column : columns) {
      types.push_back(column >= columnar::kOriginColumnBase
                          ? (column == columnar::kOriginColumnBase + 1 ? LogicalType::BIGINT
                                                                       : LogicalType::INTEGER)
                          : source.schema().fields[column].type);
    }
    std::vector<std::string> by_split(scan->splits().size());
    for (size_t i = 0; i < by_split.size(); ++i) {
      const size_t split = backwards ? by_split.size() - 1 - i : i;
      WEIR_ASSIGN_OR_RETURN(auto reader, scan->Open(split, columns, &rejected));
      duckdb::DataChunk chunk;
      chunk.Initialize(duckdb::Allocator::DefaultAllocator(), types);
      while (true) {
        WEIR_ASSIGN_OR_RETURN(const size_t n, reader->Next(chunk));
        EXPECT_EQ(n, chunk.size());
        if (n == 0) break;
        for (size_t r = 0; r < n; ++r) {
          for (size_t c = 0; c < chunk.ColumnCount(); ++c) {
            by_split[split] += (c > 0 ? "|" : "") + chunk.GetValue(c, r).ToString();
          }
          by_split[split] += "\n";
        }
      }
    }
    for (const std::string& rows : by_split) run.rows += rows;
    std::sort(rejected.rows.begin(), rejected.rows.end(), [](const auto& a, const auto& b) {
      return std::pair(a.origin.file, a.origin.offset) < std::pair(b.origin.file, b.origin.offset);
    });
    for (const columnar::UnparsedRow& row : rejected.rows) {
      WEIR_ASSIGN_OR_RETURN(const std::string raw, scan->ReadRaw(row.origin, 100));
      run.rejected += scan->files()[row.origin.file] + "+" + std::to_string(row.origin.offset) +
                      "+" + std::to_string(row.origin.length) + " " + row.column + ": " +
                      row.reason + " <" + raw + ">\n";
    }
    run.end = scan->end_position();
    run.changes = scan->changes();
    run.splits = by_split.size();
    return run;
  }

  ReadRun MustRead(columnar::BatchSource& source, const columnar::Position& from = "",
                   std::vector<uint64_t> columns = {}) {
    auto run = Read(source, from, std::move(columns));
    EXPECT_TRUE(run.ok()) << run.error().ToString();
    return run.ok() ? std::move(run).value() : ReadRun();
  }
};

TEST_F(FileSourceTest, DeclaredCsvByName) {
  WriteText("a.csv", "name,id,extra\nx,1,e\n\"y,z\",2,e\nbad,zwei,e\n");
  auto source = OpenSource({{"connector", "filesystem"}, {"path", "*.csv"}, {"format", "csv"}},
                           Columns({{"ID", LogicalType::INTEGER}, {"name", LogicalType::VARCHAR}}));
  ASSERT_TRUE(source.ok()) << source.error().ToString();
  const ReadRun run = MustRead(**source);
  EXPECT_EQ(run.rows, "1|x\n2|y,z\n");
  EXPECT_EQ(run.rejected, "a.csv+30+10 ID: cannot cast 'zwei' to INTEGER <bad,zwei,e>\n");
  EXPECT_EQ(run.changes.new_files, 1);
  EXPECT_EQ(run.changes.schema_changes,
            std::vector<std::string>{"a.csv: column 'extra' is not declared, ignored"});
}

TEST_F(FileSourceTest, ColumnsThatAreNotDeclaredAreNamedOnceAFile) {
  WriteText("a.csv", "id,x,y,z\n1,2,3,4\n");
  auto source = OpenSource({{"connector", "filesystem"}, {"path", "*.csv"}, {"format", "csv"}},
                           Columns({{"id", LogicalType::INTEGER}, {"z", LogicalType::INTEGER}}));
  ASSERT_TRUE(source.ok()) << source.error().ToString();
  EXPECT_EQ(MustRead(**source).changes.schema_changes,
            std::vector<std::string>{"a.csv: columns 'x', 'y' are not declared, ignored"});
}

TEST_F(FileSourceTest, OriginColumns) {
  WriteText("a.csv", "id\n1\n");
  WriteText("b.csv", "id\n22\n3\n");
  auto source = OpenSource({{"path", "*.csv"}}, Columns({{"id", LogicalType::INTEGER}}));
  ASSERT_TRUE(source.ok()) << source.error().ToString();
  const uint64_t base = columnar::kOriginColumnBase;
  EXPECT_EQ(MustRead(**source, "", {0, base, base + 1, base + 2}).rows,
            "1|0|3|1\n22|1|3|2\n3|1|6|1\n");
}

TEST_F(FileSourceTest, InferredColumns) {
  WriteText("a.csv",
            "i,d,s,t,zip,b,e\n1,1.5,x,2020-01-01,007,true,\n-2,3,NA,2020-12-31,12,false,\n");
  auto source = OpenSource({{"path", "a.csv"}});
  ASSERT_TRUE(source.ok()) << source.error().ToString();
  EXPECT_EQ((*source)->schema().ToString(),
            "i BIGINT, d DOUBLE, s VARCHAR, t DATE, zip VARCHAR, b BOOLEAN, e VARCHAR");
  EXPECT_EQ(MustRead(**source).rows,
            "1|1.5|x|2020-01-01|007|true|NULL\n-2|3.0|NA|2020-12-31|12|false|NULL\n");
}

TEST_F(FileSourceTest, SecondRunReadsNewFilesAndTails) {
  WriteText("a.csv", "id,s\n1,x\n");
  auto source = OpenSource({{"path", "*.csv"}}, Columns({{"id", LogicalType::INTEGER}}));
  ASSERT_TRUE(source.ok());
  ReadRun run = MustRead(**source);
  EXPECT_EQ(run.rows, "1\n");
  run = MustRead(**source, run.end);
  EXPECT_EQ(run.rows, "");
  EXPECT_EQ(run.splits, 0u);
  EXPECT_FALSE(run.changes.Any());
  WriteText("a.csv", "id,s\n1,x\n2,y\n3,z\n");
  WriteText("b.csv", "s,id\nq,9\n");
  const columnar::Position middle = run.end;
  run = MustRead(**source, middle);
  EXPECT_EQ(run.rows, "2\n3\n9\n");
  EXPECT_EQ(run.changes.grown_files, 1);
  EXPECT_EQ(run.changes.new_files, 1);
  EXPECT_EQ(MustRead(**source, middle).end, run.end);  // read again after a crash: the same
  EXPECT_EQ(MustRead(**source, run.end).rows, "");
}

TEST_F(FileSourceTest, RewrittenFilesAreRefusedByName) {
  WriteText("a.csv", "id\n1\n2\n");
  auto source = OpenSource({{"path", "*.csv"}}, Columns({{"id", LogicalType::INTEGER}}));
  ASSERT_TRUE(source.ok());
  const ReadRun run = MustRead(**source);
  WriteText("a.csv", "id\n1\n3\n4\n");
  auto refused = (*source)->Plan({run.end, false});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message(), "a.csv was rewritten since it was read");
  auto allowed = (*source)->Plan({run.end, true});
  ASSERT_TRUE(allowed.ok());
  EXPECT_EQ((*allowed)->changes().rewritten_files, std::vector<std::string>{"a.csv"});
  EXPECT_EQ((*allowed)->splits().size(), 1u);
  WriteText("a.csv", "id\n1\n");
  EXPECT_FALSE((*source)->Plan({run.end, false}).ok());
}

TEST_F(FileSourceTest, DeletedFilesAreReported) {
  WriteText("a.csv", "id\n1\n");
  WriteText("b.csv", "id\n2\n");
  auto source = OpenSource({{"path", "*.csv"}}, Columns({{"id", LogicalType::INTEGER}}));
  ASSERT_TRUE(source.ok());
  ReadRun run = MustRead(**source);
  ASSERT_TRUE(RealEnv().RemoveFile(Path("a.csv")).ok());
  ASSERT_TRUE(RealEnv().RemoveFile(Path("b.csv")).ok());
  run = MustRead(**source, run.end);
  EXPECT_EQ(run.changes.deleted_files, (std::vector<std::string>{"a.csv", "b.csv"}));
  WriteText("a.csv", "id\n1\n");
  EXPECT_EQ(MustRead(**source, run.end).changes.unchanged_files, 1);
}

TEST_F(FileSourceTest, LastLineWithoutLineEnd) {
  WriteText("a.csv", "id\n1\n23");
  const Schema columns = Columns({{"id", LogicalType::INTEGER}});
  auto waiting = OpenSource({{"path", "a.csv"}, {"source.last-line", "wait"}}, columns);
  ASSERT_TRUE(waiting.ok());
  ReadRun run = MustRead(**waiting);
  EXPECT_EQ(run.rows, "1\n");
  ASSERT_EQ(run.changes.notes.size(), 1u);
  EXPECT_EQ(run.changes.notes[0],
            "a.csv: 2 bytes from byte 5 on are left for the next run: the last line has no line "
            "end ('source.last-line' = 'wait')");
  WriteText("a.csv", "id\n1\n234\n");
  run = MustRead(**waiting, run.end);
  EXPECT_EQ(run.rows, "234\n");

  // auto: the file does not change any more, so the line is complete ...
  WriteText("b.csv", "id\n1\n23");
  auto automatic = OpenSource({{"path", "b.csv"}}, columns);
  ASSERT_TRUE(automatic.ok());
  run = MustRead(**automatic);
  EXPECT_EQ(run.rows, "1\n23\n");
  // ... a line end and more lines may follow ...
  WriteText("b.csv", "id\n1\n23\n4\n");
  EXPECT_EQ(MustRead(**automatic, run.end).rows, "4\n");
  // ... but the line itself must not go on: it was read.
  WriteText("b.csv", "id\n1\n234\n");
  auto refused = (*automatic)->Plan({run.end, false});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message(),
            "b.csv goes on in the line that was the last one, and complete, when it was read "
            "(byte 7)");
}

// The same rows for any size of split and any order of reading them.
TEST_F(FileSourceTest, SplitsDoNotMatter) {
  std::string text = "\xEF\xBB\xBFid,s\n";
  for (int i = 0; i < 300; ++i) {
    text += std::to_string(i) + ",";
    if (i % 3 == 0) {
      text += "\"a\n\"\"" + std::to_string(i) + "\"";
    } else if (i % 7 == 0) {
      text += "plain\r";
    } else if (i == 100) {
      text += "x,ragged";
    } else if (i == 200) {
      text += "\"closed\" badly";
    }
    text += "\n";
  }
  WriteText("a.csv", text);
  const Schema columns = Columns({{"id", LogicalType::INTEGER}, {"s", LogicalType::VARCHAR}});
  auto whole = OpenSource({{"path", "a.csv"}}, columns);
  ASSERT_TRUE(whole.ok());
  const ReadRun expected = MustRead(**whole);
  EXPECT_EQ(expected.splits, 1u);
  EXPECT_EQ(std::count(expected.rejected.begin(), expected.rejected.end(), ':'), 2);
  for (const char* bytes : {"1", "7", "100", "1000"}) {
    auto source = OpenSource({{"path", "a.csv"}, {"source.split-bytes", bytes}}, columns);
    ASSERT_TRUE(source.ok());
    for (const bool backwards : {false, true}) {
      auto run = Read(**source, "", {}, backwards);
      ASSERT_TRUE(run.ok()) << run.error().ToString();
      ASSERT_EQ(run->rows, expected.rows) << bytes;
      ASSERT_EQ(run->rejected, expected.rejected) << bytes;
      ASSERT_EQ(run->end, expected.end) << bytes;
      ASSERT_GT(run->splits, 1u);
    }
  }
}

// Many threads take splits of a file whose quotes hold line ends; some readers are left half read.
TEST_F(FileSourceTest, ThreadsShareTheSplitsOfAFile) {
  std::string text = "id,s\n";
  int64_t expected = 0;
  for (int i = 0; i < 20000; ++i) {
    text += std::to_string(i) + ",\"a\n1,\"\"" + std::to_string(i) + "\"\n";
    expected += i;
  }
  WriteText("a.csv", text);
  auto source = OpenSource({{"path", "a.csv"}, {"source.split-bytes", "997"}},
                           Columns({{"id", LogicalType::BIGINT}, {"s", LogicalType::VARCHAR}}));
  ASSERT_TRUE(source.ok());
  auto planned = (*source)->Plan({});
  ASSERT_TRUE(planned.ok());
  columnar::SourceScan& scan = **planned;
  Rejected rejected;
  {  // a reader that stops early, and one that is never asked
    auto abandoned = scan.Open(100, {0}, &rejected);
    auto idle = scan.Open(50, {0}, &rejected);
    duckdb::DataChunk chunk;
    chunk.Initialize(duckdb::Allocator::DefaultAllocator(), {LogicalType::BIGINT});
    ASSERT_GT((*abandoned)->Next(chunk).value(), 0u);
  }
  std::atomic<size_t> next{0};
  std::atomic<int64_t> sum{0};
  std::atomic<int64_t> rows{0};
  {
    std::vector<std::unique_ptr<Thread>> threads;
    for (int t = 0; t < 4; ++t) {
      threads.push_back(RealEnv().StartThread("reader", [&] {
        duckdb::DataChunk chunk;
        chunk.Initialize(duckdb::Allocator::DefaultAllocator(), {LogicalType::BIGINT});
        for (size_t split = next++; split < scan.splits().size(); split = next++) {
          auto reader = scan.Open(split, {0}, &rejected);
          while (true) {
            const size_t n = (*reader)->Next(chunk).value();
            if (n == 0) break;
            const auto* ids = duckdb::FlatVector::GetData<int64_t>(chunk.data[0]);
            for (size_t i = 0; i < n; ++i) sum += ids[i];
            rows += static_cast<int64_t>(n);
          }
        }
      }));
    }
  }
  EXPECT_EQ(rows, 20000);
  EXPECT_EQ(sum, expected);
  EXPECT_TRUE(rejected.rows.empty());
  const FileProgress progress = ParsePosition(scan.end_position()).value().at("a.csv");
  EXPECT_EQ(progress.read, text.size());
  EXPECT_EQ(progress.records, 20000u);
}

TEST_F(FileSourceTest, HivePartitionsAndHiddenFiles) {
  WriteText("data/month=3/a.csv", "id\n1\n");
  WriteText("data/month=__HIVE_DEFAULT_PARTITION__/a.csv", "id\n2\n");
  WriteText("data/month=3/_SUCCESS", "");
  WriteText("data/month=3/.a.csv.tmp", "id\n7\n");
  auto source = OpenSource({{"path", "data"}, {"format", "csv"}});
  ASSERT_TRUE(source.ok()) << source.error().ToString();
  EXPECT_EQ((*source)->schema().ToString(), "id BIGINT, month BIGINT");
  EXPECT_EQ(MustRead(**source).rows, "1|3\n2|NULL\n");
}

TEST_F(FileSourceTest, SchemaEvolution) {
  WriteText("1.csv", "id\n1\nx\n");
  WriteText("2.csv", "coupon,id\nten,2\n");
  const Schema columns = Columns({{"id", LogicalType::INTEGER}});
  auto added = OpenSource({{"path", "*.csv"}, {"schema.evolution", "addNewColumns"}}, columns);
  ASSERT_TRUE(added.ok()) << added.error().ToString();
  ReadRun run = MustRead(**added);
  EXPECT_EQ(run.rows, "1|NULL\n2|ten\n");
  EXPECT_EQ(run.changes.schema_changes,
            std::vector<std::string>{"2.csv: new column 'coupon' VARCHAR (addNewColumns)"});
  auto rescued = OpenSource({{"path", "*.csv"}, {"schema.evolution", "rescue"}}, columns);
  ASSERT_TRUE(rescued.ok());
  run = MustRead(**rescued);
  EXPECT_EQ(run.rows, "1|NULL\nNULL|{\"id\":\"x\"}\n2|{\"coupon\":\"ten\"}\n");
  EXPECT_EQ(run.rejected, "");
  auto fails = OpenSource({{"path", "*.csv"}, {"schema.evolution", "failOnNewColumns"}}, columns);
  ASSERT_TRUE(fails.ok());
  auto plan = (*fails)->Plan({});
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().message(), "2.csv has a new column 'coupon' (failOnNewColumns)");
}

TEST_F(FileSourceTest, OptionErrorsSayWhatToDo) {
  const auto fix = [&](Options options) {
    auto source = OpenSource(std::move(options));
    return source.ok() ? "ok" : source.error().message() + " / " + source.error().fix();
  };
  EXPECT_EQ(fix({{"path", "a.csv"}, {"csv.field-delimeter", ";"}}),
            "the filesystem connector has no option 'csv.field-delimeter' / did you mean "
            "'csv.field-delimiter'?");
  EXPECT_EQ(fix({{"path", "a.csv"}, {"format", "cvs"}}),
            "option 'format' = 'cvs' is not understood / did you mean 'csv'?");
  EXPECT_EQ(fix({{"path", "a.dat"}}),
            "the format of 'a.dat' can't be told from its name / add 'format' = 'csv', 'json', "
            "'text' or 'parquet'");
  EXPECT_EQ(fix({{"path", "a.json"}, {"csv.header", "true"}}),
            "option 'csv.header' does not go with this source's format / remove it, or change "
            "'format'");
  WriteText("other.csv", "x\n");
  EXPECT_EQ(fix({{"path", "a.csv"}}),
            "no file matches 'path' = 'a.csv' / " + folder() + " holds other.csv");
}

TEST_F(FileSourceTest, TextLines) {
  WriteText("a.log", "one,\"x\r\n\n  three");
  auto source = OpenSource({{"path", "a.log"}});
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(MustRead(**source).rows, "one,\"x\n\n  three\n");
}

TEST_F(FileSourceTest, CsvWithoutHeaderCommentsSkippedLinesNulls) {
  WriteText("a.csv", "written by \"x\n# \"comment\n1;NA\n#\n2;-\n3;n\n");
  auto source = OpenSource({{"path", "a.csv"},
                            {"csv.header", "false"},
                            {"csv.skip-lines", "1"},
                            {"csv.field-delimiter", ";"},
                            {"csv.allow-comments", "true"},
                            {"csv.null-literal", "NA,-"}},
                           Columns({{"a", LogicalType::INTEGER}, {"b", LogicalType::VARCHAR}}));
  ASSERT_TRUE(source.ok()) << source.error().ToString();
  EXPECT_EQ(MustRead(**source).rows, "1|NULL\n2|NULL\n3|n\n");
}

TEST_F(FileSourceTest, MissingColumns) {
  WriteText("a.csv", "id\n1\n");
  const Schema columns = Columns({{"id", LogicalType::INTEGER}, {"x", LogicalType::DATE}});
  auto source = OpenSource({{"path", "a.csv"}}, columns);
  ASSERT_TRUE(source.ok());
  const ReadRun run = MustRead(**source);
  EXPECT_EQ(run.rows, "1|NULL\n");
  EXPECT_EQ(run.changes.schema_changes,
            std::vector<std::string>{"a.csv: no column 'x', it is NULL"});
  auto strict = OpenSource({{"path", "a.csv"}, {"source.missing-columns", "error"}}, columns);
  ASSERT_TRUE(strict.ok());
  EXPECT_EQ((*strict)->Plan({}).error().message(), "a.csv has no column 'x'; it has id");
}

TEST_F(FileSourceTest, JsonLinesAndArrays) {
  WriteText("1.json", "{\"id\":1,\"t\":[1,2]}\nbroken\n{\"id\":\"x\"}\n");
  WriteText("2.json", "[{\"id\":3},\n{\"id\":4,\"new\":{\"a\":1}}]");
  auto source = OpenSource({{"path", "*.json"}});
  ASSERT_TRUE(source.ok()) << source.error().ToString();
  EXPECT_EQ((*source)->schema().ToString(), "id VARCHAR, t BIGINT[], new STRUCT(a BIGINT)");
  auto declared = OpenSource({{"path", "*.json"}, {"schema.evolution", "rescue"}},
                             Columns({{"id", LogicalType::INTEGER}}));
  ASSERT_TRUE(declared.ok());
  ReadRun run = MustRead(**declared);
  EXPECT_EQ(run.rows, "1|{\"t\":[1,2]}\nNULL|{\"id\":\"x\"}\n3|NULL\n4|{\"new\":{\"a\":1}}\n");
  EXPECT_EQ(run.rejected, "1.json+19+6 : not JSON: wrong syntax <broken>\n");
  // Lines can be appended; an array that changes is another file.
  WriteText("1.json", "{\"id\":1,\"t\":[1,2]}\nbroken\n{\"id\":\"x\"}\n{\"id\":9}\n");
  run = MustRead(**declared, run.end);
  EXPECT_EQ(run.rows, "9|NULL\n");
  WriteText("2.json", "[{\"id\":3},\n{\"id\":4,\"new\":{\"a\":1}}] ");
  auto refused = (*declared)->Plan({run.end, false});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message(), "2.json is a JSON array and has changed since it was read");
}

// Members and frames made by zlib and libzstd.
std::string Gzip(const std::string& text) {
  std::string out(text.size() + 200, '\0');
  z_stream stream = {};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

TEST_F(FileSourceTest, CompressedFilesGrowByWholeMembers) {
  std::string text = "id,s\n";
  std::string rows;
  for (int i = 0; i < 200000; ++i) {
    text += std::to_string(i) + ",\"row\n" + std::to_string(i * 7919) + "\"\n";
  }
  const std::pair<const char*, std::string (*)(const std::string&)> kinds[] = {
      {"a.csv.gz", &Gzip}, {"a.csv.zst", &Zstd}};
  for (const auto& [name, compress] : kinds) {
    WriteText(name, compress(text) + compress("x,bad\n200000,last"));
    auto source = OpenSource({{"path", name}}, Columns({{"id", LogicalType::INTEGER}}));
    ASSERT_TRUE(source.ok()) << source.error().ToString();
    ReadRun run = MustRead(**source);
    EXPECT_EQ(std::count(run.rows.begin(), run.rows.end(), '\n'), 200001) << name;
    EXPECT_TRUE(run.rows.ends_with("199999\n200000\n"));
    EXPECT_EQ(run.rejected, name + ("+" + std::to_string(text.size())) +
                                "+5 id: cannot cast 'x' to INTEGER <x,bad>\n");
    EXPECT_EQ(MustRead(**source, run.end).rows, "");
    // A member more; its first byte ends the line that had no line end.
    const std::string whole = RealEnv().ReadFile(Path(name)).value();
    WriteText(name, whole + compress("\n200001,more\nx,y\n"));
    const ReadRun tail = MustRead(**source, run.end);
    EXPECT_EQ(tail.rows, "200001\n");
    EXPECT_EQ(tail.changes.grown_files, 1);
    EXPECT_EQ(tail.rejected, name + ("+" + std::to_string(text.size() + 30)) +
                                 "+3 id: cannot cast 'x' to INTEGER <x,y>\n");
    // Cut off: an error that says where, not fewer rows.
    WriteText(name, whole.substr(0, whole.size() / 2));
    auto cut = Read(**source);
    ASSERT_FALSE(cut.ok());
    EXPECT_EQ(cut.error().code(), ErrorCode::kCorrupt);
    EXPECT_NE(cut.error().message().find(std::string(name) + ": the compressed data ends early at "
                                                             "byte"),
              std::string::npos)
        << cut.error().message();
    WriteText(name, "no compressed data");
    EXPECT_FALSE(Read(**source).ok());
  }
}

// A line of a size that no buffer should have: bounded memory, and the row's place in the report.
TEST_F(FileSourceTest, HugeLinesAreReportedNotHeld) {
  WriteText("a.csv", "id\n1\n" + std::string(3 << 20, 'x') + "\n2\n\"" + std::string(3 << 20, 'y') +
                         "\n3\n");
  auto source = OpenSource({{"path", "a.csv"}, {"max-record-bytes", "64KiB"}},
                           Columns({{"id", LogicalType::INTEGER}}));
  ASSERT_TRUE(source.ok());
  const ReadRun run = MustRead(**source);
  EXPECT_EQ(run.rows, "1\n2\n3\n");
  EXPECT_EQ(run.rejected,
            "a.csv+5+3145728 : the line has 3145728 bytes, 'max-record-bytes' is 65536 <" +
                std::string(100, 'x') +
                ">\na.csv+3145736+3145729 : the line has 3145729 bytes, 'max-record-bytes' is "
                "65536 <\"" +
                std::string(99, 'y') + ">\n");
}

TEST_F(FileSourceTest, PatternsWithBraces) {
  for (const char* name : {"a1.csv", "a2.csv", "b1.csv", "c/d/a1.csv"}) WriteText(name, "id\n1\n");
  const auto count = [&](const std::string& pattern) {
    auto source =
        OpenSource({{"path", pattern}, {"format", "csv"}}, Columns({{"id", LogicalType::INTEGER}}));
    auto scan = (*source)->Plan({});
    return scan.ok() ? (*scan)->files().size() : 0;
  };
  EXPECT_EQ(count("{a,b}1.csv"), 2u);
  EXPECT_EQ(count("a[12].csv"), 2u);
  EXPECT_EQ(count("**/a?.csv"), 3u);
  EXPECT_EQ(count("."), 4u);
  EXPECT_EQ(count("x*.csv"), 0u);
}

TEST_F(FileSourceTest, ParquetFiles) {
  Ask("COPY (SELECT 1 AS a, 'x' AS b) TO " + Quoted("p.parquet") + " (FORMAT parquet)");
  auto source = OpenSource({{"path", "*.parquet"}});
  ASSERT_TRUE(source.ok()) << source.error().ToString();
  EXPECT_EQ((*source)->schema().ToString(), "a INTEGER, b VARCHAR");
  auto scan = (*source)->Plan({});
  ASSERT_TRUE(scan.ok());
  ASSERT_NE((*scan)->parquet_files(), nullptr);
  EXPECT_EQ((*scan)->parquet_files()->size(), 1u);
  auto again = (*source)->Plan({(*scan)->end_position(), false});
  ASSERT_TRUE(again.ok());
  EXPECT_EQ((*again)->parquet_files()->size(), 0u);
  const std::string bytes = RealEnv().ReadFile(Path("p.parquet")).value();
  WriteText("cut.parquet", bytes.substr(0, bytes.size() - 20));
  auto broken = (*source)->Plan({});
  ASSERT_FALSE(broken.ok());
  EXPECT_NE(broken.error().message().find("cut.parquet is not a whole Parquet file"),
            std::string::npos);
}

}  // namespace
}  // namespace weir::connect
