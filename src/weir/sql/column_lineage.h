// Column lineage: which columns of which inputs each output column of a bound plan is made of, and
// which ones decide what rows there are. Follows bindings from the root down to the scans.
//
// Thread rule: pure function over a plan owned by the caller.
#pragma once

#include <string>
#include <vector>

#include "weir/columnar/schema.h"
#include "weir/guard/lineage.h"
#include "weir/sql/scan_function.h"

namespace duckdb {
class LogicalOperator;
}

namespace weir::sql {

struct ColumnEdge {
  std::string input;  // a source or table of the project
  std::string column;
  guard::Dependence dependence = guard::Dependence::kIdentity;

  auto operator<=>(const ColumnEdge&) const = default;
};

struct ColumnLineage {
  std::vector<std::vector<ColumnEdge>> columns;  // by output column
  std::vector<ColumnEdge> rows;                  // what the whole output depends on
};

ColumnLineage TraceLineage(duckdb::LogicalOperator& plan, const Scans& scans);

}  // namespace weir::sql
