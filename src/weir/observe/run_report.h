// RunReport: the figures of one run, gathered from its spans ("run" > "table" > "write", "prepare",
// "commit" ...; their attributes are set in sql/project_run.cc and sql/flow_run.cc) and from what
// was sampled beside it. Everything that is shown of a run, kept of it, or compared, is read from
// here.
//
// As JSON (format 1, docs/reports.md) it comes back as it went.
//
// Thread rule: values and pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/json.h"
#include "weir/base/span.h"
#include "weir/observe/bottleneck.h"

namespace weir::observe {

// One table's check as the run found it.
struct CheckFigures {
  std::string name;
  std::string check;   // "arr_delay IS NOT NULL"
  std::string action;  // "QUARANTINE"
  int64_t checked = 0;
  int64_t failed = 0;
  std::string detail;   // table checks: "2 of 40 rows (5 %), must be < 1 %"
  std::string fix;      // rows that did not parse: what can be done about the example
  std::string example;  // of the first sampled row: "flights.csv at byte 4711: arr_delay = NULL"
};

struct TableFigures {
  std::string table;
  std::string flow;
  std::string refresh;             // "appended"; empty if it did not come so far
  std::string reason;              // "2 new files of flights_raw"
  std::string skipped;             // why nothing was done, or empty
  std::string error;               // or empty
  std::vector<std::string> notes;  // schema changes and the like

  int64_t rows_in = 0;
  int64_t rows_out = 0;
  int64_t rows_unparsed = 0;
  int64_t rows_dropped = 0;
  int64_t rows_quarantined = 0;
  int64_t rows_warned = 0;
  double score = 1;
  std::vector<CheckFigures> checks;

  int64_t rows_read = 0;   // of sources
  int64_t bytes_read = 0;  // of sources
  int64_t bytes_written = 0;
  int64_t files_written = 0;
  int64_t version = -1;
  int64_t epoch = 0;  // 0: nothing was committed
  bool recovered = false;

  double seconds = 0;
  double cpu_seconds = 0;
  double io_wait_seconds = 0;
  int64_t disk_read_bytes = 0;
  int64_t disk_written_bytes = 0;
  int64_t peak_memory_bytes = 0;  // of the process while this table was made
  int64_t spill_bytes = 0;
  std::map<std::string, double> step_seconds;  // "write", "prepare", "commit" ...

  int64_t rejected() const { return rows_dropped + rows_quarantined; }
};

struct RunReport {
  std::string run;      // its id, 16 hexadecimal digits
  std::string project;  // name
  std::string version;  // of Weir
  int64_t started_us = 0;
  double seconds = 0;
  int exit_code = 0;
  bool interrupted = false;
  int cpus = 1;
  int threads = 1;
  int64_t memory_budget_bytes = 0;
  int64_t peak_memory_bytes = 0;
  std::string machine;  // "2 cores, 23.4 GiB"
  bool reads_remote = false;
  std::vector<TableFigures> tables;  // in the order in which they ran

  WorkFigures FiguresOf(const TableFigures& table) const;
  WorkFigures Figures() const;  // of the whole run
  // The table that took longest, or null if none did anything.
  const TableFigures* Slowest() const;
};

// What a sampler saw while a table was made; raises the spans' figures.
struct Sampled {
  int64_t peak_memory_bytes = 0;
  int64_t spill_bytes = 0;
};

// The tables and the wall time of the newest run in the log. The caller adds what spans do not
// know.
RunReport ReportFromSpans(const std::vector<Span>& spans,
                          const std::map<std::string, Sampled>& sampled);

OrderedJson ReportJson(const RunReport& report);
Result<RunReport> ReportFromJson(std::string_view text);

}  // namespace weir::observe
