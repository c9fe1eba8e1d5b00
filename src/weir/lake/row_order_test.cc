#include "weir/lake/row_order.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "weir/lake/test_tables.h"

namespace weir::lake {
namespace {

AddFile File(int64_t rows) {
  AddFile add;
  add.stats = "{\"numRecords\":" + std::to_string(rows) + "}";
  return add;
}

TEST(RowOrderTest, TheTagComesBackAndOthersAreNotOurs) {
  AddFile add = File(3);
  EXPECT_FALSE(StoredRowOrder(add));
  SetRowOrder(add, {5, 9});
  ASSERT_TRUE(StoredRowOrder(add));
  EXPECT_EQ(StoredRowOrder(add)->first, 5);
  EXPECT_EQ(StoredRowOrder(add)->end, 9);
  for (const char* text : {"", "5", "5:", "5:x", "5:9 ", "9:5", "99999999999999999999:1"}) {
    add.tags["weir.order"] = text;
    EXPECT_FALSE(StoredRowOrder(add)) << text;
  }
  add.tags["weir.order"] = std::nullopt;
  EXPECT_FALSE(StoredRowOrder(add));
}

TEST(RowOrderTest, FilesWithoutATagStandBehindThoseBefore) {
  AddFile tagged = File(2);
  SetRowOrder(tagged, {100, 150});
  AddFile unknown;
  const TableOrder order({File(10), tagged, File(3), unknown});
  EXPECT_EQ(order.files()[0].first, 0);
  EXPECT_EQ(order.files()[1].first, 100);
  EXPECT_EQ(order.files()[2].first, 150);
  EXPECT_EQ(order.files()[3].first, 153);
  EXPECT_GT(order.end(), 1'000'000'000);
}

class KeptOrderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "weir_order_" + std::to_string(RealEnv().ProcessId()) + "_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    ASSERT_TRUE(RealEnv().RemoveTree(folder_).ok());
    ASSERT_TRUE(RealEnv().CreateDirs(folder_).ok());
    table_ = folder_ + "/t";
  }
  void TearDown() override { ASSERT_TRUE(RealEnv().RemoveTree(folder_).ok()); }

  static columnar::SinkOptions Keeping(const std::string& flow) {
    columnar::SinkOptions options;
    options.flow_id = flow;
    options.keep_order = true;
    options.schema.fields = {{"a", duckdb::LogicalType::INTEGER, true},
                             {"p", duckdb::LogicalType::INTEGER, true}};
    options.partition_columns = {"p"};
    return options;
  }

  // The column `a` of all rows, by their places.
  std::string InOrder() {
    auto snapshot = tables_.tables().LoadSnapshot(table_);
    if (!snapshot.ok()) return snapshot.error().ToString();
    TableOrder order;
    std::vector<ScanFile> files;
    for (const auto& add : (*snapshot)->files()) {
      files.push_back({(*snapshot)->FilePath(add), add.partition_values, order.Add(add).first});
    }
    auto rows = tables_.engine().Query(
        tables_.connection(),
        "SELECT string_agg(a, ' ' ORDER BY __weir_order), count(DISTINCT __weir_order) = count(*) "
        "FROM " +
            ScanSql((*snapshot)->schema(), {"p"}, files, true));
    if (!rows.ok()) return rows.error().ToString();
    EXPECT_TRUE((*rows)->GetValue(1, 0).GetValue<bool>()) << "two rows have one place";
    return (*rows)->GetValue(0, 0).ToString();
  }

  std::string folder_;
  std::string table_;
  TestTables tables_{RealEnv(), 2};
};

TEST_F(KeptOrderTest, RowsStandByCommitAndPlaceThroughRewrites) {
  const auto write = [&](columnar::SinkOptions options, uint64_t epoch, const std::string& sql) {
    auto result = tables_.Write(table_, std::move(options), epoch, sql);
    EXPECT_TRUE(result.ok()) << result.error().ToString();
  };
  const std::string three =
      "SELECT (b + i)::INTEGER AS a, (i % 2)::INTEGER AS p, (100 - 10 * i)::BIGINT AS o, 0::BIGINT "
      "AS s FROM "
      "range(3) r(i), ";
  write(Keeping("f"), 1, three + "(SELECT 10 AS b)");
  EXPECT_EQ(InOrder(), "12 11 10");
  write(Keeping("f"), 2, three + "(SELECT 20 AS b)");
  EXPECT_EQ(InOrder(), "12 11 10 22 21 20");
  columnar::SinkOptions without = Keeping("other");
  without.keep_order = false;
  write(without, 1, "SELECT 30::INTEGER AS a, 0::INTEGER AS p");
  write(Keeping("f"), 3, three + "(SELECT 40 AS b)");
  EXPECT_EQ(InOrder(), "12 11 10 22 21 20 30 42 41 40");
  // Files of two commits and one without the column lose a row each.
  columnar::SinkOptions replace = Keeping("f");
  replace.mode.kind = columnar::WriteMode::Kind::kOverwrite;
  replace.mode.overwrite_where = "a IN (12, 20)";
  write(replace, 4, "SELECT 12::INTEGER AS a, 0::INTEGER AS p, 7::BIGINT AS o, 0::BIGINT AS s");
  EXPECT_EQ(InOrder(), "11 10 22 21 30 42 41 40 12");
  columnar::SinkOptions upsert = Keeping("f");
  upsert.mode.kind = columnar::WriteMode::Kind::kUpsert;
  upsert.mode.keys = {"a"};
  write(upsert, 5,
        "SELECT x::INTEGER AS a, 0::INTEGER AS p, (50 - x)::BIGINT AS __weir_order_major, "
        "0::BIGINT AS __weir_order_minor FROM unnest([11, 42]) u(x)");
  EXPECT_EQ(InOrder(), "10 22 21 30 41 40 12 42 11");
}

TEST_F(KeptOrderTest, CommitsAtTheSameTimeStandByVersion) {
  constexpr int kThreads = 8;
  constexpr int kCommits = 5;
  ASSERT_TRUE(
      tables_.Write(table_, Keeping("first"), 1, "SELECT 1 AS a, 1 AS p, 9::BIGINT, 0::BIGINT")
          .ok());
  std::vector<std::string> tokens;  // of a flow each
  for (int i = 0; i < kThreads * kCommits; ++i) {
    auto token =
        tables_.Prepare(table_, Keeping("flow" + std::to_string(i)), 1,
                        "SELECT i::INTEGER AS a, 1 AS p, i, 0::BIGINT FROM range(10) r(i)");
    ASSERT_TRUE(token.ok()) << token.error().ToString();
    tokens.push_back(*token);
  }
  {
    std::atomic<size_t> next = 0;
    std::vector<std::unique_ptr<Thread>> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.push_back(RealEnv().StartThread("commit", [&] {
        for (size_t token = next++; token < tokens.size(); token = next++) {
          auto committed = tables_.Commit(table_, tokens[token]);
          EXPECT_TRUE(committed.ok()) << committed.error().ToString();
        }
      }));
    }
  }
  auto snapshot = tables_.tables().LoadSnapshot(table_);
  ASSERT_TRUE(snapshot.ok());
  ASSERT_EQ((*snapshot)->files().size(), 1u + tokens.size());
  int64_t end = 0;
  for (const auto& add : (*snapshot)->files()) {  // in the order of versions
    const auto order = StoredRowOrder(add);
    ASSERT_TRUE(order);
    EXPECT_GE(order->first, end);
    end = order->end;
  }
}

}  // namespace
}  // namespace weir::lake
