#include "weir/sql/column_lineage.h"

#include <map>
#include <set>
#include <tuple>

#include "duckdb/planner/expression/bound_cast_expression.hpp"
#include "duckdb/planner/expression/bound_columnref_expression.hpp"
#include "duckdb/planner/expression_iterator.hpp"
#include "duckdb/planner/operator/logical_aggregate.hpp"
#include "duckdb/planner/operator/logical_any_join.hpp"
#include "duckdb/planner/operator/logical_comparison_join.hpp"
#include "duckdb/planner/operator/logical_cteref.hpp"
#include "duckdb/planner/operator/logical_get.hpp"
#include "duckdb/planner/operator/logical_materialized_cte.hpp"
#include "duckdb/planner/operator/logical_order.hpp"
#include "duckdb/planner/operator/logical_projection.hpp"
#include "duckdb/planner/operator/logical_recursive_cte.hpp"
#include "duckdb/planner/operator/logical_set_operation.hpp"
#include "duckdb/planner/operator/logical_unnest.hpp"
#include "duckdb/planner/operator/logical_window.hpp"

namespace weir::sql {

namespace {

using duckdb::ColumnBinding;
using duckdb::LogicalOperator;
using duckdb::LogicalOperatorType;
using guard::Dependence;

using Edges = std::set<ColumnEdge>;

class Tracer {
 public:
  explicit Tracer(const Scans& scans) : scans_(scans) {}

  // Where the column comes from; the dependence is that of the path from here. Each column of each
  // operator once: a chain of CTEs that name a column twice has 2^length paths.
  Edges Resolve(LogicalOperator& op, ColumnBinding binding) {
    const std::tuple key(&op, binding.table_index, binding.column_index);
    const auto found = resolved_.find(key);
    if (found != resolved_.end()) return found->second;
    Edges edges = ResolveAnew(op, binding);
    resolved_.emplace(key, edges);
    return edges;
  }

  // What decides the rows of the operator.
  void Rows(LogicalOperator& op, Edges& edges) {
    switch (op.type) {
      case LogicalOperatorType::LOGICAL_FILTER:
        for (auto& expression : op.expressions)
          Indirect(op, *expression, Dependence::kFilter, edges);
        break;
      case LogicalOperatorType::LOGICAL_AGGREGATE_AND_GROUP_BY:
        for (auto& group : op.Cast<duckdb::LogicalAggregate>().groups) {
          Indirect(op, *group, Dependence::kGroupBy, edges);
        }
        break;
      case LogicalOperatorType::LOGICAL_COMPARISON_JOIN:
      case LogicalOperatorType::LOGICAL_DELIM_JOIN:
      case LogicalOperatorType::LOGICAL_ASOF_JOIN:
        for (auto& condition : op.Cast<duckdb::LogicalComparisonJoin>().conditions) {
          Indirect(op, *condition.left, Dependence::kJoin, edges);
          Indirect(op, *condition.right, Dependence::kJoin, edges);
        }
        break;
      case LogicalOperatorType::LOGICAL_ANY_JOIN:
        Indirect(op, *op.Cast<duckdb::LogicalAnyJoin>().condition, Dependence::kJoin, edges);
        break;
      case LogicalOperatorType::LOGICAL_ORDER_BY:
        for (auto& order : op.Cast<duckdb::LogicalOrder>().orders) {
          Indirect(op, *order.expression, Dependence::kSort, edges);
        }
        break;
      case LogicalOperatorType::LOGICAL_MATERIALIZED_CTE:
        ctes_[op.Cast<duckdb::LogicalMaterializedCTE>().table_index] = op.children[0].get();
        break;
      default:
        break;
    }
    for (auto& child : op.children) Rows(*child, edges);
  }

