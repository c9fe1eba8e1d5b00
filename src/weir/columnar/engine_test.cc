#include "weir/columnar/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "duckdb/common/file_system.hpp"
#include "weir/columnar/memory_budget.h"
#include "weir/columnar/testing/engine_fixture.h"

namespace weir::columnar {
namespace {

using ::testing::HasSubstr;

class EngineTest : public testing::EngineFixture {};

TEST_F(EngineTest, SettingsFollowTheBudget) {
  EXPECT_EQ(Ask("SELECT current_setting('memory_limit')"), "614.3 MiB");  // 60 % of 1 GiB
  EXPECT_EQ(Ask("SELECT current_setting('threads')"), "2");
  EXPECT_EQ(Ask("SELECT current_setting('temp_directory')"), folder() + "/spill");
  EXPECT_EQ(Ask("SELECT current_setting('TimeZone')"), "UTC");
  EXPECT_EQ(Ask("SELECT current_setting('autoinstall_known_extensions')"), "false");
  EXPECT_GT(engine().options().spill_bytes_max, 0u);
  EXPECT_EQ(engine().options().memory_bytes, uint64_t{1} << 30);
  EXPECT_EQ(engine().budget().limit_bytes(), 429496730u);  // the other 40 %
}

TEST_F(EngineTest, KnowsTimeZones) {
  EXPECT_EQ(Ask("SELECT TIMESTAMPTZ '2013-07-01 12:00:00 America/New_York'"),
            "2013-07-01 16:00:00+00");
}

TEST_F(EngineTest, WritesAndReadsParquetCsvAndCompressedFiles) {
  for (const std::string name : {"t.parquet", "t.csv", "t.csv.gz", "t.csv.zst", "t.json"}) {
    SCOPED_TRACE(name);
    Ask("COPY (SELECT range AS i, 'v' || range AS s FROM range(300000)) TO " + Quoted(name));
    EXPECT_EQ(Ask("SELECT count(*), sum(i), max(s) FROM " + Quoted(name)),
              "300000|44999850000|v99999");
  }
}

TEST_F(EngineTest, GlobFindsFilesInOrder) {
  for (const std::string name :
       {"in/b.csv", "in/a.csv", "in/x/c.csv", "in/x/y/d.csv", "in/e.txt"}) {
    WriteText(name, "v\n" + name + "\n");
  }
  const auto names = [&](const std::string& pattern) {
    std::string text;
    for (const auto& file : engine().files().GlobFiles(folder() + "/" + pattern,
                                                       duckdb::FileGlobOptions::ALLOW_EMPTY)) {
      text += file.path.substr(folder().size() + 1) + " ";
    }
    return text;
  };
  EXPECT_EQ(names("in/*.csv"), "in/a.csv in/b.csv ");
  EXPECT_EQ(names("in/**/*.csv"), "in/a.csv in/b.csv in/x/c.csv in/x/y/d.csv ");
  EXPECT_EQ(names("in/*/*.csv"), "in/x/c.csv ");
  EXPECT_EQ(names("in/[b-z].csv"), "in/b.csv ");
  EXPECT_EQ(names("in/?.txt"), "in/e.txt ");
  EXPECT_EQ(names("in/x/**"), "in/x/c.csv in/x/y/d.csv ");
  EXPECT_EQ(names("in/a.csv"), "in/a.csv ");
  EXPECT_EQ(names("in/none.csv"), "");
  EXPECT_EQ(names("nowhere/*.csv"), "");
  EXPECT_EQ(Ask("SELECT count(*) FROM read_csv(" + Quoted("in/**/*.csv") + ")"), "4");
}

TEST_F(EngineTest, ErrorsSayWhoMustAct) {
  const Error missing = Fail("SELECT * FROM read_csv(" + Quoted("none.csv") + ")");
  EXPECT_EQ(missing.actor(), Actor::kUser);
  EXPECT_EQ(missing.code(), ErrorCode::kNotFound);
  EXPECT_THAT(missing.message(), HasSubstr("none.csv"));

  const Error table = Fail("SELECT * FROM nothing_here");
  EXPECT_EQ(table.actor(), Actor::kUser);
  EXPECT_EQ(table.code(), ErrorCode::kNotFound);

  const Error column = Fail("SELECT b FROM (SELECT 1 AS a)");
  EXPECT_EQ(column.actor(), Actor::kUser);
  EXPECT_EQ(column.code(), ErrorCode::kInvalid);
  EXPECT_THAT(column.excerpt(), HasSubstr("LINE 1: SELECT b"));
  EXPECT_THAT(column.message(), ::testing::Not(HasSubstr("LINE 1")));

  WriteText("file", "x");
  const Error not_folder = Fail("COPY (SELECT 1) TO " + Quoted("file/t.parquet"));
  EXPECT_EQ(not_folder.actor(), Actor::kUser) << not_folder.ToString();
  EXPECT_THAT(not_folder.message(), HasSubstr("Not a directory"));
  EXPECT_FALSE(not_folder.fix().empty());

  const Error remote = Fail("SELECT * FROM read_csv('http://127.0.0.1:1/x.csv')");
  EXPECT_EQ(remote.code(), ErrorCode::kUnsupported) << remote.ToString();
}

TEST_F(EngineTest, TruncatedParquetNamesTheFile) {
  Ask("COPY (SELECT range AS i FROM range(100000)) TO " + Quoted("t.parquet"));
  auto bytes = RealEnv().ReadFile(folder() + "/t.parquet");
  ASSERT_TRUE(bytes.ok());
  WriteText("cut.parquet", bytes->substr(0, bytes->size() / 2));
  const Error error = Fail("SELECT sum(i) FROM " + Quoted("cut.parquet"));
  EXPECT_NE(error.actor(), Actor::kBug);
  EXPECT_THAT(error.message(), HasSubstr("cut.parquet"));
}

TEST_F(EngineTest, SpillsIntoItsFolderAndCleansUp) {
  Open({.memory_bytes = uint64_t{100} << 20, .threads = 2, .spill_dir = folder() + "/a/b/spill"});
  EXPECT_FALSE(RealEnv().Exists(folder() + "/a"));  // made when first needed
  Ask("CREATE TEMP TABLE big AS SELECT i, hash(i)::VARCHAR AS s FROM range(2000000) t(i)");
  EXPECT_EQ(Ask("SELECT count(*) FROM big WHERE s = hash(i)::VARCHAR"), "2000000");
  EXPECT_NE(Ask("SELECT coalesce(sum(size), 0)::BIGINT FROM duckdb_temporary_files()"), "0");
  EXPECT_TRUE(RealEnv().Exists(folder() + "/a/b/spill"));
  EXPECT_GT(engine().usage().spill_bytes, 0u);
  EXPECT_GT(engine().usage().memory_bytes, 0u);
  EXPECT_LE(engine().usage().memory_bytes, uint64_t{60} << 20);
  Close();
  auto left = RealEnv().ListDir(folder() + "/a/b/spill");
  EXPECT_TRUE(!left.ok() || left->empty());
}

TEST_F(EngineTest, TheSpillLimitIsALimitToo) {
  Open({.memory_bytes = uint64_t{50} << 20,
        .threads = 1,
        .spill_dir = Path("spill"),
        .spill_bytes_max = 1 << 20});
  const Error error =
      Fail("CREATE TEMP TABLE big AS SELECT i, hash(i)::VARCHAR AS s FROM range(3000000) t(i)");
  EXPECT_EQ(error.actor(), Actor::kOperator) << error.ToString();
  EXPECT_EQ(error.code(), ErrorCode::kLimit) << error.ToString();
}

TEST_F(EngineTest, OutOfMemoryWithoutSpillingIsALimit) {
  Open({.memory_bytes = uint64_t{50} << 20, .threads = 1});
  const Error error =
      Fail("SELECT count(*) FROM (SELECT DISTINCT hash(i)::VARCHAR FROM range(5000000) t(i))");
  EXPECT_EQ(error.actor(), Actor::kOperator) << error.ToString();
  EXPECT_EQ(error.code(), ErrorCode::kLimit) << error.ToString();
  EXPECT_FALSE(error.fix().empty());
}

TEST_F(EngineTest, LoadsRemoteFilesWithoutTheNetwork) {
  const Status loaded = engine().LoadRemoteFiles();
  ASSERT_TRUE(loaded.ok()) << loaded.error().ToString();
  ASSERT_TRUE(engine().LoadRemoteFiles().ok());
  const Error refused =
      Fail("SELECT * FROM read_csv('http://127.0.0.1:1/x.csv', columns={'a': 'INT'})");
  EXPECT_EQ(refused.actor(), Actor::kRetry) << refused.ToString();
}

TEST_F(EngineTest, NamesAndTextsAreQuoted) {
  EXPECT_EQ(QuoteLiteral("it's"), "'it''s'");
  EXPECT_EQ(QuoteName("a \"b\""), "\"a \"\"b\"\"\"");
}

}  // namespace
}  // namespace weir::columnar
