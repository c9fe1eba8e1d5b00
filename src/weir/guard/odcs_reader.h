// The reader behind ParseOdcs: YAML nodes to OdcsDocument. Private to odcs.cc (the document, its
// schema and service levels) and odcs_rules.cc (relationships and quality rules); only these two
// know yaml-cpp, whose exceptions stop in ParseOdcs.
//
// Thread rule: one thread.
#pragma once

#include <yaml-cpp/yaml.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/guard/odcs.h"

namespace weir::guard::odcs {

// Keys of the standard's JSON schema, v3.0 and v3.1.
inline constexpr const char* kQualityKeys =
    "id authoritativeDefinitions businessImpact customProperties description dimension "
    "method name schedule scheduler severity tags type unit metric rule arguments query "
    "engine implementation validValues pattern missingValues mustBe mustNotBe "
    "mustBeGreaterThan mustBeGreaterOrEqualTo mustBeLessThan mustBeLessOrEqualTo "
    "mustBeBetween mustNotBeBetween";
inline constexpr const char* kPropertyKeys =
    "id name physicalType physicalName description businessName authoritativeDefinitions "
    "tags customProperties primaryKey primaryKeyPosition logicalType logicalTypeOptions "
    "required unique partitioned partitionKeyPosition classification encryptedName "
    "transformSourceObjects transformLogic transformDescription examples "
    "criticalDataElement relationships quality properties items";
inline constexpr const char* kObjectKeys =
    "id name physicalType physicalName description businessName authoritativeDefinitions "
    "tags customProperties logicalType dataGranularityDescription properties "
    "relationships quality";
inline constexpr const char* kOptionKeys =
    "minItems maxItems uniqueItems format exclusiveMaximum exclusiveMinimum maximum "
    "minimum timezone defaultTimezone multipleOf maxProperties minProperties required "
    "maxLength minLength pattern";

// Thrown by Reader only, caught in ParseOdcs.
struct Refusal {
  Error error;
};

std::string Lower(std::string_view text);
bool SameName(std::string_view a, std::string_view b);

// A column or a field inside one.
struct Property {
  std::string path;     // "address.street", for messages and check names
  std::string value;    // "\"address\".\"street\"": an SQL expression
  std::string type;     // DuckDB's
  std::string logical;  // the standard's
};

class Reader {
 public:
  Reader(std::string file, const OdcsOptions& options)
      : file_(std::move(file)), options_(options) {}

  OdcsDocument Read(const YAML::Node& root);

 private:
  [[noreturn]] void Refuse(const YAML::Node& node, std::string problem, std::string fix = "") {
    throw Refusal{
        Error::User(ErrorCode::kInvalid, std::move(problem)).At(Where(node)).Fix(std::move(fix))};
  }
  std::string Where(const YAML::Node& node) const {
    const YAML::Mark mark = node.Mark();
    if (mark.is_null()) return file_;
    return file_ + ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1);
  }

  // --- reading with types ---
  void RequireMap(const YAML::Node& node, const std::string& what) {
    if (!node.IsMap()) Refuse(node, what + " is not a mapping of keys to values");
  }
  void NoKeyTwice(const YAML::Node& map, const std::string& what);
  void KnownKeys(const YAML::Node& map, const char* keys, const std::string& what);
  std::string Text(const YAML::Node& map, const char* key);  // "" if absent or null
  std::string RequiredText(const YAML::Node& map, const char* key, const std::string& what);
  bool Flag(const YAML::Node& map, const char* key);
  std::optional<double> Number(const YAML::Node& node);
  // The scalar's text, if it is a number that SQL reads as it stands; quoted ones too.
  std::optional<std::string> PlainNumber(const YAML::Node& node);
  // The same, of a number that stands without quotes; anything else is refused.
  std::string NumberText(const YAML::Node& node, const std::string& what);
  YAML::Node List(const YAML::Node& map, const char* key);  // undefined if absent

  // --- the document ---
  void ReadObject(const YAML::Node& node);
  // Reads a property (column or field); returns its DuckDB type.
  std::string ReadProperty(const YAML::Node& node, OdcsTable* table, const Property* parent,
                           int depth);
  std::string TypeOf(const YAML::Node& node, OdcsTable* table, Property* property, int depth);
  void ReadOptions(const YAML::Node& node, const Property& property, OdcsTable* table);
  void ReadBounds(const YAML::Node& options, const Property& property, OdcsTable* table,
                  const YAML::Node& node);
  void ReadQuality(const YAML::Node& owner, const Property* property, OdcsTable* table);
  void ReadRule(const YAML::Node& rule, const Property* property, OdcsTable* table);
  void ReadMetric(const YAML::Node& rule, const std::string& metric, const Property* property,
                  Check base, OdcsTable* table);
  void ReadCustom(const YAML::Node& rule, Check base, OdcsTable* table);
  void ReadRelationships(const YAML::Node& owner, const Property* property, OdcsTable* table);
  void ReadSla(const YAML::Node& root);
  std::vector<Threshold> Thresholds(const YAML::Node& rule);
  // A condition that holds for values of the list (or, if not `in`, for all others); "" if the list
  // holds no value but NULL.
  std::string InList(const YAML::Node& values, const Property& property, bool in, bool* holds_null);
  // "receivers.id" or "schema/receivers_obj/properties/id_prop" to table and column.
  bool Resolve(const YAML::Node& node, const std::string& reference, std::string* table,
               std::string* column);

  void AddRow(const YAML::Node& node, OdcsTable* table, const std::string& name,
              std::string condition, const std::string& dimension, std::string description);
  void Add(const YAML::Node& node, OdcsTable* table, Check check);
  void NotRun(const std::string& what, const std::string& why) {
    document_.not_run.push_back(what + ": " + why);
  }
  std::string PlaceOf(const OdcsTable& table, const Property* property) const {
    return property == nullptr ? table.name : table.name + "." + property->path;
  }

  struct Names {  // of a schema object, for references
    std::string id, name, physical;
    std::map<std::string, std::string> column_by_id, column_by_name;
  };
  void CollectNames(const YAML::Node& schema);

  const std::string file_;
  const OdcsOptions& options_;
  OdcsDocument document_;
  std::vector<Names> names_;
  int properties_ = 0;
};

}  // namespace weir::guard::odcs
