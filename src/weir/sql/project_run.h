// Project run: all flows of a project, upstream first. A flow that fails leaves the tables above it
// committed and those below it untouched; the run goes on with the flows that do not depend on it.
//
// Thread rule: one run at a time in a Session; RunProgress may be read by another thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "weir/base/span.h"
#include "weir/sql/flow_run.h"

namespace weir::sql {

struct FlowResult {
  std::string table;
  std::optional<FlowOutcome> outcome;  // nullopt: failed or skipped
  std::optional<Error> error;
  std::string skipped_because;  // "flights failed"
};

struct ProjectOutcome {
  std::vector<FlowResult> flows;   // in the order in which they ran
  std::vector<std::string> notes;  // what was done besides: topics made or changed

  // The exit code of the command: the worst of the flows' (4 > 2 > 3 > 1 > 0).
  int ExitCode() const;
  bool ok() const { return ExitCode() == 0; }
};

// The tables that flags name must be filled by flows of the project.
Status CheckSettings(const PreparedProject& project, const RunSettings& settings);

ProjectOutcome RunProject(Session& session, const PreparedProject& project,
                          columnar::Catalog& catalog, const RunSettings& settings, SpanLog& spans,
                          ScopedSpan& run_span, RunProgress& progress);

// Makes every name read all that there is now: for queries after a run and for `weir sql`.
// Tables that do not exist yet have no rows; a source that cannot be opened says so to who reads
// it.
Status DefineEverything(Session& session, const PreparedProject& project,
                        columnar::Catalog& catalog, int64_t now_us);

}  // namespace weir::sql
