#include "weir/guard/contract.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <set>

namespace weir::guard {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

std::string Join(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) {
    if (!text.empty()) text += ", ";
    text += part;
  }
  return text;
}

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.15g", value);
  return text;
}

const char* ComparisonName(Comparison comparison) {
  switch (comparison) {
    case Comparison::kEqual:
      return "=";
    case Comparison::kNotEqual:
      return "<>";
    case Comparison::kLess:
      return "<";
    case Comparison::kLessOrEqual:
      return "<=";
    case Comparison::kGreater:
      return ">";
    case Comparison::kGreaterOrEqual:
      return ">=";
    case Comparison::kBetween:
      return "between";
    case Comparison::kNotBetween:
      return "not between";
  }
  return "?";
}

Error Invalid(const Check& check, const std::string& problem) {
  return Error::User(ErrorCode::kInvalid, "constraint '" + check.name + "' " + problem)
      .At(check.where);
}

Status ValidateShape(const Check& check) {
  switch (check.kind) {
    case CheckKind::kRow:
    case CheckKind::kSql:
      if (check.expression.empty()) {
        return Invalid(check, "has no expression").Fix("write EXPECT (condition)");
      }
      return Status::Ok();
    case CheckKind::kUnique:
      if (check.columns.empty()) {
        return Invalid(check, "names no columns").Fix("write EXPECT UNIQUE (column, ...)");
      }
      return Status::Ok();
    case CheckKind::kReferences:
      if (check.columns.empty() || check.reference_table.empty() ||
          check.columns.size() != check.reference_columns.size()) {
        return Invalid(check, "pairs " + std::to_string(check.columns.size()) + " columns with " +
                                  std::to_string(check.reference_columns.size()) + " of '" +
                                  check.reference_table + "'")
            .Fix("name as many columns on both sides, and the table they refer to");
      }
      return Status::Ok();
    case CheckKind::kFresh:
      if (check.columns.size() != 1 || check.fresh_within_us <= 0) {
        return Invalid(check, "needs one time column and an age above zero")
            .Fix("write EXPECT FRESH WITHIN INTERVAL '1' HOUR (time_column)");
      }
      return Status::Ok();
    case CheckKind::kRatio:
      if (check.measure == Measure::kBrokenRows && check.expression.empty()) {
        return Invalid(check, "has no condition to count").Fix("name the condition");
      }
      if (check.measure == Measure::kDuplicateRows && check.columns.empty()) {
        return Invalid(check, "has no columns to compare").Fix("name the columns");
      }
      return Status::Ok();
    case CheckKind::kParses:
      return Invalid(check, "is the built-in expectation and cannot be declared")
          .Fix("set its action with ON VIOLATION of 'parses'");
  }
  return Status::Ok();
}

}  // namespace

bool Threshold::Holds(double x) const {
  switch (comparison) {
    case Comparison::kEqual:
      return x == low;
    case Comparison::kNotEqual:
      return x != low;
    case Comparison::kLess:
      return x < low;
    case Comparison::kLessOrEqual:
      return x <= low;
    case Comparison::kGreater:
      return x > low;
    case Comparison::kGreaterOrEqual:
      return x >= low;
    case Comparison::kBetween:
      return x >= low && x <= high;
    case Comparison::kNotBetween:
      return x < low || x > high;
  }
  return false;
}

std::string Threshold::ToString() const {
  std::string text = ComparisonName(comparison);
  text += " " + Number(low);
  if (comparison == Comparison::kBetween || comparison == Comparison::kNotBetween) {
    text += " and " + Number(high);
  }
  if (percent) text += " %";
  return text;
}

