// The Session's own work on queries: rewriting, places of errors, row-wise or not, origins.
#include "weir/sql/session.h"

#include <gtest/gtest.h>

#include "duckdb/main/materialized_query_result.hpp"
#include "duckdb/planner/expression.hpp"
#include "duckdb/planner/logical_operator.hpp"
#include "weir/base/sim_env.h"
#include "weir/sql/column_lineage.h"
#include "weir/sql/row_origin.h"

namespace weir::sql {
namespace {

Fragment Text(const std::string& sql) {
  Fragment fragment;
  fragment.source = std::make_shared<SourceText>(SourceText{"q.sql", sql});
  fragment.text = sql;
  return fragment;
}

class SessionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    columnar::EngineOptions options;
    options.memory_bytes = 512 << 20;
    options.threads = 1;
    auto engine = columnar::Engine::Open(RealEnv(), options);
    ASSERT_TRUE(engine.ok()) << engine.error().ToString();
    engine_ = std::move(engine).value();
    auto session = Session::Open(*engine_);
    ASSERT_TRUE(session.ok()) << session.error().ToString();
    session_ = std::move(session).value();
    for (const char* name : {"orders", "clicks", "planes"}) {
      tables_.push_back(std::make_unique<TableStatement>());
      tables_.back()->name = name;
      columnar::Schema schema;
      schema.fields = {{"id", duckdb::LogicalType::INTEGER, true},
                       {"name", duckdb::LogicalType::VARCHAR, true},
                       {"ts", duckdb::LogicalType::TIMESTAMP, true}};
      ASSERT_TRUE(session_->DefineScan(*tables_.back(), schema, nullptr, 0, nullptr).ok());
    }
  }

  // "" if the query is row-wise in the names, else why not.
  std::string Against(const std::string& sql, const std::set<std::string>& changed) {
    auto bound = session_->Bind(Text(sql), std::nullopt);
    if (!bound.ok()) return bound.error().ToString();
    const RowWiseVerdict verdict = ClassifyRowWise(*bound->plan, session_->scans(), changed);
    if (verdict.verdict == RowWise::kRowWise) return "";
    return verdict.verdict == RowWise::kStatic ? "static" : verdict.reason;
  }

  std::string Rows(const std::string& sql) {
    auto rows = session_->Query(Text(sql), std::nullopt);
    if (!rows.ok()) return rows.error().ToString();
    std::string out;
    for (auto& row : (*rows)->Collection().GetRows()) {
      for (size_t i = 0; i < (*rows)->ColumnCount(); ++i) {
        out += (i ? "|" : "") + row.GetValue(i).ToString();
      }
      out += "\n";
    }
    return out;
  }

  std::unique_ptr<columnar::Engine> engine_;
  std::unique_ptr<Session> session_;
  std::vector<std::unique_ptr<TableStatement>> tables_;
};

