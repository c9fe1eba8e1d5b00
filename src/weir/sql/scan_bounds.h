// What a query's filters say about the range of single columns, for sources that can read less
// (a topic by offset or time). The filters stay in the plan: bounds only spare reading.
//
// Thread rule: a pure function over a plan owned by the caller.
#pragma once

#include <vector>

#include "duckdb/planner/expression.hpp"
#include "weir/columnar/ports.h"

namespace duckdb {
class LogicalGet;
}

namespace weir::sql {

// Comparisons of a column with a constant, and BETWEEN, that all rows must satisfy, over columns
// that are whole numbers or times. Column numbers are those of the source's schema.
std::vector<columnar::ColumnBound> BoundsOf(
    const duckdb::LogicalGet& get,
    const duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>& filters);

}  // namespace weir::sql
