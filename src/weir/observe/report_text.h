// A run report for people and for Prometheus. (As JSON: ReportJson in run_report.h.)
//
// Thread rule: pure functions.
#pragma once

#include <string>

#include "weir/observe/run_report.h"

namespace weir::observe {

// One line a table, then what happened to rejected rows, and the bottleneck. The table fits `width`
// columns (0: no limit); the lines below it are never cut. Ends with a line feed.
std::string ReportText(const RunReport& report, size_t width);

// The same figures as gauges, for the text file collector or a push gateway:
// weir_rows_in{table=..}.
std::string ReportPrometheus(const RunReport& report);

// Rows, seconds and rejected rows of two runs side by side, table by table.
std::string CompareText(const RunReport& a, const RunReport& b, size_t width);
OrderedJson CompareJson(const RunReport& a, const RunReport& b);

}  // namespace weir::observe
