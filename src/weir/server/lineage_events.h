// Lineage events of a run: for every flow that did something an OpenLineage START and a COMPLETE or
// FAIL, with schemas, column lineage, counts and the results of checks.
//
// Thread rule: one thread, after the run.
#pragma once

#include <string>
#include <vector>

#include "weir/server/project_runtime.h"

namespace weir::server {

// One line of JSON an event, in the order in which they happened. Run with
// RunSettings::trace_lineage.
std::vector<std::string> LineageEvents(ProjectRuntime& runtime, const std::string& run_id,
                                       const sql::ProjectOutcome& outcome);

// Appends the events to a file, or posts them one by one to an http(s):// URL.
Status SendLineage(Env& env, const std::string& target, const std::vector<std::string>& events);

}  // namespace weir::server
