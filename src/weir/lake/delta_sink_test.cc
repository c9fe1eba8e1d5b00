#include "weir/lake/delta_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "weir/lake/test_tables.h"

namespace weir::lake {
namespace {

using columnar::SinkOptions;
using columnar::WriteMode;
using ::testing::HasSubstr;

class DeltaSinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "weir_sink_" + std::to_string(RealEnv().ProcessId()) + "_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    ASSERT_TRUE(RealEnv().RemoveTree(folder_).ok());
    ASSERT_TRUE(RealEnv().CreateDirs(folder_).ok());
    table_ = folder_ + "/t";
  }
  void TearDown() override { ASSERT_TRUE(RealEnv().RemoveTree(folder_).ok()); }

  columnar::CommitResult MustWrite(SinkOptions options, uint64_t epoch, const std::string& sql) {
    auto result = tables_.Write(table_, std::move(options), epoch, sql);
    if (!result.ok()) {
      ADD_FAILURE() << result.error().ToString();
      return {};
    }
    return *result;
  }
  std::string WriteError(SinkOptions options, uint64_t epoch, const std::string& sql) {
    auto result = tables_.Write(table_, std::move(options), epoch, sql);
    return result.ok() ? "" : result.error().ToString();
  }

  static SinkOptions Overwrite(const std::string& where) {
    SinkOptions options;
    options.mode.kind = WriteMode::Kind::kOverwrite;
    options.mode.overwrite_where = where;
    return options;
  }
  static SinkOptions Upsert(std::vector<std::string> keys) {
    SinkOptions options;
    options.mode.kind = WriteMode::Kind::kUpsert;
    options.mode.keys = std::move(keys);
    return options;
  }
  // Rows of an upsert: the order columns count the rows of the list.
  static std::string Ordered(const std::string& sql) {
    return "SELECT *, 0::BIGINT AS __weir_order_major, (row_number() OVER ())::BIGINT AS "
           "__weir_order_minor FROM (" +
           sql + ")";
  }

  std::string folder_;
  std::string table_;
  TestTables tables_{RealEnv(), 2};
};

TEST_F(DeltaSinkTest, FirstCommitMakesTheTable) {
  const auto result = MustWrite({}, 1, "SELECT i AS a, 'x' || i AS b FROM range(3) r(i)");
  EXPECT_EQ(result.version, 0);
  EXPECT_EQ(result.rows_added, 3);
  EXPECT_EQ(result.files_added, 1);
  EXPECT_EQ(tables_.Ask(table_, "SELECT a, b FROM {t} ORDER BY a"), "0|x0\n1|x1\n2|x2");
  EXPECT_EQ(MustWrite({}, 2, "SELECT 7::BIGINT AS a, 'y' AS b").version, 1);
  EXPECT_EQ(tables_.Ask(table_, "SELECT count(*), max(a) FROM {t}"), "4|7");
  EXPECT_EQ(tables_.Ask(table_, "SELECT count(*) FROM {t}", 0), "3");
}

TEST_F(DeltaSinkTest, CommitOfTheSameTokenTwiceAddsOnce) {
  auto token = tables_.Prepare(table_, {}, 5, "SELECT 1 AS a");
  ASSERT_TRUE(token.ok()) << token.error().ToString();
  EXPECT_THAT(tables_.Ask(table_, "SELECT count(*) FROM {t}"), HasSubstr("no Delta table"));
  ASSERT_TRUE(tables_.Commit(table_, *token).ok());
  auto again = tables_.Commit(table_, *token);
  ASSERT_TRUE(again.ok()) << again.error().ToString();
  EXPECT_TRUE(again->already_done);
  EXPECT_EQ(again->version, 0);
  EXPECT_EQ(tables_.Ask(table_, "SELECT count(*) FROM {t}"), "1");
}

TEST_F(DeltaSinkTest, AnEpochWithoutRowsStillCountsAsDone) {
  EXPECT_EQ(MustWrite({}, 1, "SELECT 1 AS a WHERE false").version, 0);
  auto table = tables_.tables().Table(table_);
  ASSERT_TRUE(table.ok());
  EXPECT_EQ((*table)->CommittedEpoch("flow"), 1u);
  EXPECT_EQ((*table)->CommittedEpoch("another"), std::nullopt);
  EXPECT_EQ(tables_.Ask(table_, "SELECT count(*) FROM {t}"), "0");
}

