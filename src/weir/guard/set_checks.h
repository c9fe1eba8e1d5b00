// Set checks: SQL text for the checks that one row alone cannot decide. guard/ only writes the
// text; sql/ binds and runs it.
//
// UNIQUE and REFERENCES become a boolean expression beside the new rows, so that the gate treats
// them like any row check:
//
//   SELECT *, <RowFlagSql(check, relations)> AS __weir_check_3 FROM <new rows> AS b
//
// FRESH, ratios and ODCS metrics become a query of one row (rows BIGINT, broken BIGINT, measured
// DOUBLE), judged by JudgeTable.
//
// Thread rule: free functions over values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/guard/check_totals.h"
#include "weir/guard/contract.h"

namespace weir::guard {

// What RowFlagSql's text refers to. Relations are SQL: a quoted name or a table function call.
struct RowRelations {
  std::string batch = "b";  // alias of the new rows
  // Source order of the new rows: quoted columns or expressions of the batch, most significant
  // first. Needed by UNIQUE.
  std::vector<std::string> order_by;
  // Rows that the table holds already (the version named in the manifest); empty: none.
  std::string existing;
  // A condition over the batch: only rows for which it is true can take the place of the first one
  // (rows that other checks reject cannot). Empty: every row.
  std::string eligible;
  // Check::reference_table, by its name in the contract, to the relation to look in. The name
  // itself is used, quoted, where it is absent.
  std::map<std::string, std::string> references;
};

// A BOOLEAN expression, never NULL, false where the row breaks the check. Bug for other kinds.
Result<std::string> RowFlagSql(const Check& check, const RowRelations& relations);

struct TableRelation {
  std::string relation;  // the rows to look at
  std::string
      object;  // replaces {object}, {table}, ${object}, ${table} of kSql; usually = relation
  int64_t now_us = 0;  // the run's fixed now()
};

// A query of one row: rows BIGINT, broken BIGINT (NULL where the measure counts no rows), measured
// DOUBLE (NULL where there was nothing to measure). kFresh measures the age in seconds.
Result<std::string> TableCheckSql(const Check& check, const TableRelation& relation);

// Judges what the query answered. Without a measure (no rows, only NULLs): FRESH is broken, a
// percentage holds, a kSql answer of NULL is broken.
TableVerdict JudgeTable(const Check& check, int64_t rows, std::optional<int64_t> broken,
                        std::optional<double> measured);

// For checks over all rows without contract files: the share of rows for which `column` is not
// NULL, "EXPECT (x IS NOT NULL) for 99 % of the rows".
Check Completeness(const std::string& column, double percent_min, Action action);

}  // namespace weir::guard
