// RowGate against the suite that every gate passes.
#include "weir/columnar/testing/gate_contract.h"

#include <utility>

#include "duckdb/planner/expression/bound_comparison_expression.hpp"
#include "duckdb/planner/expression/bound_conjunction_expression.hpp"
#include "duckdb/planner/expression/bound_constant_expression.hpp"
#include "duckdb/planner/expression/bound_operator_expression.hpp"
#include "duckdb/planner/expression/bound_reference_expression.hpp"
#include "weir/guard/gate.h"

namespace weir::columnar::testing {
namespace {

using duckdb::ExpressionType;
using duckdb::LogicalType;
using duckdb::make_uniq;

duckdb::unique_ptr<duckdb::Expression> Column(size_t number) {
  const LogicalType type = number == 0 ? LogicalType::BIGINT : LogicalType::VARCHAR;
  return make_uniq<duckdb::BoundReferenceExpression>(type, number);
}

duckdb::unique_ptr<duckdb::Expression> OfColumn(ExpressionType type, size_t number) {
  auto expression = make_uniq<duckdb::BoundOperatorExpression>(type, LogicalType::BOOLEAN);
  expression->children.push_back(Column(number));
  return expression;
}

Result<std::unique_ptr<Gate>> MakeGate(Engine& engine, duckdb::ClientContext& context) {
  guard::Contract contract;
  contract.checks.resize(2);
  contract.checks[0].name = "id";
  contract.checks[0].expression = "id IS NULL OR id >= 0";
  contract.checks[0].action = guard::Action::kDropRow;
  contract.checks[1].name = "name";
  contract.checks[1].expression = "name IS NOT NULL";
  contract.checks[1].action = guard::Action::kQuarantine;

  auto not_negative = make_uniq<duckdb::BoundConjunctionExpression>(
      ExpressionType::CONJUNCTION_OR, OfColumn(ExpressionType::OPERATOR_IS_NULL, 0),
      make_uniq<duckdb::BoundComparisonExpression>(
          ExpressionType::COMPARE_GREATERTHANOREQUALTO, Column(0),
          make_uniq<duckdb::BoundConstantExpression>(duckdb::Value::BIGINT(0))));
  std::vector<guard::BoundPredicate> predicates;
  predicates.push_back({0, std::move(not_negative)});
  predicates.push_back({1, OfColumn(ExpressionType::OPERATOR_IS_NOT_NULL, 1)});

  guard::ChunkLayout layout;
  layout.schema = {{{"id", LogicalType::BIGINT}, {"name", LogicalType::VARCHAR}}};
  WEIR_ASSIGN_OR_RETURN(
      auto plan, guard::GatePlan::Make(std::make_shared<guard::CheckTotals>(contract, engine.env()),
                                       std::move(predicates), std::move(layout)));
  WEIR_ASSIGN_OR_RETURN(std::unique_ptr<guard::RowGate> gate, plan->OpenGate(context));
  return std::unique_ptr<Gate>(std::move(gate));
}

INSTANTIATE_TEST_SUITE_P(Guard, GateContract, ::testing::Values(GateCase{"RowGate", MakeGate}),
                         GateCaseName);

}  // namespace
}  // namespace weir::columnar::testing