TEST_F(DeltaSinkTest, AbortRemovesWhatWasStaged) {
  auto token = tables_.Prepare(table_, {}, 1, "SELECT 1 AS a");
  ASSERT_TRUE(token.ok()) << token.error().ToString();
  EXPECT_EQ(tables_.DataFilesOnDisk(table_).size(), 1u);
  auto committer = tables_.tables().Committer(table_);
  ASSERT_TRUE((*committer)->Abort(*token).ok());
  EXPECT_TRUE(tables_.DataFilesOnDisk(table_).empty());
  EXPECT_TRUE((*committer)->Abort(*token).ok());
}

TEST_F(DeltaSinkTest, AbortOfACommittedTokenRemovesNothing) {
  auto token = tables_.Prepare(table_, {}, 1, "SELECT 1 AS a");
  ASSERT_TRUE(tables_.Commit(table_, *token).ok());
  auto committer = tables_.tables().Committer(table_);
  ASSERT_TRUE((*committer)->Abort(*token).ok());
  EXPECT_EQ(tables_.Ask(table_, "SELECT count(*) FROM {t}"), "1");
}

TEST_F(DeltaSinkTest, AWriterMayOutliveAFailedSink) {
  SinkOptions options;
  options.flow_id = "f";
  options.schema.fields = {{"a", duckdb::LogicalType::INTEGER, true}};
  auto sink = tables_.tables().OpenSink(table_, options);
  ASSERT_TRUE(sink.ok());
  auto& context = *tables_.connection().context;
  auto writer = (*sink)->OpenWriter(context);
  ASSERT_TRUE(writer.ok());
  duckdb::DataChunk chunk;
  chunk.Initialize(context, options.schema.Types());
  chunk.SetValue(0, 0, duckdb::Value::INTEGER(1));
  chunk.SetCardinality(1);
  ASSERT_TRUE((*writer)->Write(context, chunk).ok());
  sink->reset();
  writer->reset();
  EXPECT_TRUE(tables_.DataFilesOnDisk(table_).empty());
}

TEST_F(DeltaSinkTest, TheNextSinkOfTheFlowRemovesLeftovers) {
  ASSERT_TRUE(tables_.Prepare(table_, {}, 1, "SELECT 1 AS a").ok());  // its process died here
  EXPECT_EQ(tables_.DataFilesOnDisk(table_).size(), 1u);
  MustWrite({}, 1, "SELECT 2 AS a");
  EXPECT_EQ(tables_.DataFilesOnDisk(table_).size(), 1u);
  EXPECT_EQ(tables_.Ask(table_, "SELECT a FROM {t}"), "2");
  // Another flow's leftovers are its own business.
  SinkOptions other;
  other.flow_id = "other";
  ASSERT_TRUE(tables_.Prepare(table_, other, 1, "SELECT 3 AS a").ok());
  MustWrite({}, 2, "SELECT 4 AS a");
  EXPECT_EQ(tables_.DataFilesOnDisk(table_).size(), 3u);
}

TEST_F(DeltaSinkTest, PartitionValuesOfEveryKind) {
  SinkOptions options;
  options.partition_columns = {"p", "d"};
  MustWrite(options, 1,
            "SELECT * FROM (VALUES (1, 'a/b%c d', DATE '2024-02-29'), (2, NULL, NULL), "
            "(3, '', DATE '0999-01-01'), (4, 'ü=:\"', DATE '2024-02-29'), (5, repeat('x', 300), "
            "NULL)) v(a, p, d)");
  EXPECT_EQ(tables_.Ask(table_, "SELECT a, p, d FROM {t} WHERE a < 5 ORDER BY a"),
            "1|a/b%c d|2024-02-29\n2|NULL|NULL\n3|NULL|0999-01-01\n4|ü=:\"|2024-02-29");
  EXPECT_EQ(tables_.Ask(table_, "SELECT p = repeat('x', 300) FROM {t} WHERE a = 5"), "true");
}