Status Validate(const Contract& contract) {
  std::set<std::string> names;
  for (const Check& check : contract.checks) {
    if (check.name.empty()) {
      return Error::User(ErrorCode::kInvalid,
                         "a constraint without a name: " + DescribeCheck(check))
          .At(check.where)
          .Fix("write CONSTRAINT name EXPECT ...");
    }
    WEIR_RETURN_IF_ERROR(ValidateShape(check));
    if (Lower(check.name) == kParsesName) {
      return Invalid(check, "takes the name of the built-in expectation").Fix("rename it");
    }
    if (!names.insert(Lower(check.name)).second) {
      return Error::User(ErrorCode::kAlreadyExists,
                         "two constraints are named '" + check.name + "'")
          .At(check.where)
          .Fix("rename one of them");
    }
    const bool needs_row = check.action == Action::kDropRow || check.action == Action::kQuarantine;
    if (needs_row && !Contract::DecidesRows(check.kind)) {
      return Invalid(check, std::string("judges the whole table, so ") + ActionName(check.action) +
                                " has no row to act on")
          .Fix("use ON VIOLATION WARN or FAIL");
    }
  }
  if (contract.quarantine_max_ratio > 1) {
    return Error::User(ErrorCode::kInvalid, "quarantine.max-ratio is " +
                                                Number(contract.quarantine_max_ratio) + ", above 1")
        .Fix("give a share of the rows, such as 0.05");
  }
  return Status::Ok();
}

std::string DescribeCheck(const Check& check) {
  switch (check.kind) {
    case CheckKind::kRow:
      return check.expression;
    case CheckKind::kUnique:
      return "UNIQUE (" + Join(check.columns) + ")";
    case CheckKind::kReferences:
      return "(" + Join(check.columns) + ") REFERENCES " + check.reference_table + " (" +
             Join(check.reference_columns) + ")";
    case CheckKind::kFresh:
      return "FRESH WITHIN INTERVAL '" + Number(static_cast<double>(check.fresh_within_us) / 1e6) +
             " seconds' (" + Join(check.columns) + ")";
    case CheckKind::kRatio:
      switch (check.measure) {
        case Measure::kBrokenRows:
          return "rows without " + check.expression + " " + check.threshold.ToString();
        case Measure::kDuplicateRows:
          return "duplicates of (" + Join(check.columns) + ") " + check.threshold.ToString();
        case Measure::kRowCount:
          return "rows " + check.threshold.ToString();
      }
      return "";
    case CheckKind::kSql:
      return check.expression + " " + check.threshold.ToString();
    case CheckKind::kParses:
      return kParsesName;
  }
  return "";
}

std::string ExpectClause(const Check& check) {
  if (check.kind == CheckKind::kRow) return "EXPECT (" + check.expression + ")";
  return "EXPECT " + DescribeCheck(check);
}

std::string Fingerprint(const Contract& contract) {
  std::string text = std::string("parses ") + ActionName(contract.parses) + "\n";
  text += "breaker " + Number(contract.quarantine_max_ratio) + " " +
          std::to_string(contract.breaker_min_rows) + "\n";
  for (const Check& check : contract.checks) {
    text += check.name + " " + CheckKindName(check.kind) + " " + ActionName(check.action) + " " +
            DescribeCheck(check) + "\n";
  }
  return text;
}

const char* ActionName(Action action) {
  switch (action) {
    case Action::kWarn:
      return "WARN";
    case Action::kDropRow:
      return "DROP ROW";
    case Action::kQuarantine:
      return "QUARANTINE";
    case Action::kFail:
      return "FAIL";
  }
  return "?";
}

const char* CheckKindName(CheckKind kind) {
  switch (kind) {
    case CheckKind::kRow:
      return "row";
    case CheckKind::kUnique:
      return "unique";
    case CheckKind::kReferences:
      return "references";
    case CheckKind::kFresh:
      return "fresh";
    case CheckKind::kRatio:
      return "ratio";
    case CheckKind::kSql:
      return "sql";
    case CheckKind::kParses:
      return "parses";
  }
  return "?";
}

std::optional<Action> ParseAction(std::string_view text) {
  const std::string word = Lower(text);
  if (word == "warn") return Action::kWarn;
  if (word == "drop row") return Action::kDropRow;
  if (word == "quarantine") return Action::kQuarantine;
  if (word == "fail" || word == "fail update") return Action::kFail;
  return std::nullopt;
}

}  // namespace weir::guard
