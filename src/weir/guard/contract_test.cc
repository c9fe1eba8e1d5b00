#include "weir/guard/contract.h"

#include <gtest/gtest.h>

namespace weir::guard {
namespace {

Check Row(const std::string& name, Action action) {
  Check check;
  check.name = name;
  check.expression = "x > 0";
  check.action = action;
  return check;
}

Contract Of(std::vector<Check> checks) {
  Contract contract;
  contract.checks = std::move(checks);
  return contract;
}

TEST(ContractTest, ActionsAreOrderedBySeverity) {
  EXPECT_LT(Action::kWarn, Action::kDropRow);
  EXPECT_LT(Action::kDropRow, Action::kQuarantine);
  EXPECT_LT(Action::kQuarantine, Action::kFail);
}

TEST(ContractTest, ActionWordsRoundTrip) {
  for (Action action : {Action::kWarn, Action::kDropRow, Action::kQuarantine, Action::kFail}) {
    EXPECT_EQ(ParseAction(ActionName(action)), action);
  }
  EXPECT_EQ(ParseAction("fail update"), Action::kFail);
  EXPECT_EQ(ParseAction("drop"), std::nullopt);
}

TEST(ContractTest, RowChecksTakeEveryAction) {
  EXPECT_TRUE(Validate(Of({Row("a", Action::kWarn), Row("b", Action::kDropRow),
                           Row("c", Action::kQuarantine), Row("d", Action::kFail)}))
                  .ok());
}

TEST(ContractTest, RepeatedNamesAreRefusedWithoutRegardToCase) {
  const Status status = Validate(Of({Row("flew", Action::kWarn), Row("FLEW", Action::kWarn)}));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().actor(), Actor::kUser);
  EXPECT_NE(status.error().message().find("FLEW"), std::string::npos);
}

TEST(ContractTest, TheBuiltInNameIsTaken) {
  EXPECT_FALSE(Validate(Of({Row("Parses", Action::kWarn)})).ok());
}

TEST(ContractTest, TableChecksOnlyWarnOrFail) {
  Check fresh;
  fresh.name = "fresh";
  fresh.kind = CheckKind::kFresh;
  fresh.columns = {"ts"};
  fresh.fresh_within_us = 3'600'000'000;
  for (Action action : {Action::kWarn, Action::kDropRow, Action::kQuarantine, Action::kFail}) {
    fresh.action = action;
    EXPECT_EQ(Validate(Of({fresh})).ok(), action == Action::kWarn || action == Action::kFail)
        << ActionName(action);
  }
}

TEST(ContractTest, ReferencesMustPairUp) {
  Check check;
  check.name = "known_carrier";
  check.kind = CheckKind::kReferences;
  check.columns = {"carrier"};
  check.reference_table = "airlines";
  check.reference_columns = {"carrier", "name"};
  EXPECT_FALSE(Validate(Of({check})).ok());
  check.reference_columns = {"carrier"};
  EXPECT_TRUE(Validate(Of({check})).ok());
}

TEST(ContractTest, BreakerIsAShareOfTheRows) {
  Contract contract;
  contract.quarantine_max_ratio = 5;
  EXPECT_FALSE(Validate(contract).ok());
  contract.quarantine_max_ratio = 0.05;
  EXPECT_TRUE(Validate(contract).ok());
}

TEST(ContractTest, ThresholdBoundsAreInclusiveWhereBetween) {
  Threshold between{Comparison::kBetween, 1, 5, false};
  EXPECT_TRUE(between.Holds(1));
  EXPECT_TRUE(between.Holds(5));
  EXPECT_FALSE(between.Holds(5.5));
  Threshold outside{Comparison::kNotBetween, 1, 5, true};
  EXPECT_FALSE(outside.Holds(1));
  EXPECT_TRUE(outside.Holds(0.5));
  EXPECT_EQ(outside.ToString(), "not between 1 and 5 %");
  EXPECT_FALSE(Threshold({Comparison::kLess, 1, 0, false}).Holds(1));
}

TEST(ContractTest, FingerprintSeesMeaningNotWords) {
  Contract a = Of({Row("a", Action::kWarn)});
  Contract b = a;
  b.checks[0].description = "positive";
  b.checks[0].where = "x.sql:1:1";
  EXPECT_EQ(Fingerprint(a), Fingerprint(b));
  b.checks[0].action = Action::kFail;
  EXPECT_NE(Fingerprint(a), Fingerprint(b));
  b = a;
  b.parses = Action::kFail;
  EXPECT_NE(Fingerprint(a), Fingerprint(b));
  b = a;
  b.checks[0].expression = "x > 1";
  EXPECT_NE(Fingerprint(a), Fingerprint(b));
}

}  // namespace
}  // namespace weir::guard
