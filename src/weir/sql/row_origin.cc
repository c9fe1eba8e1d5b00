#include "weir/sql/row_origin.h"

#include <algorithm>
#include <map>
#include <optional>

#include "duckdb/common/multi_file/multi_file_reader.hpp"
#include "duckdb/function/function_binder.hpp"
#include "duckdb/planner/binder.hpp"
#include "duckdb/planner/expression/bound_cast_expression.hpp"
#include "duckdb/planner/expression/bound_columnref_expression.hpp"
#include "duckdb/planner/expression/bound_constant_expression.hpp"
#include "duckdb/planner/expression/bound_operator_expression.hpp"
#include "duckdb/planner/operator/logical_cteref.hpp"
#include "duckdb/planner/operator/logical_get.hpp"
#include "duckdb/planner/operator/logical_join.hpp"
#include "duckdb/planner/operator/logical_materialized_cte.hpp"
#include "duckdb/planner/operator/logical_projection.hpp"
#include "duckdb/planner/operator/logical_set_operation.hpp"

namespace weir::sql {

using duckdb::ColumnBinding;
using duckdb::JoinType;
using duckdb::LogicalOperator;
using duckdb::LogicalOperatorType;
using duckdb::LogicalType;

namespace {

bool IsJoin(LogicalOperatorType type) {
  switch (type) {
    case LogicalOperatorType::LOGICAL_COMPARISON_JOIN:
    case LogicalOperatorType::LOGICAL_ANY_JOIN:
    case LogicalOperatorType::LOGICAL_DELIM_JOIN:
    case LogicalOperatorType::LOGICAL_ASOF_JOIN:
    case LogicalOperatorType::LOGICAL_CROSS_PRODUCT:
    case LogicalOperatorType::LOGICAL_DEPENDENT_JOIN:
      return true;
    default:
      return false;
  }
}

JoinType JoinTypeOf(const LogicalOperator& op) {
  if (op.type == LogicalOperatorType::LOGICAL_CROSS_PRODUCT) return JoinType::INNER;
  return op.Cast<duckdb::LogicalJoin>().join_type;
}

// May rows of this side be joined one at a time with the other side held still?
bool RowWiseFromLeft(JoinType type) {
  return type == JoinType::INNER || type == JoinType::LEFT || type == JoinType::SEMI ||
         type == JoinType::ANTI || type == JoinType::MARK || type == JoinType::SINGLE;
}
bool RowWiseFromRight(JoinType type) {
  return type == JoinType::INNER || type == JoinType::RIGHT || type == JoinType::RIGHT_SEMI ||
         type == JoinType::RIGHT_ANTI;
}

class Classifier {
 public:
  Classifier(const Scans& scans, const std::set<std::string>& changed)
      : scans_(scans), changed_(changed) {}

  RowWise Classify(const LogicalOperator& op) {
    switch (op.type) {
      case LogicalOperatorType::LOGICAL_GET: {
        auto name = ScannedName(op.Cast<duckdb::LogicalGet>(), scans_);
        const bool moves = name && changed_.count(*name) > 0;
        return moves ? RowWise::kRowWise : ClassifyOther(op);
      }
      case LogicalOperatorType::LOGICAL_PROJECTION:
      case LogicalOperatorType::LOGICAL_FILTER:
      case LogicalOperatorType::LOGICAL_UNNEST:
      case LogicalOperatorType::LOGICAL_ORDER_BY:
        return Classify(*op.children[0]);
      case LogicalOperatorType::LOGICAL_UNION: {
        const auto& set = op.Cast<duckdb::LogicalSetOperation>();
        if (!set.setop_all) return Aggregating(op, "UNION without ALL");
        return Union(op);
      }
      case LogicalOperatorType::LOGICAL_MATERIALIZED_CTE: {
        const auto& cte = op.Cast<duckdb::LogicalMaterializedCTE>();
        const RowWise definition = Classify(*op.children[0]);
        if (definition == RowWise::kNot) return definition;
        ctes_[cte.table_index] = definition;
        return Classify(*op.children[1]);
      }
      case LogicalOperatorType::LOGICAL_CTE_REF: {
        auto it = ctes_.find(op.Cast<duckdb::LogicalCTERef>().cte_index);
        return it == ctes_.end() ? RowWise::kStatic : it->second;
      }
      default:
        return IsJoin(op.type) ? Join(op) : ClassifyOther(op);
    }
  }

