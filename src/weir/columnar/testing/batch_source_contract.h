// BatchSourceContract: what every BatchSource promises, as a test suite on simulated files. A layer
// includes it in ONE test file and instantiates it for each of its sources and formats:
//
//   INSTANTIATE_TEST_SUITE_P(Files, BatchSourceContract, ::testing::Values(SourceCase{...}),
//                            SourceCaseName);
//
// Sources of the suite have the columns id BIGINT, name VARCHAR.
//
// Thread rule: gtest's; one test reads splits in parallel.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "duckdb/common/types/data_chunk.hpp"
#include "weir/columnar/ports.h"
#include "weir/columnar/testing/simulated_engine.h"

namespace weir::columnar::testing {

// The data of one source, and sources over it. Row `id` has the name "n<id>".
class SourceHarness {
 public:
  virtual ~SourceHarness() = default;
  // A new source object over the data as it lies there now.
  virtual Result<std::shared_ptr<BatchSource>> Open() = 0;
  // Writes a file (or whatever the source reads) with the rows first .. first + count - 1; an
  // existing one of that name is replaced. Names sort in the order of source.
  virtual Status WriteFile(const std::string& name, int64_t first, int64_t count) = 0;
  // Adds rows at the end of a file.
  virtual Status GrowFile(const std::string& name, int64_t first, int64_t count) = 0;
  // Writes a file with the rows first and first + 1, and between them one whose id is no number.
  // Returns the raw bytes of that row.
  virtual Result<std::string> WriteBrokenFile(const std::string& name, int64_t first) = 0;
  virtual Status RemoveFile(const std::string& name) = 0;
  // The raw bytes of a row as they stand in the source.
  virtual std::string RawOf(int64_t id) = 0;
};

struct SourceCase {
  std::string name;
  std::function<std::unique_ptr<SourceHarness>(Engine&, const std::string& folder)> make;
  bool grows = true;      // a file that grew is read on from where it ended
  bool breaks = true;     // rows can fail to parse
  bool has_raw = true;    // ReadRaw gives the bytes of a row
  bool has_files = true;  // files can be rewritten and deleted
  bool on_env = true;     // it reads through the simulated Env, whose faults reach it
};

inline void PrintTo(const SourceCase& test_case, std::ostream* out) { *out << test_case.name; }
inline std::string SourceCaseName(const ::testing::TestParamInfo<SourceCase>& info) {
  return info.param.name;
}

class BatchSourceContract : public ::testing::TestWithParam<SourceCase> {
 protected:
  struct Row {
    int64_t id = 0;
    std::string name;
    Origin origin;
  };
  class Unparsed : public UnparsedRows {
   public:
    bool Add(UnparsedRow row) override {
      std::lock_guard<std::mutex> lock(mutex_);
      rows.push_back(std::move(row));
      return true;
    }
    std::vector<UnparsedRow> rows;

   private:
    std::mutex mutex_;
  };

  BatchSourceContract() : world_(1) {
    EXPECT_TRUE(world_.env().CreateDirsSynced(kFolder).ok());
    harness_ = GetParam().make(world_.engine(), kFolder);
  }

  SourceHarness& data() { return *harness_; }
  SimEnv& env() { return world_.env(); }

  Result<std::unique_ptr<SourceScan>> Plan(const Position& from = "",
                                           bool ignore_rewritten = false) {
    WEIR_ASSIGN_OR_RETURN(auto source, harness_->Open());
    sources_.push_back(source);  // a scan may need its source
    ScanRequest request;
    request.from = from;
    request.ignore_rewritten = ignore_rewritten;
    return source->Plan(request);
  }

