#include "weir/lake/schema_json.h"

#include <charconv>

#include <simdjson.h>

#include "duckdb/common/types.hpp"
#include "weir/base/json_writer.h"

namespace weir::lake {
namespace {

namespace dom = simdjson::dom;
using duckdb::LogicalType;
using duckdb::LogicalTypeId;

Error Corrupt(const std::string& what) {
  return Error::Operator(ErrorCode::kCorrupt, "the table's schema is damaged: " + what);
}

// "decimal(10,2)"; "decimal" alone is decimal(10,0), as in Spark.
Result<LogicalType> DecimalFromName(std::string_view name) {
  int precision = 10;
  int scale = 0;
  if (name != "decimal") {
    const char* end = name.data() + name.size();
    auto read = std::from_chars(name.data() + 8, end, precision);
    if (read.ec != std::errc() || read.ptr == end || *read.ptr != ',') {
      return Corrupt("type '" + std::string(name) + "'");
    }
    const char* rest = read.ptr + 1;
    while (rest != end && *rest == ' ') ++rest;
    read = std::from_chars(rest, end, scale);
    if (read.ec != std::errc() || read.ptr + 1 != end || *read.ptr != ')') {
      return Corrupt("type '" + std::string(name) + "'");
    }
  }
  if (precision < 1 || precision > 38 || scale < 0 || scale > precision) {
    return Corrupt("type '" + std::string(name) + "'");
  }
  return LogicalType::DECIMAL(static_cast<uint8_t>(precision), static_cast<uint8_t>(scale));
}

Result<LogicalType> PrimitiveFromName(std::string_view name) {
  if (name == "string") return LogicalType(LogicalTypeId::VARCHAR);
  if (name == "long") return LogicalType(LogicalTypeId::BIGINT);
  if (name == "integer") return LogicalType(LogicalTypeId::INTEGER);
  if (name == "short") return LogicalType(LogicalTypeId::SMALLINT);
  if (name == "byte") return LogicalType(LogicalTypeId::TINYINT);
  if (name == "boolean") return LogicalType(LogicalTypeId::BOOLEAN);
  if (name == "float") return LogicalType(LogicalTypeId::FLOAT);
  if (name == "double") return LogicalType(LogicalTypeId::DOUBLE);
  if (name == "binary") return LogicalType(LogicalTypeId::BLOB);
  if (name == "date") return LogicalType(LogicalTypeId::DATE);
  if (name == "timestamp") return LogicalType(LogicalTypeId::TIMESTAMP_TZ);
  if (name == "timestamp_ntz") return LogicalType(LogicalTypeId::TIMESTAMP);
  if (name == "decimal" || name.substr(0, 8) == "decimal(") return DecimalFromName(name);
  return Error::User(ErrorCode::kUnsupported,
                     "columns of Delta type '" + std::string(name) + "' cannot be read");
}

Result<LogicalType> TypeFromJson(dom::element element);

Result<duckdb::child_list_t<LogicalType>> StructFields(dom::element element) {
  dom::array fields;
  if (element["fields"].get(fields) != simdjson::SUCCESS) return Corrupt("a struct has no fields");
  duckdb::child_list_t<LogicalType> children;
  for (dom::element field : fields) {
    std::string_view name;
    dom::element type;
    if (field["name"].get(name) != simdjson::SUCCESS ||
        field["type"].get(type) != simdjson::SUCCESS) {
      return Corrupt("a field has no name or no type");
    }
    auto child = TypeFromJson(type);
    if (!child.ok()) return std::move(child).error().At("column " + std::string(name));
    children.emplace_back(std::string(name), std::move(child).value());
  }
  return children;
}

Result<LogicalType> TypeFromJson(dom::element element) {
  std::string_view name;
  if (element.get(name) == simdjson::SUCCESS) return PrimitiveFromName(name);
  if (element["type"].get(name) != simdjson::SUCCESS) return Corrupt("a type has no name");
  if (name == "struct") {
    WEIR_ASSIGN_OR_RETURN(auto children, StructFields(element));
    if (children.empty()) {
      return Error::User(ErrorCode::kUnsupported, "a struct without fields cannot be read");
    }
    return LogicalType::STRUCT(std::move(children));
  }
  if (name == "array") {
    dom::element item;
    if (element["elementType"].get(item) != simdjson::SUCCESS) return Corrupt("an array type");
    WEIR_ASSIGN_OR_RETURN(auto item_type, TypeFromJson(item));
    return LogicalType::LIST(item_type);
  }
  if (name == "map") {
    dom::element key;
    dom::element value;
    if (element["keyType"].get(key) != simdjson::SUCCESS ||
        element["valueType"].get(value) != simdjson::SUCCESS) {
      return Corrupt("a map type");
    }
    WEIR_ASSIGN_OR_RETURN(auto key_type, TypeFromJson(key));
    WEIR_ASSIGN_OR_RETURN(auto value_type, TypeFromJson(value));
    return LogicalType::MAP(key_type, value_type);
  }
  return Error::User(ErrorCode::kUnsupported,
                     "columns of Delta type '" + std::string(name) + "' cannot be read");
}

// What to write instead of a type that no Delta type can hold without loss.
std::string CastFor(const LogicalType& type) {
  switch (type.id()) {
    case LogicalTypeId::UTINYINT:
      return "SMALLINT";
    case LogicalTypeId::USMALLINT:
      return "INTEGER";
    case LogicalTypeId::UINTEGER:
      return "BIGINT";
    case LogicalTypeId::UBIGINT:
      return "DECIMAL(20,0)";
    case LogicalTypeId::HUGEINT:
    case LogicalTypeId::UHUGEINT:
      return "DECIMAL(38,0)";
    case LogicalTypeId::TIMESTAMP_SEC:
    case LogicalTypeId::TIMESTAMP_MS:
    case LogicalTypeId::TIMESTAMP_NS:
      return "TIMESTAMP";
    case LogicalTypeId::INTERVAL:
      return "BIGINT, with epoch_us()";
    default:
      return "VARCHAR";
  }
}

Status WriteType(JsonWriter& json, const LogicalType& type);

Status WriteField(JsonWriter& json, const std::string& name, const LogicalType& type,
                  bool nullable) {
  json.BeginObject();
  json.Key("name").String(name);
  json.Key("type");
  auto status = WriteType(json, type);
  if (!status.ok()) return std::move(status).error().At("column " + name);
  json.Key("nullable").Bool(nullable);
  json.Key("metadata").BeginObject().EndObject();
  json.EndObject();
  return Status();
}

Status WriteType(JsonWriter& json, const LogicalType& type) {
  // Aliased types (JSON is VARCHAR with an alias) are their plain type in a table.
  switch (type.id()) {
    case LogicalTypeId::VARCHAR:
      json.String("string");
      break;
    case LogicalTypeId::BIGINT:
      json.String("long");
      break;
    case LogicalTypeId::INTEGER:
      json.String("integer");
      break;
    case LogicalTypeId::SMALLINT:
      json.String("short");
      break;
    case LogicalTypeId::TINYINT:
      json.String("byte");
      break;
    case LogicalTypeId::BOOLEAN:
      json.String("boolean");
      break;
    case LogicalTypeId::FLOAT:
      json.String("float");
      break;
    case LogicalTypeId::DOUBLE:
      json.String("double");
      break;
    case LogicalTypeId::BLOB:
      json.String("binary");
      break;
    case LogicalTypeId::DATE:
      json.String("date");
      break;
    case LogicalTypeId::TIMESTAMP_TZ:
      json.String("timestamp");
      break;
    case LogicalTypeId::TIMESTAMP:
      json.String("timestamp_ntz");
      break;
    case LogicalTypeId::DECIMAL:
      json.String("decimal(" + std::to_string(duckdb::DecimalType::GetWidth(type)) + "," +
                  std::to_string(duckdb::DecimalType::GetScale(type)) + ")");
      break;
    case LogicalTypeId::STRUCT: {
      json.BeginObject().Key("type").String("struct").Key("fields").BeginArray();
      for (const auto& [name, child] : duckdb::StructType::GetChildTypes(type)) {
        WEIR_RETURN_IF_ERROR(WriteField(json, name, child, true));
      }
      json.EndArray().EndObject();
      break;
    }
    case LogicalTypeId::LIST:
      json.BeginObject().Key("type").String("array").Key("elementType");
      WEIR_RETURN_IF_ERROR(WriteType(json, duckdb::ListType::GetChildType(type)));
      json.Key("containsNull").Bool(true).EndObject();
      break;
    case LogicalTypeId::MAP:
      json.BeginObject().Key("type").String("map").Key("keyType");
      WEIR_RETURN_IF_ERROR(WriteType(json, duckdb::MapType::KeyType(type)));
      json.Key("valueType");
      WEIR_RETURN_IF_ERROR(WriteType(json, duckdb::MapType::ValueType(type)));
      json.Key("valueContainsNull").Bool(true).EndObject();
      break;
    default:
      return Error::User(ErrorCode::kUnsupported,
                         "a Delta table has no type for " + type.ToString())
          .Fix("cast it in the query, to " + CastFor(type));
  }
  return Status();
}

Status ParseRoot(dom::parser& parser, std::string_view json, dom::element& root) {
  if (json.empty()) return Corrupt("it is empty");
  const auto code = parser.parse(json.data(), json.size(), true).get(root);
  if (code != simdjson::SUCCESS) return Corrupt(simdjson::error_message(code));
  return Status();
}

void CollectMetadataKeys(dom::element element, std::set<std::string>& keys) {
  dom::object object;
  dom::array array;
  if (element.get(array) == simdjson::SUCCESS) {
    for (dom::element item : array) CollectMetadataKeys(item, keys);
  } else if (element.get(object) == simdjson::SUCCESS) {
    for (auto [name, value] : object) {
      dom::object metadata;
      if (name == "metadata" && value.get(metadata) == simdjson::SUCCESS) {
        for (auto [key, ignored] : metadata) keys.insert(std::string(key));
      } else {
        CollectMetadataKeys(value, keys);
      }
    }
  }
}

}  // namespace

Result<columnar::Schema> SchemaFromJson(std::string_view json) {
  dom::parser parser;
  dom::element root;
  WEIR_RETURN_IF_ERROR(ParseRoot(parser, json, root));
  WEIR_ASSIGN_OR_RETURN(auto children, StructFields(root));
  dom::array fields;
  if (root["fields"].get(fields) != simdjson::SUCCESS) return Corrupt("it has no fields");
  columnar::Schema schema;
  size_t i = 0;
  for (dom::element field : fields) {
    bool nullable = true;
    if (field["nullable"].get(nullable) != simdjson::SUCCESS) nullable = true;
    schema.fields.push_back({children[i].first, children[i].second, nullable});
    i += 1;
  }
  return schema;
}

Result<std::string> SchemaToJson(const columnar::Schema& schema) {
  JsonWriter json;
  json.BeginObject().Key("type").String("struct").Key("fields").BeginArray();
  for (const auto& field : schema.fields) {
    WEIR_RETURN_IF_ERROR(WriteField(json, field.name, field.type, field.nullable));
  }
  json.EndArray().EndObject();
  return json.Take();
}

Result<std::string> AppendColumns(std::string_view json, const columnar::Schema& added) {
  dom::parser parser;
  dom::element root;
  WEIR_RETURN_IF_ERROR(ParseRoot(parser, json, root));
  dom::array fields;
  if (root["fields"].get(fields) != simdjson::SUCCESS) return Corrupt("it has no fields");
  JsonWriter out;
  out.BeginObject().Key("type").String("struct").Key("fields").BeginArray();
  for (dom::element field : fields) out.Raw(simdjson::minify(field));
  for (const auto& field : added.fields) {
    WEIR_RETURN_IF_ERROR(WriteField(out, field.name, field.type, true));
  }
  out.EndArray().EndObject();
  return out.Take();
}

Result<std::set<std::string>> FieldMetadataKeys(std::string_view json) {
  dom::parser parser;
  dom::element root;
  WEIR_RETURN_IF_ERROR(ParseRoot(parser, json, root));
  std::set<std::string> keys;
  CollectMetadataKeys(root, keys);
  return keys;
}

bool HoldsTimestampNtz(const LogicalType& type) {
  switch (type.id()) {
    case LogicalTypeId::TIMESTAMP:
      return true;
    case LogicalTypeId::LIST:
      return HoldsTimestampNtz(duckdb::ListType::GetChildType(type));
    case LogicalTypeId::MAP:
      return HoldsTimestampNtz(duckdb::MapType::KeyType(type)) ||
             HoldsTimestampNtz(duckdb::MapType::ValueType(type));
    case LogicalTypeId::STRUCT:
      for (const auto& [name, child] : duckdb::StructType::GetChildTypes(type)) {
        if (HoldsTimestampNtz(child)) return true;
      }
      return false;
    default:
      return false;
  }
}

}  // namespace weir::lake