TEST_F(DeltaSinkTest, PartitionValuesOfEveryType) {
  SinkOptions options;
  options.partition_columns = {"b", "i", "f", "c", "ts", "tz"};
  const std::string rows =
      "SELECT 1 AS a, true AS b, -5::TINYINT AS i, 1.5::DOUBLE AS f, 12.30::DECIMAL(10,2) AS c, "
      "TIMESTAMP '2024-01-02 03:04:05.678901' AS ts, TIMESTAMPTZ '2024-01-02 03:04:05+00' AS tz";
  MustWrite(options, 1, rows);
  EXPECT_EQ(tables_.Ask(table_, "SELECT b, i, f, c, ts, tz FROM {t}"),
            "true|-5|1.5|12.30|2024-01-02 03:04:05.678901|2024-01-02 03:04:05+00");
}

TEST_F(DeltaSinkTest, ManyPartitionsAndLittleMemory) {
  SinkOptions options;
  options.partition_columns = {"p"};
  options.memory_bytes = 1 << 20;
  MustWrite(options, 1, "SELECT i AS a, i % 40 AS p FROM range(200000) r(i)");
  EXPECT_EQ(tables_.Ask(table_, "SELECT count(*), sum(a), count(DISTINCT p) FROM {t}"),
            "200000|19999900000|40");
  EXPECT_EQ(tables_.Ask(table_, "SELECT count(*) FROM {t} WHERE a % 40 <> p"), "0");
}

TEST_F(DeltaSinkTest, OverwriteOfAll) {
  MustWrite({}, 1, "SELECT i AS a FROM range(10) r(i)");
  const auto result = MustWrite(Overwrite(""), 2, "SELECT 99::BIGINT AS a");
  EXPECT_EQ(result.files_removed, 1);
  EXPECT_EQ(result.rows_removed, 10);
  EXPECT_EQ(tables_.Ask(table_, "SELECT a FROM {t}"), "99");
}

TEST_F(DeltaSinkTest, OverwriteOfPartitionsReadsNoRows) {
  SinkOptions options;
  options.partition_columns = {"m"};
  MustWrite(options, 1, "SELECT i AS a, i % 3 AS m FROM range(9) r(i)");
  const auto result = MustWrite(Overwrite("m = 1"), 2, "SELECT 100::BIGINT AS a, 1::BIGINT AS m");
  EXPECT_EQ(result.files_removed, 1);
  EXPECT_EQ(result.files_added, 1);
  EXPECT_EQ(result.rows_removed, 3);
  EXPECT_EQ(tables_.Ask(table_, "SELECT a FROM {t} ORDER BY a"), "0\n2\n3\n5\n6\n8\n100");
}

TEST_F(DeltaSinkTest, OverwriteOfRowsRewritesTouchedFilesOnly) {
  MustWrite({}, 1, "SELECT i AS a FROM range(5) r(i)");
  MustWrite({}, 2, "SELECT i AS a FROM range(10, 15) r(i)");
  const auto result = MustWrite(Overwrite("a >= 13 -- late ones"), 3, "SELECT 20::BIGINT AS a");
  EXPECT_EQ(result.files_removed, 1);
  EXPECT_EQ(result.rows_removed, 2);
  EXPECT_EQ(tables_.Ask(table_, "SELECT a FROM {t} ORDER BY a"), "0\n1\n2\n3\n4\n10\n11\n12\n20");
}

TEST_F(DeltaSinkTest, OverwriteRefusesRowsOutsideOfItsPredicate) {
  MustWrite({}, 1, "SELECT 1 AS a");
  EXPECT_THAT(WriteError(Overwrite("a > 5"), 2, "SELECT * FROM (VALUES (6), (3)) v(a)"),
              HasSubstr("1 of the new rows do not satisfy"));
  EXPECT_EQ(tables_.DataFilesOnDisk(table_).size(), 1u);
}

