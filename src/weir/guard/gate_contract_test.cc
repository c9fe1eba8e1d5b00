// The gate against the suite that every Gate passes.
#include "weir/columnar/testing/gate_contract.h"

#include "weir/guard/gate.h"
#include "weir/guard/testing/bind.h"

namespace weir::columnar::testing {

Result<std::unique_ptr<Gate>> MakeRowGate(Engine&, duckdb::ClientContext& context) {
  const Schema schema{
      {{"id", duckdb::LogicalType::BIGINT}, {"name", duckdb::LogicalType::VARCHAR}}};
  guard::testing::Binder binder(schema);
  guard::Contract contract;
  std::vector<guard::BoundPredicate> predicates;
  for (const char* sql : {"id IS NULL OR id >= 0", "name IS NOT NULL"}) {
    guard::Check check;
    check.name = sql;
    check.expression = sql;
    check.action = guard::Action::kQuarantine;
    predicates.push_back({contract.checks.size(), binder.Predicate(sql)});
    contract.checks.push_back(check);
  }
  auto totals = std::make_shared<guard::CheckTotals>(contract, RealEnv());
  WEIR_ASSIGN_OR_RETURN(auto plan,
                        guard::GatePlan::Make(totals, std::move(predicates), {schema, -1}));
  WEIR_ASSIGN_OR_RETURN(auto gate, plan->OpenGate(context));
  return gate;
}

INSTANTIATE_TEST_SUITE_P(Guard, GateContract, ::testing::Values(GateCase{"RowGate", MakeRowGate}),
                         GateCaseName);

}  // namespace weir::columnar::testing