  // Columns id and name, and the origin where the scan has splits.
  Status ReadSplit(SourceScan& scan, size_t split, std::vector<Row>& rows, Unparsed& unparsed) {
    WEIR_ASSIGN_OR_RETURN(
        auto reader,
        scan.Open(split, {0, 1, kOriginColumnBase, kOriginColumnBase + 1, kOriginColumnBase + 2},
                  &unparsed));
    duckdb::DataChunk chunk;
    chunk.Initialize(world_.context(), {duckdb::LogicalType::BIGINT, duckdb::LogicalType::VARCHAR,
                                        duckdb::LogicalType::INTEGER, duckdb::LogicalType::BIGINT,
                                        duckdb::LogicalType::INTEGER});
    uint64_t bytes_before = 0;
    while (true) {
      chunk.Reset();
      WEIR_ASSIGN_OR_RETURN(const size_t count, reader->Next(chunk));
      EXPECT_EQ(count, chunk.size());
      EXPECT_LE(count, static_cast<size_t>(STANDARD_VECTOR_SIZE));
      EXPECT_GE(reader->bytes_read(), bytes_before);
      bytes_before = reader->bytes_read();
      if (count == 0) return Status::Ok();
      for (size_t i = 0; i < count; ++i) {
        Row row;
        row.id = chunk.GetValue(0, i).GetValue<int64_t>();
        row.name = chunk.GetValue(1, i).ToString();
        row.origin.file = chunk.GetValue(2, i).GetValue<int32_t>();
        row.origin.offset = chunk.GetValue(3, i).GetValue<int64_t>();
        row.origin.length = chunk.GetValue(4, i).GetValue<int32_t>();
        rows.push_back(std::move(row));
      }
    }
  }

  Result<std::vector<Row>> ReadAll(SourceScan& scan, Unparsed& unparsed, bool backwards = false) {
    std::vector<Row> rows;
    if (const auto* files = scan.parquet_files()) {
      const Schema schema{
          {{"id", duckdb::LogicalType::BIGINT}, {"name", duckdb::LogicalType::VARCHAR}}};
      WEIR_ASSIGN_OR_RETURN(const auto texts, world_.Rows(*files, schema));
      for (const std::string& text : texts) {
        const size_t bar = text.find('|');
        rows.push_back({std::stoll(text.substr(0, bar)), text.substr(bar + 1), {}});
      }
      return rows;
    }
    const size_t count = scan.splits().size();
    for (size_t i = 0; i < count; ++i) {
      WEIR_RETURN_IF_ERROR(ReadSplit(scan, backwards ? count - 1 - i : i, rows, unparsed));
    }
    return rows;
  }

  // Ids and their number, "0-9" or "0-2,5"; says so if a name does not belong to its id.
  static std::string Ids(const std::vector<Row>& rows) {
    std::vector<int64_t> ids;
    for (const Row& row : rows) {
      if (row.name != "n" + std::to_string(row.id)) return "wrong name: " + row.name;
      ids.push_back(row.id);
    }
    std::sort(ids.begin(), ids.end());
    std::string text;
    for (size_t i = 0; i < ids.size();) {
      size_t end = i + 1;
      while (end < ids.size() && ids[end] == ids[end - 1] + 1) ++end;
      if (!text.empty()) text += ",";
      text += std::to_string(ids[i]);
      if (end - i > 1) text += "-" + std::to_string(ids[end - 1]);
      i = end;
    }
    return text;
  }
  std::string IdsOf(SourceScan& scan) {
    Unparsed unparsed;
    auto rows = ReadAll(scan, unparsed);
    if (!rows.ok()) return rows.error().ToString();
    if (!unparsed.rows.empty()) return "did not parse: " + unparsed.rows[0].reason;
    return Ids(*rows);
  }
  // Plans, reads, and moves the position on; the ids that were read.
  std::string ReadOn(Position& position) {
    auto scan = Plan(position);
    if (!scan.ok()) return scan.error().ToString();
    std::string ids = IdsOf(**scan);
    position = (*scan)->end_position();
    return ids;
  }

  void Write(const std::string& name, int64_t first, int64_t count) {
    const Status written = data().WriteFile(name, first, count);
    ASSERT_TRUE(written.ok()) << written.error().ToString();
  }