  std::string reason;

 private:
  RowWise Join(const LogicalOperator& op) {
    const RowWise left = Classify(*op.children[0]);
    if (left == RowWise::kNot) return left;
    const RowWise right = Classify(*op.children[1]);
    if (right == RowWise::kNot) return right;
    if (left == RowWise::kStatic && right == RowWise::kStatic) return RowWise::kStatic;
    if (left == right) return Not("a join of two inputs that both changed");
    // The nearest row of the right side may be another one when it gets new rows.
    if (right == RowWise::kRowWise && op.type == LogicalOperatorType::LOGICAL_ASOF_JOIN) {
      return Not("an ASOF JOIN with a changed input to look up in");
    }
    const JoinType type = JoinTypeOf(op);
    if (left == RowWise::kRowWise ? RowWiseFromLeft(type) : RowWiseFromRight(type)) {
      return RowWise::kRowWise;
    }
    return Not("an outer join whose preserved side is not the changed input");
  }

  RowWise Union(const LogicalOperator& op) {
    bool any_static = false;
    bool any_moving = false;
    for (const auto& child : op.children) {
      const RowWise verdict = Classify(*child);
      if (verdict == RowWise::kNot) return verdict;
      (verdict == RowWise::kStatic ? any_static : any_moving) = true;
    }
    if (!any_moving) return RowWise::kStatic;
    return any_static ? Not("a UNION ALL with an input that did not change") : RowWise::kRowWise;
  }

  RowWise ClassifyOther(const LogicalOperator& op) {
    return Aggregating(op, OperatorWord(op.type));
  }

  // Row-wise in nothing: fine as long as nothing below it changed.
  RowWise Aggregating(const LogicalOperator& op, const std::string& word) {
    for (const auto& child : op.children) {
      const RowWise verdict = Classify(*child);
      if (verdict == RowWise::kNot) return verdict;
      if (verdict == RowWise::kRowWise) return Not(word);
    }
    return RowWise::kStatic;
  }

  RowWise Not(std::string why) {
    if (reason.empty()) reason = std::move(why);
    return RowWise::kNot;
  }

  static std::string OperatorWord(LogicalOperatorType type) {
    switch (type) {
      case LogicalOperatorType::LOGICAL_AGGREGATE_AND_GROUP_BY:
        return "an aggregate";
      case LogicalOperatorType::LOGICAL_WINDOW:
        return "a window function";
      case LogicalOperatorType::LOGICAL_DISTINCT:
        return "DISTINCT";
      case LogicalOperatorType::LOGICAL_LIMIT:
      case LogicalOperatorType::LOGICAL_TOP_N:
        return "LIMIT";
      default:
        return duckdb::LogicalOperatorToString(type);
    }
  }

  const Scans& scans_;
  const std::set<std::string>& changed_;
  std::map<duckdb::idx_t, RowWise> ctes_;
};

// --- origin ------------------------------------------------------------------------------------

// One origin column: an expression over bindings that are valid above the operator.
using OriginExpressions = duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>;

duckdb::unique_ptr<duckdb::Expression> Reference(const LogicalType& type, ColumnBinding binding) {
  return duckdb::make_uniq<duckdb::BoundColumnRefExpression>(type, binding);
}

class OriginThreader {
 public:
  // `binder`: for Project; null where nothing is changed.
  OriginThreader(duckdb::Binder* binder, const Scans& scans) : binder_(binder), scans_(scans) {}

  // Puts a projection on top: the operator's own columns, then the threaded columns.
  bool Project(duckdb::unique_ptr<LogicalOperator>& op) {
    op->ResolveOperatorTypes();
    const auto bindings = op->GetColumnBindings();
    const auto types = op->types;
    auto origin = Thread(op);
    if (!origin) return false;
    duckdb::vector<duckdb::unique_ptr<duckdb::Expression>> expressions;
    for (size_t i = 0; i < bindings.size(); ++i) {
      expressions.push_back(Reference(types[i], bindings[i]));
    }
    for (auto& expression : *origin) {
      expressions.push_back(duckdb::BoundCastExpression::AddCastToType(
          binder_->context, std::move(expression), LogicalType::BIGINT));
    }
    auto projection = duckdb::make_uniq<duckdb::LogicalProjection>(binder_->GenerateTableIndex(),
                                                                   std::move(expressions));
    projection->children.push_back(std::move(op));
    projection->ResolveOperatorTypes();
    op = std::move(projection);
    return true;
  }

