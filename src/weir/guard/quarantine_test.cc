#include "weir/guard/quarantine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "duckdb/common/types/data_chunk.hpp"
#include "weir/guard/testing/bind.h"

namespace weir::guard {
namespace {

using columnar::Origin;
using duckdb::LogicalType;
using duckdb::Value;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Rows = std::vector<std::vector<Value>>;  // by column of QuarantineSchema()

QuarantineBuilder::Emit CollectInto(Rows* rows) {
  return [rows](duckdb::DataChunk& chunk) {
    for (size_t i = 0; i < chunk.size(); ++i) {
      std::vector<Value> row;
      for (size_t c = 0; c < chunk.ColumnCount(); ++c) row.push_back(chunk.GetValue(c, i));
      rows->push_back(std::move(row));
    }
    return Status::Ok();
  };
}

Value Get(const std::vector<Value>& row, const std::string& column) {
  const auto& fields = QuarantineSchema().fields;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].name == column) return row[i];
  }
  ADD_FAILURE() << column;
  return Value();
}

QuarantineSpec Spec() {
  QuarantineSpec spec;
  spec.flow_id = "flow-1";
  spec.epoch = 7;
  spec.run = "run-1";
  spec.ingest_time_us = 1'700'000'000'000'000;
  spec.source_name = [](int32_t file) { return "in/" + std::to_string(file) + ".csv"; };
  spec.read_raw = [](const Origin& origin, size_t max_bytes) -> Result<std::string> {
    return std::string(std::min<size_t>(max_bytes, static_cast<size_t>(origin.length)), 'r');
  };
  return spec;
}

// Rows (x, at, file, offset, length) judged by one QUARANTINE and one DROP ROW check.
class QuarantineTest : public ::testing::Test {
 protected:
  QuarantineTest() : binder_(FullSchema()) {
    Contract contract;
    contract.checks.resize(3);
    contract.checks[0].name = "positive";
    contract.checks[0].expression = "x > 0";
    contract.checks[0].action = Action::kQuarantine;
    contract.checks[1].name = "small";
    contract.checks[1].expression = "x < 100";
    contract.checks[1].action = Action::kDropRow;
    contract.checks[2].name = "odd";
    contract.checks[2].expression = "x % 2 <> 0";
    contract.checks[2].action = Action::kWarn;
    totals_ = std::make_shared<CheckTotals>(contract, RealEnv());
    std::vector<BoundPredicate> predicates;
    for (size_t i = 0; i < 3; ++i) {
      predicates.push_back({i, binder_.Predicate(contract.checks[i].expression)});
    }
    columnar::Schema schema = FullSchema();
    schema.fields.resize(2);
    plan_ = GatePlan::Make(totals_, std::move(predicates), {schema, 2}).value();
    gate_ = plan_->OpenGate(binder_.context()).value();
  }

  static columnar::Schema FullSchema() {
    return {{{"x", LogicalType::INTEGER, true},
             {"at", LogicalType::TIMESTAMP, true},
             {"__weir_file", LogicalType::INTEGER, true},
             {"__weir_offset", LogicalType::BIGINT, true},
             {"__weir_length", LogicalType::INTEGER, true}}};
  }

  // Judges the rows and hands the rejected ones to a builder.
  Rows Quarantine(const std::string& values, QuarantineSpec spec = Spec()) {
    Rows rows;
    EXPECT_TRUE(QuarantineInto(&rows, values, std::move(spec)).ok());
    return rows;
  }
  Status QuarantineInto(Rows* rows, const std::string& values, QuarantineSpec spec) {
    spec.event_time_column = 1;
    QuarantineBuilder builder(std::make_shared<QuarantineSpec>(std::move(spec)), CollectInto(rows));
    auto result = binder_.Run(
        "SELECT x::INTEGER, \"at\"::TIMESTAMP, f::INTEGER, o::BIGINT, "
        "l::INTEGER FROM (VALUES " +
        values + ") t(x, \"at\", f, o, l)");
    auto chunk = result->Fetch();
    duckdb::SelectionVector accepted;
    duckdb::SelectionVector rejected;
    std::vector<uint64_t> verdicts;
    auto verdict = gate_->Check(*chunk, accepted, rejected, verdicts);
    EXPECT_TRUE(verdict.ok());
    WEIR_RETURN_IF_ERROR(
        builder.AddRejected(*gate_, *chunk, rejected, verdict->rejected, verdicts));
    WEIR_RETURN_IF_ERROR(builder.Finish());
    EXPECT_EQ(builder.rows(), static_cast<int64_t>(rows->size()));
    return Status::Ok();
  }

