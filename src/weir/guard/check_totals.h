// CheckTotals: what the checks of one table found in one run: exact counts, a bounded uniform
// sample of the failing rows, the score, and whether the epoch may commit.
//
// Gates count on their own and merge once (gate.h); unparsed rows and table checks are added
// directly. The totals are complete when every gate has finished.
//
//   CheckTotals totals(contract, env);
//   ... gates, unparsed rows, AddTable ...
//   WEIR_RETURN_IF_ERROR(totals.Verdict(file_name));   // FAIL or the breaker: nothing commits
//   manifest.Add(totals.ToJson(file_name));
//
// Thread rule: thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/columnar/ports.h"
#include "weir/guard/contract.h"

namespace weir::guard {

// The name of an origin's file ordinal, for messages and samples ("" if unknown).
using OriginName = std::function<std::string(int32_t file)>;

// How messages and samples say where a row is from; either may be empty.
struct OriginNames {
  OriginName file;
  std::function<std::optional<int64_t>(const columnar::Origin&)> line;  // SourceScan::LineOf
};

// A row that broke a check, as kept in the sample.
struct FailingRow {
  columnar::Origin origin;
  std::string row;      // JSON of the row; empty for a row that did not parse
  std::string values;   // of the columns that the check looks at: "arr_delay = NULL"
  std::string message;  // why, where more than "not true" is known: "Conversion Error: ..."
};

// A uniform sample of at most `capacity` out of all failing rows offered (reservoir sampling).
class RowSample {
 public:
  RowSample(size_t capacity, uint64_t seed) : capacity_(capacity), state_(seed) {}

  // Counts one more failing row. True if the caller should make the FailingRow and Put it: the
  // JSON of a row costs far more than this question.
  bool Offer();
  void Put(FailingRow row);
  // Afterwards this is a uniform sample of both.
  void Merge(RowSample&& other);

  int64_t offered() const { return offered_; }
  const std::vector<FailingRow>& rows() const { return rows_; }

 private:
  uint64_t Random();

  size_t capacity_;
  uint64_t state_;
  int64_t offered_ = 0;
  size_t slot_ = 0;  // where the row of the last accepted Offer goes
  std::vector<FailingRow> rows_;
};

struct CheckCounts {
  int64_t checked = 0;
  int64_t failed = 0;
  int64_t errors = 0;  // of failed: the expression could not be evaluated for the row
  // Failing rows by what finally happened to them, indexed by Action: a row that breaks a WARN and
  // a QUARANTINE check counts under kQuarantine for both.
  std::array<int64_t, kActionCount> by_action{};

  void Add(const CheckCounts& other);
};

// What a table check (kFresh, kRatio, kSql) measured.
struct TableVerdict {
  bool passed = false;
  double measured = 0;  // compared with the threshold; kFresh: age in seconds
  int64_t rows = 0;     // rows looked at
  int64_t broken = 0;   // rows that broke it, where the measure counts rows
  std::string detail;   // one line for people: "2 of 40 rows (5 %), must be < 1 %"
};

struct CheckResult {
  Check check;
  CheckCounts counts;
  std::vector<FailingRow> sample;
  std::optional<TableVerdict> table;

  int64_t passed() const { return counts.checked - counts.failed; }
};

// Rows by what happened to them. checked = accepted + dropped + quarantined + failed.
struct RowCounts {
  int64_t checked = 0;   // unparsed rows included
  int64_t accepted = 0;  // `warned` included
  int64_t warned = 0;    // accepted although they break a WARN check
  int64_t dropped = 0;
  int64_t quarantined = 0;
  int64_t failed = 0;
  int64_t unparsed = 0;  // of checked; counted under their action above as well
};

// What one gate counted by itself, merged in one call.
struct GateCounts {
  int64_t rows = 0;
  std::array<int64_t, kActionCount>
      by_action{};                  // rows by final action; kWarn: kept with a warning
  std::vector<CheckCounts> checks;  // index: Contract::checks
  std::vector<RowSample> samples;   // the same index
};

class CheckTotals {
 public:
  // The env gives the seed of the samples.
  CheckTotals(Contract contract, Env& env, size_t sample_rows = 10);

  const Contract& contract() const { return contract_; }
  size_t sample_rows() const { return sample_rows_; }
  // A seed for one more gate's samples.
  uint64_t NextSeed();

  void Merge(GateCounts&& counts);
  // Counts a row that the source could not parse, under Contract::parses.
  void AddUnparsed(const columnar::UnparsedRow& row);
  void AddTable(size_t check, TableVerdict verdict);

  // A FAIL was seen already: a run may stop early. Gates report it with their first such row.
  bool fail_seen() const { return fail_seen_.load(std::memory_order_relaxed); }
  void NoteFail() { fail_seen_.store(true, std::memory_order_relaxed); }

  RowCounts rows() const;
  // One per check of the contract, in its order, then one for `parses`.
  std::vector<CheckResult> Results() const;
  // 1 if every row passed every check, 0 if none passed any: 1 - sum(w * failed) / sum(w * checked)
  // over the checks, weighted by action: WARN 1, DROP ROW 2, QUARANTINE 3, FAIL 4. A table check
  // counts as one row per row it looked at, all failed or all passed.
  double Score() const;

  // kContract if a FAIL check was broken or the breaker opened: nothing of the epoch may commit.
  // Names the constraint, the count, the first examples (file, line, offset, value) and the fix.
  Status Verdict(const OriginNames& names) const;

  // {"score":…,"rows":{…},"checks":[…]}: for manifests, --format json and reports.
  std::string ToJson(const OriginNames& names) const;

 private:
  CheckResult ResultLocked(size_t index) const;
  Error FailError(const CheckResult& result, const OriginNames& names) const;

  const Contract contract_;
  const size_t sample_rows_;
  std::atomic<bool> fail_seen_{false};

  mutable std::mutex mutex_;  // protects everything below
  uint64_t seed_;
  RowCounts rows_;
  std::vector<CheckCounts> counts_;  // index: Contract::checks, then parses
  std::vector<RowSample> samples_;
  std::vector<std::optional<TableVerdict>> tables_;
};

}  // namespace weir::guard