  static constexpr const char* kFolder = "/data";

  SimulatedEngine world_;

 private:
  std::unique_ptr<SourceHarness> harness_;
  std::vector<std::shared_ptr<BatchSource>> sources_;
};

TEST_P(BatchSourceContract, EveryRowOnceInAnyOrderOfSplits) {
  Write("a", 0, 5000);
  Write("b", 5000, 1);
  Write("c", 5001, 3000);
  auto scan = Plan();
  ASSERT_TRUE(scan.ok()) << scan.error().ToString();
  EXPECT_EQ((*scan)->changes().new_files, GetParam().has_files ? 3 : 0);
  Unparsed unparsed;
  auto forwards = ReadAll(**scan, unparsed);
  ASSERT_TRUE(forwards.ok()) << forwards.error().ToString();
  EXPECT_EQ(Ids(*forwards), "0-8000");
  auto again = Plan();
  ASSERT_TRUE(again.ok());
  auto backwards = ReadAll(**again, unparsed, true);
  ASSERT_TRUE(backwards.ok()) << backwards.error().ToString();
  EXPECT_EQ(Ids(*backwards), "0-8000");
  EXPECT_TRUE(unparsed.rows.empty());
}

TEST_P(BatchSourceContract, SplitsAreReadInParallel) {
  for (int i = 0; i < 8; ++i) Write("f" + std::to_string(i), i * 3000, 3000);
  auto scan = Plan();
  ASSERT_TRUE(scan.ok()) << scan.error().ToString();
  if ((*scan)->parquet_files() != nullptr) GTEST_SKIP() << "read by DuckDB itself";
  std::mutex mutex;
  std::vector<Row> all;
  Unparsed unparsed;
  {
    std::vector<std::unique_ptr<Thread>> threads;
    for (size_t t = 0; t < 2; ++t) {
      threads.push_back(RealEnv().StartThread("reader", [&, t] {
        std::vector<Row> rows;
        for (size_t split = t; split < (*scan)->splits().size(); split += 2) {
          const Status read = ReadSplit(**scan, split, rows, unparsed);
          EXPECT_TRUE(read.ok());
        }
        std::lock_guard<std::mutex> lock(mutex);
        all.insert(all.end(), rows.begin(), rows.end());
      }));
    }
  }
  EXPECT_EQ(Ids(all), "0-23999");
}

TEST_P(BatchSourceContract, FromTheEndThereIsNothing) {
  Write("a", 0, 10);
  Position position;
  EXPECT_EQ(ReadOn(position), "0-9");
  auto scan = Plan(position);
  ASSERT_TRUE(scan.ok()) << scan.error().ToString();
  EXPECT_FALSE((*scan)->changes().Any());
  EXPECT_EQ(IdsOf(**scan), "");
  EXPECT_EQ((*scan)->end_position(), position);
}

TEST_P(BatchSourceContract, NewFilesAreTheTail) {
  Write("a", 0, 10);
  Position position;
  EXPECT_EQ(ReadOn(position), "0-9");
  Write("c", 20, 5);
  EXPECT_EQ(ReadOn(position), "20-24");
  Write("b", 10, 3);  // also before others in order
  auto scan = Plan(position);
  ASSERT_TRUE(scan.ok()) << scan.error().ToString();
  if (GetParam().has_files) {
    EXPECT_EQ((*scan)->changes().new_files, 1);
    EXPECT_EQ((*scan)->changes().unchanged_files, 2);
  }
  EXPECT_EQ(IdsOf(**scan), "10-12");
}

TEST_P(BatchSourceContract, ARunThatWasPlannedReadsWhatWasThereThen) {
  Write("a", 0, 10);
  auto scan = Plan();
  ASSERT_TRUE(scan.ok()) << scan.error().ToString();
  Write("b", 10, 10);
  EXPECT_EQ(IdsOf(**scan), "0-9");
  Position position = (*scan)->end_position();
  EXPECT_EQ(ReadOn(position), "10-19");
}

TEST_P(BatchSourceContract, GrownFilesAreReadOn) {
  if (!GetParam().grows) GTEST_SKIP() << "its files do not grow";
  Write("a", 0, 10);
  Write("b", 100, 10);
  Position position;
  EXPECT_EQ(ReadOn(position), "0-9,100-109");
  for (int64_t step = 0; step < 3; ++step) {
    ASSERT_TRUE(data().GrowFile("a", 10 + step * 5, 5).ok());
    auto scan = Plan(position);
    ASSERT_TRUE(scan.ok()) << scan.error().ToString();
    const SourceChanges& changes = (*scan)->changes();
    EXPECT_EQ(changes.grown_files + changes.grown_partitions, 1);
    EXPECT_EQ(IdsOf(**scan), std::to_string(10 + step * 5) + "-" + std::to_string(14 + step * 5));
    position = (*scan)->end_position();
  }
  EXPECT_EQ(ReadOn(position), "");
}

TEST_P(BatchSourceContract, RewrittenFilesAreNamed) {
  if (!GetParam().has_files) GTEST_SKIP() << "it has no files";
  Write("a", 0, 10);
  Write("b", 10, 10);
  Position position;
  EXPECT_EQ(ReadOn(position), "0-19");
  Write("a", 500, 10);
  auto scan = Plan(position);
  if (scan.ok()) {
    ASSERT_EQ((*scan)->changes().rewritten_files.size(), 1u);
    EXPECT_NE((*scan)->changes().rewritten_files[0].find("a"), std::string::npos);
  } else {
    EXPECT_EQ(scan.error().actor(), Actor::kUser) << scan.error().ToString();
  }
  auto again = Plan(position, true);
  ASSERT_TRUE(again.ok()) << again.error().ToString();
  EXPECT_EQ(IdsOf(**again), "500-509");
  position = (*again)->end_position();
  EXPECT_EQ(ReadOn(position), "");
}

TEST_P(BatchSourceContract, DeletedFilesAreNamedAndHarmless) {
  if (!GetParam().has_files) GTEST_SKIP() << "it has no files";
  Write("a", 0, 10);
  Write("b", 10, 10);
  Position position;
  EXPECT_EQ(ReadOn(position), "0-19");
  ASSERT_TRUE(data().RemoveFile("a").ok());
  Write("c", 20, 3);
  auto scan = Plan(position);
  ASSERT_TRUE(scan.ok()) << scan.error().ToString();
  ASSERT_EQ((*scan)->changes().deleted_files.size(), 1u);
  EXPECT_NE((*scan)->changes().deleted_files[0].find("a"), std::string::npos);
  EXPECT_EQ(IdsOf(**scan), "20-22");
}

TEST_P(BatchSourceContract, OriginsPointAtTheRow) {
  if (!GetParam().has_raw) GTEST_SKIP() << "its rows have no bytes of their own";
  Write("a", 0, 3000);
  Write("b", 3000, 5);
  auto scan = Plan();
  ASSERT_TRUE(scan.ok()) << scan.error().ToString();
  Unparsed unparsed;
  auto rows = ReadAll(**scan, unparsed);
  ASSERT_TRUE(rows.ok()) << rows.error().ToString();
  std::map<std::pair<int32_t, int64_t>, int64_t> in_order;
  for (const Row& row : *rows) {
    ASSERT_GE(row.origin.file, 0);
    ASSERT_LT(static_cast<size_t>(row.origin.file), (*scan)->files().size());
    EXPECT_TRUE(in_order.emplace(std::pair(row.origin.file, row.origin.offset), row.id).second)
        << "two rows at one place";
    if (row.id % 500 != 0) continue;
    const std::string raw = data().RawOf(row.id);
    auto read = (*scan)->ReadRaw(row.origin, 1 << 20);
    ASSERT_TRUE(read.ok()) << read.error().ToString();
    EXPECT_EQ(*read, raw);
    EXPECT_EQ(row.origin.length, static_cast<int32_t>(raw.size()));
    auto cut = (*scan)->ReadRaw(row.origin, 2);
    ASSERT_TRUE(cut.ok());
    EXPECT_EQ(*cut, raw.substr(0, 2));
  }
  int64_t expected = 0;  // (file, offset) grows in source order
  for (const auto& [place, id] : in_order) EXPECT_EQ(id, expected++);
}

TEST_P(BatchSourceContract, ColumnsComeAsAskedFor) {
  Write("a", 0, 100);
  auto scan = Plan();
  ASSERT_TRUE(scan.ok()) << scan.error().ToString();
  if ((*scan)->parquet_files() != nullptr) GTEST_SKIP() << "read by DuckDB itself";
  Unparsed unparsed;
  for (const std::vector<uint64_t>& columns :
       {std::vector<uint64_t>{1}, {1, 0}, {kOriginColumnBase + 1}, {}}) {
    auto reader = (*scan)->Open(0, columns, &unparsed);
    ASSERT_TRUE(reader.ok()) << reader.error().ToString();
    duckdb::vector<duckdb::LogicalType> types;
    for (const uint64_t column : columns) {
      types.push_back(column == 1 ? duckdb::LogicalType::VARCHAR : duckdb::LogicalType::BIGINT);
    }
    duckdb::DataChunk chunk;
    if (types.empty()) {
      chunk.InitializeEmpty(types);
    } else {
      chunk.Initialize(world_.context(), types);
    }
    auto count = (*reader)->Next(chunk);
    ASSERT_TRUE(count.ok()) << count.error().ToString();
    EXPECT_EQ(*count, 100u);
    if (columns.size() == 2) {
      EXPECT_EQ(chunk.GetValue(0, 7).ToString(), "n7");
      EXPECT_EQ(chunk.GetValue(1, 7).ToString(), "7");
    }
  }
}

TEST_P(BatchSourceContract, RowsThatDoNotParseAreReportedOnce) {
  if (!GetParam().breaks) GTEST_SKIP() << "its rows always parse";
  Write("a", 0, 3000);
  auto raw = data().WriteBrokenFile("b", 3000);
  ASSERT_TRUE(raw.ok()) << raw.error().ToString();
  Write("c", 3002, 10);
  auto scan = Plan();
  ASSERT_TRUE(scan.ok()) << scan.error().ToString();
  Unparsed unparsed;
  auto rows = ReadAll(**scan, unparsed);
  ASSERT_TRUE(rows.ok()) << rows.error().ToString();
  EXPECT_EQ(Ids(*rows), "0-3011");
  ASSERT_EQ(unparsed.rows.size(), 1u);
  EXPECT_FALSE(unparsed.rows[0].reason.empty());
  EXPECT_EQ(unparsed.rows[0].column, "id");
  if (GetParam().has_raw) {
    auto read = (*scan)->ReadRaw(unparsed.rows[0].origin, 1 << 20);
    ASSERT_TRUE(read.ok()) << read.error().ToString();
    EXPECT_EQ(*read, *raw);
  }
  // It is behind us, as the others are.
  Position position = (*scan)->end_position();
  EXPECT_EQ(ReadOn(position), "");
}

TEST_P(BatchSourceContract, FailingReadsAreErrors) {
  if (!GetParam().on_env) GTEST_SKIP() << "its failures have tests of their own";
  Write("a", 0, 3000);
  auto scan = Plan();
  ASSERT_TRUE(scan.ok()) << scan.error().ToString();
  env().SetIoErrorProbability(1);
  Unparsed unparsed;
  auto rows = ReadAll(**scan, unparsed);
  ASSERT_FALSE(rows.ok());
  EXPECT_EQ(rows.error().code(), ErrorCode::kIo) << rows.error().ToString();
  EXPECT_FALSE(Plan().ok());
}

}  // namespace weir::columnar::testing
