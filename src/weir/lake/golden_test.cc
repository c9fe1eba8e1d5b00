// Tables written by other engines: each reads as exactly the rows it is known to hold, or is
// refused with a clear error.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>
#include <string>

#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/base/env.h"
#include "weir/columnar/engine.h"
#include "weir/lake/scan_sql.h"
#include "weir/lake/snapshot.h"

namespace weir::lake {
namespace {

// The folder of test data that lies beside the checkout.
std::string SharedData() {
  const auto named = RealEnv().Variable("WEIR_SHARED_DATA");
  return named ? *named : JoinPath(ParentPath(WEIR_SOURCE_DIR), "shared/data");
}

class GoldenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    golden_ = SharedData() + "/delta/golden";
    if (!RealEnv().Exists(golden_)) GTEST_SKIP() << "no test tables at " << golden_;
    folder_ = ::testing::TempDir() + "weir_golden_" + std::to_string(RealEnv().ProcessId());
    ASSERT_TRUE(RealEnv().CreateDirs(folder_).ok());
    auto engine = columnar::Engine::Open(RealEnv(), {.memory_bytes = uint64_t{1} << 30});
    ASSERT_TRUE(engine.ok()) << engine.error().ToString();
    engine_ = std::move(engine).value();
    connection_ = std::move(engine_->Connect()).value();
  }
  void TearDown() override {
    connection_.reset();
    engine_.reset();
    if (folder_.empty()) return;
    EXPECT_TRUE(RealEnv().RemoveTree(folder_).ok());
  }

  int64_t Count(const std::string& sql) {
    auto result = engine_->Query(*connection_, sql);
    if (!result.ok()) {
      ADD_FAILURE() << result.error().ToString() << "\n" << sql;
      return -1;
    }
    return (*result)->GetValue(0, 0).GetValue<int64_t>();
  }

  // Rows in one relation and not the other, counting duplicates.
  void ExpectSameRows(const Snapshot& snapshot, const std::string& expected) {
    std::vector<ScanFile> files;
    for (const auto& add : snapshot.files()) {
      files.push_back({snapshot.FilePath(add), add.partition_values});
    }
    const std::string columns = ColumnListSql(snapshot.schema());
    std::string ours = "SELECT ";
    ours += columns + " FROM " +
            ScanSql(snapshot.schema(), snapshot.metadata().partition_columns, files);
    // Timestamps of old writers come without a zone from both sides; the casts make them equal.
    std::string casts;
    for (const auto& field : snapshot.schema().fields) {
      const std::string name = columnar::QuoteName(field.name);
      // The log of this table has partition values in the local time of the machine in California
      // that wrote it, and does not say so; without a zone they are read as UTC.
      const bool local =
          snapshot.table().find("data-reader-partition-values") != std::string::npos &&
          field.name == "as_timestamp";
      casts += (casts.empty() ? "" : ", ") + ("CAST(" + name + (local ? " - INTERVAL 7 HOUR" : "") +
                                              " AS " + field.type.ToString() + ") AS " + name);
    }
    const std::string theirs =
        "SELECT " + casts + " FROM read_parquet(" + columnar::QuoteLiteral(expected) + ")";
    EXPECT_EQ(0, Count("SELECT count(*) FROM ((" + ours + ") EXCEPT ALL (" + theirs + "))"));
    EXPECT_EQ(0, Count("SELECT count(*) FROM ((" + theirs + ") EXCEPT ALL (" + ours + "))"));
    EXPECT_EQ(Count("SELECT count(*) FROM (" + theirs + ")"),
              Count("SELECT count(*) FROM (" + ours + ")"));
  }

  std::string golden_;
  std::string folder_;
  std::unique_ptr<columnar::Engine> engine_;
  std::unique_ptr<duckdb::Connection> connection_;
};

TEST_F(GoldenTest, EachTableReadsExactlyOrIsRefused) {
  const auto archives = RealEnv().ListDir(golden_);
  ASSERT_TRUE(archives.ok());
  int exact = 0;
  std::set<std::string> refused;
  for (const auto& archive : *archives) {
    const std::string name = archive.path.substr(0, archive.path.find(".tar.zst"));
    SCOPED_TRACE(name);
    const std::string unpack = "zstd -dc '" + golden_ + "/" + archive.path + "' | tar -x -C '" +
                               folder_ + "' 2> /dev/null";
    ASSERT_EQ(0, std::system(unpack.c_str()));  // NOLINT: a test, and no thread is running
    const std::string root = folder_ + "/" + name;
    auto snapshot = Snapshot::Load(*engine_, LogStore(RealEnv(), root + "/delta"), {});
    if (!snapshot.ok()) {
      EXPECT_FALSE(snapshot.error().message().empty());
      EXPECT_TRUE(snapshot.error().code() == ErrorCode::kUnsupported ||
                  snapshot.error().code() == ErrorCode::kCorrupt ||
                  snapshot.error().code() == ErrorCode::kNotFound)
          << snapshot.error().ToString();
      refused.insert(name);
    } else if (RealEnv().Exists(root + "/expected")) {
      ExpectSameRows(**snapshot, root + "/expected/*.parquet");
      exact += 1;
    }
  }
  EXPECT_EQ(exact, 35);
  const std::set<std::string> expected_refusals = {
      // Features to come.
      "data-reader-timestamp_ntz-id-mode", "data-skipping-basic-stats-all-types-columnmapping-name",
      "dv-partitioned-with-checkpoint", "dv-with-columnmapping", "table-with-columnmapping-mode-id",
      "table-with-columnmapping-mode-name",
      // Not tables: damaged logs, logs without a schema, no log.
      "deltalog-commit-info", "deltalog-invalid-protocol-version",
      "deltalog-state-reconstruction-from-checkpoint-missing-metadata", "no-delta-log-folder",
      "update-deleted-directory", "versions-not-contiguous"};
  EXPECT_EQ(refused, expected_refusals);
}

