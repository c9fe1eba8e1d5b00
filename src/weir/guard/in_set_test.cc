#include "weir/guard/in_set.h"

#include <gtest/gtest.h>

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/execution/expression_executor.hpp"
#include "weir/guard/testing/bind.h"

namespace weir::guard {
namespace {

using duckdb::LogicalType;

columnar::Schema Columns() {
  return {{{"s", LogicalType::VARCHAR},
           {"i", LogicalType::INTEGER},
           {"b", LogicalType::BIGINT},
           {"d", LogicalType::DATE}}};
}

// "v1, v2, ..., vn" for the text of an IN list.
std::string List(int n, const std::string& before, const std::string& after) {
  std::string text;
  for (int i = 0; i < n; ++i) {
    text += (i == 0 ? "" : ", ") + before + std::to_string(i * 3) + after;
  }
  return text;
}

// The look-up gives what DuckDB's own evaluation gives: true exactly where the condition is true.
TEST(InSetTest, AgreesWithDuckDb) {
  testing::Binder binder(Columns());
  binder.Run(
      "CREATE TABLE data AS SELECT CASE i % 11 WHEN 0 THEN NULL WHEN 1 THEN 'a long string no. ' "
      "|| (i % 60) WHEN 2 THEN '' WHEN 3 THEN '0' || chr(0) ELSE (i % 50)::VARCHAR END AS s, CASE "
      "WHEN i % 7 = 0 THEN NULL ELSE (i % 90)::INTEGER END AS i, CASE WHEN i % 5 = 0 THEN NULL "
      "ELSE (i % 70)::BIGINT END AS b, DATE '1970-01-01' + (i % 40)::INTEGER AS d FROM "
      "range(4000) t(i)");
  int looked_up = 0;
  for (const std::string& condition : std::vector<std::string>{
           "s IN ('1', '12', '')", "s NOT IN ('1', '12', '')", "s IN ('1', NULL, '3')",
           "s NOT IN ('1', NULL)", "s IN (" + List(100, "'", "'") + ")",
           "s NOT IN (" + List(20, "'a long string no. ", "'") + ")",
           "s IN ('0', 'a long string no. 12')", "i IN (" + List(30, "", "") + ")",
           "i NOT IN (" + List(30, "", "") + ")", "b IN (" + List(20, "", "") + ")",
           "lower(s) IN ('1', '4')", "s IS NULL OR s IN ('1', '2')",
           "s IS NULL OR s NOT IN ('1', NULL)", "b IS NULL OR b NOT IN (" + List(20, "", "") + ")",
           "i IS NULL OR b IN (" + List(20, "", "") + ")",
           "d IN (" + List(10, "DATE '1970-01-01' + ", "") + ")",
           "d IN ('1970-01-01', '1970-01-05', '1970-01-06', '1970-01-07', '1970-01-08', "
           "'1970-01-09', '1970-01-10', '1970-01-11', '1970-01-12', '1970-02-02')"}) {
    const auto expression = binder.Predicate(condition);
    const auto set = InSet::TryMake(*expression);
    if (set == nullptr) continue;  // counted below
    ++looked_up;
    duckdb::ExpressionExecutor by_duckdb(binder.context(), *expression);
    duckdb::ExpressionExecutor input(binder.context(), set->input());
    auto rows = binder.Run("SELECT * FROM data");
    while (auto chunk = rows->Fetch()) {
      if (chunk->size() == 0) break;
      duckdb::Vector expected(LogicalType::BOOLEAN);
      by_duckdb.ExecuteExpression(*chunk, expected);
      duckdb::Vector values(set->input().return_type);
      input.ExecuteExpression(*chunk, values);
      bool passes[STANDARD_VECTOR_SIZE];
      set->Evaluate(values, chunk->size(), passes);
      for (size_t row = 0; row < chunk->size(); ++row) {
        const duckdb::Value value = expected.GetValue(row);
        ASSERT_EQ(passes[row], !value.IsNull() && value.GetValue<bool>())
            << condition << " of " << chunk->GetValue(0, row).ToString() << ", "
            << chunk->GetValue(1, row).ToString();
      }
    }
  }
  EXPECT_EQ(looked_up, 15);
}

TEST(InSetTest, OtherConditionsAreLeftToTheExecutor) {
  testing::Binder binder(Columns());
  for (const std::string condition :
       {"s = '1'", "s IN ('1', lower(s))", "i IN (1, 2)", "s COLLATE NOCASE IN ('a', 'b')",
        "i IS NULL OR s IN ('1', '2')", "s = 'x' OR s IN ('1', '2')"}) {
    EXPECT_EQ(InSet::TryMake(*binder.Predicate(condition)), nullptr) << condition;
  }
}

}  // namespace
}  // namespace weir::guard