TEST_F(SessionTest, RowWiseOrNot) {
  EXPECT_EQ(Against("SELECT id + 1 FROM orders WHERE id > 3", {"orders"}), "");
  EXPECT_EQ(Against("SELECT unnest([id, 2]) FROM orders", {"orders"}), "");
  EXPECT_EQ(Against("SELECT * FROM orders JOIN planes USING (id)", {"orders"}), "");
  EXPECT_EQ(Against("SELECT * FROM orders LEFT JOIN planes USING (id)", {"orders"}), "");
  EXPECT_EQ(Against("WITH o AS (SELECT * FROM orders) SELECT * FROM o", {"orders"}), "");
  EXPECT_EQ(Against("SELECT * FROM orders WHERE id IN (SELECT id FROM planes)", {"orders"}), "");
  EXPECT_EQ(Against("SELECT *, (SELECT max(p.name) FROM planes p WHERE p.id = o.id) FROM orders o",
                    {"orders"}),
            "");
  EXPECT_EQ(Against("SELECT id FROM orders UNION ALL SELECT id FROM clicks", {"orders", "clicks"}),
            "");
  EXPECT_EQ(Against("SELECT count(*) FROM orders", {"orders"}), "an aggregate");
  EXPECT_EQ(Against("SELECT DISTINCT id FROM orders", {"orders"}), "DISTINCT");
  EXPECT_EQ(Against("SELECT * FROM orders LIMIT 3", {"orders"}), "LIMIT");
  EXPECT_EQ(Against("SELECT row_number() OVER () FROM orders", {"orders"}), "a window function");
  EXPECT_EQ(Against("SELECT * FROM orders o JOIN clicks c USING (id)", {"orders", "clicks"}),
            "a join of two inputs that both changed");
  EXPECT_EQ(Against("SELECT * FROM orders LEFT JOIN planes USING (id)", {"planes"}),
            "an outer join whose preserved side is not the changed input");
  EXPECT_EQ(Against("SELECT * FROM orders WHERE id IN (SELECT id FROM planes)", {"planes"}),
            "an outer join whose preserved side is not the changed input");
  EXPECT_EQ(Against("SELECT id FROM orders UNION ALL SELECT id FROM clicks", {"orders"}),
            "a UNION ALL with an input that did not change");
  EXPECT_EQ(Against("SELECT * FROM planes", {"orders"}), "static");
}

TEST_F(SessionTest, ColumnsAreTracedToTheirSources) {
  auto bound = session_->Bind(
      Text("WITH o AS (SELECT id, upper(name) AS n FROM orders WHERE ts IS NOT NULL) "
           "SELECT o.id, o.n, count(p.name) AS planes FROM o JOIN planes p ON p.id = o.id "
           "GROUP BY ALL"),
      std::nullopt);
  ASSERT_TRUE(bound.ok()) << bound.error().ToString();
  const ColumnLineage lineage = TraceLineage(*bound->plan, session_->scans());
  using guard::Dependence;
  ASSERT_EQ(lineage.columns.size(), 3u);
  EXPECT_EQ(lineage.columns[0], (std::vector<ColumnEdge>{{"orders", "id", Dependence::kIdentity}}));
  EXPECT_EQ(lineage.columns[1],
            (std::vector<ColumnEdge>{{"orders", "name", Dependence::kTransformed}}));
  EXPECT_EQ(lineage.columns[2],
            (std::vector<ColumnEdge>{{"planes", "name", Dependence::kAggregated}}));
  const auto has = [&](const ColumnEdge& edge) {
    return std::find(lineage.rows.begin(), lineage.rows.end(), edge) != lineage.rows.end();
  };
  EXPECT_TRUE(has({"orders", "ts", Dependence::kFilter}));
  EXPECT_TRUE(has({"planes", "id", Dependence::kJoin}));
  EXPECT_TRUE(has({"orders", "id", Dependence::kJoin}));
  EXPECT_TRUE(has({"orders", "name", Dependence::kGroupBy}));
}

TEST_F(SessionTest, ALongChainOfQueriesIsTracedAtOnce) {
  // 3^60 ways lead from the last column to the first.
  std::string chain = "WITH c0 AS (SELECT id AS x, id AS y FROM orders)";
  for (int i = 1; i <= 60; ++i) {
    chain += ", c" + std::to_string(i) + " AS (SELECT x + x + y AS x, y + x AS y FROM c" +
             std::to_string(i - 1) + ")";
  }
  auto bound = session_->Bind(Text(chain + " SELECT x FROM c60 WHERE y > 0"), std::nullopt);
  ASSERT_TRUE(bound.ok()) << bound.error().ToString();
  const ColumnLineage lineage = TraceLineage(*bound->plan, session_->scans());
  using guard::Dependence;
  EXPECT_EQ(lineage.columns,
            (std::vector<std::vector<ColumnEdge>>{{{"orders", "id", Dependence::kTransformed}}}));
  EXPECT_EQ(lineage.rows, (std::vector<ColumnEdge>{{"orders", "id", Dependence::kFilter}}));
}