  // Can Thread succeed? Asked first, so that a failure leaves the plan as it was.
  bool CanThread(const LogicalOperator& op) {
    switch (op.type) {
      case LogicalOperatorType::LOGICAL_GET:
        return ScannedName(op.Cast<duckdb::LogicalGet>(), scans_).has_value();
      case LogicalOperatorType::LOGICAL_PROJECTION:
      case LogicalOperatorType::LOGICAL_FILTER:
      case LogicalOperatorType::LOGICAL_UNNEST:
      case LogicalOperatorType::LOGICAL_ORDER_BY:
      case LogicalOperatorType::LOGICAL_LIMIT:
      case LogicalOperatorType::LOGICAL_WINDOW:
        return CanThread(*op.children[0]);
      case LogicalOperatorType::LOGICAL_UNION:
        for (const auto& child : op.children) {
          if (!CanThread(*child)) return false;
        }
        return op.Cast<duckdb::LogicalSetOperation>().setop_all;
      case LogicalOperatorType::LOGICAL_MATERIALIZED_CTE:
        ctes_[op.Cast<duckdb::LogicalMaterializedCTE>().table_index] = CanThread(*op.children[0]);
        return CanThread(*op.children[1]);
      case LogicalOperatorType::LOGICAL_CTE_REF: {
        auto it = ctes_.find(op.Cast<duckdb::LogicalCTERef>().cte_index);
        return it != ctes_.end() && it->second;
      }
      default:
        return IsJoin(op.type) && JoinSide(op) >= 0;
    }
  }

  // Whose rows the operator's rows are; only after CanThread.
  void CollectOrigins(const LogicalOperator& op, std::set<std::string>& names) {
    switch (op.type) {
      case LogicalOperatorType::LOGICAL_GET:
        if (auto name = ScannedName(op.Cast<duckdb::LogicalGet>(), scans_)) names.insert(*name);
        return;
      case LogicalOperatorType::LOGICAL_UNION:
        for (const auto& child : op.children) CollectOrigins(*child, names);
        return;
      case LogicalOperatorType::LOGICAL_MATERIALIZED_CTE:
        definitions_[op.Cast<duckdb::LogicalMaterializedCTE>().table_index] = op.children[0].get();
        return CollectOrigins(*op.children[1], names);
      case LogicalOperatorType::LOGICAL_CTE_REF: {
        auto definition = definitions_.find(op.Cast<duckdb::LogicalCTERef>().cte_index);
        if (definition != definitions_.end()) CollectOrigins(*definition->second, names);
        return;
      }
      default:
        CollectOrigins(*op.children[IsJoin(op.type) ? JoinSide(op) : 0], names);
    }
  }

 private:
  // Which child's rows are the join's rows: a text source before a table, the left before the
  // right; -1 if neither.
  int JoinSide(const LogicalOperator& op) {
    const JoinType type = JoinTypeOf(op);
    const bool left = RowWiseFromLeft(type) && CanThread(*op.children[0]);
    const bool right = RowWiseFromRight(type) && CanThread(*op.children[1]);
    if (left && right) {
      return !ReadsText(*op.children[0]) && ReadsText(*op.children[1]) ? 1 : 0;
    }
    return left ? 0 : right ? 1 : -1;
  }

  static bool ReadsText(const LogicalOperator& op) {
    if (op.type == LogicalOperatorType::LOGICAL_GET) {
      return IsScanFunction(op.Cast<duckdb::LogicalGet>());
    }
    for (const auto& child : op.children) {
      if (ReadsText(*child)) return true;
    }
    return false;
  }

