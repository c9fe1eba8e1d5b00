#include <algorithm>
#include <cctype>
#include <optional>

#include "weir/columnar/engine.h"
#include "weir/guard/odcs_reader.h"
#include "weir/guard/odcs_types.h"

namespace weir::guard::odcs {

using columnar::QuoteLiteral;

namespace {

struct Operator {
  const char* word;
  Comparison comparison;
};
constexpr Operator kOperators[] = {
    {"mustBe", Comparison::kEqual},
    {"mustNotBe", Comparison::kNotEqual},
    {"mustBeGreaterThan", Comparison::kGreater},
    {"mustBeGreaterOrEqualTo", Comparison::kGreaterOrEqual},
    {"mustBeLessThan", Comparison::kLess},
    {"mustBeLessOrEqualTo", Comparison::kLessOrEqual},
    {"mustBeBetween", Comparison::kBetween},
    {"mustNotBeBetween", Comparison::kNotBetween},
};

}  // namespace

// --- relationships ----------------------------------------------------------------------------

bool Reader::Resolve(const YAML::Node& node, const std::string& reference, std::string* table,
                     std::string* column) {
  if (reference.find('#') != std::string::npos || reference.find(".yaml") != std::string::npos ||
      reference.find(".yml") != std::string::npos) {
    return false;  // another contract's file
  }
  if (reference.find('/') != std::string::npos) {
    std::vector<std::string> parts;
    size_t begin = reference[0] == '/' ? 1 : 0;
    while (begin <= reference.size()) {
      const size_t slash = std::min(reference.find('/', begin), reference.size());
      parts.push_back(reference.substr(begin, slash - begin));
      begin = slash + 1;
    }
    if (parts.size() != 4 || parts[0] != "schema" || parts[2] != "properties") return false;
    for (const Names& names : names_) {
      if (names.id != parts[1]) continue;
      const auto found = names.column_by_id.find(parts[3]);
      if (found == names.column_by_id.end()) break;
      *table = names.physical.empty() ? names.name : names.physical;
      *column = found->second;
      return true;
    }
    Refuse(node, "nothing has the id path '" + reference + "'",
           "references use the ids of this file: schema/OBJECT/properties/PROPERTY");
  }
  const size_t dot = reference.find('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == reference.size()) {
    Refuse(node, "'" + reference + "' is not a reference", "write table.column");
  }
  *table = reference.substr(0, dot);
  *column = reference.substr(dot + 1);
  if (column->find('.') != std::string::npos) return false;  // a field inside an object
  for (const Names& names : names_) {
    if (!SameName(names.name, *table)) continue;
    *table = names.physical.empty() ? names.name : names.physical;
    const auto found = names.column_by_name.find(Lower(*column));
    if (found == names.column_by_name.end()) {
      Refuse(node, "'" + names.name + "' has no property '" + *column + "'");
    }
    *column = found->second;
  }
  return true;
}

void Reader::ReadRelationships(const YAML::Node& owner, const Property* property,
                               OdcsTable* table) {
  const YAML::Node relationships = List(owner, "relationships");
  if (!relationships) return;
  const bool of_property = property != nullptr;
  for (const auto& node : relationships) {
    RequireMap(node, "a relationship");
    KnownKeys(node, "id type from to customProperties", "a relationship");
    const std::string type = Text(node, "type");
    if (!type.empty() && type != "foreignKey") Refuse(node, "unknown relationship '" + type + "'");
    const auto references = [&](const char* key) {
      std::vector<std::string> texts;
      const YAML::Node value = node[key];
      if (value.IsScalar()) {
        texts.push_back(value.Scalar());
      } else if (value.IsSequence()) {
        for (const auto& item : value) {
          if (!item.IsScalar()) Refuse(item, "a reference is not a text");
          texts.push_back(item.Scalar());
        }
      }
      if (texts.empty()) Refuse(node, std::string("'") + key + "' names nothing");
      return texts;
    };
    if (!node["to"]) Refuse(node, "a relationship has no 'to'");
    const bool nested = !of_property && owner["name"] && !owner["properties"] && !node["from"];
    if (nested) {
      NotRun(table->name, "a relationship of a field inside an object");
      continue;
    }
    if (of_property && node["from"]) {
      Refuse(node["from"], "a relationship of a property says 'from'",
             "leave it out: it is the property itself");
    }
    if (!of_property && !node["from"]) Refuse(node, "a relationship of a table has no 'from'");
    if (!of_property && node["from"].IsSequence() != node["to"].IsSequence()) {
      Refuse(node, "'from' and 'to' are not both lists or both texts");
    }
    const std::vector<std::string> to = references("to");
    Check check;
    check.kind = CheckKind::kReferences;
    check.action = options_.row_action;
    check.dimension = "consistency";
    bool resolves = true;
    for (const std::string& reference : to) {
      std::string target;
      std::string column;
      resolves = resolves && Resolve(node, reference, &target, &column);
      if (!resolves) break;
      if (!check.reference_table.empty() && !SameName(check.reference_table, target)) {
        Refuse(node, "'to' names two tables", "all columns of a key are of one table");
      }
      check.reference_table = target;
      check.reference_columns.push_back(column);
    }
    if (of_property) {
      check.columns = {table->columns.back().name};
    } else {
      for (const std::string& reference : references("from")) {
        std::string source;
        std::string column;
        if (!Resolve(node, reference, &source, &column)) resolves = false;
        check.columns.push_back(column);
      }
    }
    if (!resolves) {
      NotRun(PlaceOf(*table, property),
             "the reference to '" + to[0] + "' leaves this file or enters an object");
      continue;
    }
    if (check.columns.size() != check.reference_columns.size()) {
      Refuse(node, "'from' names " + std::to_string(check.columns.size()) + " properties, 'to' " +
                       std::to_string(check.reference_columns.size()));
    }
    check.name = check.columns[0] + "_references_" + check.reference_table;
    Add(node, table, std::move(check));
  }
}

// --- quality ----------------------------------------------------------------------------------

std::vector<Threshold> Reader::Thresholds(const YAML::Node& rule) {
  std::vector<Threshold> thresholds;
  const std::string unit = Lower(Text(rule, "unit"));
  const bool percent = unit == "percent" || unit == "%";
  for (const Operator& op : kOperators) {
    const YAML::Node bound = rule[op.word];
    if (!bound) continue;
    Threshold threshold;
    threshold.comparison = op.comparison;
    threshold.percent = percent;
    if (op.comparison == Comparison::kBetween || op.comparison == Comparison::kNotBetween) {
      if (!bound.IsSequence() || bound.size() != 2) {
        Refuse(bound, std::string(op.word) + " is not a list of two numbers");
      }
      const auto low = Number(bound[0]);
      const auto high = Number(bound[1]);
      if (!low || !high) Refuse(bound, std::string(op.word) + " is not a list of two numbers");
      if (*low > *high) Refuse(bound, std::string(op.word) + " names the larger number first");
      threshold.low = *low;
      threshold.high = *high;
    } else {
      bool flag = false;
      if (const auto number = Number(bound)) {
        threshold.low = *number;
      } else if (bound.IsScalar() && YAML::convert<bool>::decode(bound, flag)) {
        threshold.low = flag ? 1 : 0;  // a query may answer a boolean
      } else {
        Refuse(bound, std::string(op.word) + " is not a number");
      }
    }
    thresholds.push_back(threshold);
  }
  return thresholds;
}

// No row at all may be broken: the rule judges rows, not the table.
static bool AllowsNone(const std::vector<Threshold>& thresholds) {
  return std::all_of(thresholds.begin(), thresholds.end(), [](const Threshold& threshold) {
    switch (threshold.comparison) {
      case Comparison::kEqual:
      case Comparison::kLessOrEqual:
        return threshold.low == 0;
      case Comparison::kLess:
        return !threshold.percent && threshold.low > 0 && threshold.low <= 1;
      case Comparison::kBetween:
        return threshold.low == 0 && threshold.high == 0;
      default:
        return false;
    }
  });
}

void Reader::ReadQuality(const YAML::Node& owner, const Property* property, OdcsTable* table) {
  const YAML::Node rules = List(owner, "quality");
  if (!rules) return;
  for (const auto& rule : rules) {
    RequireMap(rule, "a quality rule of '" + PlaceOf(*table, property) + "'");
    ReadRule(rule, property, table);
  }
}

void Reader::ReadRule(const YAML::Node& rule, const Property* property, OdcsTable* table) {
  const std::string place = PlaceOf(*table, property);
  KnownKeys(rule, kQualityKeys, "a quality rule of '" + place + "'");
  std::string metric = Text(rule, "metric");
  if (metric.empty()) metric = Text(rule, "rule");
  std::string type = Text(rule, "type");
  if (type.empty() || !metric.empty()) type = "library";

  Check base;
  base.name = Text(rule, "name");
  if (base.name.empty()) base.name = Text(rule, "id");
  if (base.name.empty()) {
    base.name = (property == nullptr ? table->name : property->path) + "_" +
                (metric.empty() ? type : metric);
  }
  base.description = Text(rule, "description");
  base.dimension = Text(rule, "dimension");
  base.severity = Text(rule, "severity");
  // The kind of rule decides between row_action and table_action; kDropRow stands for "by kind".
  const std::string severity = Lower(base.severity);
  base.action = severity == "info" || severity == "warning" ? Action::kWarn : Action::kDropRow;
  const YAML::Node custom = List(rule, "customProperties");
  bool named = false;
  if (custom) {
    for (const auto& entry : custom) {
      RequireMap(entry, "an entry of 'customProperties'");
      if (Text(entry, "property") != "onViolation") continue;
      const auto action = ParseAction(Text(entry, "value"));
      if (!action) {
        Refuse(entry, "onViolation is '" + Text(entry, "value") + "'",
               "use WARN, DROP ROW, QUARANTINE or FAIL");
      }
      base.action = *action;
      named = true;
    }
  }
  // by_kind is settled where the check's kind is known.
  const bool by_kind = !named && base.action == Action::kDropRow;
  const size_t before = table->contract.checks.size();

  if (type == "library") {
    if (metric.empty()) {
      Refuse(rule, "a quality rule of '" + place + "' names no metric",
             "add metric: nullValues, missingValues, invalidValues, duplicateValues or rowCount");
    }
    ReadMetric(rule, metric, property, base, table);
  } else if (type == "sql") {
    base.kind = CheckKind::kSql;
    base.expression = RequiredText(rule, "query", "the sql rule '" + base.name + "'");
    if (property != nullptr) base.columns = {property->path};
    const auto thresholds = Thresholds(rule);
    if (thresholds.empty()) {
      Refuse(rule, "the sql rule '" + base.name + "' compares its answer with nothing",
             "add mustBe: or another operator");
    }
    for (const Threshold& threshold : thresholds) {
      base.threshold = threshold;
      base.threshold.percent = false;
      Add(rule, table, base);
    }
  } else if (type == "custom") {
    ReadCustom(rule, base, table);
  } else if (type == "text") {
    NotRun(place, "rule '" + base.name + "' is text for people");
  } else {
    Refuse(rule["type"], "unknown type of rule '" + type + "'", "use library, sql, custom or text");
  }

  for (size_t i = before; i < table->contract.checks.size(); ++i) {
    Check& check = table->contract.checks[i];
    const bool judges_rows = Contract::DecidesRows(check.kind);
    if (by_kind) check.action = judges_rows ? options_.row_action : options_.table_action;
    if (!judges_rows && check.action != Action::kWarn) check.action = Action::kFail;
  }
}

std::string Reader::InList(const YAML::Node& values, const Property& property, bool in,
                           bool* holds_null) {
  const std::string& type = property.type;
  const bool text = type == "VARCHAR";
  const bool temporal = type == "DATE" || type.starts_with("TIMESTAMP");
  const bool takes_numbers =
      !text && !temporal && !type.ends_with("[]") && !type.starts_with("STRUCT");
  // 1 is 1.00 of a DECIMAL and 1.0 of a DOUBLE: numbers are compared as such, whatever else is in
  // the list. So are times: '1900-01-01' is midnight of that day.
  std::string numbers;
  std::string times;
  std::string texts;
  const auto add = [](std::string* list, const std::string& value) {
    *list += (list->empty() ? "" : ", ") + value;
  };
  for (const auto& value : values) {
    if (value.IsNull()) {
      *holds_null = true;
      continue;
    }
    if (!value.IsScalar()) Refuse(value, "a list of values holds something that is no value");
    const auto number = takes_numbers ? PlainNumber(value) : std::nullopt;
    const std::string literal = QuoteLiteral(value.Scalar());
    if (number) {
      add(&numbers, *number);
    } else if (temporal) {
      add(&times, "TRY_CAST(" + literal + " AS " + type + ")");
    } else {
      add(&texts, literal);
    }
  }
  const std::string is = in ? " IN (" : " NOT IN (";
  std::vector<std::string> parts;
  if (!numbers.empty()) parts.push_back(property.value + is + numbers + ")");
  if (!times.empty()) {  // what is no time of day, such as 'N/A', is NULL there and equals nothing
    parts.push_back("coalesce(" + property.value + is + times + "), " + (in ? "false" : "true") +
                    ")");
  }
  if (!texts.empty()) {
    parts.push_back((text ? property.value : "CAST(" + property.value + " AS VARCHAR)") + is +
                    texts + ")");
  }
  if (parts.size() < 2) return parts.empty() ? "" : parts[0];
  return "(" + parts[0] + (in ? " OR " : " AND ") + parts[1] + ")";
}

void Reader::ReadMetric(const YAML::Node& rule, const std::string& metric, const Property* property,
                        Check base, OdcsTable* table) {
  const YAML::Node arguments = rule["arguments"];
  if (arguments && !arguments.IsNull()) RequireMap(arguments, "'arguments'");
  // Before v3.1 arguments stood beside the metric.
  const auto argument = [&](const char* key) -> YAML::Node {
    if (arguments && arguments.IsMap() && arguments[key]) return arguments[key];
    return rule[key];
  };
  std::vector<Threshold> thresholds = Thresholds(rule);
  if (thresholds.empty()) {
    Refuse(rule, "metric '" + metric + "' is compared with nothing",
           "add mustBe: 0 or another operator");
  }
  const std::string unit = Lower(Text(rule, "unit"));
  if (unit != "" && unit != "rows" && unit != "percent" && unit != "%" && metric != "rowCount") {
    NotRun(PlaceOf(*table, property),
           "rule '" + base.name + "': unit '" + unit + "' is neither rows nor percent");
    return;
  }
  const auto need_property = [&] {
    if (property == nullptr) {
      Refuse(rule, "metric '" + metric + "' is about a property, but stands at the table",
             "move the rule under the property");
    }
  };

  base.kind = CheckKind::kRatio;
  base.measure = Measure::kBrokenRows;
  if (metric == "nullValues") {
    need_property();
    base.expression = property->value + " IS NOT NULL";
    if (base.dimension.empty()) base.dimension = "completeness";
  } else if (metric == "missingValues") {
    need_property();
    bool holds_null = false;
    std::string present;
    const YAML::Node values = argument("missingValues");
    if (values && !values.IsNull()) {
      if (!values.IsSequence()) Refuse(values, "'missingValues' is not a list");
      present = InList(values, *property, false, &holds_null);
      if (present.empty()) present = "true";
    } else {
      holds_null = true;
      present = (property->type == "VARCHAR" ? property->value
                                             : "CAST(" + property->value + " AS VARCHAR)") +
                " NOT IN ('')";
    }
    base.expression = holds_null ? property->value + " IS NOT NULL AND " + present
                                 : property->value + " IS NULL OR " + present;
    if (base.dimension.empty()) base.dimension = "completeness";
  } else if (metric == "invalidValues") {
    need_property();
    const YAML::Node values = argument("validValues");
    const YAML::Node pattern = argument("pattern");
    std::string valid;
    if (values && !values.IsNull()) {
      if (!values.IsSequence()) Refuse(values, "'validValues' is not a list");
      bool holds_null = false;  // a NULL is missing, not invalid
      valid = InList(values, *property, true, &holds_null);
      if (valid.empty()) valid = "false";
    }
    if (pattern && !pattern.IsNull()) {
      if (!pattern.IsScalar()) Refuse(pattern, "'pattern' is not a text");
      if (!PatternRuns(pattern.Scalar())) {
        NotRun(PlaceOf(*table, property), "rule '" + base.name + "': pattern '" + pattern.Scalar() +
                                              "' uses look-around or back-references");
        return;
      }
      const std::string value = property->type == "VARCHAR"
                                    ? property->value
                                    : "CAST(" + property->value + " AS VARCHAR)";
      if (!valid.empty()) valid += " AND ";
      valid += "regexp_matches(" + value + ", " + QuoteLiteral(pattern.Scalar()) + ")";
    }
    if (valid.empty()) {
      NotRun(PlaceOf(*table, property),
             "rule '" + base.name + "': invalidValues without validValues or pattern");
      return;
    }
    base.expression = property->value + " IS NULL OR " +
                      (valid.find(" AND ") == std::string::npos ? valid : "(" + valid + ")");
    if (base.dimension.empty()) base.dimension = "conformity";
  } else if (metric == "duplicateValues") {
    base.measure = Measure::kDuplicateRows;
    if (base.dimension.empty()) base.dimension = "uniqueness";
    if (property != nullptr) {
      if (property->value != columnar::QuoteName(property->path)) {
        NotRun(PlaceOf(*table, property), "duplicateValues of what is inside an object or a list");
        return;
      }
      base.columns = {property->path};
    } else {
      const YAML::Node properties = argument("properties");
      if (!properties || !properties.IsSequence() || properties.size() == 0) {
        Refuse(rule, "duplicateValues of a table names no properties",
               "add arguments: with a list of properties");
      }
      for (const auto& name : properties) {
        if (!name.IsScalar()) Refuse(name, "'properties' holds something that is no name");
        const auto found = std::find_if(table->columns.begin(), table->columns.end(),
                                        [&](const OdcsColumn& column) {
                                          return SameName(column.logical_name, name.Scalar()) ||
                                                 SameName(column.name, name.Scalar());
                                        });
        if (found == table->columns.end()) {
          Refuse(name, "'" + table->name + "' has no property '" + name.Scalar() + "'");
        }
        base.columns.push_back(found->name);
      }
    }
  } else if (metric == "rowCount") {
    base.measure = Measure::kRowCount;
    for (Threshold& threshold : thresholds) threshold.percent = false;
    if (base.dimension.empty()) base.dimension = "completeness";
  } else {
    Refuse(rule, "unknown metric '" + metric + "'",
           "use nullValues, missingValues, invalidValues, duplicateValues or rowCount");
  }

  if (base.measure != Measure::kRowCount && AllowsNone(thresholds)) {
    base.kind = base.measure == Measure::kBrokenRows ? CheckKind::kRow : CheckKind::kUnique;
    Add(rule, table, std::move(base));
    return;
  }
  for (const Threshold& threshold : thresholds) {
    base.threshold = threshold;
    Add(rule, table, base);
  }
}

void Reader::ReadCustom(const YAML::Node& rule, Check base, OdcsTable* table) {
  const std::string engine = RequiredText(rule, "engine", "the custom rule '" + base.name + "'");
  const YAML::Node implementation = rule["implementation"];
  if (!implementation || implementation.IsNull()) {
    Refuse(rule, "the custom rule '" + base.name + "' has no 'implementation'");
  }
  if (Lower(engine) != "weir") {
    NotRun(table->name, "rule '" + base.name + "' is for the engine '" + engine + "'");
    return;
  }
  if (!implementation.IsScalar() || implementation.Scalar().empty()) {
    Refuse(implementation, "the rule '" + base.name + "' is not a condition",
           "write the condition as text: implementation: amount >= 0");
  }
  base.kind = CheckKind::kRow;
  base.expression = implementation.Scalar();
  while (!base.expression.empty() &&
         std::isspace(static_cast<unsigned char>(base.expression.back()))) {
    base.expression.pop_back();
  }
  Add(rule, table, std::move(base));
}

}  // namespace weir::guard::odcs
