#include "weir/guard/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "duckdb/common/types/data_chunk.hpp"
#include "weir/guard/testing/bind.h"

namespace weir::guard {
namespace {

using columnar::Schema;
using duckdb::LogicalType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Expectation {
  std::string name;
  std::string sql;
  Action action;
};

Contract ContractOf(const std::vector<Expectation>& expectations) {
  Contract contract;
  for (const auto& expectation : expectations) {
    Check check;
    check.name = expectation.name;
    check.expression = expectation.sql;
    check.action = expectation.action;
    contract.checks.push_back(check);
  }
  return contract;
}

// A contract over a schema, judged on chunks that SQL makes.
class Fixture {
 public:
  Fixture(Schema schema, const std::vector<Expectation>& expectations, int origin_column = -1)
      : binder_(schema),
        totals_(std::make_shared<CheckTotals>(ContractOf(expectations), RealEnv())) {
    std::vector<BoundPredicate> predicates;
    for (size_t i = 0; i < expectations.size(); ++i) {
      predicates.push_back({i, binder_.Predicate(expectations[i].sql)});
    }
    if (origin_column >= 0) schema.fields.resize(static_cast<size_t>(origin_column));
    auto plan = GatePlan::Make(totals_, std::move(predicates), {schema, origin_column});
    EXPECT_TRUE(plan.ok());
    plan_ = std::move(plan).value();
  }

  std::unique_ptr<RowGate> Open() {
    auto gate = plan_->OpenGate(binder_.context());
    EXPECT_TRUE(gate.ok());
    return std::move(gate).value();
  }

  testing::Binder& binder() { return binder_; }
  CheckTotals& totals() { return *totals_; }
  const GatePlan& plan() { return *plan_; }

