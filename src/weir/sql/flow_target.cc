#include "weir/sql/flow_target.h"

#include <algorithm>
#include <set>

#include "weir/guard/quarantine.h"

namespace weir::sql {

namespace {

std::string EpochLogs(const RunSettings& settings) { return JoinPath(settings.warehouse, "_weir"); }

}  // namespace

epoch::EpochLog EpochLogOf(Env& env, const RunSettings& settings, const std::string& flow_id) {
  return {env, JoinPath(EpochLogs(settings), flow_id)};
}

FlowTarget::FlowTarget(Env& env, const PreparedProject& project, columnar::Catalog& catalog,
                       const RunSettings& settings, const PreparedFlow& flow)
    : env_(env),
      project_(project),
      catalog_(catalog),
      settings_(settings),
      flow_(flow),
      place_(PlaceOf(*flow.flow->text.source, flow.flow->text.begin)),
      full_refresh_(settings.full_refresh ||
                    settings.full_refresh_tables.count(ToLower(flow.flow->table)) > 0) {}

Result<std::shared_ptr<columnar::FileTable>> FlowTarget::TableOrNull(
    const std::string& name) const {
  auto found = catalog_.Table(name);
  if (found.ok()) return found;
  if (found.error().code() != ErrorCode::kNotFound) {
    return std::move(found).error().While("table " + name);
  }
  return std::shared_ptr<columnar::FileTable>();
}

std::vector<const PreparedFlow*> FlowTarget::FlowsOfTable() const {
  std::vector<const PreparedFlow*> flows;
  for (const PreparedFlow& flow : project_.flows) {
    if (EqualsIgnoreCase(flow.flow->table, table())) flows.push_back(&flow);
  }
  return flows;
}

Status FlowTarget::Find(epoch::EpochLog& log, const std::optional<epoch::Manifest>& last) {
  last_ = last;
  if (flow_.flow->external) return Status::Ok();
  WEIR_ASSIGN_OR_RETURN(before_, TableOrNull(table()));
  if (!last_ || !before_) return Status::Ok();
  WEIR_ASSIGN_OR_RETURN(const bool taken, log.IsWhole(last_->epoch));
  rows_lost_ = taken && before_->CommittedEpoch(flow_.flow->id).value_or(0) < last_->epoch;
  return Status::Ok();
}

Result<RefreshPlan> FlowTarget::Plan(const FlowInputs& inputs, const RowWiseIn& row_wise_in) const {
  RefreshRequest request;
  request.full_refresh = full_refresh_;
  request.from_now = settings_.from_now_tables.count(ToLower(table())) > 0;
  request.always_overwrite = flow_.flow->overwrite;
  request.has_key = !flow_.primary_key.empty();
  if (settings_.backfill_tables.count(ToLower(table())) > 0) request.backfill = settings_.backfill;
  request.reprocess_rewritten = inputs.reprocess_rewritten();
  if (flow_.flow->external) return PlanExternal(std::move(request), inputs, row_wise_in);

  request.target_exists = before_ != nullptr;
  if (last_ && !full_refresh_) WEIR_RETURN_IF_ERROR(CheckStillThere());
  if (!last_ && before_ && flow_.flow->target->materialized && !full_refresh_) {
    return Error::User(ErrorCode::kConflict, "there is a table " + table() +
                                                 " already, and no record that this flow made it")
        .At(place_)
        .Fix("give the flow another name, or run with --full-refresh " + table() +
             " to replace the table");
  }
  const std::vector<const PreparedFlow*> flows = FlowsOfTable();
  // Of several flows the first replaces the rows of all, and the others add theirs.
  if (full_refresh_ && before_ && flows.front() != &flow_) {
    if (before_->CommittedEpoch(flow_.flow->id)) {
      return Error::User(ErrorCode::kConflict,
                         "rows of " + table() +
                             " are replaced by the first INSERT that fills it, "
                             "and that has not come to its end")
          .At(place_)
          .Fix("see why it failed, then run with --full-refresh " + table() + " again");
    }
    request.target_exists = false;
  }
  WEIR_ASSIGN_OR_RETURN(RefreshPlan plan, PlanRefresh(request, last_, inputs.all(), row_wise_in));
  const bool replaces = plan.kind == RefreshKind::kRecompute || plan.kind == RefreshKind::kBackfill;
  if (replaces && !full_refresh_ && flows.size() > 1) {
    return Error::User(ErrorCode::kUnsupported, table() +
                                                    " is filled by several INSERTs, so this one "
                                                    "can't replace rows of it (" +
                                                    plan.reason + ")")
        .At(place_)
        .Fix("run with --full-refresh " + table() +
             " to compute all of it again, or make one flow of them with UNION ALL");
  }
  return plan;
}

// Never built again unasked: what its rows were made from may be gone by now.
Status FlowTarget::CheckStillThere() const {
  const std::string written = "epoch " + std::to_string(last_->epoch) + " of this flow";
  if (!before_) {
    return Error::User(ErrorCode::kConflict,
                       "table " + table() + " is gone, though " + written + " was written to it")
        .At(place_)
        .Fix("put its folder back, or run with --full-refresh " + table() +
             " to build it again from the files that are there now");
  }
  if (!rows_lost_) return Status::Ok();
  const auto held = before_->CommittedEpoch(flow_.flow->id);
  return Error::User(ErrorCode::kConflict,
                     written + " was written to table " + table() + ", but is not in it: " +
                         (held ? "it is an older copy, of epoch " + std::to_string(*held)
                               : "it was removed and made again"))
      .At(place_)
      .Fix("put the folder back as it was, or run with --full-refresh " + table() +
           " to build it again from the files that are there now");
}

// A table with a connector: rows are added, and what was sent stays sent.
Result<RefreshPlan> FlowTarget::PlanExternal(RefreshRequest request, const FlowInputs& inputs,
                                             const RowWiseIn& row_wise_in) const {
  request.target_exists = last_.has_value();
  std::string what;
  if (request.full_refresh && last_) what = "--full-refresh";
  if (!request.backfill.empty()) what = "--backfill";
  if (what.empty()) {
    WEIR_ASSIGN_OR_RETURN(RefreshPlan plan, PlanRefresh(request, last_, inputs.all(), row_wise_in));
    if (plan.kind != RefreshKind::kRecompute) return plan;
    what = plan.reason;
  }
  return Error::User(ErrorCode::kUnsupported, "rows of " + table() +
                                                  " can only be added, so it can't be computed "
                                                  "again (" +
                                                  what + ")")
      .At(place_)
      .Fix(
          "to send everything again, give the table another 'flow.id' or another topic; to send "
          "each row once, INSERT from a query that gives new rows for new rows");
}

Result<uint64_t> FlowTarget::NextEpoch() const {
  uint64_t next = last_ ? last_->epoch + 1 : 1;
  if (flow_.flow->external || (before_ && !full_refresh_)) return next;
  WEIR_ASSIGN_OR_RETURN(const auto quarantine, TableOrNull(guard::QuarantineTableName(table())));
  for (const auto& holder : {before_, quarantine}) {
    if (holder) next = std::max(next, holder->CommittedEpoch(flow_.flow->id).value_or(0) + 1);
  }
  return next;
}

Result<std::vector<std::string>> FlowTarget::FinishReplacedFlows(
    const epoch::CommitterOf& committer_of) const {
  std::set<std::string> ids;
  for (const PreparedFlow* flow : FlowsOfTable()) ids.insert(flow->flow->id);
  const std::string logs = EpochLogs(settings_);
  if (env_.Exists(logs)) {
    WEIR_ASSIGN_OR_RETURN(const std::vector<FileInfo> entries, env_.ListDir(logs));
    for (const FileInfo& entry : entries) {  // also of flows that are no longer in the project
      if (before_->CommittedEpoch(entry.path)) ids.insert(entry.path);
    }
  }
  ids.erase(flow_.flow->id);
  std::vector<std::string> replaced;
  for (const std::string& id : ids) {
    epoch::EpochLog log = EpochLogOf(env_, settings_, id);
    auto recovery = epoch::Recover(log, committer_of);
    if (!recovery.ok()) {
      return std::move(recovery).error().While("flow " + id + ", whose rows would be replaced");
    }
    if (recovery->newest) {
      WEIR_RETURN_IF_ERROR(log.MarkDone(recovery->newest->epoch, "", /*durable=*/true));
    } else if (!before_->CommittedEpoch(id)) {
      continue;  // it has never run
    }
    replaced.push_back(id);
  }
  return replaced;
}

}  // namespace weir::sql
