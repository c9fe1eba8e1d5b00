#include "weir/guard/set_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "duckdb.hpp"

namespace weir::guard {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SetChecksTest : public ::testing::Test {
 protected:
  SetChecksTest() : database_(nullptr), connection_(database_) {}

  std::unique_ptr<duckdb::MaterializedQueryResult> Run(const std::string& sql) {
    auto result = connection_.Query(sql);
    EXPECT_FALSE(result->HasError()) << sql << "\n" << result->GetError();
    return result;
  }

  // The flags of the batch's rows in their order.
  std::vector<bool> Flags(const Check& check, const RowRelations& relations) {
    auto flag = RowFlagSql(check, relations);
    EXPECT_TRUE(flag.ok());
    auto rows = Run("SELECT ok FROM (SELECT b.pos AS p, " + *flag +
                    " AS ok FROM batch AS b) "
                    "ORDER BY p");
    std::vector<bool> flags;
    for (size_t i = 0; i < rows->RowCount(); ++i) {
      EXPECT_FALSE(rows->GetValue(0, i).IsNull());
      flags.push_back(rows->GetValue(0, i).GetValue<bool>());
    }
    return flags;
  }

  TableVerdict Judge(const Check& check, const TableRelation& relation) {
    auto sql = TableCheckSql(check, relation);
    EXPECT_TRUE(sql.ok());
    auto rows = Run("SELECT rows, broken, measured FROM (" + *sql + ")");
    EXPECT_EQ(rows->RowCount(), 1u);
    const auto broken = rows->GetValue(1, 0);
    const auto measured = rows->GetValue(2, 0);
    return JudgeTable(
        check, rows->GetValue(0, 0).GetValue<int64_t>(),
        broken.IsNull() ? std::nullopt : std::optional(broken.GetValue<int64_t>()),
        measured.IsNull() ? std::nullopt : std::optional(measured.GetValue<double>()));
  }

