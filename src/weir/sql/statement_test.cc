#include <gtest/gtest.h>

#include "weir/sql/project.h"
#include "weir/sql/statement.h"

namespace weir::sql {
namespace {

Result<std::vector<Statement>> Parse(const std::string& text) {
  return ParseStatements(std::make_shared<SourceText>(SourceText{"p.sql", text}));
}

TEST(StatementTest, TakesTheExampleOfTheDocumentationApart) {
  auto parsed = Parse(R"(
-- a comment; with a semicolon
CREATE TABLE flights_raw (
  year INT, arr_delay DOUBLE, price DECIMAL(10, 2) NOT NULL, day_of AS CAST(time_hour AS DATE),
  path VARCHAR METADATA FROM 'file.path', time_hour TIMESTAMP(3),
  WATERMARK FOR time_hour AS time_hour - INTERVAL '1' HOUR
) WITH ('connector' = 'filesystem', 'csv.null-literal' = 'N''A');
CREATE MATERIALIZED TABLE flights (
  PRIMARY KEY (time_hour, flight) NOT ENFORCED,
  CONSTRAINT known EXPECT (origin IN ('EWR', 'LGA')) ON VIOLATION FAIL UPDATE,
  CONSTRAINT flew EXPECT ((arr_delay IS NOT NULL)) ON VIOLATION QUARANTINE,
  CONSTRAINT one EXPECT UNIQUE (flight) ON VIOLATION DROP ROW,
  CONSTRAINT plane EXPECT (tailnum) REFERENCES planes (tail),
  CONSTRAINT fresh EXPECT FRESH time_hour WITHIN INTERVAL '2' HOUR
) PARTITIONED BY (month) AS SELECT * FROM flights_raw WHERE note <> ';';
)");
  ASSERT_TRUE(parsed.ok()) << parsed.error().ToString();
  ASSERT_EQ(parsed->size(), 2u);
  const auto& raw = std::get<TableStatement>((*parsed)[0].body);
  ASSERT_EQ(raw.columns.size(), 6u);
  EXPECT_EQ(raw.columns[2].type, "DECIMAL(10, 2)");
  EXPECT_TRUE(raw.columns[2].not_null);
  EXPECT_EQ(raw.columns[3].computed.text, "CAST(time_hour AS DATE)");
  EXPECT_EQ(raw.columns[4].metadata, "file.path");
  EXPECT_EQ(raw.options.at("csv.null-literal"), "N'A");
  EXPECT_EQ(raw.watermark->column, "time_hour");
  const auto& flights = std::get<TableStatement>((*parsed)[1].body);
  EXPECT_TRUE(flights.materialized);
  ASSERT_EQ(flights.checks.size(), 5u);
  EXPECT_EQ(flights.checks[0].action, guard::Action::kFail);
  EXPECT_EQ(flights.checks[0].expression, "origin IN ('EWR', 'LGA')");
  EXPECT_EQ(flights.checks[1].expression, "(arr_delay IS NOT NULL)");
  EXPECT_EQ(flights.checks[2].kind, guard::CheckKind::kUnique);
  EXPECT_EQ(flights.checks[3].reference_columns, std::vector<std::string>{"tail"});
  EXPECT_EQ(flights.checks[3].action, guard::Action::kWarn);
  EXPECT_EQ(flights.checks[4].fresh_within_us, 7'200'000'000);
  EXPECT_EQ(flights.query.text, "SELECT * FROM flights_raw WHERE note <> ';'");
}

TEST(StatementTest, TopicsAndTypesWithCommas) {
  auto parsed = Parse(R"(
CREATE TOPIC IF NOT EXISTS shop.orders WITH ('partitions' = '3', 'retention.ms' = '1000');
CREATE TOPIC "my-topic";
CREATE TABLE t (m MAP<STRING, ARRAY<INT>> NOT NULL, h MAP<STRING, BYTES> METADATA VIRTUAL, z INT)
  WITH ('connector' = 'kafka');
)");
  ASSERT_TRUE(parsed.ok()) << parsed.error().ToString();
  const auto& topic = std::get<TopicStatement>((*parsed)[0].body);
  EXPECT_EQ(topic.name, "shop.orders");
  EXPECT_EQ(topic.options.at("retention.ms"), "1000");
  EXPECT_EQ(std::get<TopicStatement>((*parsed)[1].body).name, "my-topic");
  const auto& table = std::get<TableStatement>((*parsed)[2].body);
  ASSERT_EQ(table.columns.size(), 3u);
  EXPECT_EQ(table.columns[0].type, "MAP<STRING, ARRAY<INT>>");
  EXPECT_TRUE(table.columns[0].not_null);
  EXPECT_TRUE(table.columns[1].is_metadata && table.columns[1].is_virtual);
  EXPECT_FALSE(Parse("CREATE TOPIC t PARTITIONS 3").ok());
}

TEST(StatementTest, AnErrorNamesPlaceExpectationAndNearestWord) {
  auto parsed = Parse("CREATE TABLE t (\n  a INT\n) PARTITONED BY (a);");
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().where(), "p.sql:3:3");
  EXPECT_EQ(parsed.error().fix(), "did you mean 'PARTITIONED'?");
  EXPECT_EQ(parsed.error().excerpt(), ") PARTITONED BY (a);\n  ^");
  EXPECT_EQ(parsed.error().ExitCode(), 2);
}

TEST(StatementTest, UnclosedThingsAreFoundWhereTheyBegin) {
  EXPECT_EQ(Parse("SELECT 'abc").error().where(), "p.sql:1:8");
  EXPECT_EQ(Parse("SELECT 1;\n/* x").error().where(), "p.sql:2:1");
  EXPECT_FALSE(Parse("BEGIN STATEMENT SET; INSERT INTO t SELECT 1;").ok());
}

TEST(StatementTest, StatementSetsAndViews) {
  auto parsed = Parse(
      "CREATE VIEW v (x) AS SELECT 1; EXECUTE STATEMENT SET BEGIN INSERT INTO t SELECT 1; "
      "INSERT OVERWRITE u (a, b) SELECT 1, 2; END; SET 'a.b' = 'c'; WITH q AS (SELECT 1) FROM q");
  ASSERT_TRUE(parsed.ok()) << parsed.error().ToString();
  ASSERT_EQ(parsed->size(), 5u);
  EXPECT_TRUE(std::get<InsertStatement>((*parsed)[2].body).overwrite);
  EXPECT_EQ(std::get<InsertStatement>((*parsed)[2].body).columns.size(), 2u);
  EXPECT_EQ(std::get<SetStatement>((*parsed)[3].body).value, "c");
  EXPECT_TRUE(std::holds_alternative<QueryStatement>((*parsed)[4].body));
}

TEST(ProjectTest, NamesAreUniqueAndTargetsExist) {
  auto twice = ParseProject(
      ".", {{"a.sql", "CREATE VIEW t AS SELECT 1;"}, {"b.sql", "CREATE VIEW T AS SELECT 2;"}});
  ASSERT_FALSE(twice.ok());
  EXPECT_NE(twice.error().message().find("a.sql:1:1"), std::string::npos);
  auto missing = ParseProject(".", {{"a.sql",
                                     "CREATE TABLE target (a INT); INSERT INTO taget "
                                     "SELECT 1;"}});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().fix(), "did you mean 'target'?");
}

TEST(ProjectTest, SeveralInsertsIntoOneTableAreFlowsOfTheirOwn) {
  auto project = ParseProject(".", {{"a.sql",
                                     "CREATE TABLE t (a INT); INSERT INTO t SELECT 1; "
                                     "INSERT INTO t SELECT 2;"}});
  ASSERT_TRUE(project.ok());
  ASSERT_EQ((*project)->flows.size(), 2u);
  EXPECT_EQ((*project)->flows[0].id, "t");
  EXPECT_EQ((*project)->flows[1].id, "t-2");
}

}  // namespace
}  // namespace weir::sql
