// The gate: judges every row of a batch by all row checks of a table, in one pass.
//
// GatePlan holds the bound predicates and is shared; RowGate is the gate of one thread. Each
// predicate is evaluated once per vector. A vector in which every row passes costs no copy and no
// selection; a row is looked at by itself only when it broke something.
//
//   auto plan = GatePlan::Make(totals, predicates, layout);        // once per table and run
//   auto gate = plan->OpenGate(context);                           // once per thread
//   gate->Check(chunk, accepted, rejected, verdicts);              // per batch
//   gate->Finish();                                                // merges the counts
//
// A predicate that is NULL counts as broken. One that throws for a row (a cast that overflows
// inside EXPECT) counts as broken by that row alone, with the message; other rows are judged as if
// it were not there. Interrupts, memory exhaustion and bugs are errors of the whole run instead.
//
// Thread rule: GatePlan is immutable and thread-safe; a RowGate belongs to one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "duckdb/common/types/selection_vector.hpp"
#include "weir/columnar/ports.h"
#include "weir/guard/check_totals.h"
#include "weir/guard/contract.h"
#include "weir/guard/in_set.h"

namespace duckdb {
class ClientContext;
class Expression;
class ExpressionExecutor;
}  // namespace duckdb

namespace weir::guard {

// Where things stand in the chunks that a gate is given.
struct ChunkLayout {
  columnar::Schema schema;  // of the first columns: the row as the table will hold it
  int origin_column = -1;   // first of the three origin columns; -1: rows carry no origin
};

// A check of the contract with its condition bound to the chunk's columns by position
// (duckdb::BoundReferenceExpression). Set checks come in as a reference to their flag column.
struct BoundPredicate {
  size_t check = 0;                               // index into Contract::checks
  std::unique_ptr<duckdb::Expression> condition;  // BOOLEAN
};

class RowGate;

class GatePlan : public std::enable_shared_from_this<GatePlan> {
 public:
  // Bits of a verdict are in the order of `predicates`. User error if a condition is not BOOLEAN.
  static Result<std::shared_ptr<const GatePlan>> Make(std::shared_ptr<CheckTotals> totals,
                                                      std::vector<BoundPredicate> predicates,
                                                      ChunkLayout layout);
  ~GatePlan();

  Result<std::unique_ptr<RowGate>> OpenGate(duckdb::ClientContext& context) const;

  const ChunkLayout& layout() const { return layout_; }
  const Contract& contract() const { return totals_->contract(); }
  CheckTotals& totals() const { return *totals_; }
  size_t size() const { return predicates_.size(); }
  // 64-bit words per rejected row in the verdicts: 1 up to 64 checks.
  size_t words() const { return words_; }
  const Check& check(size_t bit) const { return contract().checks[predicates_[bit].check]; }
  // The severest action of the broken checks.
  Action ActionOf(const uint64_t* verdict) const;
  // "arr_delay = NULL, origin = 'JFK'": the values that the check looks at, cut to a readable
  // length.
  std::string ValuesOf(size_t bit, const duckdb::DataChunk& chunk, size_t row) const;
  columnar::Origin OriginOf(const duckdb::DataChunk& chunk, size_t row) const;
  // The broken checks, in order.
  std::vector<size_t> BrokenBits(const uint64_t* verdict) const;

 private:
  friend class RowGate;
  GatePlan() = default;

  std::shared_ptr<CheckTotals> totals_;
  std::vector<BoundPredicate> predicates_;
  std::vector<std::vector<size_t>> columns_;  // per predicate: the columns its condition refers to
  std::vector<std::unique_ptr<InSet>> in_sets_;  // per predicate; null: the executor does it
  ChunkLayout layout_;
  size_t words_ = 1;
};

class RowGate final : public columnar::Gate {
 public:
  ~RowGate() override;

  // As the port says, and: both selections point into the gate and are valid until the next call;
  // the verdict of row rejected[i] is the words verdicts[i * words() ...]; rows that only break
  // WARN checks are accepted. When nothing is rejected, `accepted` is the identity (IsSet() is
  // false).
  Result<Verdict> Check(duckdb::DataChunk& chunk, duckdb::SelectionVector& accepted,
                        duckdb::SelectionVector& rejected,
                        std::vector<uint64_t>& verdicts) override;

  // Merges the counts into the totals. No Check after it. Done by the destructor if forgotten.
  void Finish();

  const GatePlan& plan() const { return *plan_; }
  // Why the predicate `bit` could not be evaluated for this row of the last batch; "" if it could.
  std::string ErrorOf(size_t row, size_t bit) const;

 private:
  friend class GatePlan;
  struct RowError {
    size_t row;
    size_t bit;
    std::string message;
  };

  RowGate(std::shared_ptr<const GatePlan> plan, duckdb::ClientContext& context);

  // Sets broken_[row * words + ...] for the rows that break the predicate; their number.
  Result<size_t> Judge(size_t bit, duckdb::DataChunk& chunk);
  Status JudgeRange(size_t bit, duckdb::DataChunk& chunk, size_t begin, size_t end,
                    size_t* broken_rows);
  void MarkBroken(size_t bit, size_t row);
  void Count(duckdb::DataChunk& chunk, Verdict& verdict, std::vector<uint64_t>& verdicts);

  std::shared_ptr<const GatePlan> plan_;
  duckdb::ClientContext& context_;
  std::vector<std::unique_ptr<duckdb::ExpressionExecutor>> executors_;  // one per predicate
  std::unique_ptr<duckdb::DataChunk> results_;  // one column per predicate: what it evaluates to
  std::unique_ptr<bool[]> passes_;              // of an InSet, one per row
  std::vector<uint64_t> broken_;  // words() per row of the batch; all zero between batches
  std::vector<RowError> errors_;  // of the last batch
  duckdb::SelectionVector accepted_;
  duckdb::SelectionVector rejected_;
  GateCounts counts_;
  bool finished_ = false;
};

}  // namespace weir::guard