 private:
  testing::Binder binder_;
  std::shared_ptr<CheckTotals> totals_;
  std::shared_ptr<const GatePlan> plan_;
};

Schema OneInteger() { return {{{"x", LogicalType::INTEGER, true}}}; }

struct Judged {
  std::vector<size_t> accepted;
  std::vector<size_t> rejected;
  std::vector<uint64_t> verdicts;
};

Judged Check(RowGate& gate, duckdb::DataChunk& chunk) {
  duckdb::SelectionVector accepted;
  duckdb::SelectionVector rejected;
  Judged judged;
  auto verdict = gate.Check(chunk, accepted, rejected, judged.verdicts);
  EXPECT_TRUE(verdict.ok()) << verdict.error().ToString();
  for (size_t i = 0; i < verdict->accepted; ++i) judged.accepted.push_back(accepted.get_index(i));
  for (size_t i = 0; i < verdict->rejected; ++i) judged.rejected.push_back(rejected.get_index(i));
  return judged;
}

TEST(GateTest, ABatchInWhichEveryRowPassesIsNotSelected) {
  Fixture f(OneInteger(), {{"positive", "x > 0", Action::kDropRow}});
  auto rows = f.binder().Run("SELECT * FROM (VALUES (1::INTEGER), (2), (3)) t(x)");
  auto chunk = rows->Fetch();
  auto gate = f.Open();
  duckdb::SelectionVector accepted(STANDARD_VECTOR_SIZE);
  duckdb::SelectionVector rejected;
  std::vector<uint64_t> verdicts;
  auto verdict = gate->Check(*chunk, accepted, rejected, verdicts);
  ASSERT_TRUE(verdict.ok());
  EXPECT_EQ(verdict->accepted, 3u);
  EXPECT_EQ(verdict->rejected, 0u);
  EXPECT_FALSE(accepted.IsSet());
  EXPECT_EQ(accepted.get_index(2), 2u);
}

TEST(GateTest, TheSeverestActionDecidesAndAllNamesAreKept) {
  Fixture f(OneInteger(), {{"warn", "x <> 2", Action::kWarn},
                           {"drop", "x <> 3", Action::kDropRow},
                           {"quarantine", "x NOT IN (2, 4)", Action::kQuarantine},
                           {"fail", "x <> 5", Action::kFail}});
  auto rows = f.binder().Run("SELECT * FROM (VALUES (1::INTEGER), (2), (3), (4), (5), (6)) t(x)");
  auto chunk = rows->Fetch();
  auto gate = f.Open();
  const Judged judged = Check(*gate, *chunk);
  EXPECT_THAT(judged.accepted, ElementsAre(0, 5));
  EXPECT_THAT(judged.rejected, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(judged.verdicts, ElementsAre(0b0101, 0b0010, 0b0100, 0b1000));
  EXPECT_EQ(f.plan().ActionOf(&judged.verdicts[0]), Action::kQuarantine);
  EXPECT_TRUE(f.totals().fail_seen());
  gate->Finish();
  const RowCounts counts = f.totals().rows();
  EXPECT_EQ(counts.checked, 6);
  EXPECT_EQ(counts.accepted, 2);
  EXPECT_EQ(counts.dropped, 1);
  EXPECT_EQ(counts.quarantined, 2);
  EXPECT_EQ(counts.failed, 1);
  // The WARN check's only failing row went to quarantine for another reason.
  EXPECT_EQ(f.totals().Results()[0].counts.by_action[static_cast<int>(Action::kQuarantine)], 1);
}

TEST(GateTest, AWarnedRowStays) {
  Fixture f(OneInteger(), {{"warn", "x > 1", Action::kWarn}});
  auto rows = f.binder().Run("SELECT * FROM (VALUES (1::INTEGER), (2)) t(x)");
  auto chunk = rows->Fetch();
  auto gate = f.Open();
  EXPECT_THAT(Check(*gate, *chunk).accepted, ElementsAre(0, 1));
  gate->Finish();
  EXPECT_EQ(f.totals().rows().warned, 1);
  EXPECT_EQ(f.totals().rows().accepted, 2);
}

TEST(GateTest, NullIsBrokenUnlessAllowed) {
  Fixture f(OneInteger(), {{"strict", "x > 0", Action::kDropRow},
                           {"allowed", "x IS NULL OR x > 0", Action::kDropRow}});
  auto rows = f.binder().Run("SELECT * FROM (VALUES (1::INTEGER), (NULL)) t(x)");
  auto chunk = rows->Fetch();
  auto gate = f.Open();
  const Judged judged = Check(*gate, *chunk);
  EXPECT_THAT(judged.rejected, ElementsAre(1));
  EXPECT_THAT(judged.verdicts, ElementsAre(0b01));
}

TEST(GateTest, ConstantsAndDictionariesAreJudgedRowByRow) {
  Fixture f(OneInteger(), {{"one", "x = 1", Action::kDropRow}});
  auto gate = f.Open();
  duckdb::DataChunk chunk;
  chunk.Initialize(f.binder().context(), {LogicalType::INTEGER});
  chunk.data[0].Reference(duckdb::Value(LogicalType::INTEGER));
  chunk.SetCardinality(3);
  EXPECT_THAT(Check(*gate, chunk).rejected, ElementsAre(0, 1, 2));

  duckdb::Vector values(LogicalType::INTEGER);
  duckdb::FlatVector::GetData<int32_t>(values)[0] = 1;
  duckdb::FlatVector::GetData<int32_t>(values)[1] = 2;
  duckdb::SelectionVector pick(4);
  for (size_t i = 0; i < 4; ++i) pick.set_index(i, i % 2);
  chunk.data[0].Slice(values, pick, 4);
  chunk.SetCardinality(4);
  EXPECT_THAT(Check(*gate, chunk).rejected, ElementsAre(1, 3));
}

TEST(GateTest, ARowWhoseCheckThrowsIsBrokenAlone) {
  Fixture f({{{"s", LogicalType::VARCHAR, true}}},
            {{"number", "CAST(s AS INTEGER) > 0", Action::kQuarantine},
             {"short", "length(s) < 10", Action::kDropRow}});
  auto rows = f.binder().Run(
      "SELECT CASE i WHEN 700 THEN 'seven' WHEN 1999 THEN '99999999999' WHEN 3 THEN '-3' "
      "ELSE (i + 1)::VARCHAR END AS s FROM range(2000) t(i)");
  auto chunk = rows->Fetch();
  ASSERT_EQ(chunk->size(), 2000u);
  auto gate = f.Open();
  const Judged judged = Check(*gate, *chunk);
  EXPECT_THAT(judged.rejected, ElementsAre(3, 700, 1999));
  EXPECT_THAT(judged.verdicts, ElementsAre(0b01, 0b01, 0b11));
  EXPECT_EQ(gate->ErrorOf(3, 0), "");
  EXPECT_THAT(gate->ErrorOf(700, 0), HasSubstr("seven"));
  gate->Finish();
  const CheckResult result = f.totals().Results()[0];
  EXPECT_EQ(result.counts.failed, 3);
  EXPECT_EQ(result.counts.errors, 2);
}

TEST(GateTest, MoreThan64Checks) {
  std::vector<Expectation> expectations;
  for (int i = 0; i < 130; ++i) {
    expectations.push_back({"c" + std::to_string(i), "x <> " + std::to_string(i),
                            i == 129 ? Action::kQuarantine : Action::kDropRow});
  }
  Fixture f(OneInteger(), expectations);
  ASSERT_EQ(f.plan().words(), 3u);
  auto rows = f.binder().Run("SELECT * FROM (VALUES (500::INTEGER), (64), (129)) t(x)");
  auto chunk = rows->Fetch();
  auto gate = f.Open();
  const Judged judged = Check(*gate, *chunk);
  EXPECT_THAT(judged.rejected, ElementsAre(1, 2));
  EXPECT_THAT(judged.verdicts, ElementsAre(0, 1, 0, 0, 0, 2));
  EXPECT_THAT(f.plan().BrokenBits(&judged.verdicts[0]), ElementsAre(64));
  EXPECT_EQ(f.plan().ActionOf(&judged.verdicts[3]), Action::kQuarantine);
}

TEST(GateTest, AConditionThatIsNoConditionIsRefused) {
  testing::Binder binder(OneInteger());
  auto totals =
      std::make_shared<CheckTotals>(ContractOf({{"sum", "x + 1", Action::kWarn}}), RealEnv());
  std::vector<BoundPredicate> predicates;
  predicates.push_back({0, binder.Predicate("x + 1")});
  auto plan = GatePlan::Make(totals, std::move(predicates), {OneInteger(), -1});
  ASSERT_FALSE(plan.ok());
  EXPECT_THAT(plan.error().message(), HasSubstr("not BOOLEAN"));
}

TEST(GateTest, SamplesCarryOriginRowAndValues) {
  Fixture f({{{"x", LogicalType::INTEGER, true},
              {"name", LogicalType::VARCHAR, true},
              {"__weir_file", LogicalType::INTEGER, true},
              {"__weir_offset", LogicalType::BIGINT, true},
              {"__weir_length", LogicalType::INTEGER, true}}},
            {{"positive", "x > 0", Action::kDropRow}}, 2);
  auto rows = f.binder().Run(
      "SELECT * FROM (VALUES (1::INTEGER, 'a', 0::INTEGER, 0::BIGINT, 4::INTEGER), "
      "(-5, 'b\"', 2, 40, 6))");
  auto chunk = rows->Fetch();
  auto gate = f.Open();
  Check(*gate, *chunk);
  gate->Finish();
  const CheckResult result = f.totals().Results()[0];
  ASSERT_EQ(result.sample.size(), 1u);
  EXPECT_EQ(result.sample[0].origin.file, 2);
  EXPECT_EQ(result.sample[0].origin.offset, 40);
  EXPECT_EQ(result.sample[0].origin.length, 6);
  EXPECT_EQ(result.sample[0].values, "x = -5");
  EXPECT_EQ(result.sample[0].row, R"({"x":-5,"name":"b\""})");
}

// DuckDB itself is the oracle: for random rows, each check fails for exactly the rows for which the
// condition IS NOT TRUE, and a row is kept exactly if no rejecting check fails.
TEST(GateTest, AgreesWithDuckDbOnRandomRows) {
  const Schema schema{{{"a", LogicalType::INTEGER, true},
                       {"d", LogicalType::DOUBLE, true},
                       {"s", LogicalType::VARCHAR, true},
                       {"t", LogicalType::TIMESTAMP, true}}};
  const std::vector<Expectation> expectations = {
      {"between", "a BETWEEN 10 AND 900", Action::kDropRow},
      {"sum", "a + d > 20", Action::kWarn},
      {"either", "a > 500 OR d < 0.9", Action::kQuarantine},
      {"like", "s LIKE '1%' OR s IS NULL", Action::kWarn},
      {"set", "s IN ('1', '12', '123') OR length(s) <= 3", Action::kQuarantine},
      {"time", "t >= TIMESTAMP '2024-01-03'", Action::kDropRow},
      {"not", "NOT (a = 77)", Action::kFail},
      {"case", "CASE WHEN a % 2 = 0 THEN d > 0.1 END IS NOT FALSE", Action::kWarn}};
  for (int seed = 0; seed < 4; ++seed) {
    Fixture f(schema, expectations);
    f.binder().Run("SELECT setseed(0." + std::to_string(seed + 1) + ")");
    f.binder().Run(
        "CREATE TABLE data AS SELECT CASE WHEN random() < 0.1 THEN NULL ELSE (random() * 1000)::"
        "INTEGER END AS a, CASE WHEN random() < 0.1 THEN NULL ELSE random() END AS d, CASE WHEN "
        "random() < 0.1 THEN NULL ELSE (random() * 2000)::INTEGER::VARCHAR END AS s, TIMESTAMP "
        "'2024-01-01' + to_hours((random() * 1000)::INTEGER) AS t FROM range(5000)");
    std::string kept_condition = "true";
    for (const auto& e : expectations) {
      if (e.action != Action::kWarn) kept_condition += " AND (" + e.sql + ") IS TRUE";
    }
    auto rows = f.binder().Run("SELECT * FROM data");
    auto gate = f.Open();
    size_t kept = 0;
    while (auto chunk = rows->Fetch()) {
      if (chunk->size() == 0) break;
      kept += Check(*gate, *chunk).accepted.size();
    }
    gate->Finish();
    EXPECT_EQ(static_cast<int64_t>(kept),
              f.binder()
                  .Run("SELECT count(*) FROM data WHERE " + kept_condition)
                  ->GetValue(0, 0)
                  .GetValue<int64_t>());
    const auto results = f.totals().Results();
    for (size_t i = 0; i < expectations.size(); ++i) {
      EXPECT_EQ(results[i].counts.failed, f.binder()
                                              .Run("SELECT count(*) FROM data WHERE (" +
                                                   expectations[i].sql + ") IS NOT TRUE")
                                              ->GetValue(0, 0)
                                              .GetValue<int64_t>())
          << expectations[i].sql;
      EXPECT_EQ(results[i].counts.checked, 5000);
    }
  }
}

TEST(GateTest, GatesOfSeveralThreadsAddUp) {
  Fixture f(OneInteger(), {{"even", "x % 2 = 0", Action::kDropRow}});
  auto one = f.Open();
  auto two = f.Open();
  for (RowGate* gate : {one.get(), two.get(), one.get()}) {
    auto rows = f.binder().Run("SELECT i::INTEGER AS x FROM range(1000) t(i)");
    auto chunk = rows->Fetch();
    Check(*gate, *chunk);
  }
  one->Finish();
  two.reset();  // a forgotten Finish is made up for
  EXPECT_EQ(f.totals().Results()[0].counts.checked, 3000);
  EXPECT_EQ(f.totals().Results()[0].counts.failed, 1500);
  EXPECT_EQ(f.totals().Results()[0].sample.size(), 10u);
}

}  // namespace
}  // namespace weir::guard