  testing::Binder binder_;
  std::shared_ptr<CheckTotals> totals_;
  std::shared_ptr<const GatePlan> plan_;
  std::unique_ptr<RowGate> gate_;
};

TEST_F(QuarantineTest, ARowSaysWhatWhyWhenAndWhere) {
  const Rows rows = Quarantine(
      "(1, '2024-01-01', 0, 0, 9), (-2, '2024-05-06 07:08:09', 3, 900, 12), "
      "(200, '2024-01-01', 0, 30, 9)");
  ASSERT_THAT(rows, SizeIs(1));  // 200 is dropped, not quarantined
  const auto& row = rows[0];
  EXPECT_THAT(Get(row, "quarantine_id").ToString(), SizeIs(32));
  EXPECT_EQ(Get(row, "epoch").GetValue<int64_t>(), 7);
  EXPECT_EQ(Get(row, "run").ToString(), "run-1");
  EXPECT_EQ(Get(row, "constraints").ToString(), "[positive, odd]");
  EXPECT_EQ(Get(row, "action").ToString(), "QUARANTINE");
  EXPECT_EQ(Get(row, "message").ToString(),
            "positive: EXPECT (x > 0) but x = -2; odd: EXPECT (x % 2 <> 0) but x = -2");
  EXPECT_EQ(Get(row, "event_time").ToString(), "2024-05-06 07:08:09+00");
  EXPECT_EQ(Get(row, "ingest_time").ToString(), "2023-11-14 22:13:20+00");
  EXPECT_EQ(Get(row, "source").ToString(), "in/3.csv");
  EXPECT_EQ(Get(row, "position").GetValue<int64_t>(), 900);
  EXPECT_EQ(Get(row, "length").GetValue<int64_t>(), 12);
  EXPECT_EQ(Get(row, "raw").ToString(), "rrrrrrrrrrrr");
  EXPECT_FALSE(Get(row, "raw_truncated").GetValue<bool>());
  EXPECT_EQ(Get(row, "row").ToString(), R"({"x":-2,"at":"2024-05-06 07:08:09"})");
}

TEST_F(QuarantineTest, TheSameEpochGivesTheSameIdsAndTheyDiffer) {
  // The last three come from one source row (UNNEST), two of them are equal.
  const std::string values =
      "(-1, NULL, 0, 0, 9), (-1, NULL, 0, 9, 9), (-1, NULL, 1, 0, 9), (-3, NULL, 1, 50, 9), "
      "(-3, NULL, 1, 50, 9), (-5, NULL, 1, 50, 9)";
  const Rows rows = Quarantine(values);
  ASSERT_THAT(rows, SizeIs(6));
  std::set<std::string> ids;
  for (const auto& row : rows) ids.insert(Get(row, "quarantine_id").ToString());
  EXPECT_THAT(ids, SizeIs(6));

  std::set<std::string> again;
  for (const auto& row : Quarantine(values)) again.insert(Get(row, "quarantine_id").ToString());
  EXPECT_EQ(ids, again);

  QuarantineSpec later = Spec();
  later.epoch = 8;
  for (const auto& row : Quarantine(values, later)) {
    EXPECT_EQ(ids.count(Get(row, "quarantine_id").ToString()), 0u);
  }
}

TEST_F(QuarantineTest, RawBytesAreBounded) {
  QuarantineSpec spec = Spec();
  spec.raw_bytes_max = 4;
  const Rows rows = Quarantine("(-1, NULL, 0, 0, 9)", spec);
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(Get(rows[0], "raw").ToString(), "rrrr");
  EXPECT_TRUE(Get(rows[0], "raw_truncated").GetValue<bool>());
}

TEST_F(QuarantineTest, WithoutOriginTheRowItselfIsKept) {
  const Rows rows = Quarantine("(-1, NULL, NULL, NULL, NULL), (-1, NULL, NULL, NULL, NULL)");
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_TRUE(Get(rows[0], "source").IsNull());
  EXPECT_TRUE(Get(rows[0], "position").IsNull());
  EXPECT_TRUE(Get(rows[0], "raw").IsNull());
  EXPECT_TRUE(Get(rows[0], "event_time").IsNull());
  EXPECT_EQ(Get(rows[0], "row").ToString(), R"({"x":-1,"at":null})");
  EXPECT_NE(Get(rows[0], "quarantine_id").ToString(), Get(rows[1], "quarantine_id").ToString());
}