// What DuckDB's delta extension (rows) and deltalake (version, files) say of the other tables; -1
// rows: the data files are not there. Refusals are by feature.
struct Known {
  int64_t rows;
  int64_t version;
  size_t files;
};
const std::map<std::string, Known> kKnown = {
    {"300k-add-files-100-col-partitioned", {-1, 4, 300000}},
    {"app-txn-checkpoint", {22, 1, 4}},
    {"app-txn-no-checkpoint", {22, 1, 4}},
    {"app-txn-with-last-updated", {-1, 3, 4}},
    {"basic-decimal-table", {4, 0, 4}},
    {"basic_partitioned", {6, 1, 6}},
    {"cdf-table-delete-conditional-all-rows", {0, 1, 0}},
    {"cdf-table-delete-conditional-two-rows", {8, 1, 3}},
    {"cdf-table-delete-unconditional", {0, 1, 0}},
    {"cdf-table-partitioned", {2, 2, 1}},
    {"cdf-table-simple", {0, 2, 0}},
    {"cdf-table-with-dv", {10, 6, 1}},
    {"data-reader-timestamp_ntz", {9, 1, 4}},
    {"external-table-different-nullability", {7, 5, 3}},
    {"mixed-nulls", {15, 0, 3}},
    {"parsed-stats", {600, 5, 6}},
    {"table-with-cdf", {0, 4, 0}},
    {"table-without-dv-small", {10, 0, 1}},
    {"v1-multi-part-partitioned-struct-stats-only", {5, 5, 5}},
    {"v1-single-part-struct-stats-only", {5, 5, 5}},
    {"v2-checkpoints-json-with-sidecars", {1233, 6, 101}},
    {"v2-checkpoints-parquet-with-sidecars", {1233, 6, 101}},
    {"v2-classic-parquet-struct-stats-only", {5, 5, 5}},
    {"v2-json-sidecars-struct-stats-only", {5, 5, 5}},
    {"v2-parquet-sidecars-struct-stats-only", {5, 5, 5}},
    {"with_checkpoint_no_last_checkpoint", {-1, 3, 1}},
};

TEST_F(GoldenTest, OtherTablesHaveTheRowsThatOtherReadersSee) {
  const std::string source = SharedData() + "/delta/tables";
  const auto entries = RealEnv().ListDir(source);
  ASSERT_TRUE(entries.ok());
  std::set<std::string> refused;
  for (const auto& entry : *entries) {
    const std::string name = entry.path.substr(0, entry.path.find(".tar.zst"));
    SCOPED_TRACE(name);
    std::string table = source + "/" + name;
    if (!entry.is_directory) {
      const std::string unpack =
          "zstd -dc '" + table + ".tar.zst' | tar -x -C '" + folder_ + "' 2> /dev/null";
      ASSERT_EQ(0, std::system(unpack.c_str()));  // NOLINT: a test, and no thread is running
      table = folder_ + "/" + name;
    }
    if (RealEnv().Exists(table + "/delta")) table += "/delta";
    auto snapshot = Snapshot::Load(*engine_, LogStore(RealEnv(), table), {});
    if (!snapshot.ok()) {
      EXPECT_EQ(snapshot.error().code(), ErrorCode::kUnsupported) << snapshot.error().ToString();
      refused.insert(name);
      continue;
    }
    const auto known = kKnown.find(name);
    if (known == kKnown.end()) {
      ADD_FAILURE() << "a table that nothing is known of";
      continue;
    }
    EXPECT_EQ((*snapshot)->version(), known->second.version);
    EXPECT_EQ((*snapshot)->files().size(), known->second.files);
    if (known->second.rows < 0) continue;
    std::vector<ScanFile> files;
    for (const auto& add : (*snapshot)->files()) {
      files.push_back({(*snapshot)->FilePath(add), add.partition_values});
    }
    EXPECT_EQ(
        Count("SELECT count(*) FROM " +
              ScanSql((*snapshot)->schema(), (*snapshot)->metadata().partition_columns, files)),
        known->second.rows);
  }
  const std::set<std::string> expected_refusals = {"cdf-table-with-cdc-and-dvs",
                                                   "compacted-log-files-table",
                                                   "stats-writing-all-types",
                                                   "table-with-dv-small",
                                                   "table-with-geo",
                                                   "unshredded-variant",
                                                   "with-short-dv"};
  EXPECT_EQ(refused, expected_refusals);
}

}  // namespace
}  // namespace weir::lake
