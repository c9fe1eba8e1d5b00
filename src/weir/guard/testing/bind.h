// For tests and benchmarks: a DuckDB of their own and predicates bound from SQL text, as sql/ hands
// them to the gate. Not part of any product path.
//
// Thread rule: one thread.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "duckdb.hpp"
#include "duckdb/function/scalar_function.hpp"
#include "duckdb/main/extension/extension_loader.hpp"
#include "duckdb/planner/expression/bound_columnref_expression.hpp"
#include "duckdb/planner/expression/bound_function_expression.hpp"
#include "duckdb/planner/expression/bound_reference_expression.hpp"
#include "duckdb/planner/expression_iterator.hpp"
#include "weir/columnar/schema.h"

namespace weir::guard::testing {

// A database in memory with the schema of the rows that predicates are bound against.
class Binder {
 public:
  explicit Binder(columnar::Schema schema)
      : schema_(std::move(schema)), database_(nullptr), connection_(database_) {
    duckdb::ScalarFunction capture("weir_capture", {}, duckdb::LogicalType::BOOLEAN, Execute, Bind);
    capture.varargs = duckdb::LogicalType::ANY;
    capture.SetExtraFunctionInfo(info_);
    duckdb::ExtensionLoader loader(*database_.instance, "weir_guard_test");
    loader.RegisterFunction(capture);
    std::string create = "CREATE TABLE batch (";
    for (const auto& field : schema_.fields) {
      create += (&field == &schema_.fields[0] ? "\"" : ", \"") + field.name + "\" " +
                field.type.ToString();
    }
    Run(create + ")");
  }

  duckdb::Connection& connection() { return connection_; }
  duckdb::ClientContext& context() { return *connection_.context; }

  std::unique_ptr<duckdb::MaterializedQueryResult> Run(const std::string& sql) {
    auto result = connection_.Query(sql);
    if (result->HasError()) throw std::runtime_error(sql + ": " + result->GetError());
    return result;
  }

  // The predicate over columns of the schema, referring to them by position.
  std::unique_ptr<duckdb::Expression> Predicate(const std::string& sql) {
    info_->captured.reset();
    Run("EXPLAIN SELECT weir_capture(" + sql + ") FROM batch");
    auto expression = std::move(info_->captured);
    ToReferences(&expression);
    return expression;
  }

 private:
  struct Info : duckdb::ScalarFunctionInfo {
    duckdb::unique_ptr<duckdb::Expression> captured;
  };

  static void Execute(duckdb::DataChunk&, duckdb::ExpressionState&, duckdb::Vector& result) {
    result.Reference(duckdb::Value::BOOLEAN(true));
  }

  static duckdb::unique_ptr<duckdb::FunctionData> Bind(
      duckdb::ClientContext&, duckdb::ScalarFunction& function,
      duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>& arguments) {
    auto& info = function.GetExtraFunctionInfo().Cast<Info>();
    if (!info.captured) info.captured = arguments[0]->Copy();
    return nullptr;
  }

  void ToReferences(duckdb::unique_ptr<duckdb::Expression>* expression) {
    if ((*expression)->GetExpressionClass() == duckdb::ExpressionClass::BOUND_COLUMN_REF) {
      const std::string name = (*expression)->GetName();
      for (size_t i = 0; i < schema_.fields.size(); ++i) {
        if (schema_.fields[i].name == name) {
          *expression =
              duckdb::make_uniq<duckdb::BoundReferenceExpression>((*expression)->return_type, i);
          return;
        }
      }
      throw std::runtime_error("no column " + name);
    }
    duckdb::ExpressionIterator::EnumerateChildren(
        **expression, [&](duckdb::unique_ptr<duckdb::Expression>& child) { ToReferences(&child); });
  }

  columnar::Schema schema_;
  duckdb::shared_ptr<Info> info_ = duckdb::make_shared_ptr<Info>();
  duckdb::DuckDB database_;
  duckdb::Connection connection_;
};

}  // namespace weir::guard::testing
