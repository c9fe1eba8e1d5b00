// Flow run: one flow's epoch, from its inputs' positions to the commit of its table and its
// quarantine. The order of steps is the exactly-once step's (epoch/step.h):
//
//   recover -> plan (flow_plan.h) -> define inputs -> COPY through weir_write -> checks' verdict
//   -> prepare sinks -> manifest -> commit
//
// Thread rule: one flow at a time in a Session.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "weir/base/span.h"
#include "weir/columnar/ports.h"
#include "weir/guard/check_totals.h"
#include "weir/sql/column_lineage.h"
#include "weir/sql/flow_plan.h"
#include "weir/sql/prepared.h"

namespace weir::sql {

struct RunSettings {
  std::string run_id;
  int64_t now_us = 0;                         // fixed for the whole run
  std::string warehouse;                      // folder of the tables; epoch logs lie in its _weir
  std::string work_folder;                    // .weir: only what may be lost
  bool full_refresh = false;                  // of every table,
  std::set<std::string> full_refresh_tables;  // or of these (lower case)
  std::set<std::string> from_now_tables;
  std::string backfill;  // SQL predicate; applies to the tables below
  std::set<std::string> backfill_tables;
  bool trace_lineage = false;  // fill FlowOutcome::lineage
  // Set by another thread: no further flow starts, and the one that runs commits nothing.
  const std::atomic<bool>* interrupted = nullptr;

  bool Interrupted() const { return interrupted != nullptr && interrupted->load(); }
};

struct FlowOutcome {
  std::string table;
  std::string flow_id;
  uint64_t epoch = 0;  // 0: nothing was committed
  RefreshPlan plan;
  bool recovered = false;  // the last run's commit was finished first
  int64_t rows_in = 0;     // given by the query, before checks
  int64_t rows_out = 0;
  guard::RowCounts rows;
  std::vector<guard::CheckResult> checks;  // empty if nothing ran
  double score = 1;
  std::string checks_json;
  columnar::CommitResult commit;
  columnar::WriteTotals written;
  std::optional<ColumnLineage> lineage;
  std::vector<std::string> notes;  // "new column 'coupon' VARCHAR", "a.csv: 12 bytes are left ..."
};

// What runs at this moment, for the progress line; read by another thread.
struct RunProgress {
  std::mutex mutex;
  std::string table;  // empty: nothing
  std::shared_ptr<FlowWrite> write;
  std::vector<std::shared_ptr<ActiveScan>> scans;
};

class FlowRunner {
 public:
  FlowRunner(Session& session, const PreparedProject& project, columnar::Catalog& catalog,
             const RunSettings& settings, RunProgress& progress)
      : session_(session),
        project_(project),
        catalog_(catalog),
        settings_(settings),
        progress_(progress) {}

  // Sets the attributes of the span "table" as it goes; they are what the report is made of.
  Result<FlowOutcome> Run(const PreparedFlow& flow, SpanLog& spans, ScopedSpan& span);
  // What Run would do as things are now; reads no row and writes nothing. It does not see what a
  // recovery or an upstream flow would change first.
  Result<RefreshPlan> Preview(const PreparedFlow& flow);

 private:
  class Epoch;

  Session& session_;
  const PreparedProject& project_;
  columnar::Catalog& catalog_;
  const RunSettings& settings_;
  RunProgress& progress_;
};

}  // namespace weir::sql
