#include "weir/sql/query_names.h"

#include "duckdb/common/exception/parser_exception.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/parser/expression/subquery_expression.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "duckdb/parser/parser.hpp"
#include "duckdb/parser/query_node/recursive_cte_node.hpp"
#include "duckdb/parser/query_node/select_node.hpp"
#include "duckdb/parser/query_node/set_operation_node.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "duckdb/parser/tableref/basetableref.hpp"
#include "duckdb/parser/tableref/joinref.hpp"
#include "duckdb/parser/tableref/pivotref.hpp"
#include "duckdb/parser/tableref/showref.hpp"
#include "duckdb/parser/tableref/subqueryref.hpp"
#include "weir/sql/lexer.h"

namespace weir::sql {

namespace {

class NameCollector {
 public:
  // CTEs that are visible where a node stands, by lower-case name.
  using Ctes = std::set<std::string>;

  void Collect(duckdb::QueryNode& node, Ctes ctes) {
    for (const auto& entry : node.cte_map.map) {
      // Its own name means a table in it, unless it is recursive.
      Collect(*entry.second->query->node, ctes);
      ctes.insert(ToLower(entry.first));
    }
    const auto visit = [&](duckdb::unique_ptr<duckdb::ParsedExpression>& child) {
      Visit(*child, ctes);
    };
    switch (node.type) {
      case duckdb::QueryNodeType::SELECT_NODE: {
        auto& select = node.Cast<duckdb::SelectNode>();
        for (auto& expression : select.select_list) visit(expression);
        for (auto& expression : select.groups.group_expressions) visit(expression);
        for (auto* clause : {&select.where_clause, &select.having, &select.qualify}) {
          if (*clause) visit(*clause);
        }
        if (select.from_table) Visit(*select.from_table, ctes);
        break;
      }
      case duckdb::QueryNodeType::SET_OPERATION_NODE:
        for (auto& child : node.Cast<duckdb::SetOperationNode>().children) Collect(*child, ctes);
        break;
      case duckdb::QueryNodeType::RECURSIVE_CTE_NODE: {
        auto& recursive = node.Cast<duckdb::RecursiveCTENode>();
        Ctes inner = ctes;
        inner.insert(ToLower(recursive.ctename));
        Collect(*recursive.left, ctes);
        Collect(*recursive.right, inner);
        break;
      }
      default:
        throw duckdb::NotImplementedException("a query of an unknown kind");
    }
    duckdb::ParsedExpressionIterator::EnumerateQueryNodeModifiers(node, visit);
  }

  std::set<std::string> names;

 private:
  void Visit(duckdb::ParsedExpression& expression, const Ctes& ctes) {
    if (expression.GetExpressionClass() == duckdb::ExpressionClass::SUBQUERY) {
      Collect(*expression.Cast<duckdb::SubqueryExpression>().subquery->node, ctes);
    }
    duckdb::ParsedExpressionIterator::EnumerateChildren(
        expression,
        [&](duckdb::unique_ptr<duckdb::ParsedExpression>& child) { Visit(*child, ctes); });
  }

  void Visit(duckdb::TableRef& ref, const Ctes& ctes) {
    switch (ref.type) {
      case duckdb::TableReferenceType::BASE_TABLE: {
        const auto& table = ref.Cast<duckdb::BaseTableRef>();
        const bool cte = table.schema_name.empty() && ctes.count(ToLower(table.table_name)) > 0;
        if (!cte) names.insert(table.table_name);
        return;
      }
      case duckdb::TableReferenceType::SUBQUERY:
        return Collect(*ref.Cast<duckdb::SubqueryRef>().subquery->node, ctes);
      case duckdb::TableReferenceType::JOIN: {
        auto& join = ref.Cast<duckdb::JoinRef>();
        Visit(*join.left, ctes);
        Visit(*join.right, ctes);
        if (join.condition) Visit(*join.condition, ctes);
        return;
      }
      case duckdb::TableReferenceType::PIVOT: {
        auto& pivot = ref.Cast<duckdb::PivotRef>();
        Visit(*pivot.source, ctes);
        for (auto& column : pivot.pivots) {
          if (column.subquery) Collect(*column.subquery, ctes);
        }
        return;
      }
      case duckdb::TableReferenceType::SHOW_REF: {
        auto& show = ref.Cast<duckdb::ShowRef>();
        if (show.query) Collect(*show.query, ctes);
        return;
      }
      default:
        duckdb::ParsedExpressionIterator::EnumerateTableRefChildren(
            ref, [&](duckdb::unique_ptr<duckdb::ParsedExpression>& child) { Visit(*child, ctes); },
            [](duckdb::TableRef&) {});
    }
  }
};

}  // namespace

std::set<std::string> TablesMentioned(duckdb::ClientContext& context, const std::string& query) {
  duckdb::Parser parser(context.GetParserOptions());
  parser.ParseQuery(query);
  if (parser.statements.size() != 1 ||
      parser.statements[0]->type != duckdb::StatementType::SELECT_STATEMENT) {
    throw duckdb::ParserException("expected one query (SELECT ...)");
  }
  NameCollector collector;
  collector.Collect(*parser.statements[0]->Cast<duckdb::SelectStatement>().node, {});
  return std::move(collector.names);
}

}  // namespace weir::sql