TEST_F(DeltaSinkTest, AWrongPredicateShowsBeforeAnythingIsWritten) {
  MustWrite({}, 1, "SELECT 1 AS a");
  EXPECT_THAT(WriteError(Overwrite("b > 5"), 2, "SELECT 6 AS a"), HasSubstr("b > 5"));
  EXPECT_FALSE(RealEnv().Exists(table_ + "/_staging"));
}

TEST_F(DeltaSinkTest, PropertiesThatPromiseTooMuchAreRefused) {
  SinkOptions options;
  options.properties = {{"delta.checkpointInterval", "3"}, {"delta.enableDeletionVectors", "true"}};
  EXPECT_THAT(WriteError(options, 1, "SELECT 1 AS a"), HasSubstr("delta.enableDeletionVectors"));
  options.properties.erase("delta.enableDeletionVectors");
  for (uint64_t epoch = 1; epoch <= 4; ++epoch) MustWrite(options, epoch, "SELECT 1 AS a");
  EXPECT_TRUE(RealEnv().Exists(table_ + "/_delta_log/00000000000000000003.checkpoint.parquet"));
}

TEST_F(DeltaSinkTest, UpsertKeepsTheLastRowOfAKey) {
  MustWrite(Upsert({"k"}), 1,
            Ordered("SELECT * FROM (VALUES (1, 'a'), (2, 'b'), (1, 'c'), (NULL, 'n')) v(k, x)"));
  EXPECT_EQ(tables_.Ask(table_, "SELECT k, x FROM {t} ORDER BY k NULLS LAST"), "1|c\n2|b\nNULL|n");
  const auto result = MustWrite(
      Upsert({"k"}), 2, Ordered("SELECT * FROM (VALUES (2, 'B'), (3, 'd'), (NULL, 'N')) v(k, x)"));
  EXPECT_EQ(result.rows_added, 3);
  EXPECT_EQ(result.rows_removed, 2);
  EXPECT_EQ(tables_.Ask(table_, "SELECT k, x FROM {t} ORDER BY k NULLS LAST"),
            "1|c\n2|B\n3|d\nNULL|N");
}

TEST_F(DeltaSinkTest, UpsertLeavesOtherFilesAlone) {
  MustWrite({}, 1, "SELECT i AS k, 'old' AS x FROM range(0, 100) r(i)");
  MustWrite({}, 2, "SELECT i AS k, 'old' AS x FROM range(100, 200) r(i)");
  const auto result = MustWrite(Upsert({"k"}), 3, Ordered("SELECT 150::BIGINT AS k, 'new' AS x"));
  EXPECT_EQ(result.files_removed, 1);
  EXPECT_EQ(result.files_added, 2);
  EXPECT_EQ(tables_.Ask(table_, "SELECT count(*), count(DISTINCT k) FROM {t}"), "200|200");
  EXPECT_EQ(tables_.Ask(table_, "SELECT x FROM {t} WHERE k = 150"), "new");
}

TEST_F(DeltaSinkTest, UpsertMovesARowToAnotherPartition) {
  auto options = Upsert({"k"});
  options.partition_columns = {"p"};
  MustWrite(options, 1, Ordered("SELECT i AS k, i % 2 AS p FROM range(4) r(i)"));
  MustWrite(options, 2, Ordered("SELECT 0::BIGINT AS k, 1::BIGINT AS p"));
  EXPECT_EQ(tables_.Ask(table_, "SELECT k, p FROM {t} ORDER BY k"), "0|1\n1|1\n2|0\n3|1");
  auto by_partition = Upsert({"p", "k"});
  MustWrite(by_partition, 3, Ordered("SELECT 0::BIGINT AS k, 0::BIGINT AS p"));
  EXPECT_EQ(tables_.Ask(table_, "SELECT k, p FROM {t} ORDER BY k, p"), "0|0\n0|1\n1|1\n2|0\n3|1");
}

TEST_F(DeltaSinkTest, SchemaDifferencesAreShownAsADiff) {
  MustWrite({}, 1, "SELECT 1 AS a, 'x' AS b");
  const std::string error = WriteError({}, 2, "SELECT 1.5::DOUBLE AS a, 2 AS c");
  EXPECT_THAT(error, HasSubstr("~ a: the table has INTEGER, the write brings DOUBLE"));
  EXPECT_THAT(error, HasSubstr("+ c INTEGER"));
  EXPECT_THAT(error, HasSubstr("- b VARCHAR"));
}

