#include "weir/sql/flow_plan.h"

namespace weir::sql {

namespace {

std::string Count(int64_t n, const char* what) {
  return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

std::string Listed(const std::vector<std::string>& names) {
  constexpr size_t kShown = 5;
  std::string out;
  for (size_t i = 0; i < names.size() && i < kShown; ++i) out += (i ? ", " : "") + names[i];
  if (names.size() > kShown) out += " and " + std::to_string(names.size() - kShown) + " more";
  return out;
}

// "2 new files and 1 grown file of flights_raw", "new rows in flights"
std::string DescribeChange(const FlowInput& input) {
  if (input.is_table) return "new rows in " + input.name;
  const columnar::SourceChanges& changes = input.scan->changes();
  std::string out;
  if (changes.new_files > 0) out += Count(changes.new_files, "new file");
  if (changes.grown_files > 0) {
    out += (out.empty() ? "" : " and ") + Count(changes.grown_files, "grown file");
  }
  if (changes.grown_partitions > 0) {
    out += "new records in " + Count(changes.grown_partitions, "partition");
  }
  if (!changes.rewritten_files.empty()) {
    out += (out.empty() ? "" : " and ") +
           Count(static_cast<int64_t>(changes.rewritten_files.size()), "rewritten file");
  }
  return (out.empty() ? "a change" : out) + " of " + input.name;
}

std::string DescribeChanges(const std::vector<FlowInput>& inputs) {
  std::string out;
  for (const FlowInput& input : inputs) {
    if (input.changed) out += (out.empty() ? "" : "; ") + DescribeChange(input);
  }
  return out;
}

Error Rewritten(const FlowInput& input) {
  return Error::User(ErrorCode::kConflict, "files of " + input.name +
                                               " were rewritten since they were read: " +
                                               Listed(input.scan->changes().rewritten_files))
      .Fix(
          "put the old files back, say 'source.rewritten' = 'reprocess' to compute the table "
          "again from what is there now, or run with --full-refresh");
}

Error Deleted(const FlowInput& input, const std::string& why) {
  return Error::User(
             ErrorCode::kNotFound,
             "the table must be computed again (" + why + "), but files of " + input.name +
                 " that it was made from are gone: " + Listed(input.scan->changes().deleted_files))
      .Fix("bring them back, or run with --full-refresh to build the table from what is there now");
}

// Rows that the next run would add. What was rewritten or removed makes it recompute.
bool HasUnreadRows(const FlowInput& input) {
  if (!input.changed) return false;
  if (!input.known) return true;
  if (input.is_table) return input.only_appended;
  const columnar::SourceChanges& changes = input.scan->changes();
  return changes.new_files + changes.grown_files + changes.grown_partitions > 0;
}

// A backfill reads all input, and leaves the positions where they are.
Error Unread(const FlowInput& input) {
  return Error::User(ErrorCode::kConflict,
                     "--backfill would take " + DescribeChange(input) +
                         ", which no run has read yet, and the next run would take it again")
      .Fix("run once without --backfill, then again with it");
}

// Everything will be read again: is everything still there?
Result<RefreshPlan> Recompute(const std::vector<FlowInput>& inputs, const std::string& why) {
  for (const FlowInput& input : inputs) {
    if (!input.is_table && !input.scan->changes().deleted_files.empty()) return Deleted(input, why);
  }
  return RefreshPlan{RefreshKind::kRecompute, why};
}

}  // namespace

const char* RefreshKindName(RefreshKind kind) {
  switch (kind) {
    case RefreshKind::kUpToDate:
      return "up to date";
    case RefreshKind::kCreate:
      return "created";
    case RefreshKind::kAppend:
      return "appended";
    case RefreshKind::kUpsert:
      return "upserted";
    case RefreshKind::kRecompute:
      return "recomputed";
    case RefreshKind::kBackfill:
      return "backfilled";
  }
  return "unknown";
}

Result<RefreshPlan> PlanRefresh(const RefreshRequest& request,
                                const std::optional<epoch::Manifest>& last,
                                const std::vector<FlowInput>& inputs,
                                const RowWiseIn& row_wise_in) {
  if (request.full_refresh) {
    return RefreshPlan{request.target_exists ? RefreshKind::kRecompute : RefreshKind::kCreate,
                       "--full-refresh"};
  }
  if (!request.backfill.empty()) {
    if (!last) {
      return Error::User(ErrorCode::kNotFound, "there is nothing to backfill yet")
          .Fix("run once without --backfill");
    }
    for (const FlowInput& input : inputs) {
      if (!input.is_table && !input.scan->changes().deleted_files.empty()) {
        return Deleted(input, "--backfill");
      }
      if (HasUnreadRows(input)) return Unread(input);
    }
    return RefreshPlan{RefreshKind::kBackfill, "--backfill \"" + request.backfill + "\""};
  }
  if (!last && request.always_overwrite && request.target_exists) {
    return Recompute(inputs, "first run; replaced as declared");
  }
  if (!last) return RefreshPlan{RefreshKind::kCreate, "first run"};

  std::set<std::string> changed;
  bool rewritten = false;
  bool changed_rows = false;
  std::string changed_table;
  for (const FlowInput& input : inputs) {
    if (!input.is_table && !input.scan->changes().rewritten_files.empty()) {
      if (!request.reprocess_rewritten) return Rewritten(input);
      rewritten = true;
    }
    if (!input.changed) continue;
    changed.insert(input.name);
    if (input.is_table && !input.only_appended) {
      changed_rows = true;
      changed_table = input.name;
    }
  }
  if (changed.empty()) return RefreshPlan{RefreshKind::kUpToDate, "no new input"};
  const std::string what = DescribeChanges(inputs);
  if (request.always_overwrite) return Recompute(inputs, what + "; replaced as declared");
  if (rewritten) return Recompute(inputs, what);
  if (changed_rows) {
    return Recompute(inputs, "rows of " + changed_table + " were changed or removed");
  }
  WEIR_ASSIGN_OR_RETURN(std::optional<std::string> against, row_wise_in(changed));
  if (against) return Recompute(inputs, what + "; not row-wise: " + *against);
  return RefreshPlan{request.has_key ? RefreshKind::kUpsert : RefreshKind::kAppend, what};
}

}  // namespace weir::sql