TEST_F(SessionTest, ARecursiveQueryIsTracedToWhatItBeginsWith) {
  auto bound = session_->Bind(Text("WITH RECURSIVE r AS (SELECT id, 1 AS n FROM orders UNION ALL "
                                   "SELECT r.id, n + 1 FROM r WHERE n < 3) SELECT id, n FROM r"),
                              std::nullopt);
  ASSERT_TRUE(bound.ok()) << bound.error().ToString();
  const ColumnLineage lineage = TraceLineage(*bound->plan, session_->scans());
  using guard::Dependence;
  ASSERT_EQ(lineage.columns.size(), 2u);
  EXPECT_EQ(lineage.columns[0], (std::vector<ColumnEdge>{{"orders", "id", Dependence::kIdentity}}));
}

TEST_F(SessionTest, AnErrorPointsIntoTheUsersText) {
  auto bound = session_->Bind(Text("SELECT id,\n  nmae FROM orders"), std::nullopt);
  ASSERT_FALSE(bound.ok());
  EXPECT_EQ(bound.error().where(), "q.sql:2:3");
  EXPECT_NE(bound.error().fix().find("name"), std::string::npos) << bound.error().ToString();
  auto table = session_->Bind(Text("SELECT * FROM ordres"), std::nullopt);
  ASSERT_FALSE(table.ok());
  EXPECT_NE(table.error().fix().find("orders"), std::string::npos) << table.error().ToString();
}

TEST_F(SessionTest, AnErrorBehindARewrittenPieceStillPointsRight) {
  auto bound = session_->Bind(
      Text("SELECT window_start, name FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), "
           "INTERVAL '1' HOUR)) WHERE idd = 1"),
      std::nullopt);
  ASSERT_FALSE(bound.ok());
  EXPECT_EQ(bound.error().where(), "q.sql:1:101");
}

TEST(SessionFaultTest, AFailureOfTheMachineIsNoMistakeInTheQuery) {
  SimEnv env(1);
  auto engine = columnar::Engine::Open(env, {.memory_bytes = 512 << 20, .threads = 1});
  ASSERT_TRUE(engine.ok()) << engine.error().ToString();
  auto session = Session::Open(**engine);
  ASSERT_TRUE(session.ok()) << session.error().ToString();
  const Fragment query = Text("SELECT * FROM read_parquet('/a.parquet')");
  const auto absent = (*session)->Bind(query, std::nullopt);
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().ExitCode(), 2);
  env.SetIoErrorProbability(1);
  const auto failed = (*session)->Bind(query, std::nullopt);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().ExitCode(), 3) << failed.error().ToString();
  EXPECT_EQ(failed.error().code(), ErrorCode::kIo);
}