TEST_F(DeltaSinkTest, NewColumnsWhenAllowed) {
  MustWrite({}, 1, "SELECT 1 AS a");
  SinkOptions options;
  options.allow_new_columns = true;
  MustWrite(options, 2, "SELECT 2 AS A, TIMESTAMP '2024-01-01' AS t");
  EXPECT_EQ(tables_.Ask(table_, "SELECT a, t FROM {t} ORDER BY a"),
            "1|NULL\n2|2024-01-01 00:00:00");
  MustWrite(options, 3, "SELECT 3 AS a");
  EXPECT_EQ(tables_.Ask(table_, "SELECT count(*), count(t) FROM {t}"), "3|1");
  auto snapshot = tables_.tables().LoadSnapshot(table_);
  ASSERT_TRUE(snapshot.ok());
  EXPECT_EQ((*snapshot)->protocol().min_reader_version, 3);
  EXPECT_THAT((*snapshot)->protocol().reader_features, ::testing::ElementsAre("timestampNtz"));
}

TEST_F(DeltaSinkTest, NotNullIsKept) {
  SinkOptions options;
  options.schema.fields = {{"a", duckdb::LogicalType::INTEGER, false}};
  MustWrite(options, 1, "SELECT 1 AS a");
  EXPECT_THAT(WriteError({}, 2, "SELECT NULL::INTEGER AS a"), HasSubstr("NULL in column 'a'"));
  EXPECT_EQ(tables_.Ask(table_, "SELECT a FROM {t}"), "1");
}

TEST_F(DeltaSinkTest, TypesThatNoTableHoldsAreRefusedBeforeAnythingIsWritten) {
  EXPECT_THAT(WriteError({}, 1, "SELECT TIME '10:00' AS a"), HasSubstr("no type for TIME"));
  EXPECT_FALSE(RealEnv().Exists(table_));
}

TEST_F(DeltaSinkTest, ATableThatIsGoneLeavesTheEpochInDoubt) {
  MustWrite({}, 1, "SELECT 1 AS a");
  auto token = tables_.Prepare(table_, {}, 2, "SELECT 2 AS a");
  ASSERT_TRUE(token.ok());
  ASSERT_TRUE(RealEnv().RemoveTree(table_ + "/_delta_log").ok());
  auto result = tables_.Commit(table_, *token);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), ErrorCode::kInDoubt);
  EXPECT_EQ(tables_.DataFilesOnDisk(table_).size(), 2u) << "staged files are kept";
}

TEST_F(DeltaSinkTest, AStagedFileThatIsGoneIsNeverNamed) {
  auto token = tables_.Prepare(table_, {}, 1, "SELECT 1 AS a");
  ASSERT_TRUE(token.ok());
  ASSERT_TRUE(RealEnv().RemoveFile(tables_.DataFilesOnDisk(table_).at(0)).ok());
  auto result = tables_.Commit(table_, *token);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), ErrorCode::kInDoubt);
  EXPECT_THAT(result.error().message(), HasSubstr("is gone"));
}

TEST_F(DeltaSinkTest, AppendsOfTwoFlowsRebase) {
  MustWrite({}, 1, "SELECT 0 AS a");
  SinkOptions other;
  other.flow_id = "other";
  auto first = tables_.Prepare(table_, {}, 2, "SELECT 1 AS a");
  auto second = tables_.Prepare(table_, other, 1, "SELECT 2 AS a");
  ASSERT_TRUE(first.ok() && second.ok());
  ASSERT_TRUE(tables_.Commit(table_, *second).ok());
  ASSERT_TRUE(tables_.Commit(table_, *first).ok());
  EXPECT_EQ(tables_.Ask(table_, "SELECT a FROM {t} ORDER BY a"), "0\n1\n2");
}

