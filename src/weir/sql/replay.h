// Replay: rows of T__quarantine, mended by hand or by an edited contract, go back into T and leave
// the quarantine, in one epoch of the flow: a row is in exactly one of the two at any time. Rows
// that still break a check stay where they are.
//
// Thread rule: one thread at a time, as the Session.
#pragma once

#include <string>
#include <vector>

#include "weir/epoch/epoch_log.h"
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

// An overwrite that takes rows out of the quarantine, whatever is written; an append if there are
// none. `ids`: a query for their quarantine_id. They lie in a file of the epoch log, so that what
// the table's log and the manifest hold stays small: RemoveRows when the epoch is committed.
Result<columnar::WriteMode> ReplaceQuarantined(Session& session, const epoch::EpochLog& log,
                                               uint64_t epoch, const std::string& ids);
// The same for the quarantined rows of a flow's table for which a condition over the table's
// columns holds.
Result<columnar::WriteMode> ReplaceQuarantinedWhere(Session& session, const epoch::EpochLog& log,
                                                    uint64_t epoch, columnar::Catalog& catalog,
                                                    const PreparedFlow& flow,
                                                    const std::string& condition);
void RemoveRows(Env& env, const epoch::EpochLog& log, uint64_t epoch);

}  // namespace weir::sql