 private:
  Edges ResolveAnew(LogicalOperator& op, ColumnBinding binding) {
    switch (op.type) {
      case LogicalOperatorType::LOGICAL_GET:
        return FromGet(op.Cast<duckdb::LogicalGet>(), binding);
      case LogicalOperatorType::LOGICAL_PROJECTION:
        if (op.Cast<duckdb::LogicalProjection>().table_index != binding.table_index) return {};
        return OfExpression(op, *op.expressions[binding.column_index], Dependence::kTransformed);
      case LogicalOperatorType::LOGICAL_AGGREGATE_AND_GROUP_BY: {
        auto& aggregate = op.Cast<duckdb::LogicalAggregate>();
        if (binding.table_index == aggregate.group_index) {
          return OfExpression(op, *aggregate.groups[binding.column_index],
                              Dependence::kTransformed);
        }
        if (binding.table_index != aggregate.aggregate_index) return {};
        return OfExpression(op, *op.expressions[binding.column_index], Dependence::kAggregated);
      }
      case LogicalOperatorType::LOGICAL_WINDOW:
        if (op.Cast<duckdb::LogicalWindow>().window_index == binding.table_index) {
          return OfExpression(op, *op.expressions[binding.column_index], Dependence::kTransformed);
        }
        return FromChildren(op, binding);
      case LogicalOperatorType::LOGICAL_UNNEST:
        if (op.Cast<duckdb::LogicalUnnest>().unnest_index == binding.table_index) {
          return OfExpression(op, *op.expressions[binding.column_index], Dependence::kTransformed);
        }
        return FromChildren(op, binding);
      case LogicalOperatorType::LOGICAL_UNION:
      case LogicalOperatorType::LOGICAL_EXCEPT:
      case LogicalOperatorType::LOGICAL_INTERSECT: {
        if (op.Cast<duckdb::LogicalSetOperation>().table_index != binding.table_index) return {};
        Edges edges;
        for (auto& child : op.children) {
          edges.merge(Resolve(*child, child->GetColumnBindings()[binding.column_index]));
        }
        return edges;
      }
      case LogicalOperatorType::LOGICAL_RECURSIVE_CTE: {
        // The recursive part reads what the part that starts it made.
        auto& cte = op.Cast<duckdb::LogicalRecursiveCTE>();
        if (cte.table_index != binding.table_index) return {};
        ctes_[cte.table_index] = op.children[0].get();
        Edges edges;
        for (auto& child : op.children) {
          edges.merge(Resolve(*child, child->GetColumnBindings()[binding.column_index]));
        }
        return edges;
      }
      case LogicalOperatorType::LOGICAL_MATERIALIZED_CTE:
        ctes_[op.Cast<duckdb::LogicalMaterializedCTE>().table_index] = op.children[0].get();
        return Resolve(*op.children[1], binding);
      case LogicalOperatorType::LOGICAL_CTE_REF: {
        auto& ref = op.Cast<duckdb::LogicalCTERef>();
        auto cte = ctes_.find(ref.cte_index);
        if (ref.table_index != binding.table_index || cte == ctes_.end()) return {};
        return Resolve(*cte->second, cte->second->GetColumnBindings()[binding.column_index]);
      }
      default:
        return FromChildren(op, binding);
    }
  }

  Edges FromGet(duckdb::LogicalGet& get, ColumnBinding binding) const {
    if (get.table_index != binding.table_index) return {};
    auto name = ScannedName(get, scans_);
    if (!name) return {};
    return {{*name, get.GetColumnName(get.GetColumnIds()[binding.column_index]),
             Dependence::kIdentity}};
  }

  Edges FromChildren(LogicalOperator& op, ColumnBinding binding) {
    Edges edges;
    for (auto& child : op.children) edges.merge(Resolve(*child, binding));
    return edges;
  }

  // A bare column, cast or not, keeps its dependence; anything else is at least `dependence`.
  Edges OfExpression(LogicalOperator& op, duckdb::Expression& expression, Dependence dependence) {
    duckdb::Expression* bare = &expression;
    while (bare->GetExpressionClass() == duckdb::ExpressionClass::BOUND_CAST) {
      bare = bare->Cast<duckdb::BoundCastExpression>().child.get();
    }
    if (bare->GetExpressionClass() == duckdb::ExpressionClass::BOUND_COLUMN_REF) {
      return FromChildren(op, bare->Cast<duckdb::BoundColumnRefExpression>().binding);
    }
    Edges edges;
    for (const ColumnEdge& edge : Referenced(op, expression)) {
      const bool stronger =
          edge.dependence == Dependence::kIdentity || dependence == Dependence::kAggregated;
      edges.insert({edge.input, edge.column, stronger ? dependence : edge.dependence});
    }
    return edges;
  }

  Edges Referenced(LogicalOperator& op, duckdb::Expression& expression) {
    Edges edges;
    if (expression.GetExpressionClass() == duckdb::ExpressionClass::BOUND_COLUMN_REF) {
      return FromChildren(op, expression.Cast<duckdb::BoundColumnRefExpression>().binding);
    }
    duckdb::ExpressionIterator::EnumerateChildren(
        expression, [&](duckdb::Expression& child) { edges.merge(Referenced(op, child)); });
    return edges;
  }

  void Indirect(LogicalOperator& op, duckdb::Expression& expression, Dependence dependence,
                Edges& edges) {
    for (const ColumnEdge& edge : Referenced(op, expression)) {
      edges.insert({edge.input, edge.column, dependence});
    }
  }

  const Scans& scans_;
  std::map<duckdb::idx_t, LogicalOperator*> ctes_;
  std::map<std::tuple<LogicalOperator*, duckdb::idx_t, duckdb::idx_t>, Edges> resolved_;
};

}  // namespace

ColumnLineage TraceLineage(LogicalOperator& plan, const Scans& scans) {
  Tracer tracer(scans);
  ColumnLineage lineage;
  for (const ColumnBinding& binding : plan.GetColumnBindings()) {
    const Edges edges = tracer.Resolve(plan, binding);
    lineage.columns.emplace_back(edges.begin(), edges.end());
  }
  Edges rows;
  tracer.Rows(plan, rows);
  lineage.rows.assign(rows.begin(), rows.end());
  return lineage;
}

}  // namespace weir::sql