TEST_F(QuarantineTest, AParsedRowSurvivesASourceThatIsGone) {
  QuarantineSpec spec = Spec();
  spec.read_raw = [](const Origin&, size_t) -> Result<std::string> {
    return Error::Operator(ErrorCode::kNotFound, "no such file");
  };
  const Rows rows = Quarantine("(-1, NULL, 0, 0, 9)", spec);
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_TRUE(Get(rows[0], "raw").IsNull());
  EXPECT_THAT(Get(rows[0], "message").ToString(), HasSubstr("no such file"));

  // Of an unparsed row the bytes are all there is: losing them is an error.
  Rows none;
  UnparsedQuarantine unparsed(totals_, std::make_shared<QuarantineSpec>(spec), CollectInto(&none));
  EXPECT_FALSE(unparsed.Add({{0, 5, 9}, "x", "cannot cast"}));
  EXPECT_FALSE(unparsed.Finish().ok());
}

// One read that failed must not cost a row its bytes for good.
TEST_F(QuarantineTest, AFailureOfTheMachineFailsTheRun) {
  QuarantineSpec spec = Spec();
  spec.read_raw = [](const Origin&, size_t) -> Result<std::string> {
    return Error::Operator(ErrorCode::kIo, "Input/output error");
  };
  Rows rows;
  const Status status = QuarantineInto(&rows, "(-1, NULL, 0, 0, 9)", spec);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::kIo);
  EXPECT_THAT(rows, SizeIs(0));
}

TEST_F(QuarantineTest, BufferedBytesAreBounded) {
  QuarantineSpec spec = Spec();
  spec.buffer_bytes_max = 10'000;
  size_t chunks = 0;
  size_t rows = 0;
  QuarantineBuilder builder(std::make_shared<QuarantineSpec>(spec), [&](duckdb::DataChunk& chunk) {
    ++chunks;
    rows += chunk.size();
    return Status::Ok();
  });
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(builder.AddUnparsed({{0, i * 1000, 1000}, "", "5 fields, not 4"}).ok());
  }
  EXPECT_GE(chunks, 9u);
  ASSERT_TRUE(builder.Finish().ok());
  EXPECT_EQ(rows, 100u);
}

TEST_F(QuarantineTest, UnparsedRowsOfManyThreadsAreAllKept) {
  Rows rows;
  UnparsedQuarantine unparsed(totals_, std::make_shared<QuarantineSpec>(Spec()),
                              CollectInto(&rows));
  std::vector<std::unique_ptr<Thread>> threads;
  for (int t = 0; t < 4; ++t) {
    threads.push_back(RealEnv().StartThread("adder", [&unparsed, t] {
      for (int i = 0; i < 1000; ++i) {
        EXPECT_TRUE(unparsed.Add({{t, i * 10, 10}, "x", "cannot cast 'a' to INTEGER"}));
      }
    }));
  }
  threads.clear();
  ASSERT_TRUE(unparsed.Finish().ok());
  ASSERT_THAT(rows, SizeIs(4000));
  EXPECT_EQ(unparsed.rows(), 4000);
  EXPECT_EQ(totals_->rows().quarantined, 4000);
  EXPECT_EQ(Get(rows[0], "message").ToString(), "column x: cannot cast 'a' to INTEGER");
  EXPECT_TRUE(Get(rows[0], "row").IsNull());
}

TEST(UnparsedQuarantineTest, OtherActionsOnlyCount) {
  Contract contract;
  contract.parses = Action::kDropRow;
  auto totals = std::make_shared<CheckTotals>(contract, RealEnv());
  Rows rows;
  UnparsedQuarantine unparsed(totals, std::make_shared<QuarantineSpec>(Spec()), CollectInto(&rows));
  EXPECT_TRUE(unparsed.Add({{0, 0, 10}, "", "ragged"}));
  ASSERT_TRUE(unparsed.Finish().ok());
  EXPECT_THAT(rows, IsEmpty());
  EXPECT_EQ(totals->rows().dropped, 1);
}

TEST(PositionUnitTest, IsWhatThePositionCounts) {
  EXPECT_EQ(PositionUnit("orders/3", 17), "offset");
  EXPECT_EQ(PositionUnit("orders/3", 0), "offset");
  EXPECT_EQ(PositionUnit("data/orders.csv", 17), "byte");
  EXPECT_EQ(PositionUnit("data/orders.parquet", 0), "row");
  EXPECT_EQ(PositionUnit("/3", 17), "byte");
  EXPECT_EQ(PositionUnit("data/2024/3", 17), "byte");
  EXPECT_EQ(PositionUnit("orders/3a", 17), "byte");
  const auto orders = TopicSourceOf("orders/3");
  ASSERT_TRUE(orders.has_value());
  EXPECT_EQ(orders->topic, "orders");
  EXPECT_EQ(orders->partition, 3);
}

}  // namespace
}  // namespace weir::guard
