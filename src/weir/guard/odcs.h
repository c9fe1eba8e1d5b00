// Reads data contracts in the Open Data Contract Standard (ODCS) v3: YAML to schema and Contract.
//
//   WEIR_ASSIGN_OR_RETURN(OdcsDocument document, ParseOdcs(text, "orders.odcs.yaml", {}));
//   const OdcsTable* orders = document.Find("orders");
//   orders->contract.checks ...; document.not_run: what the file says and Weir can't run, by name
//
// What becomes of the standard's parts (docs/odcs.md has the table):
//   required, logicalTypeOptions, nullValues/missingValues/invalidValues with nothing allowed: row
//   checks; unique, primaryKey, duplicateValues with nothing allowed: UNIQUE; relationships:
//   REFERENCES; other thresholds and rowCount: ratio checks; type sql: executed; type custom with
//   engine `weir`: a row condition; SLA latency and freshness: FRESH (WARN). Severity info and
//   warning mean WARN; a customProperty `onViolation` of a rule names the action itself.
//
// Thread rule: free functions over values. Limits: 16 MiB of text, 32 levels of nested properties,
// 10,000 properties.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"
#include "weir/guard/contract.h"

namespace weir::guard {

struct OdcsColumn {
  std::string name;          // physicalName, else name
  std::string logical_name;  // name
  std::string type;          // DuckDB's name for it: "DECIMAL(10,2)", "STRUCT(a VARCHAR)"
  bool required = false;
  std::string description;
  std::string classification;
};

struct OdcsTable {
  std::string name;
  std::string physical_name;  // empty if not given
  std::string description;
  std::vector<OdcsColumn> columns;
  std::vector<std::string> primary_key;        // by primaryKeyPosition
  std::vector<std::string> partition_columns;  // by partitionKeyPosition
  Contract contract;
};

struct OdcsDocument {
  std::string api_version;  // "v3.1.0"
  std::string id;
  std::string name;
  std::string version;
  std::string status;
  std::vector<OdcsTable> tables;
  std::vector<std::string> not_run;  // "orders.email: rule 'verified' is text for people"

  // By name or physical name, without regard to case; null if none. An empty name finds the only
  // table.
  const OdcsTable* Find(std::string_view table) const;
};

struct OdcsOptions {
  Action row_action = Action::kQuarantine;  // of rules that judge rows, severity error or none
  Action table_action = Action::kFail;      // of rules that judge the table, likewise
};

// User errors (kInvalid) with file:line:column for text that is no YAML, or YAML that breaks the
// standard's schema where it matters here: a missing or unknown key, a wrong type, an unknown
// metric, a reference that pairs up badly. kUnsupported for a version other than 3.
Result<OdcsDocument> ParseOdcs(std::string_view yaml, const std::string& file,
                               const OdcsOptions& options);

}  // namespace weir::guard