  std::optional<OriginExpressions> Thread(duckdb::unique_ptr<LogicalOperator>& op) {
    switch (op->type) {
      case LogicalOperatorType::LOGICAL_GET:
        return FromGet(op->Cast<duckdb::LogicalGet>());
      case LogicalOperatorType::LOGICAL_PROJECTION: {
        auto below = Thread(op->children[0]);
        if (!below) return below;
        auto& projection = op->Cast<duckdb::LogicalProjection>();
        OriginExpressions above;
        for (auto& expression : *below) {
          const LogicalType type = expression->return_type;
          above.push_back(Reference(
              type, ColumnBinding(projection.table_index, projection.expressions.size())));
          projection.expressions.push_back(std::move(expression));
        }
        return above;
      }
      case LogicalOperatorType::LOGICAL_UNION:
        return FromUnion(op->Cast<duckdb::LogicalSetOperation>());
      case LogicalOperatorType::LOGICAL_MATERIALIZED_CTE:
        return FromCte(op->Cast<duckdb::LogicalMaterializedCTE>());
      case LogicalOperatorType::LOGICAL_CTE_REF:
        return FromCteRef(op->Cast<duckdb::LogicalCTERef>());
      default:
        return Thread(op->children[IsJoin(op->type) ? JoinSide(*op) : 0]);
    }
  }

  std::optional<OriginExpressions> FromGet(duckdb::LogicalGet& get) {
    OriginExpressions origin;
    auto add = [&](duckdb::column_t id) {
      const duckdb::idx_t position = get.GetColumnIds().size();
      get.AddColumnId(id);
      const LogicalType type = get.GetColumnType(get.GetColumnIds().back());
      origin.push_back(Reference(type, ColumnBinding(get.table_index, position)));
    };
    if (IsScanFunction(get)) {
      for (int i = 0; i < columnar::kOriginColumnCount; ++i) add(duckdb::VIRTUAL_COLUMN_START + i);
      origin.push_back(Number(0));
    } else {
      const auto input = ParquetInputOf(get, scans_);
      const auto tag = std::find(get.names.begin(), get.names.end(), ParquetTag(input->name));
      add(static_cast<duckdb::column_t>(tag - get.names.begin()));
      origin[0] = FileOrdinal(input->name, std::move(origin[0]));
      add(duckdb::MultiFileReader::COLUMN_IDENTIFIER_FILE_ROW_NUMBER);
      origin.push_back(Number(0));
      origin.push_back(Number(0));
      if (!input->has_order) return origin;
      for (const auto& [name, at] :
           {std::pair(columnar::kOrderColumn, 1),
            std::pair(columnar::kSuborderColumn, kThreadedColumnCount - 1)}) {
        const auto found = std::find(get.names.begin(), get.names.end(), name);
        if (found == get.names.end()) continue;
        add(static_cast<duckdb::column_t>(found - get.names.begin()));
        auto stored = std::move(origin.back());
        origin.pop_back();
        auto place = duckdb::make_uniq<duckdb::BoundOperatorExpression>(
            duckdb::ExpressionType::OPERATOR_COALESCE, LogicalType::BIGINT);
        place->children.push_back(std::move(stored));
        place->children.push_back(std::move(origin[at]));
        origin[at] = std::move(place);
      }
    }
    return origin;
  }

  // Not DuckDB's file_index: that counts the files which a filter on partition columns left over.
  duckdb::unique_ptr<duckdb::Expression> FileOrdinal(const std::string& input,
                                                     duckdb::unique_ptr<duckdb::Expression> path) {
    duckdb::vector<duckdb::unique_ptr<duckdb::Expression>> arguments;
    arguments.push_back(duckdb::make_uniq<duckdb::BoundConstantExpression>(duckdb::Value(input)));
    arguments.push_back(std::move(path));
    duckdb::ErrorData error;
    auto ordinal = duckdb::FunctionBinder(*binder_).BindScalarFunction(
        DEFAULT_SCHEMA, kFileOrdinalFunction, std::move(arguments), error);
    if (error.HasError()) error.Throw();
    return ordinal;
  }

  static duckdb::unique_ptr<duckdb::Expression> Number(int64_t number) {
    return duckdb::make_uniq<duckdb::BoundConstantExpression>(duckdb::Value::BIGINT(number));
  }

