#include "weir/guard/set_checks.h"

#include <cmath>
#include <cstdio>

#include "weir/columnar/engine.h"

namespace weir::guard {
namespace {

using columnar::QuoteName;

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

std::string Join(const std::vector<std::string>& parts, const char* separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) text += separator;
    text += part;
  }
  return text;
}

// b."a", b."c"
std::vector<std::string> Qualified(const std::string& alias,
                                   const std::vector<std::string>& columns) {
  std::vector<std::string> names;
  for (const std::string& column : columns) names.push_back(alias + "." + QuoteName(column));
  return names;
}

std::string AnyNull(const std::vector<std::string>& expressions) {
  std::vector<std::string> tests;
  for (const std::string& expression : expressions) tests.push_back(expression + " IS NULL");
  return Join(tests, " OR ");
}

std::string AllEqual(const std::vector<std::string>& left, const std::vector<std::string>& right) {
  std::vector<std::string> tests;
  for (size_t i = 0; i < left.size(); ++i) tests.push_back(left[i] + " = " + right[i]);
  return Join(tests, " AND ");
}

std::string UniqueFlag(const Check& check, const RowRelations& relations) {
  const std::vector<std::string> key = Qualified(relations.batch, check.columns);
  const std::string window =
      "PARTITION BY " + Join(key, ", ") + " ORDER BY " + Join(relations.order_by, ", ");
  std::string first;
  if (relations.eligible.empty()) {
    first = "row_number() OVER (" + window + ") = 1";
  } else {
    // Nobody before this row holds the place.
    first = "count(*) FILTER (WHERE " + relations.eligible + ") OVER (" + window +
            " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) = 0";
  }
  std::string flag = "(" + AnyNull(key) + " OR (" + first;
  if (!relations.existing.empty()) {
    flag += " AND NOT EXISTS (SELECT 1 FROM " + relations.existing + " AS weir_old WHERE " +
            AllEqual(Qualified("weir_old", check.columns), key) + ")";
  }
  return flag + "))";
}

std::string ReferencesFlag(const Check& check, const RowRelations& relations) {
  const std::vector<std::string> key = Qualified(relations.batch, check.columns);
  const auto found = relations.references.find(check.reference_table);
  const std::string relation =
      found == relations.references.end() ? QuoteName(check.reference_table) : found->second;
  return "(" + AnyNull(key) + " OR EXISTS (SELECT 1 FROM " + relation + " AS weir_ref WHERE " +
         AllEqual(Qualified("weir_ref", check.reference_columns), key) + "))";
}

// Measured is the number of broken rows, or their percentage.
std::string CountedSql(const std::string& broken, const std::string& from, bool percent) {
  const std::string measured =
      percent ? "100.0 * broken / nullif(rows, 0)" : "CAST(broken AS DOUBLE)";
  return "SELECT rows, broken, " + measured + " AS measured FROM (SELECT count(*) AS rows, " +
         broken + " AS broken FROM " + from + ")";
}

void ReplaceAll(std::string* text, const std::string& from, const std::string& to) {
  for (size_t at = text->find(from); at != std::string::npos; at = text->find(from, at)) {
    text->replace(at, from.size(), to);
    at += to.size();
  }
}

std::string TrimQuery(std::string query) {
  const size_t end = query.find_last_not_of(" \t\r\n;");
  query.erase(end == std::string::npos ? 0 : end + 1);
  return query;
}

}  // namespace

Result<std::string> RowFlagSql(const Check& check, const RowRelations& relations) {
  switch (check.kind) {
    case CheckKind::kUnique:
      if (relations.order_by.empty()) {
        return Error::Bug("constraint '" + check.name + "': UNIQUE without a source order");
      }
      return UniqueFlag(check, relations);
    case CheckKind::kReferences:
      return ReferencesFlag(check, relations);
    default:
      return Error::Bug("constraint '" + check.name + "' is no set check");
  }
}

