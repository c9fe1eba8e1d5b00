#include "weir/guard/odcs.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>
#include <sstream>

#include "weir/columnar/engine.h"
#include "weir/guard/odcs_reader.h"
#include "weir/guard/odcs_types.h"

namespace weir::guard {
namespace odcs {

using columnar::QuoteLiteral;
using columnar::QuoteName;

namespace {

constexpr size_t kTextBytesMax = 16 * 1024 * 1024;
constexpr int kDepthMax = 32;
constexpr int kPropertiesMax = 10'000;

// Edit distance, for "did you mean".
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

bool SameName(std::string_view a, std::string_view b) { return Lower(a) == Lower(b); }

// --- reading with types -----------------------------------------------------------------------

void Reader::NoKeyTwice(const YAML::Node& map, const std::string& what) {
  std::set<std::string> seen;
  for (const auto& entry : map) {
    if (!entry.first.IsScalar() || seen.insert(entry.first.Scalar()).second) continue;
    Refuse(entry.first, what + " has the key '" + entry.first.Scalar() + "' twice",
           "put both under one key: only the first would be read");
  }
}

void Reader::KnownKeys(const YAML::Node& map, const char* keys, const std::string& what) {
  NoKeyTwice(map, what);
  std::set<std::string> known;
  for (std::istringstream words(keys); words;) {
    std::string word;
    if (words >> word) known.insert(word);
  }
  for (const auto& entry : map) {
    if (!entry.first.IsScalar()) Refuse(entry.first, what + " has a key that is no word");
    const std::string key = entry.first.Scalar();
    if (known.count(key) != 0) continue;
    std::string nearest;
    size_t best = key.size() / 2 + 1;
    for (const std::string& candidate : known) {
      const size_t distance = key.size() > 64 ? best : Distance(Lower(key), Lower(candidate));
      if (distance < best) {
        best = distance;
        nearest = candidate;
      }
    }
    Refuse(entry.first, what + " has no key '" + key + "'",
           nearest.empty() ? "put what is not in the standard under customProperties"
                           : "did you mean '" + nearest + "'?");
  }
}

std::string Reader::Text(const YAML::Node& map, const char* key) {
  const YAML::Node node = map[key];
  if (!node || node.IsNull()) return "";
  if (!node.IsScalar()) Refuse(node, std::string("'") + key + "' is not a text");
  return node.Scalar();
}

std::string Reader::RequiredText(const YAML::Node& map, const char* key, const std::string& what) {
  std::string text = Text(map, key);
  if (text.empty()) Refuse(map, what + " has no '" + key + "'", std::string("add ") + key + ":");
  return text;
}

bool Reader::Flag(const YAML::Node& map, const char* key) {
  const YAML::Node node = map[key];
  if (!node || node.IsNull()) return false;
  bool value = false;
  if (!node.IsScalar() || !YAML::convert<bool>::decode(node, value)) {
    Refuse(node, std::string("'") + key + "' is neither true nor false");
  }
  return value;
}

std::optional<double> Reader::Number(const YAML::Node& node) {
  double value = 0;
  if (!node || !node.IsScalar() || node.Tag() == "!" ||
      !YAML::convert<double>::decode(node, value)) {
    return std::nullopt;
  }
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<std::string> Reader::PlainNumber(const YAML::Node& node) {
  const std::string text = node.IsScalar() ? node.Scalar() : "";
  double value = 0;
  size_t digits = 0;
  bool plain = !text.empty();
  for (const char c : text) {
    if (std::isdigit(static_cast<unsigned char>(c))) {
      ++digits;
    } else if (c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E') {
      plain = false;
    }
  }
  if (!plain || digits == 0 || !YAML::convert<double>::decode(node, value)) return std::nullopt;
  if (!std::isfinite(value)) return std::nullopt;
  return text;
}

std::string Reader::NumberText(const YAML::Node& node, const std::string& what) {
  const auto text = PlainNumber(node);
  if (!text || !Number(node)) Refuse(node, what + " is not a number");
  return *text;
}

YAML::Node Reader::List(const YAML::Node& map, const char* key) {
  const YAML::Node node = map[key];
  if (!node || node.IsNull()) return YAML::Node(YAML::NodeType::Undefined);
  if (!node.IsSequence()) Refuse(node, std::string("'") + key + "' is not a list");
  return node;
}

// --- checks -----------------------------------------------------------------------------------

void Reader::Add(const YAML::Node& node, OdcsTable* table, Check check) {
  const std::string wanted = check.name;
  const auto taken = [&](const std::string& name) {
    return SameName(name, kParsesName) ||
           std::any_of(table->contract.checks.begin(), table->contract.checks.end(),
                       [&](const Check& other) { return SameName(other.name, name); });
  };
  for (int n = 2; taken(check.name); ++n) check.name = wanted + "_" + std::to_string(n);
  check.where = Where(node);
  table->contract.checks.push_back(std::move(check));
}

void Reader::AddRow(const YAML::Node& node, OdcsTable* table, const std::string& name,
                    std::string condition, const std::string& dimension, std::string description) {
  Check check;
  check.name = name;
  check.kind = CheckKind::kRow;
  check.expression = std::move(condition);
  check.action = options_.row_action;
  check.dimension = dimension;
  check.description = std::move(description);
  Add(node, table, std::move(check));
}

// --- schema -----------------------------------------------------------------------------------

void Reader::CollectNames(const YAML::Node& schema) {
  for (const auto& object : schema) {
    RequireMap(object, "an entry of 'schema'");
    Names names;
    names.id = Text(object, "id");
    names.name = RequiredText(object, "name", "an entry of 'schema'");
    names.physical = Text(object, "physicalName");
    const YAML::Node properties = List(object, "properties");
    if (properties) {
      for (const auto& property : properties) {
        RequireMap(property, "a property of '" + names.name + "'");
        const std::string name =
            RequiredText(property, "name", "a property of '" + names.name + "'");
        const std::string physical = Text(property, "physicalName");
        const std::string column = physical.empty() ? name : physical;
        names.column_by_name[Lower(name)] = column;
        const std::string id = Text(property, "id");
        if (!id.empty()) names.column_by_id[id] = column;
      }
    }
    names_.push_back(std::move(names));
  }
}

void Reader::ReadObject(const YAML::Node& node) {
  OdcsTable table;
  table.name = Text(node, "name");
  KnownKeys(node, kObjectKeys, "'" + table.name + "' in the schema");
  table.physical_name = Text(node, "physicalName");
  table.description = Text(node, "description");
  table.contract.source = document_.id + " " + document_.version;
  const std::string logical = Text(node, "logicalType");
  if (!logical.empty() && logical != "object") {
    Refuse(node["logicalType"], "'" + table.name + "' is of logicalType '" + logical + "'",
           "an entry of 'schema' is an object; columns go under its properties");
  }

  std::vector<std::pair<double, std::string>> keys;
  std::vector<std::pair<double, std::string>> partitions;
  const YAML::Node properties = List(node, "properties");
  if (properties) {
    for (const auto& property : properties) {
      ReadProperty(property, &table, nullptr, 0);
      const std::string& column = table.columns.back().name;
      const auto position = [&](const char* key) {
        const auto number = Number(property[key]);
        return number && *number > 0 ? *number : 1e9;
      };
      if (Flag(property, "primaryKey")) keys.emplace_back(position("primaryKeyPosition"), column);
      if (Flag(property, "partitioned")) {
        partitions.emplace_back(position("partitionKeyPosition"), column);
      }
    }
  }
  const auto by_position = [](const auto& a, const auto& b) { return a.first < b.first; };
  std::stable_sort(keys.begin(), keys.end(), by_position);
  std::stable_sort(partitions.begin(), partitions.end(), by_position);
  for (auto& [position, column] : keys) table.primary_key.push_back(std::move(column));
  for (auto& [position, column] : partitions) table.partition_columns.push_back(std::move(column));

  if (!table.primary_key.empty()) {
    std::string not_null;
    for (const std::string& column : table.primary_key) {
      not_null += (not_null.empty() ? "" : " AND ") + QuoteName(column) + " IS NOT NULL";
    }
    AddRow(node, &table, "primary_key_not_null", not_null, "completeness",
           "no column of the primary key is NULL");
    Check unique;
    unique.name = "primary_key_unique";
    unique.kind = CheckKind::kUnique;
    unique.columns = table.primary_key;
    unique.action = options_.row_action;
    unique.dimension = "uniqueness";
    Add(node, &table, std::move(unique));
  }
  ReadRelationships(node, nullptr, &table);
  ReadQuality(node, nullptr, &table);
  document_.tables.push_back(std::move(table));
}

std::string Reader::ReadProperty(const YAML::Node& node, OdcsTable* table, const Property* parent,
                                 int depth) {
  RequireMap(node, "a property of '" + table->name + "'");
  if (depth > kDepthMax) Refuse(node, "properties are nested more than 32 levels deep");
  if (++properties_ > kPropertiesMax) Refuse(node, "more than 10,000 properties");
  const std::string logical_name =
      RequiredText(node, "name", "a property of '" + table->name + "'");
  KnownKeys(node, kPropertyKeys, "property '" + logical_name + "'");
  const std::string physical = Text(node, "physicalName");
  const std::string name = physical.empty() ? logical_name : physical;

  Property property;
  property.path = parent == nullptr ? name : parent->path + "." + name;
  property.value = parent == nullptr ? QuoteName(name) : parent->value + "." + QuoteName(name);
  property.logical = Text(node, "logicalType");

  const bool required = Flag(node, "required");
  if (required) {
    const std::string missing = parent == nullptr ? "" : parent->value + " IS NULL OR ";
    AddRow(node, table, property.path + "_required", missing + property.value + " IS NOT NULL",
           "completeness", "");
  }
  property.type = TypeOf(node, table, &property, depth);
  if (parent == nullptr) {
    OdcsColumn column;
    column.name = name;
    column.logical_name = logical_name;
    column.type = property.type;
    column.required = required;
    column.description = Text(node, "description");
    column.classification = Text(node, "classification");
    table->columns.push_back(std::move(column));
  }
  if (Flag(node, "unique")) {
    if (parent == nullptr) {
      Check unique;
      unique.name = property.path + "_unique";
      unique.kind = CheckKind::kUnique;
      unique.columns = {name};
      unique.action = options_.row_action;
      unique.dimension = "uniqueness";
      Add(node, table, std::move(unique));
    } else {
      NotRun(PlaceOf(*table, &property), "'unique' of a field inside an object");
    }
  }
  for (const char* key : {"primaryKey", "partitioned"}) {
    if (parent == nullptr || !Flag(node, key)) continue;
    NotRun(PlaceOf(*table, &property), "'" + std::string(key) + "' of a field inside an object");
  }
  ReadOptions(node, property, table);
  ReadRelationships(node, parent == nullptr ? &property : nullptr, table);
  ReadQuality(node, &property, table);
  return property.type;
}

std::string Reader::TypeOf(const YAML::Node& node, OdcsTable* table, Property* property,
                           int depth) {
  const YAML::Node options = node["logicalTypeOptions"];
  if (options && !options.IsNull()) RequireMap(options, "'logicalTypeOptions'");
  const bool has_options = options && options.IsMap();
  const YAML::Node properties = List(node, "properties");
  if (property->logical == "object" || (property->logical.empty() && properties)) {
    if (!properties || properties.size() == 0) return "VARCHAR";  // JSON text
    std::string fields;
    for (const auto& child : properties) {
      const std::string type = ReadProperty(child, table, property, depth + 1);
      std::string name = Text(child, "physicalName");
      if (name.empty()) name = Text(child, "name");
      fields += (fields.empty() ? "" : ", ") + QuoteName(name) + " " + type;
    }
    return "STRUCT(" + fields + ")";
  }
  if (property->logical == "array") {
    const YAML::Node items = node["items"];
    if (!items || items.IsNull()) return "VARCHAR[]";
    RequireMap(items, "'items' of '" + property->path + "'");
    KnownKeys(items, kPropertyKeys, "'items' of '" + property->path + "'");
    if (depth >= kDepthMax) Refuse(items, "items are nested more than 32 levels deep");
    // Rules about the elements would need a condition over each: only their type is taken.
    OdcsTable scratch;
    scratch.name = table->name;
    Property element;
    element.path = property->path + "[]";
    element.value = property->value;
    element.logical = Text(items, "logicalType");
    const std::string type = TypeOf(items, &scratch, &element, depth + 1);
    ReadOptions(items, element, &scratch);
    ReadQuality(items, &element, &scratch);
    for (const char* key : {"required", "unique", "primaryKey"}) {
      if (!Flag(items, key)) continue;
      NotRun(PlaceOf(*table, &element), "'" + std::string(key) + "' of the elements of a list");
    }
    if (List(items, "relationships")) {
      NotRun(PlaceOf(*table, &element), "relationships of the elements of a list");
    }
    if (!scratch.contract.checks.empty()) {
      NotRun(PlaceOf(*table, &element), std::to_string(scratch.contract.checks.size()) +
                                            " rules about the elements of a list");
    }
    return type + "[]";
  }

  const std::string format = has_options ? Text(options, "format") : "";
  const bool timezone = has_options && Flag(options, "timezone");
  const std::string physical = Text(node, "physicalType");
  if (!physical.empty()) {
    if (const auto type = TypeOfPhysical(physical)) {
      return timezone && *type == "TIMESTAMP" ? "TIMESTAMPTZ" : *type;
    }
  }
  if (property->logical.empty()) {
    if (!physical.empty()) {
      NotRun(PlaceOf(*table, property),
             "unknown physicalType '" + physical + "', taken as VARCHAR");
    }
    return "VARCHAR";
  }
  const auto type = TypeOfLogical(property->logical, format, timezone);
  if (!type) {
    Refuse(node["logicalType"],
           "'" + property->path + "' is of unknown logicalType '" + property->logical + "'",
           "use string, date, timestamp, time, number, integer, object, array or boolean");
  }
  return *type;
}

void Reader::ReadOptions(const YAML::Node& node, const Property& property, OdcsTable* table) {
  const YAML::Node options = node["logicalTypeOptions"];
  if (!options || !options.IsMap()) return;
  KnownKeys(options, kOptionKeys, "logicalTypeOptions of '" + property.path + "'");
  const std::string& value = property.value;
  const std::string null_or = value + " IS NULL OR ";
  const auto add = [&](const char* option, const std::string& condition) {
    AddRow(options[option], table, property.path + "_" + option, null_or + condition, "conformity",
           "");
  };

  ReadBounds(options, property, table, node);
  if (options["minLength"]) {
    add("minLength", "length(" + value + ") >= " + NumberText(options["minLength"], "minLength"));
  }
  if (options["maxLength"]) {
    add("maxLength", "length(" + value + ") <= " + NumberText(options["maxLength"], "maxLength"));
  }
  if (options["pattern"]) {
    const std::string pattern = Text(options, "pattern");
    if (PatternRuns(pattern)) {
      add("pattern", "regexp_matches(" + value + ", " + QuoteLiteral(pattern) + ")");
    } else {
      NotRun(PlaceOf(*table, &property),
             "pattern '" + pattern + "' uses look-around or back-references");
    }
  }
  if (options["minItems"]) {
    add("minItems", "len(" + value + ") >= " + NumberText(options["minItems"], "minItems"));
  }
  if (options["maxItems"]) {
    add("maxItems", "len(" + value + ") <= " + NumberText(options["maxItems"], "maxItems"));
  }
  if (Flag(options, "uniqueItems")) {
    add("uniqueItems", "list_unique(" + value + ") = list_count(" + value + ")");
  }
  const YAML::Node required = List(options, "required");
  if (required) {
    for (const auto& field : required) {
      if (!field.IsScalar()) Refuse(field, "'required' holds something that is no name");
      AddRow(field, table, property.path + "." + field.Scalar() + "_required",
             null_or + value + "." + QuoteName(field.Scalar()) + " IS NOT NULL", "completeness",
             "");
    }
  }
  for (const char* option : {"minProperties", "maxProperties"}) {
    if (options[option]) NotRun(PlaceOf(*table, &property), std::string("option ") + option);
  }
  if (property.logical == "string" && options["format"]) {
    const std::string format = Text(options, "format");
    if (const auto condition = FormatCondition(format, value)) {
      add("format", *condition);
    } else {
      NotRun(PlaceOf(*table, &property),
             "format '" + format + "' says nothing that can be checked");
    }
  } else if (options["format"] && (property.logical == "date" || property.logical == "timestamp" ||
                                   property.logical == "time")) {
    NotRun(PlaceOf(*table, &property), "format '" + Text(options, "format") +
                                           "' is about the source's text; set it on the source");
  }
}

void Reader::ReadBounds(const YAML::Node& options, const Property& property, OdcsTable* table,
                        const YAML::Node& node) {
  struct Bound {
    const char* option;
    const char* comparison;
  };
  const bool number = property.logical == "number" || property.logical == "integer";
  for (const Bound& bound : {Bound{"minimum", ">="}, Bound{"exclusiveMinimum", ">"},
                             Bound{"maximum", "<="}, Bound{"exclusiveMaximum", "<"}}) {
    const YAML::Node limit = options[bound.option];
    if (!limit) continue;
    std::string text;
    if (number) {
      text = NumberText(limit, bound.option);
    } else {
      text = Text(options, bound.option);
      text = property.type == "VARCHAR"
                 ? QuoteLiteral(text)
                 : "CAST(" + QuoteLiteral(text) + " AS " + property.type + ")";
    }
    AddRow(limit, table, property.path + "_" + bound.option,
           property.value + " IS NULL OR " + property.value + " " + bound.comparison + " " + text,
           "conformity", "");
  }
  const YAML::Node multiple = options["multipleOf"];
  if (!multiple) return;
  const std::string step = NumberText(multiple, "multipleOf");
  if (*Number(multiple) <= 0) Refuse(multiple, "multipleOf is not above zero");
  // The quotient of two doubles is compared with a whole number to within their rounding, which
  // grows with the quotient by 2^-53 of it (of a FLOAT: 2^-24) for each of the three numbers.
  const std::string quotient = "CAST(" + property.value + " AS DOUBLE) / " + step;
  const bool whole =
      property.logical == "integer" && step.find_first_of(".eE") == std::string::npos;
  AddRow(
      node, table, property.path + "_multipleOf",
      property.value + " IS NULL OR " +
          (whole ? property.value + " % " + step + " = 0"
                 : "abs(" + quotient + " - round(" + quotient + ")) <= greatest(1e-9, " +
                       (property.type == "FLOAT" ? "2e-7" : "1e-15") + " * abs(" + quotient + "))"),
      "conformity", "");
}

// --- service levels ---------------------------------------------------------------------------

void Reader::ReadSla(const YAML::Node& root) {
  const YAML::Node list = List(root, "slaProperties");
  if (!list) return;
  for (const auto& node : list) {
    RequireMap(node, "an entry of 'slaProperties'");
    const std::string name = RequiredText(node, "property", "an entry of 'slaProperties'");
    const std::string word = Lower(name);
    if (word != "latency" && word != "ly" && word != "freshness") {
      NotRun("service level '" + name + "'", "nothing a run can measure");
      continue;
    }
    std::string element = Text(node, "element");
    if (element.empty()) element = Text(root, "slaDefaultElement");
    const auto value = Number(node["value"]);
    const auto age = value ? DurationUs(*value, Text(node, "unit")) : std::nullopt;
    if (!age) {
      NotRun("service level '" + name + "'",
             "'" + Text(node, "value") + " " + Text(node, "unit") + "' is no duration");
      continue;
    }
    bool found = false;
    size_t begin = 0;
    while (begin < element.size()) {
      const size_t comma = std::min(element.find(',', begin), element.size());
      std::string one = element.substr(begin, comma - begin);
      begin = comma + 1;
      one.erase(0, one.find_first_not_of(' '));
      one.erase(one.find_last_not_of(' ') + 1);
      const size_t dot = one.find('.');
      const std::string of = dot == std::string::npos ? "" : one.substr(0, dot);
      const std::string column = dot == std::string::npos ? one : one.substr(dot + 1);
      for (OdcsTable& table : document_.tables) {
        const bool same = of.empty()
                              ? document_.tables.size() == 1
                              : SameName(table.name, of) || SameName(table.physical_name, of);
        if (!same) continue;
        for (const OdcsColumn& candidate : table.columns) {
          if (!SameName(candidate.name, column) && !SameName(candidate.logical_name, column)) {
            continue;
          }
          Check check;
          check.name = candidate.name + "_fresh";
          check.kind = CheckKind::kFresh;
          check.columns = {candidate.name};
          check.fresh_within_us = *age;
          check.action = Action::kWarn;  // late data is no reason to refuse fresher data
          check.dimension = "timeliness";
          check.description = Text(node, "description");
          Add(node, &table, std::move(check));
          found = true;
        }
      }
    }
    if (!found) {
      NotRun("service level '" + name + "'",
             element.empty() ? "names no element" : "nothing here is called '" + element + "'");
    }
  }
}

OdcsDocument Reader::Read(const YAML::Node& root) {
  if (!root.IsMap()) Refuse(root, "a data contract is a mapping of keys to values");
  NoKeyTwice(root, "the contract");
  document_.api_version = RequiredText(root, "apiVersion", "the contract");
  const std::string version =
      document_.api_version[0] == 'v' ? document_.api_version.substr(1) : document_.api_version;
  if (!version.starts_with("3.")) {
    throw Refusal{Error::User(ErrorCode::kUnsupported,
                              "apiVersion " + document_.api_version + " is not version 3")
                      .At(Where(root["apiVersion"]))
                      .Fix("convert the contract to apiVersion v3.1.0")};
  }
  const std::string kind = RequiredText(root, "kind", "the contract");
  if (kind != "DataContract") Refuse(root["kind"], "kind is '" + kind + "', not DataContract");
  document_.id = RequiredText(root, "id", "the contract");
  document_.version = RequiredText(root, "version", "the contract");
  document_.status = RequiredText(root, "status", "the contract");
  document_.name = Text(root, "name");

  const YAML::Node schema = List(root, "schema");
  if (schema) {
    CollectNames(schema);
    for (const auto& object : schema) ReadObject(object);
  }
  ReadSla(root);
  for (const OdcsTable& table : document_.tables) {
    const Status valid = Validate(table.contract);
    if (!valid.ok()) throw Refusal{valid.error()};
  }
  return std::move(document_);
}

}  // namespace odcs

const OdcsTable* OdcsDocument::Find(std::string_view table) const {
  if (table.empty()) return tables.size() == 1 ? &tables[0] : nullptr;
  for (const OdcsTable& candidate : tables) {
    if (odcs::SameName(candidate.name, table) || odcs::SameName(candidate.physical_name, table)) {
      return &candidate;
    }
  }
  return nullptr;
}

Result<OdcsDocument> ParseOdcs(std::string_view yaml, const std::string& file,
                               const OdcsOptions& options) {
  if (yaml.size() > odcs::kTextBytesMax) {
    return Error::User(ErrorCode::kLimit, "a data contract of more than 16 MiB").At(file);
  }
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(yaml));
    const auto is_empty = [](const YAML::Node& node) { return node.IsNull(); };
    if (documents.size() > 1 && !std::all_of(documents.begin() + 1, documents.end(), is_empty)) {
      return Error::User(ErrorCode::kInvalid, "more than one document in the file")
          .At(file)
          .Fix("put each contract into a file of its own: a '---' line begins the next one");
    }
    return odcs::Reader(file, options).Read(documents.empty() ? YAML::Node() : documents[0]);
  } catch (const odcs::Refusal& refusal) {
    return refusal.error;
  } catch (const YAML::Exception& e) {
    std::string where = file;
    if (!e.mark.is_null()) {
      where += ":" + std::to_string(e.mark.line + 1) + ":" + std::to_string(e.mark.column + 1);
    }
    return Error::User(ErrorCode::kInvalid, "not YAML: " + e.msg).At(where).Fix("mend the text");
  }
}

}  // namespace weir::guard
