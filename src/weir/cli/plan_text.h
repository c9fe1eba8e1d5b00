// The answer to EXPLAIN and EXPLAIN ANALYZE: DuckDB's plan (its JSON format) as a tree with one
// line a step, or as JSON for programs.
//
//   step                              rows  seconds
//   hash group by  country               3     0.01
//   └─ scan orders  country              5     0.00
//   0.01 s, 0.02 s of CPU, peak memory 1.2 MB, nothing spilled
//
// Memory and spill are the statement's: DuckDB does not know them by step.
//
// Thread rule: pure functions.
#pragma once

#include <functional>
#include <string>

#include "weir/base/json.h"
#include "weir/base/result.h"

namespace weir::cli {

// What a scanned file belongs to, for people: "tables/orders/part-0.parquet" -> "orders".
using NameOfFile = std::function<std::string(const std::string& path)>;

// Of `EXPLAIN (FORMAT JSON)` (rows are expected ones) or `EXPLAIN (ANALYZE, FORMAT JSON)`:
// {"seconds", "cpu_seconds", "peak_memory_bytes", "spill_bytes", "plan": [{"step", "detail",
// "rows", "rows_expected", "seconds", "inputs": [...]}]}; without ANALYZE "plan" alone.
Result<OrderedJson> PlanJson(const std::string& duckdb_json, const NameOfFile& name_of);

// The same for people. width 0: nothing is cut.
std::string PlanText(const OrderedJson& plan, size_t width);

}  // namespace weir::cli
