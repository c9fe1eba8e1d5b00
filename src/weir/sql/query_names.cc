#include "weir/sql/query_names.h"

#include "duckdb/common/exception/parser_exception.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/parser/expression/subquery_expression.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "duckdb/parser/parser.hpp"
#include "duckdb/parser/query_node.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "duckdb/parser/tableref/basetableref.hpp"
#include "duckdb/parser/tableref/subqueryref.hpp"
#include "weir/sql/lexer.h"

namespace weir::sql {

namespace {

class NameCollector {
 public:
  void Collect(duckdb::QueryNode& node) {
    for (const auto& entry : node.cte_map.map) ctes_.insert(ToLower(entry.first));
    duckdb::ParsedExpressionIterator::EnumerateQueryNodeChildren(
        node, [this](duckdb::unique_ptr<duckdb::ParsedExpression>& child) { Visit(*child); },
        [this](duckdb::TableRef& ref) { Visit(ref); });
  }

  std::set<std::string> Names() const {
    std::set<std::string> names;
    for (const std::string& name : names_) {
      if (ctes_.count(ToLower(name)) == 0) names.insert(name);
    }
    return names;
  }

 private:
  void Visit(duckdb::ParsedExpression& expression) {
    if (expression.GetExpressionClass() == duckdb::ExpressionClass::SUBQUERY) {
      Collect(*expression.Cast<duckdb::SubqueryExpression>().subquery->node);
    }
    duckdb::ParsedExpressionIterator::EnumerateChildren(
        expression, [this](duckdb::unique_ptr<duckdb::ParsedExpression>& child) { Visit(*child); });
  }

  void Visit(duckdb::TableRef& ref) {
    if (ref.type == duckdb::TableReferenceType::BASE_TABLE) {
      names_.insert(ref.Cast<duckdb::BaseTableRef>().table_name);
    } else if (ref.type == duckdb::TableReferenceType::SUBQUERY) {
      // Its tables are visited by themselves; its CTEs are not.
      const auto& node = *ref.Cast<duckdb::SubqueryRef>().subquery->node;
      for (const auto& entry : node.cte_map.map) ctes_.insert(ToLower(entry.first));
    }
  }

  std::set<std::string> names_;
  std::set<std::string> ctes_;
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
  collector.Collect(*parser.statements[0]->Cast<duckdb::SelectStatement>().node);
  return collector.Names();
}

}  // namespace weir::sql
