// Flow plan: what one flow has to do in this run, decided before a row is read: nothing, append or
// upsert the new rows, recompute everything, or replace a chosen part; and why. The decision is
// made here and nowhere else; docs/incremental.md tells users the rules.
//
// Thread rule: values and pure functions.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/columnar/ports.h"
#include "weir/epoch/manifest.h"

namespace weir::sql {

enum class RefreshKind {
  kUpToDate,   // no input changed
  kCreate,     // first run: all input into a new table
  kAppend,     // row-wise: new rows are added
  kUpsert,     // row-wise with a PRIMARY KEY: new rows replace those of equal key
  kRecompute,  // everything is read again and the table replaced
  kBackfill,   // the rows of a predicate are computed again and replaced
};
const char* RefreshKindName(RefreshKind kind);  // "up to date", "created", "appended" ...

// One name that the flow reads, as found at the start of the run.
struct FlowInput {
  std::string name;
  bool is_table = false;
  columnar::Position from;  // committed with the flow's last epoch
  bool known = false;       // `from` is of the last epoch, not a new input
  // Sources.
  std::shared_ptr<columnar::SourceScan> scan;  // from `from`
  // Tables.
  std::shared_ptr<columnar::FileTable> table;  // null: not created yet
  bool only_appended = false;                  // since `from`
  std::vector<columnar::ParquetFile> appended;

  bool changed = false;
};

struct RefreshRequest {
  bool full_refresh = false;
  bool from_now = false;          // an edited query applies to new rows only
  bool always_overwrite = false;  // INSERT OVERWRITE, REFRESH_MODE = FULL
  bool has_key = false;
  std::string backfill;              // SQL predicate over the table's columns; empty: none
  bool reprocess_rewritten = false;  // 'source.rewritten' = 'reprocess'
  bool target_exists = false;
};

struct RefreshPlan {
  RefreshKind kind = RefreshKind::kUpToDate;
  std::string reason;  // "2 new files of flights_raw", "GROUP BY: recomputed from flights"
};

// Is the definition row-wise in these names? Asked only where it matters; nullopt if it is, else
// what stands against it.
using RowWiseIn = std::function<Result<std::optional<std::string>>(const std::set<std::string>&)>;

// `last` is the flow's last epoch, if it has one.
Result<RefreshPlan> PlanRefresh(const RefreshRequest& request,
                                const std::optional<epoch::Manifest>& last,
                                const std::vector<FlowInput>& inputs, const RowWiseIn& row_wise_in);

}  // namespace weir::sql