  std::optional<OriginExpressions> FromUnion(duckdb::LogicalSetOperation& set) {
    for (auto& child : set.children) {
      if (!Project(child)) return std::nullopt;
    }
    OriginExpressions origin;
    for (int i = 0; i < kThreadedColumnCount; ++i) {
      origin.push_back(
          Reference(LogicalType::BIGINT, ColumnBinding(set.table_index, set.column_count++)));
    }
    return origin;
  }

  std::optional<OriginExpressions> FromCte(duckdb::LogicalMaterializedCTE& cte) {
    if (ctes_[cte.table_index]) {
      // Not cte.column_count: for DuckDB's binder that is the width of what reads the CTE.
      const duckdb::idx_t width = cte.children[0]->GetColumnBindings().size();
      if (!Project(cte.children[0])) return std::nullopt;
      threaded_[cte.table_index] = width;
      WidenReferences(*cte.children[1], cte.table_index);
    }
    return Thread(cte.children[1]);
  }

  // Every reference to a widened CTE must have its width, used for an origin or not.
  void WidenReferences(LogicalOperator& op, duckdb::idx_t cte_index) {
    if (op.type == LogicalOperatorType::LOGICAL_CTE_REF) {
      auto& ref = op.Cast<duckdb::LogicalCTERef>();
      if (ref.cte_index == cte_index) {
        for (const char* name : {columnar::kOriginFileColumn, columnar::kOriginOffsetColumn,
                                 columnar::kOriginLengthColumn, columnar::kSuborderColumn}) {
          ref.bound_columns.push_back(name);
          ref.chunk_types.push_back(LogicalType::BIGINT);
        }
      }
    }
    for (auto& child : op.children) WidenReferences(*child, cte_index);
  }

  std::optional<OriginExpressions> FromCteRef(duckdb::LogicalCTERef& ref) {
    const duckdb::idx_t first = threaded_[ref.cte_index];
    OriginExpressions origin;
    for (int i = 0; i < kThreadedColumnCount; ++i) {
      origin.push_back(Reference(LogicalType::BIGINT, ColumnBinding(ref.table_index, first + i)));
    }
    return origin;
  }

  duckdb::Binder* const binder_;
  const Scans& scans_;
  std::map<duckdb::idx_t, bool> ctes_;  // can be threaded
  std::map<duckdb::idx_t, const LogicalOperator*> definitions_;
  std::map<duckdb::idx_t, duckdb::idx_t> threaded_;  // position of the first origin column
};

void CollectNames(const LogicalOperator& op, const Scans& scans, std::set<std::string>& names) {
  if (op.type == LogicalOperatorType::LOGICAL_GET) {
    if (auto name = ScannedName(op.Cast<duckdb::LogicalGet>(), scans)) names.insert(*name);
  }
  for (const auto& child : op.children) CollectNames(*child, scans, names);
}

}  // namespace

RowWiseVerdict ClassifyRowWise(const LogicalOperator& plan, const Scans& scans,
                               const std::set<std::string>& changed) {
  Classifier classifier(scans, changed);
  RowWiseVerdict verdict;
  verdict.verdict = classifier.Classify(plan);
  verdict.reason = classifier.reason;
  return verdict;
}

std::set<std::string> NamesRead(const LogicalOperator& plan, const Scans& scans) {
  std::set<std::string> names;
  CollectNames(plan, scans, names);
  return names;
}

std::set<std::string> OriginNames(const LogicalOperator& plan, const Scans& scans) {
  std::set<std::string> names;
  OriginThreader threader(nullptr, scans);
  if (threader.CanThread(plan)) threader.CollectOrigins(plan, names);
  return names;
}

bool MultipliesRows(const LogicalOperator& plan) {
  if (plan.type == LogicalOperatorType::LOGICAL_UNNEST || IsJoin(plan.type)) return true;
  return std::any_of(plan.children.begin(), plan.children.end(),
                     [](const auto& child) { return MultipliesRows(*child); });
}

bool ThreadOrigin(duckdb::unique_ptr<LogicalOperator>& plan, duckdb::Binder& binder,
                  const Scans& scans) {
  OriginThreader threader(&binder, scans);
  return threader.CanThread(*plan) && threader.Project(plan);
}

}  // namespace weir::sql
