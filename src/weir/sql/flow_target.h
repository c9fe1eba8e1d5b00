// Flow target: the table that a flow fills as it is before an epoch, whether it still holds what
// the flow wrote, and what that allows: which refresh, under which number, and whose rows it takes
// away. docs/incremental.md tells users the rules.
//
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/columnar/ports.h"
#include "weir/epoch/epoch_log.h"
#include "weir/epoch/step.h"
#include "weir/sql/flow_inputs.h"
#include "weir/sql/flow_plan.h"
#include "weir/sql/flow_run.h"
#include "weir/sql/prepared.h"

namespace weir::sql {

epoch::EpochLog EpochLogOf(Env& env, const RunSettings& settings, const std::string& flow_id);

class FlowTarget {
 public:
  FlowTarget(Env& env, const PreparedProject& project, columnar::Catalog& catalog,
             const RunSettings& settings, const PreparedFlow& flow);

  // Looks what is there. `last` is the newest epoch of the log.
  Status Find(epoch::EpochLog& log, const std::optional<epoch::Manifest>& last);
  // null: there is none, or a connector keeps it.
  const std::shared_ptr<columnar::FileTable>& before() const { return before_; }
  bool full_refresh() const { return full_refresh_; }

  // What this epoch has to do; user errors where that would lose rows, or bring them twice.
  Result<RefreshPlan> Plan(const FlowInputs& inputs, const RowWiseIn& row_wise_in) const;
  // No number that the table or its quarantine knows of a log that is lost.
  Result<uint64_t> NextEpoch() const;
  // The other flows whose rows go when the whole table is replaced. What they began is brought to
  // its end here, durably: finished afterwards, rows of before would come back.
  Result<std::vector<std::string>> FinishReplacedFlows(
      const epoch::CommitterOf& committer_of) const;

  // A table by its name; null: there is none. One that can't be read now is an error.
  Result<std::shared_ptr<columnar::FileTable>> TableOrNull(const std::string& name) const;

 private:
  const std::string& table() const { return flow_.flow->table; }
  std::vector<const PreparedFlow*> FlowsOfTable() const;  // in the project's order, this one too
  Status CheckStillThere() const;
  Result<RefreshPlan> PlanExternal(RefreshRequest request, const FlowInputs& inputs,
                                   const RowWiseIn& row_wise_in) const;

  Env& env_;
  const PreparedProject& project_;
  columnar::Catalog& catalog_;
  const RunSettings& settings_;
  const PreparedFlow& flow_;
  const std::string place_;  // of the flow, for messages
  const bool full_refresh_;
  std::optional<epoch::Manifest> last_;
  std::shared_ptr<columnar::FileTable> before_;
  bool rows_lost_ = false;  // of last_, which the table took once
};

}  // namespace weir::sql
