#include "weir/guard/check_totals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "weir/base/json.h"

namespace weir::guard {
namespace {

using ::testing::HasSubstr;

std::string FileName(int32_t file) { return "data/" + std::to_string(file) + ".csv"; }

Check Named(const std::string& name, Action action) {
  Check check;
  check.name = name;
  check.expression = "x > 0";
  check.action = action;
  return check;
}

// `failed` of `rows` rows broke the only check.
GateCounts Counts(int64_t rows, int64_t failed, Action action) {
  GateCounts counts;
  counts.rows = rows;
  counts.by_action[static_cast<int>(action)] = failed;
  counts.checks.resize(1);
  counts.checks[0].checked = rows;
  counts.checks[0].failed = failed;
  counts.checks[0].by_action[static_cast<int>(action)] = failed;
  counts.samples.emplace_back(10, 1);
  for (int64_t i = 0; i < failed; ++i) {
    if (!counts.samples[0].Offer()) continue;
    FailingRow row;
    row.origin = {1, i * 10, 10};
    row.row = "{\"x\":-1}";
    row.values = "x = -1";
    counts.samples[0].Put(row);
  }
  return counts;
}

Contract One(Action action) {
  Contract contract;
  contract.checks.push_back(Named("positive", action));
  return contract;
}

TEST(CheckTotalsTest, FailNamesConstraintCountExamplesAndFix) {
  CheckTotals totals(One(Action::kFail), RealEnv());
  totals.Merge(Counts(50, 2, Action::kFail));
  const Status status = totals.Verdict({FileName, {}});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::kContract);
  EXPECT_EQ(status.error().actor(), Actor::kData);
  EXPECT_EQ(status.error().ExitCode(), 1);
  EXPECT_THAT(status.error().message(), HasSubstr("'positive'"));
  EXPECT_THAT(status.error().message(), HasSubstr("2 of 50 rows"));
  EXPECT_THAT(status.error().excerpt(), HasSubstr("data/1.csv, byte 10: x = -1"));
  EXPECT_THAT(status.error().fix(), HasSubstr("QUARANTINE"));
}

TEST(CheckTotalsTest, OtherActionsCommit) {
  for (Action action : {Action::kWarn, Action::kDropRow, Action::kQuarantine}) {
    CheckTotals totals(One(action), RealEnv());
    totals.Merge(Counts(1000, 1000, action));
    EXPECT_TRUE(totals.Verdict({FileName, {}}).ok()) << ActionName(action);
  }
}

TEST(CheckTotalsTest, TheBreakerNeedsAHundredRowsAndMoreThanItsRatio) {
  Contract contract = One(Action::kQuarantine);
  contract.quarantine_max_ratio = 0.05;
  {
    CheckTotals totals(contract, RealEnv());
    totals.Merge(Counts(99, 99, Action::kQuarantine));
    EXPECT_TRUE(totals.Verdict({FileName, {}}).ok());
  }
  {
    CheckTotals totals(contract, RealEnv());
    totals.Merge(Counts(100, 5, Action::kQuarantine));
    EXPECT_TRUE(totals.Verdict({FileName, {}}).ok());
  }
  CheckTotals totals(contract, RealEnv());
  totals.Merge(Counts(100, 6, Action::kQuarantine));
  const Status status = totals.Verdict({FileName, {}});
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message(), HasSubstr("6 of 100 rows (6 %)"));
  EXPECT_THAT(status.error().message(), HasSubstr("'positive'"));
  EXPECT_EQ(status.error().ExitCode(), 1);
}

TEST(CheckTotalsTest, DroppedRowsDoNotOpenTheBreaker) {
  Contract contract = One(Action::kDropRow);
  contract.quarantine_max_ratio = 0;
  CheckTotals totals(contract, RealEnv());
  totals.Merge(Counts(1000, 1000, Action::kDropRow));
  EXPECT_TRUE(totals.Verdict({FileName, {}}).ok());
}

TEST(CheckTotalsTest, UnparsedRowsCountUnderParses) {
  Contract contract = One(Action::kWarn);
  contract.parses = Action::kFail;
  CheckTotals totals(contract, RealEnv());
  totals.Merge(Counts(10, 0, Action::kWarn));
  EXPECT_TRUE(totals.Verdict({FileName, {}}).ok());
  totals.AddUnparsed({{3, 77, 5}, "x", "cannot cast 'abc' to INTEGER"});
  EXPECT_TRUE(totals.fail_seen());
  const Status status = totals.Verdict({FileName, {}});
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message(), HasSubstr("'parses'"));
  EXPECT_THAT(status.error().message(), HasSubstr("1 of 11 rows"));
  EXPECT_THAT(status.error().excerpt(),
              HasSubstr("data/3.csv, byte 77: column x: cannot cast 'abc'"));
  EXPECT_EQ(totals.rows().checked, 11);
  EXPECT_EQ(totals.rows().accepted, 10);
  EXPECT_EQ(totals.rows().unparsed, 1);
}

