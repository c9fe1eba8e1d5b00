// COPY (query) TO 'flow' (FORMAT weir_write): the end of DuckDB's parallel pipelines. Every chunk
// is judged by the gate of its thread and goes, in the same pass, to the table's writer and, for
// rejected rows, to the quarantine's. A FlowWrite says what one flow's run writes to; it is
// registered under the flow's name for the time of the run.
//
// A hook before DuckDB's optimiser adds the rows' origin to the query below (row_origin.h).
//
// A chunk that arrives: the table's columns, one BOOLEAN column a set check, then, where the plan
// allows, ThreadOrigin's columns. Of these the row's place in the order of its sources is made:
// rows that come of one row (UNNEST) stand as they arrive.
//
// Thread rule: FlowWrites is thread-safe; DuckDB calls the function from its worker threads.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "weir/base/result.h"
#include "weir/columnar/ports.h"
#include "weir/guard/gate.h"
#include "weir/guard/quarantine.h"
#include "weir/sql/scan_function.h"

namespace weir::sql {

struct FlowWrite {
  std::string flow_id;
  size_t table_columns = 0;
  size_t flag_columns = 0;
  // What the table's writer wants behind the table's columns: the two order columns, or what rows
  // are staged with.
  enum class Behind { kNothing, kOrder, kStaged };
  Behind behind = Behind::kNothing;
  bool brings_origin = false;  // the query's last columns are StagedFields
  // Where the rows of each file stand among all rows of the run, by the ordinal of their origin:
  // what is to be added to their offsets.
  std::vector<int64_t> order_bases;
  columnar::BatchSink* table = nullptr;
  // Made when the plan is known, with the position of the origin columns (-1: none); a null plan
  // means that nothing is checked.
  std::function<Result<std::shared_ptr<const guard::GatePlan>>(int origin_column)> open_gate;
  std::shared_ptr<const guard::QuarantineSpec> quarantine_spec;
  guard::QuarantineBuilder::Emit emit_quarantine;  // thread-safe

  // Filled while running.
  int origin_column = -1;
  bool multiplies = false;  // one row of a source may give several
  std::shared_ptr<const guard::GatePlan> gate;
  std::atomic<int64_t> rows_in{0};
  std::atomic<int64_t> rows_out{0};
  std::atomic<int64_t> rows_rejected{0};
};

class FlowWrites {
 public:
  void Set(std::shared_ptr<FlowWrite> write);
  void Remove(const std::string& flow_id);
  std::shared_ptr<FlowWrite> Find(const std::string& flow_id) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<FlowWrite>> writes_;
};

// Errors go to scans->SetError, as those of the scan function do.
void RegisterWriteFunction(duckdb::DatabaseInstance& database, std::shared_ptr<FlowWrites> writes,
                           std::shared_ptr<Scans> scans);

}  // namespace weir::sql
