// Replay: rows of T__quarantine, mended by hand or by an edited contract, go back into T and leave
// the quarantine, in one epoch of the flow: a row is in exactly one of the two at any time. Rows
// that still break a check stay where they are.
//
// Thread rule: one thread at a time, as the Session.
#pragma once

#include <string>
#include <vector>

#include "weir/sql/flow_run.h"

namespace weir::sql {

struct ReplayRequest {
  std::string table;
  // JSON lines {"quarantine_id": "...", "row": {...}}, as `weir quarantine export` writes them;
  // empty: the rows as they stand in the quarantine.
  std::string from_file;
  std::string where;  // SQL condition over T__quarantine's columns; empty: all
};

struct ReplayOutcome {
  int64_t asked = 0;     // rows that were looked at
  int64_t replayed = 0;  // now in T
  int64_t unparsed = 0;  // of the quarantine, without a row to replay: export and mend them
  uint64_t epoch = 0;    // 0: nothing was committed
};

Result<ReplayOutcome> ReplayQuarantine(Session& session, const PreparedProject& project,
                                       columnar::Catalog& catalog, const RunSettings& settings,
                                       const ReplayRequest& request);

// Ids of the quarantined rows of a flow's table for which a condition over the table's columns
// holds.
Result<std::vector<std::string>> QuarantinedIds(Session& session, columnar::Catalog& catalog,
                                                const PreparedFlow& flow,
                                                const std::string& condition);
// An overwrite of exactly these rows by whatever is written; an append if there are none.
columnar::WriteMode ReplaceQuarantined(const std::vector<std::string>& ids);

}  // namespace weir::sql
