// Row origin and row-wise plans. Two questions about a bound (not yet optimised) plan:
//
//  - Is the definition row-wise in its changed inputs, so that new input rows give only new output
//    rows and an append (or upsert) of them equals a full refresh? (decides append or recompute)
//  - Where did each output row come from? ThreadOrigin carries the scan's hidden origin columns
//    (file, offset, length) up to the root, so that a rejected row can name its place in the file.
//
// Thread rule: pure functions over a plan owned by the caller.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "duckdb/planner/logical_operator.hpp"
#include "weir/base/result.h"
#include "weir/sql/scan_function.h"

namespace duckdb {
class DatabaseInstance;
}

namespace weir::sql {

enum class RowWise {
  kStatic,   // reads none of the changed inputs
  kRowWise,  // each output row comes from one row of one changed input
  kNot,
};

struct RowWiseVerdict {
  RowWise verdict = RowWise::kStatic;
  std::string reason;  // for kNot: "GROUP BY", "a join of two changed tables (a, b)"
};

RowWiseVerdict ClassifyRowWise(const duckdb::LogicalOperator& plan, const Scans& scans,
                               const std::set<std::string>& changed);

// The names of ours that a plan reads.
std::set<std::string> NamesRead(const duckdb::LogicalOperator& plan, const Scans& scans);

// The names of ours whose rows the plan's rows are: where ThreadOrigin finds their origin. Empty:
// the rows have none.
std::set<std::string> OriginNames(const duckdb::LogicalOperator& plan, const Scans& scans);

// Can one row of an input become several?
bool MultipliesRows(const duckdb::LogicalOperator& plan);

// Adds BIGINT columns at the end of the plan's output, where every output row has one origin; false
// (and an unchanged plan) otherwise: the origin (file, offset, length), and the place among rows
// with the same. The offset of a table's row is its place in the file (columnar::kOrderColumn, else
// its number). Used on the query below a COPY ... (FORMAT weir_write), see write_function.h.
inline constexpr int kThreadedColumnCount = columnar::kOriginColumnCount + 1;
bool ThreadOrigin(duckdb::unique_ptr<duckdb::LogicalOperator>& plan, duckdb::Binder& binder,
                  const Scans& scans);

}  // namespace weir::sql
