#include "weir/columnar/parquet_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/columnar/engine.h"
#include "weir/columnar/testing/engine_fixture.h"

namespace weir::columnar {
namespace {

using testing::EngineFixture;
using ::testing::HasSubstr;
using ::testing::Optional;

class ParquetWriterTest : public EngineFixture {
 protected:
  // Writes the rows of a query through a ParquetWriter and returns the file's facts.
  Result<ParquetFileStats> WriteQuery(const std::string& path, const std::string& sql,
                                      const ParquetOptions& options = {}, int locals = 1) {
    WEIR_ASSIGN_OR_RETURN(auto rows, engine().Query(connection(), sql));
    Schema schema;
    for (size_t i = 0; i < rows->types.size(); ++i) {
      schema.fields.push_back({rows->names[i], rows->types[i]});
    }
    WEIR_ASSIGN_OR_RETURN(auto writer, ParquetWriter::Create(context(), path, schema, options));
    std::vector<std::unique_ptr<ParquetWriter::Local>> writers;
    for (int i = 0; i < locals; ++i) {
      WEIR_ASSIGN_OR_RETURN(auto local, writer->NewLocal(context()));
      writers.push_back(std::move(local));
    }
    size_t turn = 0;
    while (auto chunk = rows->Fetch()) {
      if (chunk->size() == 0) break;
      WEIR_RETURN_IF_ERROR(writers[turn++ % writers.size()]->Write(context(), *chunk));
    }
    for (auto& local : writers) WEIR_RETURN_IF_ERROR(local->Finish(context()));
    return writer->Close(context());
  }
};

TEST_F(ParquetWriterTest, WritesRowsAndSaysWhatIsInThem) {
  auto stats = WriteQuery(Path("t.parquet"),
                          "SELECT range::INTEGER AS i, CASE WHEN range % 10 = 0 THEN NULL ELSE "
                          "'v' || (range % 100) END AS s, DATE '2020-01-01' + range::INTEGER AS d, "
                          "(range / 4)::DECIMAL(9,2) AS n, range % 2 = 0 AS b "
                          "FROM range(5000)");
  ASSERT_TRUE(stats.ok()) << stats.error().ToString();
  EXPECT_EQ(stats->rows, 5000);
  EXPECT_EQ(stats->bytes, static_cast<int64_t>(RealEnv().Stat(Path("t.parquet"))->size));
  ASSERT_EQ(stats->columns.size(), 5u);
  EXPECT_THAT(stats->Find({"i"})->min, Optional(std::string("0")));
  EXPECT_THAT(stats->Find({"i"})->max, Optional(std::string("4999")));
  EXPECT_EQ(stats->Find({"i"})->nulls, 0);
  EXPECT_GT(stats->Find({"i"})->bytes, 0);
  EXPECT_THAT(stats->Find({"s"})->min, Optional(std::string("v1")));
  EXPECT_THAT(stats->Find({"s"})->max, Optional(std::string("v99")));
  EXPECT_EQ(stats->Find({"s"})->nulls, 500);
  EXPECT_THAT(stats->Find({"d"})->max, Optional(std::string("2033-09-08")));
  EXPECT_THAT(stats->Find({"n"})->max, Optional(std::string("1249.75")));
  EXPECT_EQ(stats->Find({"none"}), nullptr);
  EXPECT_EQ(Ask("SELECT count(*), sum(i), count(s), sum(n) FROM " + Quoted("t.parquet")),
            "5000|12497500|4500|3124375.00");
}

TEST_F(ParquetWriterTest, RowGroupsEndByRowsAndByBytes) {
  ASSERT_TRUE(WriteQuery(Path("rows.parquet"), "SELECT range AS i FROM range(10000)",
                         {.row_group_rows = 4096})
                  .ok());
  EXPECT_EQ(Ask("SELECT row_group_num_rows FROM parquet_metadata(" + Quoted("rows.parquet") +
                ") ORDER BY row_group_id"),
            "4096\n4096\n1808");
  ASSERT_TRUE(WriteQuery(Path("bytes.parquet"),
                         "SELECT repeat(range::VARCHAR, 200) AS s FROM range(10000)",
                         {.row_group_bytes = 1 << 20})
                  .ok());
  const int groups =
      std::stoi(Ask("SELECT count(*) FROM parquet_metadata(" + Quoted("bytes.parquet") + ")"));
  EXPECT_GE(groups, 3);
  EXPECT_LE(groups, 5);
}

TEST_F(ParquetWriterTest, FewRowsOfManyLocalsShareARowGroup) {
  auto stats = WriteQuery(Path("t.parquet"), "SELECT range AS i FROM range(20000)", {}, 10);
  ASSERT_TRUE(stats.ok()) << stats.error().ToString();
  EXPECT_EQ(stats->rows, 20000);
  EXPECT_EQ(Ask("SELECT count(*) FROM parquet_metadata(" + Quoted("t.parquet") + ")"), "1");
  EXPECT_EQ(Ask("SELECT count(DISTINCT i), sum(i) FROM " + Quoted("t.parquet")), "20000|199990000");
}

TEST_F(ParquetWriterTest, ThreadsWriteOneFile) {
  const Schema schema{{{"i", duckdb::LogicalType::BIGINT}, {"s", duckdb::LogicalType::VARCHAR}}};
  auto writer =
      ParquetWriter::Create(context(), Path("t.parquet"), schema, {.row_group_rows = 8192});
  ASSERT_TRUE(writer.ok()) << writer.error().ToString();
  {
    std::vector<std::thread> threads;
    std::atomic<int> failures = 0;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        auto local = (*writer)->NewLocal(context());
        if (!local.ok()) {
          ++failures;
          return;
        }
        duckdb::DataChunk chunk;
        chunk.Initialize(context(), schema.Types());
        for (int n = 0; n < 25; ++n) {
          chunk.Reset();
          for (int row = 0; row < 1000; ++row) {
            chunk.SetValue(0, row, duckdb::Value::BIGINT(t * 25000 + n * 1000 + row));
            chunk.SetValue(1, row, duckdb::Value("t" + std::to_string(t)));
          }
          chunk.SetCardinality(1000);
          if (!(*local)->Write(context(), chunk).ok()) ++failures;
        }
        if (!(*local)->Finish(context()).ok()) ++failures;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(failures, 0);
  }
  EXPECT_GT((*writer)->bytes_written(), 0u);
  auto stats = (*writer)->Close(context());
  ASSERT_TRUE(stats.ok()) << stats.error().ToString();
  EXPECT_EQ(stats->rows, 100000);
  EXPECT_THAT(stats->Find({"i"})->max, Optional(std::string("99999")));
  EXPECT_EQ(Ask("SELECT count(DISTINCT i), sum(i), count(DISTINCT s) FROM " + Quoted("t.parquet")),
            "100000|4999950000|4");
}

TEST_F(ParquetWriterTest, WritesInsideARunningQuery) {
  // The context's lock is held and a transaction active, as in an operator.
  const Schema schema{{{"i", duckdb::LogicalType::INTEGER}}};
  connection().BeginTransaction();
  auto writer = ParquetWriter::Create(context(), Path("t.parquet"), schema, {});
  ASSERT_TRUE(writer.ok()) << writer.error().ToString();
  auto stats = (*writer)->Close(context());
  ASSERT_TRUE(stats.ok()) << stats.error().ToString();
  EXPECT_EQ(stats->rows, 0);
  connection().Commit();
  EXPECT_EQ(Ask("SELECT count(*) FROM " + Quoted("t.parquet")), "0");
}

TEST_F(ParquetWriterTest, StatsOfStructsListsAndNullRows) {
  auto stats = WriteQuery(
      Path("t.parquet"),
      "SELECT CASE WHEN i % 4 = 0 THEN NULL ELSE {'x': CASE WHEN i % 4 = 1 THEN NULL ELSE i END, "
      "'a.b': {'y \"q\"': i::VARCHAR}} END AS s, [i, NULL] AS l, MAP {'k': i} AS m "
      "FROM range(100) t(i)");
  ASSERT_TRUE(stats.ok()) << stats.error().ToString();
  ASSERT_EQ(stats->columns.size(), 2u);
  const ParquetColumnStats* x = stats->Find({"s", "x"});
  ASSERT_NE(x, nullptr);
  EXPECT_THAT(x->min, Optional(std::string("2")));
  EXPECT_THAT(x->max, Optional(std::string("99")));
  EXPECT_EQ(x->nulls, 50);
  const ParquetColumnStats* y = stats->Find({"s", "a.b", "y \"q\""});
  ASSERT_NE(y, nullptr);
  EXPECT_EQ(y->nulls, 25);
  EXPECT_THAT(y->max, Optional(std::string("99")));
}

TEST_F(ParquetWriterTest, NaNIsSeenInAnyRowGroup) {
  // The first of three row groups holds the NaN.
  auto stats = WriteQuery(
      Path("t.parquet"),
      "SELECT CASE WHEN range = 5 THEN 'nan'::DOUBLE ELSE range END AS d, "
      "range::FLOAT AS f, 'nan' AS s, {'a': {'x': CASE WHEN range = 5 THEN 'nan'::FLOAT ELSE NULL "
      "END}} AS n FROM range(6144)",
      {.row_group_rows = 2048});
  ASSERT_TRUE(stats.ok()) << stats.error().ToString();
  EXPECT_TRUE(stats->Find({"d"})->has_nan);
  EXPECT_FALSE(stats->Find({"f"})->has_nan);
  EXPECT_FALSE(stats->Find({"s"})->has_nan);
  EXPECT_TRUE(stats->Find({"n", "a", "x"})->has_nan);
  EXPECT_THAT(stats->Find({"d"})->max, Optional(std::string("6143.0")));
  EXPECT_THAT(stats->Find({"f"})->max, Optional(std::string("6143.0")));
}

TEST_F(ParquetWriterTest, ColumnsOfNothingButNull) {
  auto stats = WriteQuery(Path("t.parquet"), "SELECT NULL::INTEGER AS i FROM range(10)");
  ASSERT_TRUE(stats.ok()) << stats.error().ToString();
  EXPECT_EQ(stats->Find({"i"})->min, std::nullopt);
  EXPECT_EQ(stats->Find({"i"})->max, std::nullopt);
  EXPECT_EQ(stats->Find({"i"})->nulls, 10);
}

TEST_F(ParquetWriterTest, FieldIdsReachTheFile) {
  ParquetOptions options;
  options.field_ids["a"].id = 7;
  options.field_ids["s"].id = 8;
  options.field_ids["s"].children["x"].id = 9;
  options.field_ids["l"].id = 10;
  options.field_ids["l"].children["element"].id = 11;
  auto stats = WriteQuery(Path("t.parquet"), "SELECT 1 AS a, {'x': 2} AS s, [3] AS l", options);
  ASSERT_TRUE(stats.ok()) << stats.error().ToString();
  EXPECT_EQ(Ask("SELECT name, field_id FROM parquet_schema(" + Quoted("t.parquet") +
                ") WHERE field_id IS NOT NULL ORDER BY field_id"),
            "a|7\ns|8\nx|9\nl|10\nelement|11");
}

TEST_F(ParquetWriterTest, Compressions) {
  const std::string sql = "SELECT range AS i, repeat('x', 50) || range AS s FROM range(30000)";
  const auto codec = [&](const char* name, ParquetOptions options) {
    auto stats = WriteQuery(Path(name), sql, options);
    if (!stats.ok()) return stats.error().ToString();
    return Ask("SELECT DISTINCT compression FROM parquet_metadata(" + Quoted(name) + ")");
  };
  EXPECT_EQ(codec("snappy.parquet", {}), "SNAPPY");
  EXPECT_EQ(codec("zstd.parquet", {.compression = ParquetCompression::kZstd, .zstd_level = 1}),
            "ZSTD");
  EXPECT_EQ(codec("none.parquet", {.compression = ParquetCompression::kNone}), "UNCOMPRESSED");
  EXPECT_LT(RealEnv().Stat(Path("zstd.parquet"))->size, RealEnv().Stat(Path("none.parquet"))->size);
}

TEST_F(ParquetWriterTest, AbandonedAndForgottenFilesAreRemoved) {
  const Schema schema{{{"i", duckdb::LogicalType::INTEGER}}};
  {
    auto writer = ParquetWriter::Create(context(), Path("a.parquet"), schema, {});
    ASSERT_TRUE(writer.ok()) << writer.error().ToString();
    EXPECT_TRUE(RealEnv().Exists(Path("a.parquet")));
    EXPECT_TRUE((*writer)->Abandon().ok());
    EXPECT_FALSE(RealEnv().Exists(Path("a.parquet")));
    EXPECT_TRUE((*writer)->Abandon().ok());
  }
  { auto writer = ParquetWriter::Create(context(), Path("b.parquet"), schema, {}); }
  EXPECT_FALSE(RealEnv().Exists(Path("b.parquet")));
}

TEST_F(ParquetWriterTest, RefusesWhatItCannotStoreAndSaysWhy) {
  auto time = WriteQuery(Path("t.parquet"), "SELECT TIME '12:00' AS t");
  ASSERT_FALSE(time.ok());
  EXPECT_EQ(time.error().code(), ErrorCode::kUnsupported);
  auto huge = WriteQuery(Path("t.parquet"), "SELECT 1::HUGEINT AS h");
  ASSERT_FALSE(huge.ok());
  EXPECT_EQ(huge.error().actor(), Actor::kBug);
  auto nowhere = WriteQuery(Path("no/such/folder/t.parquet"), "SELECT 1 AS a");
  ASSERT_FALSE(nowhere.ok());
  EXPECT_THAT(nowhere.error().ToString(), HasSubstr("no/such/folder"));
  EXPECT_FALSE(RealEnv().Exists(Path("t.parquet")));
}

}  // namespace
}  // namespace weir::columnar
