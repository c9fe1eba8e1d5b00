// Contract: the named expectations of one table and what happens to a row that breaks them.
//
//   CONSTRAINT flew EXPECT (arr_delay IS NOT NULL) ON VIOLATION QUARANTINE
//
// is Check{.name = "flew", .kind = kRow, .expression = "arr_delay IS NOT NULL",
// .action = kQuarantine}. A contract is text and numbers only: sql/ parses statements into it and
// binds its expressions, odcs.h reads it from a file. What evaluates it:
//
//   row checks   (kRow)                  gate.h, fused into one pass over each batch
//   set checks   (kUnique, kReferences)  set_checks.h makes a boolean column, then gate.h
//   table checks (kFresh, kRatio, kSql)  set_checks.h makes a query of one row; WARN or FAIL only
//   kParses                              rows the source could not parse or cast (quarantine.h)
//
// A row that breaks several checks gets the severest of their actions and carries the names of all.
// A check whose expression is NULL for a row is broken by that row.
//
// Thread rule: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"

namespace weir::guard {

// In order of severity; compare with <.
enum class Action : uint8_t { kWarn, kDropRow, kQuarantine, kFail };
inline constexpr int kActionCount = 4;

enum class CheckKind : uint8_t {
  kRow,         // expression: a predicate over one row of the table
  kUnique,      // columns; the first row in source order stays; a NULL in the key passes
  kReferences,  // columns are found in reference_table (reference_columns); a NULL passes
  kFresh,       // the newest columns[0] is at most fresh_within_us before the run's now()
  kRatio,       // measure, compared with threshold
  kSql,         // expression: a query of one number, compared with threshold
  kParses,      // the built-in expectation
};

// What a kRatio check measures over the rows of the table.
enum class Measure : uint8_t {
  kBrokenRows,     // rows for which expression is not true
  kDuplicateRows,  // rows whose columns equal those of an earlier row
  kRowCount,
};

enum class Comparison : uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kBetween,     // low <= x <= high
  kNotBetween,  // x < low or x > high
};

struct Threshold {
  Comparison comparison = Comparison::kEqual;
  double low = 0;  // the only bound of a comparison with one
  double high = 0;
  bool percent = false;  // x is 100 * rows measured / rows of the table

  bool Holds(double x) const;
  std::string ToString() const;  // "between 1 and 5 %"
  bool operator==(const Threshold&) const = default;
};

struct Check {
  std::string name;
  CheckKind kind = CheckKind::kRow;
  std::string expression;            // kRow, kRatio with kBrokenRows, kSql
  std::vector<std::string> columns;  // kUnique, kReferences, kFresh (one), kRatio with duplicates
  std::string reference_table;
  std::vector<std::string> reference_columns;  // as many as columns
  int64_t fresh_within_us = 0;
  Measure measure = Measure::kBrokenRows;
  Threshold threshold;
  Action action = Action::kWarn;
  // Shown in reports; empty where nobody said.
  std::string description;
  std::string dimension;  // ODCS: completeness, conformity, consistency, timeliness, uniqueness ...
  std::string severity;   // ODCS: info, warning, error
  std::string where;      // "flights.sql:12:3", for messages

  bool operator==(const Check&) const = default;
};

struct Contract {
  std::vector<Check> checks;
  Action parses = Action::kQuarantine;
  double quarantine_max_ratio = -1;  // the breaker, 0 to 1; negative: off
  int64_t breaker_min_rows = 100;
  std::string source;  // "flights.sql", or id and version of a data contract file

  // Checks of these kinds take part in the gate's verdict on a row, in the order of `checks`.
  static bool DecidesRows(CheckKind kind) {
    return kind == CheckKind::kRow || kind == CheckKind::kUnique || kind == CheckKind::kReferences;
  }
  bool empty() const { return checks.empty(); }
};

// Name of the built-in expectation in reports, manifests and T__quarantine.
inline constexpr const char* kParsesName = "parses";

// Refuses: empty or repeated names (compared without regard to case), the name `parses`, table
// checks with an action that needs a row (only WARN and FAIL make sense), missing columns or
// expressions, reference columns that do not pair up, a breaker outside 0..1. User errors.
Status Validate(const Contract& contract);

// The check's own text, normalised, for manifests and messages: "UNIQUE (carrier, flight)",
// "arr_delay IS NOT NULL", "FRESH WITHIN INTERVAL '3600 seconds' (ts)".
std::string DescribeCheck(const Check& check);

// As the user writes it: "EXPECT (arr_delay IS NOT NULL)", "EXPECT UNIQUE (carrier, flight)".
std::string ExpectClause(const Check& check);

// A text that is equal exactly when two contracts treat every row alike (descriptions left out).
// Kept in the epoch manifest to tell an edited contract from an unchanged one.
std::string Fingerprint(const Contract& contract);

const char* ActionName(Action action);      // "WARN", "DROP ROW", "QUARANTINE", "FAIL"
const char* CheckKindName(CheckKind kind);  // "row", "unique", ...
// Accepts "FAIL UPDATE" for FAIL and any case; nullopt for another word.
std::optional<Action> ParseAction(std::string_view text);

}  // namespace weir::guard
