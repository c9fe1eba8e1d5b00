#include "weir/lake/data_files.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "weir/lake/paths.h"
#include "weir/lake/rewrite.h"
#include "weir/lake/test_tables.h"

namespace weir::lake {
namespace {

class DataFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "weir_files_" + std::to_string(RealEnv().ProcessId());
    ASSERT_TRUE(RealEnv().RemoveTree(folder_).ok());
    ASSERT_TRUE(RealEnv().CreateDirs(folder_).ok());
  }
  void TearDown() override { ASSERT_TRUE(RealEnv().RemoveTree(folder_).ok()); }

  DataFilesOptions Options(const std::string& sql) {
    DataFilesOptions options;
    options.table = folder_;
    options.name = "n";
    options.schema = std::move(tables_.SchemaOf(sql)).value();
    return options;
  }
  std::vector<AddFile> Write(const DataFilesOptions& options, const std::string& sql) {
    DataFiles files(tables_.engine(), options);
    auto rows = WriteQuery(tables_.engine(), tables_.connection(), sql, files);
    EXPECT_TRUE(rows.ok()) << rows.error().ToString();
    auto adds = files.Close();
    EXPECT_TRUE(adds.ok()) << adds.error().ToString();
    return adds.ok() ? *adds : std::vector<AddFile>();
  }

  std::string folder_;
  TestTables tables_{RealEnv(), 2};
};

TEST_F(DataFilesTest, ANewFileStartsWhenOneIsFull) {
  const std::string sql = "SELECT (hash(i) // 4)::BIGINT AS a FROM range(500000) r(i)";
  auto options = Options(sql);
  options.file_bytes = 1 << 20;
  const auto adds = Write(options, sql);
  EXPECT_GE(adds.size(), 2u);
  EXPECT_LE(adds.size(), 5u);
}

TEST_F(DataFilesTest, MorePartitionsThanBuffersAndOpenFiles) {
  const std::string sql = "SELECT i AS a, i % 25 AS p FROM range(20000) r(i)";
  auto options = Options(sql);
  options.partition_columns = {"p"};
  options.memory_bytes = 1 << 20;  // so that rows are handed on in several portions
  options.buffers_max = 5;
  options.open_files_max = 10;
  const auto adds = Write(options, sql);
  // One each, as rows are put aside; more where a thread had to finish files early.
  EXPECT_GE(adds.size(), 25u);
  std::set<std::string> paths;
  for (const auto& add : adds) {
    paths.insert(add.path);
    auto info = RealEnv().Stat(folder_ + "/" + UriDecodePath(add.path));
    ASSERT_TRUE(info.ok());
    EXPECT_EQ(info->size, static_cast<uint64_t>(add.size));
  }
  EXPECT_EQ(paths.size(), adds.size());
  std::vector<ScanFile> scan;
  for (const auto& add : adds) {
    scan.push_back({folder_ + "/" + UriDecodePath(add.path), add.partition_values});
  }
  auto result = tables_.engine().Query(
      tables_.connection(), "SELECT count(*), sum(a), count(*) FILTER (a % 25 <> p) FROM " +
                                ScanSql(options.schema, options.partition_columns, scan));
  ASSERT_TRUE(result.ok()) << result.error().ToString();
  EXPECT_EQ((*result)->GetValue(0, 0).ToString(), "20000");
  EXPECT_EQ((*result)->GetValue(1, 0).ToString(), "199990000");
  EXPECT_EQ((*result)->GetValue(2, 0).ToString(), "0");
}

// Each row once, in a few files of all partitions, though two buffers are for all of them.
TEST_F(DataFilesTest, RowsOfManyPartitionsArePutAside) {
  const std::string sql =
      "SELECT i AS a, CASE WHEN i % 300 <> 7 THEN 'p' || i % 300 END AS p, 'text ' || i AS t, "
      "[i, i + 1] AS l FROM range(60000) r(i)";
  auto options = Options(sql);
  options.partition_columns = {"p"};
  options.memory_bytes = 1 << 20;
  options.buffers_max = 2;
  options.open_files_max = 300;
  const auto adds = Write(options, sql);
  EXPECT_EQ(adds.size(), 300u);
  std::vector<ScanFile> scan;
  for (const auto& add : adds) {
    scan.push_back({folder_ + "/" + UriDecodePath(add.path), add.partition_values});
  }
  auto result = tables_.engine().Query(
      tables_.connection(),
      "SELECT count(*), count(DISTINCT a), count(*) FILTER (p IS NOT DISTINCT FROM CASE WHEN a % "
      "300 <> 7 THEN 'p' || a % 300 END AND t = 'text ' || a AND l = [a, a + 1]) FROM " +
          ScanSql(options.schema, options.partition_columns, scan));
  ASSERT_TRUE(result.ok()) << result.error().ToString();
  EXPECT_EQ((*result)->GetValue(0, 0).ToString(), "60000");
  EXPECT_EQ((*result)->GetValue(1, 0).ToString(), "60000");
  EXPECT_EQ((*result)->GetValue(2, 0).ToString(), "60000");
}

TEST_F(DataFilesTest, WithoutCloseTheFilesAreRemoved) {
  const std::string sql = "SELECT 1 AS a";
  {
    DataFiles files(tables_.engine(), Options(sql));
    ASSERT_TRUE(WriteQuery(tables_.engine(), tables_.connection(), sql, files).ok());
    EXPECT_EQ(tables_.DataFilesOnDisk(folder_).size(), 1u);
  }
  EXPECT_TRUE(tables_.DataFilesOnDisk(folder_).empty());
}

}  // namespace
}  // namespace weir::lake