TEST_F(DeltaSinkTest, CheckpointsEveryTenCommitsAndReadsThem) {
  for (uint64_t epoch = 1; epoch <= 23; ++epoch) {
    MustWrite({}, epoch, "SELECT " + std::to_string(epoch) + " AS a");
  }
  EXPECT_TRUE(RealEnv().Exists(table_ + "/_delta_log/00000000000000000020.checkpoint.parquet"));
  auto snapshot = tables_.tables().LoadSnapshot(table_);
  ASSERT_TRUE(snapshot.ok());
  EXPECT_EQ((*snapshot)->checkpoint_version(), 20);
  EXPECT_EQ((*snapshot)->TransactionVersion("flow"), 23);
  EXPECT_EQ(tables_.Ask(table_, "SELECT count(*), sum(a) FROM {t}"), "23|276");
  // With the entries before it gone, the checkpoint stands for them; a damaged one does not.
  for (int64_t version = 0; version <= 20; ++version) {
    ASSERT_TRUE(RealEnv().RemoveFile(LogStore(RealEnv(), table_).EntryPath(version)).ok());
  }
  EXPECT_EQ(tables_.Ask(table_, "SELECT count(*), sum(a) FROM {t}"), "23|276");
  ASSERT_TRUE(RealEnv()
                  .WriteFileAtomic(table_ + "/_delta_log/00000000000000000020.checkpoint.parquet",
                                   "PAR1 torn")
                  .ok());
  EXPECT_THAT(tables_.Ask(table_, "SELECT count(*) FROM {t}"), HasSubstr("checkpoint"));
}

TEST_F(DeltaSinkTest, StatisticsPruneAndNeverLie) {
  MustWrite(
      {}, 1,
      "SELECT * FROM (VALUES (1, repeat('z', 40), TIMESTAMPTZ '2024-01-01 00:00:00.123999+00',"
      " 'NaN'::DOUBLE, 1.50::DECIMAL(6,2), {'x': 1}), (2, 'b', NULL, 2.5, 2.25, {'x': 5})) "
      "v(a, s, t, f, d, n)");
  auto snapshot = tables_.tables().LoadSnapshot(table_);
  ASSERT_TRUE(snapshot.ok());
  EXPECT_EQ(
      (*snapshot)->files().at(0).stats,
      "{\"numRecords\":2,\"minValues\":{\"a\":1,\"s\":\"b\",\"t\":\"2024-01-01T00:00:00.123Z\","
      "\"d\":1.50,\"n\":{\"x\":1}},\"maxValues\":{\"a\":2,\"s\":\"" +
          std::string(32, 'z') +
          "\x7F\",\"t\":\"2024-01-01T00:00:00.123Z\",\"d\":2.25,\"n\":{\"x\":5}},"
          "\"nullCount\":{\"a\":0,\"s\":0,\"t\":1,\"f\":0,\"d\":0,\"n\":{\"x\":0}}}");
}

TEST_F(DeltaSinkTest, AppendedSince) {
  MustWrite({}, 1, "SELECT 1 AS a");
  MustWrite({}, 2, "SELECT 2 AS a");
  MustWrite({}, 3, "SELECT 3 AS a");
  auto table = tables_.tables().Table(table_);
  ASSERT_TRUE(table.ok());
  auto since = (*table)->AppendedSince(0);
  ASSERT_TRUE(since.ok() && since->has_value());
  EXPECT_EQ((*since)->size(), 2u);
  MustWrite(Overwrite(""), 4, "SELECT 4 AS a");
  table = tables_.tables().Table(table_);
  since = (*table)->AppendedSince(0);
  ASSERT_TRUE(since.ok());
  EXPECT_FALSE(since->has_value());
}

TEST_F(DeltaSinkTest, History) {
  MustWrite({}, 1, "SELECT 1 AS a");
  MustWrite(Upsert({"a"}), 2, Ordered("SELECT 1 AS a"));
  auto history = tables_.tables().History(table_, 10);
  ASSERT_TRUE(history.ok());
  ASSERT_EQ(history->size(), 2u);
  EXPECT_EQ(history->at(0).operation, "MERGE");
  EXPECT_EQ(history->at(1).operation, "WRITE");
  EXPECT_THAT(history->at(0).engine, HasSubstr("Weir/"));
}

}  // namespace
}  // namespace weir::lake
