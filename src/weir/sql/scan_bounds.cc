#include "weir/sql/scan_bounds.h"

#include <algorithm>
#include <optional>

#include "duckdb/common/types/timestamp.hpp"
#include "duckdb/planner/expression/bound_between_expression.hpp"
#include "duckdb/planner/expression/bound_columnref_expression.hpp"
#include "duckdb/planner/expression/bound_comparison_expression.hpp"
#include "duckdb/planner/expression/bound_conjunction_expression.hpp"
#include "duckdb/planner/expression/bound_constant_expression.hpp"
#include "duckdb/planner/operator/logical_get.hpp"

namespace weir::sql {

namespace {

using duckdb::Expression;
using duckdb::ExpressionClass;
using duckdb::ExpressionType;
using duckdb::LogicalTypeId;

class Finder {
 public:
  explicit Finder(const duckdb::LogicalGet& get) : get_(get) {}

  void Add(const Expression& filter) {
    if (filter.GetExpressionClass() == ExpressionClass::BOUND_CONJUNCTION &&
        filter.GetExpressionType() == ExpressionType::CONJUNCTION_AND) {
      for (const auto& child : filter.Cast<duckdb::BoundConjunctionExpression>().children) {
        Add(*child);
      }
    } else if (filter.GetExpressionClass() == ExpressionClass::BOUND_COMPARISON) {
      const auto& comparison = filter.Cast<duckdb::BoundComparisonExpression>();
      const ExpressionType type = filter.GetExpressionType();
      Compare(*comparison.left, type, *comparison.right);
      Compare(*comparison.right, duckdb::FlipComparisonExpression(type), *comparison.left);
    } else if (filter.GetExpressionClass() == ExpressionClass::BOUND_BETWEEN) {
      const auto& between = filter.Cast<duckdb::BoundBetweenExpression>();
      Compare(*between.input, between.LowerComparisonType(), *between.lower);
      Compare(*between.input, between.UpperComparisonType(), *between.upper);
    }
  }

  std::vector<columnar::ColumnBound> Take() { return std::move(bounds_); }

 private:
  // The column's number in the source's schema.
  std::optional<uint64_t> ColumnOf(const Expression& expression) const {
    if (expression.GetExpressionClass() != ExpressionClass::BOUND_COLUMN_REF) return std::nullopt;
    const auto& binding = expression.Cast<duckdb::BoundColumnRefExpression>().binding;
    const auto& columns = get_.GetColumnIds();
    if (binding.table_index != get_.table_index || binding.column_index >= columns.size()) {
      return std::nullopt;
    }
    const auto& column = columns[binding.column_index];
    if (column.IsVirtualColumn()) return std::nullopt;
    return column.GetPrimaryIndex();
  }

  // Whole numbers as they are, times as microseconds.
  static std::optional<int64_t> ValueOf(const Expression& expression) {
    if (expression.GetExpressionClass() != ExpressionClass::BOUND_CONSTANT) return std::nullopt;
    const duckdb::Value& value = expression.Cast<duckdb::BoundConstantExpression>().value;
    if (value.IsNull()) return std::nullopt;
    switch (value.type().id()) {
      case LogicalTypeId::TINYINT:
      case LogicalTypeId::SMALLINT:
      case LogicalTypeId::INTEGER:
      case LogicalTypeId::BIGINT:
        return value.GetValue<int64_t>();
      case LogicalTypeId::TIMESTAMP:
        return duckdb::TimestampValue::Get(value).value;
      case LogicalTypeId::TIMESTAMP_TZ:
        return duckdb::TimestampTZValue::Get(value).value;
      default:
        return std::nullopt;
    }
  }

  void Compare(const Expression& left, ExpressionType type, const Expression& right) {
    const auto column = ColumnOf(left);
    const auto value = ValueOf(right);
    if (!column || !value) return;
    columnar::ColumnBound bound;
    bound.column = *column;
    switch (type) {
      case ExpressionType::COMPARE_EQUAL:
        bound.least = bound.most = *value;
        break;
      case ExpressionType::COMPARE_GREATERTHAN:
      case ExpressionType::COMPARE_GREATERTHANOREQUALTO:
        bound.least = *value;
        break;
      case ExpressionType::COMPARE_LESSTHAN:
      case ExpressionType::COMPARE_LESSTHANOREQUALTO:
        bound.most = *value;
        break;
      default:
        return;
    }
    bounds_.push_back(bound);
  }

  const duckdb::LogicalGet& get_;
  std::vector<columnar::ColumnBound> bounds_;
};

}  // namespace

std::vector<columnar::ColumnBound> BoundsOf(
    const duckdb::LogicalGet& get,
    const duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>& filters) {
  Finder finder(get);
  for (const auto& filter : filters) finder.Add(*filter);
  return finder.Take();
}

}  // namespace weir::sql