TEST_F(SessionTest, WindowsAreFlinks) {
  ASSERT_TRUE(session_
                  ->Execute("CREATE TEMP TABLE bids AS SELECT * FROM (VALUES "
                            "(TIMESTAMP '2020-04-15 08:05:00', 4), "
                            "(TIMESTAMP '2020-04-15 08:17:00', 5)) t(bidtime, price)")
                  .ok());
  // Figures of Flink's documentation of windowing table-valued functions, shortened to two bids.
  EXPECT_EQ(
      Rows("SELECT price, window_start, window_end, window_time FROM TABLE(TUMBLE(TABLE bids, "
           "DESCRIPTOR(bidtime), INTERVAL '10' MINUTES)) ORDER BY price"),
      "4|2020-04-15 08:00:00|2020-04-15 08:10:00|2020-04-15 08:09:59.999\n"
      "5|2020-04-15 08:10:00|2020-04-15 08:20:00|2020-04-15 08:19:59.999\n");
  EXPECT_EQ(Rows("SELECT price, window_start, window_end FROM TABLE(HOP(DATA => TABLE bids, "
                 "TIMECOL => DESCRIPTOR(bidtime), SLIDE => INTERVAL '5' MINUTES, "
                 "SIZE => INTERVAL '10' MINUTES)) ORDER BY price, window_start"),
            "4|2020-04-15 08:00:00|2020-04-15 08:10:00\n"
            "4|2020-04-15 08:05:00|2020-04-15 08:15:00\n"
            "5|2020-04-15 08:10:00|2020-04-15 08:20:00\n"
            "5|2020-04-15 08:15:00|2020-04-15 08:25:00\n");
  EXPECT_EQ(Rows("SELECT price, window_start, window_end FROM TABLE(CUMULATE(TABLE bids, "
                 "DESCRIPTOR(bidtime), INTERVAL '2' MINUTES, INTERVAL '10' MINUTES)) "
                 "ORDER BY price, window_end"),
            "4|2020-04-15 08:00:00|2020-04-15 08:06:00\n"
            "4|2020-04-15 08:00:00|2020-04-15 08:08:00\n"
            "4|2020-04-15 08:00:00|2020-04-15 08:10:00\n"
            "5|2020-04-15 08:10:00|2020-04-15 08:18:00\n"
            "5|2020-04-15 08:10:00|2020-04-15 08:20:00\n");
  EXPECT_EQ(Rows("SELECT price, window_start, window_end FROM TABLE(SESSION(TABLE bids, "
                 "DESCRIPTOR(bidtime), INTERVAL '5' MINUTES)) ORDER BY price"),
            "4|2020-04-15 08:05:00|2020-04-15 08:10:00\n"
            "5|2020-04-15 08:17:00|2020-04-15 08:22:00\n");
}

TEST_F(SessionTest, NowIsTheRunsFixedMoment) {
  auto rewritten = RewriteQuery(Text("SELECT now(), current_date, t.now FROM t"), 86'400'000'000);
  ASSERT_TRUE(rewritten.ok());
  EXPECT_EQ(rewritten->text,
            "SELECT TIMESTAMPTZ '1970-01-02 00:00:00+00', DATE '1970-01-02', t.now FROM t");
}

TEST_F(SessionTest, ConditionsBindToColumnsByPosition) {
  columnar::Schema schema;
  schema.fields = {{"a", duckdb::LogicalType::INTEGER, true},
                   {"b", duckdb::LogicalType::VARCHAR, true}};
  auto bound = session_->BindConditions(schema, {Text("length(b) > 2 AND a IS NOT NULL")}, 0);
  ASSERT_TRUE(bound.ok()) << bound.error().ToString();
  EXPECT_EQ((*bound)[0]->return_type, duckdb::LogicalType::BOOLEAN);
  auto bad = session_->BindConditions(schema, {Text("c > 2")}, 0);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().where(), "q.sql:1:1");
  auto subquery = session_->BindConditions(schema, {Text("a IN (SELECT 1)")}, 0);
  ASSERT_FALSE(subquery.ok());
}

TEST_F(SessionTest, TypesInFlinksWords) {
  auto name = [&](const std::string& text) {
    auto type = ParseType(session_->connection(), text);
    return type.ok() ? type->ToString() : type.error().message();
  };
  EXPECT_EQ(name("STRING"), "VARCHAR");
  EXPECT_EQ(name("TIMESTAMP(3)"), "TIMESTAMP");
  EXPECT_EQ(name("TIMESTAMP_LTZ(3)"), "TIMESTAMP WITH TIME ZONE");
  EXPECT_EQ(name("TIMESTAMP(3) WITH LOCAL TIME ZONE"), "TIMESTAMP WITH TIME ZONE");
  EXPECT_EQ(name("ARRAY<ROW<a INT, b STRING>>"), "STRUCT(a INTEGER, b VARCHAR)[]");
  EXPECT_EQ(name("MAP<STRING, DECIMAL(10, 2)>"), "MAP(VARCHAR, DECIMAL(10,2))");
  EXPECT_EQ(name("DOUBLE PRECISION"), "DOUBLE");
  EXPECT_EQ(name("STRUCT(a INT)[]"), "STRUCT(a INTEGER)[]");
  EXPECT_NE(name("INTT").find("is not a type"), std::string::npos);
}

}  // namespace
}  // namespace weir::sql