  duckdb::DuckDB database_;
  duckdb::Connection connection_;
};

Check Unique(std::vector<std::string> columns) {
  Check check;
  check.name = "unique";
  check.kind = CheckKind::kUnique;
  check.columns = std::move(columns);
  return check;
}

TEST_F(SetChecksTest, TheFirstInSourceOrderStays) {
  Run("CREATE TABLE batch AS SELECT * FROM (VALUES (1, 'a'), (2, 'b'), (3, 'a'), (4, NULL), (5, "
      "NULL), (6, 'a'), (7, 'c')) t(pos, k)");
  RowRelations relations;
  relations.order_by = {"b.pos"};
  EXPECT_THAT(Flags(Unique({"k"}), relations),
              ElementsAre(true, true, false, true, true, false, true));
  relations.order_by = {"b.pos DESC"};
  EXPECT_THAT(Flags(Unique({"k"}), relations),
              ElementsAre(false, true, false, true, true, true, true));
}

TEST_F(SetChecksTest, RowsOfTheTableComeBeforeTheBatch) {
  Run("CREATE TABLE batch AS SELECT * FROM (VALUES (1, 'a', 1), (2, 'b', 1), (3, 'b', 2), (4, "
      "'c', NULL)) t(pos, \"k 1\", k2)");
  Run("CREATE TABLE old AS SELECT * FROM (VALUES ('b', 1), ('c', NULL), ('d', 4)) t(\"k 1\", k2)");
  RowRelations relations;
  relations.order_by = {"b.pos"};
  relations.existing = "old";
  EXPECT_THAT(Flags(Unique({"k 1", "k2"}), relations), ElementsAre(true, false, true, true));
}

TEST_F(SetChecksTest, ARejectedRowDoesNotTakeThePlace) {
  Run("CREATE TABLE batch AS SELECT * FROM (VALUES (1, 'a', -1), (2, 'a', 5), (3, 'a', 6), (4, "
      "'b', NULL), (5, 'b', 1)) t(pos, k, x)");
  RowRelations relations;
  relations.order_by = {"b.pos"};
  relations.eligible = "b.x > 0";
  EXPECT_THAT(Flags(Unique({"k"}), relations), ElementsAre(true, true, false, true, true));
}

TEST_F(SetChecksTest, UniqueAgreesWithAPlainLoop) {
  uint64_t state = 7;
  const auto random = [&state] {  // Knuth's MMIX generator, its better half
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return state >> 33;
  };
  for (int round = 0; round < 5; ++round) {
    Run("CREATE OR REPLACE TABLE batch(pos INTEGER, k INTEGER)");
    Run("CREATE OR REPLACE TABLE old(k INTEGER)");
    std::set<int> taken;
    for (int i = 0; i < 20; ++i) {
      const int k = static_cast<int>(random() % 60);
      taken.insert(k);
      Run("INSERT INTO old VALUES (" + std::to_string(k) + ")");
    }
    std::vector<bool> expected;
    std::string values;
    for (int pos = 0; pos < 300; ++pos) {
      const int k = static_cast<int>(random() % 100);
      const bool null = random() % 10 == 0;
      expected.push_back(null || taken.insert(k).second);
      values += (pos ? ",(" : "(") + std::to_string(pos) + "," +
                (null ? "NULL" : std::to_string(k)) + ")";
    }
    Run("INSERT INTO batch SELECT * FROM (VALUES " + values + ") ORDER BY random()");
    RowRelations relations;
    relations.order_by = {"b.pos"};
    relations.existing = "old";
    EXPECT_EQ(Flags(Unique({"k"}), relations), expected);
  }
}

TEST_F(SetChecksTest, ReferencesPassWhereFoundOrNull) {
  Run("CREATE TABLE batch AS SELECT * FROM (VALUES (1, 'AA', 1), (2, 'ZZ', 1), (3, NULL, 1), (4, "
      "'AA', 2), (5, 'AA', NULL)) t(pos, c, n)");
  Run("CREATE TABLE airlines AS SELECT * FROM (VALUES ('AA', 1), ('BB', 2), (NULL, 2)) t(code, "
      "no)");
  Check check;
  check.kind = CheckKind::kReferences;
  check.columns = {"c"};
  check.reference_table = "airlines";
  check.reference_columns = {"code"};
  EXPECT_THAT(Flags(check, {}), ElementsAre(true, false, true, true, true));
  check.columns = {"c", "n"};
  check.reference_columns = {"code", "no"};
  EXPECT_THAT(Flags(check, {}), ElementsAre(true, false, true, false, true));
  RowRelations renamed;
  renamed.references["airlines"] = "(SELECT 'ZZ' AS code, 1 AS no)";
  EXPECT_THAT(Flags(check, renamed), ElementsAre(false, true, true, false, true));
}

TEST_F(SetChecksTest, FreshLooksAtTheNewestRow) {
  Run("CREATE TABLE t AS SELECT TIMESTAMPTZ '2024-01-01 10:00:00+00' AS ts UNION ALL SELECT NULL");
  Check check;
  check.name = "fresh";
  check.kind = CheckKind::kFresh;
  check.columns = {"ts"};
  check.fresh_within_us = 3'600'000'000;
  const int64_t ten = 1'704'103'200'000'000;  // 2024-01-01 10:00:00 UTC
  EXPECT_TRUE(Judge(check, {"t", "", ten + 3'600'000'000}).passed);
  const TableVerdict late = Judge(check, {"t", "", ten + 3'601'000'000});
  EXPECT_FALSE(late.passed);
  EXPECT_THAT(late.detail, HasSubstr("3601 s old"));
  EXPECT_FALSE(Judge(check, {"(SELECT * FROM t WHERE ts IS NULL)", "", ten}).passed);
}

TEST_F(SetChecksTest, RatiosCountNullAsBroken) {
  Run("CREATE TABLE t AS SELECT CASE WHEN i < 3 THEN NULL ELSE i END AS x FROM range(100) r(i)");
  Check check = Completeness("x", 97, Action::kFail);
  EXPECT_TRUE(Judge(check, {"t", "", 0}).passed);
  check = Completeness("x", 98, Action::kFail);
  const TableVerdict verdict = Judge(check, {"t", "", 0});
  EXPECT_FALSE(verdict.passed);
  EXPECT_EQ(verdict.broken, 3);
  EXPECT_EQ(verdict.detail, "3 % (3 of 100 rows), must be <= 2 %");
  EXPECT_TRUE(Judge(check, {"(SELECT * FROM t LIMIT 0)", "", 0}).passed);  // a share of nothing
}

TEST_F(SetChecksTest, DuplicatesAreTheLaterRows) {
  Run("CREATE TABLE t AS SELECT * FROM (VALUES (1, 1), (1, 1), (1, 2), (NULL, 1), (NULL, 1), (1, "
      "1)) v(a, b)");
  Check check;
  check.kind = CheckKind::kRatio;
  check.measure = Measure::kDuplicateRows;
  check.columns = {"a", "b"};
  check.threshold = {Comparison::kEqual, 2, 0, false};
  EXPECT_TRUE(Judge(check, {"t", "", 0}).passed);
  check.columns = {"b"};
  check.threshold.low = 4;
  EXPECT_TRUE(Judge(check, {"t", "", 0}).passed);
}

TEST_F(SetChecksTest, RowCountAndSql) {
  Run("CREATE TABLE \"my t\" AS SELECT i AS x FROM range(10) r(i)");
  Check check;
  check.name = "rows";
  check.kind = CheckKind::kRatio;
  check.measure = Measure::kRowCount;
  check.threshold = {Comparison::kBetween, 10, 20, false};
  EXPECT_TRUE(Judge(check, {"\"my t\"", "", 0}).passed);
  check.threshold = {Comparison::kGreater, 10, 0, false};
  EXPECT_FALSE(Judge(check, {"\"my t\"", "", 0}).passed);

  check.kind = CheckKind::kSql;
  check.columns = {"x"};
  check.expression = "SELECT sum({property}) FROM ${object} -- all of them\n;";
  check.threshold = {Comparison::kEqual, 45, 0, false};
  EXPECT_TRUE(Judge(check, {"\"my t\"", "", 0}).passed);
  check.expression = "SELECT max(x) FROM {table} WHERE {column} > 100";
  EXPECT_EQ(Judge(check, {"\"my t\"", "", 0}).detail, "the query answered NULL");
}

}  // namespace
}  // namespace weir::guard