Result<std::string> TableCheckSql(const Check& check, const TableRelation& relation) {
  const std::string& from = relation.relation;
  switch (check.kind) {
    case CheckKind::kFresh:
      // epoch_us of a DATE, TIMESTAMP (as UTC) or TIMESTAMPTZ.
      return "SELECT count(*) AS rows, CAST(NULL AS BIGINT) AS broken, (" +
             std::to_string(relation.now_us) + " - epoch_us(max(" + QuoteName(check.columns[0]) +
             "))) / 1e6 AS measured FROM " + from;
    case CheckKind::kRatio:
      switch (check.measure) {
        case Measure::kBrokenRows:
          return CountedSql("count(*) FILTER (WHERE (" + check.expression + ") IS NOT TRUE)", from,
                            check.threshold.percent);
        case Measure::kDuplicateRows: {
          std::vector<std::string> key;
          for (const std::string& column : check.columns) key.push_back(QuoteName(column));
          const std::string whole = "(" + AnyNull(key) + ")";
          return CountedSql("count(*) FILTER (WHERE NOT " + whole + ") - count(DISTINCT (" +
                                Join(key, ", ") + ")) FILTER (WHERE NOT " + whole + ")",
                            from, check.threshold.percent);
        }
        case Measure::kRowCount:
          return "SELECT count(*) AS rows, CAST(NULL AS BIGINT) AS broken, CAST(count(*) AS "
                 "DOUBLE) AS measured FROM " +
                 from;
      }
      return Error::Bug("an unknown measure");
    case CheckKind::kSql: {
      const std::string& object = relation.object.empty() ? from : relation.object;
      std::string query = TrimQuery(check.expression);
      const std::string column = check.columns.empty() ? "" : QuoteName(check.columns[0]);
      for (const char* name : {"${object}", "${table}", "{object}", "{table}"}) {
        ReplaceAll(&query, name, object);
      }
      for (const char* name : {"${property}", "${column}", "{property}", "{column}"}) {
        ReplaceAll(&query, name, column);
      }
      return "SELECT (SELECT count(*) FROM " + from +
             ") AS rows, CAST(NULL AS BIGINT) AS broken, CAST((" + query +
             "\n) AS DOUBLE) AS measured";
    }
    default:
      return Error::Bug("constraint '" + check.name + "' is no table check");
  }
}

TableVerdict JudgeTable(const Check& check, int64_t rows, std::optional<int64_t> broken,
                        std::optional<double> measured) {
  TableVerdict verdict;
  verdict.rows = rows;
  verdict.broken = broken.value_or(0);
  verdict.measured = measured.value_or(0);
  if (check.kind == CheckKind::kFresh) {
    const double allowed = static_cast<double>(check.fresh_within_us) / 1e6;
    verdict.passed = measured.has_value() && *measured <= allowed;
    verdict.detail = measured ? "the newest " + check.columns[0] + " is " + Number(*measured) +
                                    " s old, allowed are " + Number(allowed) + " s"
                              : "no row has a " + check.columns[0];
    return verdict;
  }
  if (!measured) {
    // A share of no rows: nothing is broken. A query that answers NULL decides nothing.
    verdict.passed = check.kind != CheckKind::kSql;
    verdict.detail = check.kind == CheckKind::kSql ? "the query answered NULL" : "no rows";
    return verdict;
  }
  verdict.passed = check.threshold.Holds(*measured);
  verdict.detail = Number(*measured) + (check.threshold.percent ? " %" : "");
  if (broken) {
    verdict.detail += " (" + std::to_string(*broken) + " of " + std::to_string(rows) + " rows)";
  }
  verdict.detail += ", must be " + check.threshold.ToString();
  return verdict;
}

Check Completeness(const std::string& column, double percent_min, Action action) {
  Check check;
  check.name = column + "_complete";
  check.kind = CheckKind::kRatio;
  check.measure = Measure::kBrokenRows;
  check.expression = QuoteName(column) + " IS NOT NULL";
  check.threshold = {Comparison::kLessOrEqual, 100 - percent_min, 0, true};
  check.action = action;
  check.dimension = "completeness";
  return check;
}

}  // namespace weir::guard
