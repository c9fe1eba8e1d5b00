#include "weir/guard/lineage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weir/base/json.h"

namespace weir::guard {
namespace {

using ::testing::MatchesRegex;

LineageRun OrdersRun() {
  LineageRun run;
  run.run_id = RunUuid("run-1");
  run.event_time_us = 1'704'103'200'123'456;
  run.job_space = "shop";
  run.job_name = "shop.orders";
  run.sql = "SELECT \"a\" FROM raw\n";
  run.engine_version = "0.1.0";

  LineageDataset raw;
  raw.name = NameOfPath("/data/raw.csv");
  raw.columns = {{"a", "VARCHAR", "", {}}};
  raw.rows = 10;
  raw.bytes = 100;
  raw.files = 1;
  run.inputs.push_back(raw);

  LineageDataset orders;
  orders.name = NameOfPath("/w/tables/orders");
  orders.version = "3";
  orders.columns = {{"a", "BIGINT", "the a", {{raw.name, "a", Dependence::kTransformed}}},
                    {"n", "BIGINT", "", {{raw.name, "a", Dependence::kAggregated}}},
                    {"c", "BIGINT", "", {}}};
  orders.sources = {{raw.name, "a", Dependence::kGroupBy}};
  orders.rows = 8;
  CheckResult positive;
  positive.check.name = "positive";
  positive.check.expression = "a > 0";
  positive.check.action = Action::kQuarantine;
  positive.counts.checked = 10;
  positive.counts.failed = 2;
  CheckResult volume;
  volume.check.name = "volume";
  volume.check.kind = CheckKind::kRatio;
  volume.check.measure = Measure::kRowCount;
  volume.check.threshold = {Comparison::kGreater, 5, 0, false};
  volume.table = TableVerdict{true, 8, 8, 0, "8, must be > 5"};
  orders.checks = {positive, volume};
  run.outputs.push_back(orders);
  return run;
}

// Every facet carries its producer and schema, wherever it stands.
int CountFacets(const Json& facets) {
  int count = 0;
  for (const auto& [name, facet] : facets.items()) {
    EXPECT_TRUE(facet.contains("_producer")) << name;
    EXPECT_TRUE(facet.contains("_schemaURL")) << name;
    EXPECT_THAT(facet.value("_schemaURL", ""),
                MatchesRegex("https://openlineage.io/spec/facets/[0-9]-[0-9]-[0-9]/"
                             "([A-Za-z]*)Facet.json#/[$]defs/([A-Za-z]*)Facet"))
        << name;
    ++count;
  }
  return count;
}

TEST(LineageTest, AnEventHasWhatTheSpecificationAsksFor) {
  const Result<Json> parsed = ParseJson(RunEventJson(RunEvent::kComplete, OrdersRun()));
  ASSERT_TRUE(parsed.ok()) << parsed.error().ToString();
  const Json& event = *parsed;
  EXPECT_EQ(event["eventType"], "COMPLETE");
  EXPECT_EQ(event["eventTime"], "2024-01-01T10:00:00.123456Z");
  EXPECT_EQ(event["schemaURL"],
            "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent");
  EXPECT_THAT(event["producer"].get<std::string>(), MatchesRegex("urn:weir:.*"));
  EXPECT_EQ(event["run"]["runId"], RunUuid("run-1"));
  EXPECT_EQ(event["job"]["namespace"], "shop");
  EXPECT_EQ(event["job"]["name"], "shop.orders");
  EXPECT_EQ(event["job"]["facets"]["sql"]["query"], "SELECT \"a\" FROM raw\n");
  EXPECT_EQ(CountFacets(event["run"]["facets"]), 1);
  EXPECT_EQ(CountFacets(event["job"]["facets"]), 2);
  EXPECT_EQ(CountFacets(event["inputs"][0]["facets"]), 1);
  EXPECT_EQ(CountFacets(event["inputs"][0]["inputFacets"]), 1);
  EXPECT_EQ(CountFacets(event["outputs"][0]["facets"]), 5);
  EXPECT_EQ(CountFacets(event["outputs"][0]["outputFacets"]), 1);
}

TEST(LineageTest, ColumnsSayWhereTheyComeFrom) {
  const Json event = *ParseJson(RunEventJson(RunEvent::kComplete, OrdersRun()));
  const Json& lineage = event["outputs"][0]["facets"]["columnLineage"];
  EXPECT_EQ(lineage["fields"].size(), 2u);  // c comes from nowhere
  const Json& source = lineage["fields"]["a"]["inputFields"][0];
  EXPECT_EQ(source["namespace"], "file");
  EXPECT_EQ(source["name"], "/data/raw.csv");
  EXPECT_EQ(source["field"], "a");
  EXPECT_EQ(source["transformations"][0]["type"], "DIRECT");
  EXPECT_EQ(source["transformations"][0]["subtype"], "TRANSFORMATION");
  EXPECT_EQ(lineage["dataset"][0]["transformations"][0]["type"], "INDIRECT");
  EXPECT_EQ(lineage["dataset"][0]["transformations"][0]["subtype"], "GROUP_BY");
}

TEST(LineageTest, ChecksBecomeAssertions) {
  const Json event = *ParseJson(RunEventJson(RunEvent::kComplete, OrdersRun()));
  const Json& facets = event["outputs"][0]["facets"];
  EXPECT_EQ(facets["dataQualityMetrics"]["rowCount"], 10);
  EXPECT_TRUE(facets["dataQualityMetrics"].contains("columnMetrics"));
  const Json& assertions = facets["dataQualityAssertions"]["assertions"];
  ASSERT_EQ(assertions.size(), 2u);
  EXPECT_EQ(assertions[0]["name"], "positive");
  EXPECT_EQ(assertions[0]["success"], false);
  EXPECT_EQ(assertions[0]["actual"], "2 of 10");
  EXPECT_EQ(assertions[0]["params"]["onViolation"], "QUARANTINE");
  EXPECT_EQ(assertions[1]["assertion"], "row_count");
  EXPECT_EQ(assertions[1]["success"], true);
  EXPECT_EQ(assertions[1]["severity"], "warn");
}

TEST(LineageTest, AFailureCarriesItsMessage) {
  LineageRun run = OrdersRun();
  run.error = "constraint 'positive' is broken";
  const Json event = *ParseJson(RunEventJson(RunEvent::kFail, run));
  EXPECT_EQ(event["eventType"], "FAIL");
  EXPECT_EQ(event["run"]["facets"]["errorMessage"]["message"], run.error);
  EXPECT_EQ(CountFacets(event["run"]["facets"]), 2);
  run.inputs.clear();
  run.outputs.clear();
  const Json start = *ParseJson(RunEventJson(RunEvent::kStart, run));
  EXPECT_EQ(start["eventType"], "START");
  EXPECT_TRUE(start["inputs"].empty());
  EXPECT_FALSE(start["run"]["facets"].contains("errorMessage"));
}

TEST(LineageTest, DatasetsAreNamedAsTheConventionSays) {
  EXPECT_EQ(NameOfPath("/a/b.csv"), (DatasetName{"file", "/a/b.csv"}));
  EXPECT_EQ(NameOfPath("s3://bucket/key/of.csv"), (DatasetName{"s3://bucket", "key/of.csv"}));
  EXPECT_EQ(NameOfPath("https://host:1/p/f.csv"), (DatasetName{"https://host:1", "/p/f.csv"}));
  EXPECT_EQ(NameOfPath("s3://bucket"), (DatasetName{"s3://bucket", ""}));
}

TEST(LineageTest, RunIdsAreUuids) {
  EXPECT_EQ(RunUuid("123e4567-e89b-12d3-a456-426614174000"),
            "123e4567-e89b-12d3-a456-426614174000");
  EXPECT_THAT(RunUuid("run-1"),
              MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}"
                           "-[0-9a-f]{12}"));
  EXPECT_EQ(RunUuid("run-1"), RunUuid("run-1"));
  EXPECT_NE(RunUuid("run-1"), RunUuid("run-2"));
}

}  // namespace
}  // namespace weir::guard