TEST(CheckTotalsTest, AFailedTableCheckStopsTheCommit) {
  Contract contract;
  Check fresh;
  fresh.name = "fresh";
  fresh.kind = CheckKind::kFresh;
  fresh.columns = {"ts"};
  fresh.fresh_within_us = 1;
  fresh.action = Action::kFail;
  contract.checks.push_back(fresh);
  CheckTotals totals(contract, RealEnv());
  totals.AddTable(0, {true, 1, 5, 0, "new"});
  EXPECT_TRUE(totals.Verdict({FileName, {}}).ok());
  EXPECT_FALSE(totals.fail_seen());
  totals.AddTable(0, {false, 1e9, 5, 0, "the newest ts is old"});
  const Status status = totals.Verdict({FileName, {}});
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message(), HasSubstr("the newest ts is old"));
}

TEST(CheckTotalsTest, ScoreWeighsActions) {
  CheckTotals clean(One(Action::kFail), RealEnv());
  EXPECT_EQ(clean.Score(), 1);
  clean.Merge(Counts(100, 0, Action::kFail));
  EXPECT_EQ(clean.Score(), 1);

  // FAIL weighs 4, the built-in `parses` (QUARANTINE) 3: 1 - 4 * 50 / (4 * 100 + 3 * 100).
  CheckTotals broken(One(Action::kFail), RealEnv());
  broken.Merge(Counts(100, 50, Action::kFail));
  EXPECT_DOUBLE_EQ(broken.Score(), 1 - 200.0 / 700.0);
  CheckTotals warned(One(Action::kWarn), RealEnv());
  warned.Merge(Counts(100, 50, Action::kWarn));
  EXPECT_GT(warned.Score(), broken.Score());
}

TEST(CheckTotalsTest, JsonIsValidAndHoldsTheCounts) {
  Contract contract = One(Action::kQuarantine);
  contract.source = "a \"quoted\" file\n";
  CheckTotals totals(contract, RealEnv());
  totals.Merge(Counts(50, 20, Action::kQuarantine));
  totals.AddUnparsed({{3, 77, 5}, "", "bad \xff byte"});
  const std::string json = totals.ToJson({FileName, {}});
  const Result<Json> parsed = ParseJson(json);
  ASSERT_TRUE(parsed.ok()) << parsed.error().ToString() << json;
  const Json& checks = (*parsed)["checks"];
  EXPECT_EQ((*parsed)["contract"], contract.source);
  EXPECT_EQ((*parsed)["rows"]["quarantined"], 21);
  EXPECT_EQ(checks[0]["failed"], 20);
  EXPECT_EQ(checks[0]["sample"].size(), 10u);
  EXPECT_EQ(checks[0]["sample"][0]["row"]["x"], -1);
  EXPECT_EQ(checks[1]["name"], "parses");
  EXPECT_EQ(checks[1]["sample"][0]["message"], "bad \xef\xbf\xbd byte");
}

// Each of n rows is in the sample with probability k / n, whatever gate it came through: over many
// seeds no row's frequency strays by more than 6 standard deviations.
TEST(RowSampleTest, IsUniformAcrossMerges) {
  constexpr int kRows = 60;
  constexpr int kSeeds = 6000;
  constexpr size_t kCapacity = 5;
  std::map<int64_t, int> seen;
  for (int seed = 0; seed < kSeeds; ++seed) {
    RowSample total(kCapacity, static_cast<uint64_t>(seed) * 3 + 1);
    int64_t id = 0;
    for (int part : {1, 3, 40, 16}) {
      RowSample sample(kCapacity, static_cast<uint64_t>(seed) * 1000003 + part);
      for (int i = 0; i < part; ++i, ++id) {
        if (!sample.Offer()) continue;
        FailingRow row;
        row.origin = {0, id, 1};
        sample.Put(row);
      }
      total.Merge(std::move(sample));
    }
    ASSERT_EQ(total.offered(), kRows);
    ASSERT_EQ(total.rows().size(), kCapacity);
    for (const auto& row : total.rows()) ++seen[row.origin.offset];
  }
  const double p = static_cast<double>(kCapacity) / kRows;
  const double mean = kSeeds * p;
  const double deviation = std::sqrt(kSeeds * p * (1 - p));
  EXPECT_EQ(seen.size(), static_cast<size_t>(kRows));
  for (const auto& [id, count] : seen) EXPECT_NEAR(count, mean, 6 * deviation) << id;
}

TEST(RowSampleTest, WithoutRoomNothingIsKept) {
  RowSample sample(0, 1);
  EXPECT_FALSE(sample.Offer());
  EXPECT_EQ(sample.offered(), 1);
}

}  // namespace
}  // namespace weir::guard
