#include "weir/columnar/codec/avro_schema.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <utility>

#include "weir/base/json.h"

namespace weir::columnar {

namespace {

using Kind = AvroType::Kind;
using Logical = AvroType::Logical;
using duckdb::LogicalType;
using duckdb::LogicalTypeId;

constexpr int kDepthMax = 64;
constexpr uint32_t kFixedBytesMax = 1 << 20;

const std::map<std::string, Kind>& Primitives() {
  static const std::map<std::string, Kind> kPrimitives = {
      {"null", Kind::kNull},   {"boolean", Kind::kBoolean}, {"int", Kind::kInt},
      {"long", Kind::kLong},   {"float", Kind::kFloat},     {"double", Kind::kDouble},
      {"bytes", Kind::kBytes}, {"string", Kind::kString}};
  return kPrimitives;
}

const std::map<std::string, Logical>& Logicals() {
  static const std::map<std::string, Logical> kLogicals = {
      {"decimal", Logical::kDecimal},
      {"date", Logical::kDate},
      {"timestamp-millis", Logical::kTimestampMillis},
      {"timestamp-micros", Logical::kTimestampMicros},
      {"local-timestamp-millis", Logical::kLocalTimestampMillis},
      {"local-timestamp-micros", Logical::kLocalTimestampMicros},
      {"uuid", Logical::kUuid}};
  return kLogicals;
}

Error Wrong(const std::string& why) {
  return Error::User(ErrorCode::kInvalid, "option 'avro.schema' is no Avro schema: " + why);
}

std::string TextOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

class AvroSchemaMaker {
 public:
  AvroSchemaMaker() : schema_(std::make_shared<AvroSchema>()) {}

  Result<std::shared_ptr<const AvroSchema>> Parse(const Json& json) {
    WEIR_ASSIGN_OR_RETURN(schema_->root_, ParseType(json, "", 0));
    return std::shared_ptr<const AvroSchema>(schema_);
  }

  Result<std::shared_ptr<const AvroSchema>> Of(const Schema& fields) {
    AvroType* const record = New(Kind::kRecord);
    for (const Field& field : fields.fields) {
      WEIR_ASSIGN_OR_RETURN(const AvroType* const type, Nullable(field.type, field.name));
      record->fields.push_back({field.name, type});
    }
    schema_->root_ = record;
    return std::shared_ptr<const AvroSchema>(schema_);
  }

 private:
  AvroType* New(Kind kind) {
    schema_->types_.push_back(std::make_unique<AvroType>());
    schema_->types_.back()->kind = kind;
    return schema_->types_.back().get();
  }

  // --- from JSON ---
  Result<const AvroType*> ParseType(const Json& json, const std::string& space, int depth) {
    if (depth > kDepthMax) return Wrong(fmt::format("nested more than {} deep", kDepthMax));
    if (json.is_string()) return Named(json.get<std::string>(), space);
    if (json.is_array()) {
      AvroType* const type = New(Kind::kUnion);
      for (const Json& branch : json) {
        WEIR_ASSIGN_OR_RETURN(const AvroType* const parsed, ParseType(branch, space, depth + 1));
        type->branches.push_back(parsed);
      }
      if (type->branches.empty()) return Wrong("a union has no branches");
      return type;
    }
    if (!json.is_object()) return Wrong("a type is a name, an object or a list");
    const auto kind = json.find("type");
    if (kind == json.end()) return Wrong("an object has no 'type'");
    if (!kind->is_string()) return ParseType(*kind, space, depth + 1);
    return ParseObject(json, kind->get<std::string>(), space, depth);
  }

  Result<const AvroType*> Named(const std::string& name, const std::string& space) {
    const auto primitive = Primitives().find(name);
    if (primitive != Primitives().end()) return New(primitive->second);
    for (const std::string& full : {space.empty() ? name : space + "." + name, name}) {
      const auto found = named_.find(full);
      if (found != named_.end()) return found->second;
    }
    return Wrong(fmt::format("there is no type '{}'", name));
  }

  Result<const AvroType*> ParseObject(const Json& json, const std::string& kind,
                                      const std::string& space, int depth) {
    if (kind == "array" || kind == "map") {
      const char* const key = kind == "array" ? "items" : "values";
      const auto item = json.find(key);
      if (item == json.end()) return Wrong(fmt::format("an {} has no '{}'", kind, key));
      AvroType* const type = New(kind == "array" ? Kind::kArray : Kind::kMap);
      WEIR_ASSIGN_OR_RETURN(const AvroType* const parsed, ParseType(*item, space, depth + 1));
      type->branches.push_back(parsed);
      return type;
    }
    if (kind == "record" || kind == "error") return ParseRecord(json, space, depth);
    if (kind == "enum") {
      AvroType* const type = New(Kind::kEnum);
      WEIR_RETURN_IF_ERROR(Name(json, space, type).status());
      const auto symbols = json.find("symbols");
      if (symbols == json.end() || !symbols->is_array()) return Wrong("an enum has no 'symbols'");
      for (const Json& symbol : *symbols) {
        if (!symbol.is_string()) return Wrong("a symbol of an enum is no text");
        type->symbols.push_back(symbol.get<std::string>());
      }
      return type;
    }
    if (kind == "fixed") {
      AvroType* const type = New(Kind::kFixed);
      WEIR_RETURN_IF_ERROR(Name(json, space, type).status());
      const auto size = json.find("size");
      if (size == json.end() || !size->is_number_unsigned() ||
          size->get<uint64_t>() > kFixedBytesMax) {
        return Wrong(fmt::format("fixed '{}' has no 'size'", type->name));
      }
      type->size = size->get<uint32_t>();
      WEIR_RETURN_IF_ERROR(SetLogical(json, type));
      return type;
    }
    const auto primitive = Primitives().find(kind);
    if (primitive == Primitives().end()) return Named(kind, space);
    AvroType* const type = New(primitive->second);
    WEIR_RETURN_IF_ERROR(SetLogical(json, type));
    return type;
  }

  // The namespace of what stands within.
  Result<std::string> Name(const Json& json, const std::string& space, AvroType* type) {
    type->name = TextOf(json, "name");
    if (type->name.empty()) return Wrong("a record, enum or fixed has no 'name'");
    std::string within = json.contains("namespace") ? TextOf(json, "namespace") : space;
    const size_t dot = type->name.rfind('.');
    if (dot != std::string::npos) within = type->name.substr(0, dot);
    const std::string full =
        dot != std::string::npos || within.empty() ? type->name : within + "." + type->name;
    if (!named_.emplace(full, type).second) {
      return Wrong(fmt::format("'{}' is defined twice", full));
    }
    return within;
  }

  Result<const AvroType*> ParseRecord(const Json& json, const std::string& space, int depth) {
    AvroType* const type = New(Kind::kRecord);
    WEIR_ASSIGN_OR_RETURN(const std::string within, Name(json, space, type));
    const auto fields = json.find("fields");
    if (fields == json.end() || !fields->is_array()) {
      return Wrong(fmt::format("record '{}' has no 'fields'", type->name));
    }
    for (const Json& field : *fields) {
      const std::string name = field.is_object() ? TextOf(field, "name") : "";
      if (name.empty() || !field.contains("type")) {
        return Wrong(fmt::format("a field of record '{}' has no 'name' or no 'type'", type->name));
      }
      WEIR_ASSIGN_OR_RETURN(const AvroType* const parsed,
                            ParseType(field["type"], within, depth + 1));
      type->fields.push_back({name, parsed});
    }
    return type;
  }

  // A logical type that does not go with its type, or is not known, is not there (specification,
  // "Logical Types").
  static Status SetLogical(const Json& json, AvroType* type) {
    const auto found = Logicals().find(TextOf(json, "logicalType"));
    if (found == Logicals().end()) return Status::Ok();
    const Logical logical = found->second;
    switch (logical) {
      case Logical::kDecimal: {
        if (type->kind != Kind::kBytes && type->kind != Kind::kFixed) return Status::Ok();
        const auto precision = json.find("precision");
        const auto scale = json.find("scale");
        if (precision == json.end() || !precision->is_number_unsigned()) {
          return Wrong("a decimal has no 'precision'");
        }
        const auto digits = precision->get<uint64_t>();
        const uint64_t behind =
            scale != json.end() && scale->is_number_unsigned() ? scale->get<uint64_t>() : 0;
        if (digits < 1 || digits > 38 || behind > digits) {
          return Wrong(fmt::format("decimal({}, {}) is beyond 38 digits", digits, behind));
        }
        type->precision = static_cast<uint8_t>(digits);
        type->scale = static_cast<uint8_t>(behind);
        break;
      }
      case Logical::kDate:
        if (type->kind != Kind::kInt) return Status::Ok();
        break;
      case Logical::kUuid:
        if (type->kind != Kind::kString) return Status::Ok();
        break;
      default:
        if (type->kind != Kind::kLong) return Status::Ok();
    }
    type->logical = logical;
    return Status::Ok();
  }

  // --- from columns ---
  Result<const AvroType*> Nullable(const LogicalType& type, const std::string& column) {
    AvroType* const either = New(Kind::kUnion);
    either->branches.push_back(New(Kind::kNull));
    WEIR_ASSIGN_OR_RETURN(const AvroType* const of, TypeOf(type, column));
    either->branches.push_back(of);
    return either;
  }

  Result<const AvroType*> TypeOf(const LogicalType& type, const std::string& column) {
    const auto logical = [&](Kind kind, Logical as) {
      AvroType* const made = New(kind);
      made->logical = as;
      return made;
    };
    switch (type.id()) {
      case LogicalTypeId::BOOLEAN:
        return New(Kind::kBoolean);
      case LogicalTypeId::TINYINT:
      case LogicalTypeId::SMALLINT:
      case LogicalTypeId::INTEGER:
        return New(Kind::kInt);
      case LogicalTypeId::BIGINT:
        return New(Kind::kLong);
      case LogicalTypeId::FLOAT:
        return New(Kind::kFloat);
      case LogicalTypeId::DOUBLE:
        return New(Kind::kDouble);
      case LogicalTypeId::VARCHAR:
        return New(Kind::kString);
      case LogicalTypeId::UUID:
        return logical(Kind::kString, Logical::kUuid);
      case LogicalTypeId::BLOB:
        return New(Kind::kBytes);
      case LogicalTypeId::DATE:
        return logical(Kind::kInt, Logical::kDate);
      case LogicalTypeId::TIMESTAMP:
        return logical(Kind::kLong, Logical::kLocalTimestampMicros);
      case LogicalTypeId::TIMESTAMP_TZ:
        return logical(Kind::kLong, Logical::kTimestampMicros);
      case LogicalTypeId::DECIMAL: {
        AvroType* const made = logical(Kind::kBytes, Logical::kDecimal);
        made->precision = duckdb::DecimalType::GetWidth(type);
        made->scale = duckdb::DecimalType::GetScale(type);
        return made;
      }
      case LogicalTypeId::LIST:
      case LogicalTypeId::MAP: {
        const bool is_map = type.id() == LogicalTypeId::MAP;
        AvroType* const made = New(is_map ? Kind::kMap : Kind::kArray);
        WEIR_ASSIGN_OR_RETURN(const AvroType* const item,
                              Nullable(is_map ? duckdb::MapType::ValueType(type)
                                              : duckdb::ListType::GetChildType(type),
                                       column));
        made->branches.push_back(item);
        return made;
      }
      case LogicalTypeId::STRUCT: {
        AvroType* const made = New(Kind::kRecord);
        for (const auto& [name, child] : duckdb::StructType::GetChildTypes(type)) {
          WEIR_ASSIGN_OR_RETURN(const AvroType* const field, Nullable(child, column));
          made->fields.push_back({name, field});
        }
        return made;
      }
      default:
        return Error::User(
                   ErrorCode::kUnsupported,
                   fmt::format("column '{}': format avro has no {}", column, type.ToString()))
            .Fix("declare it as VARCHAR, or give the schema in 'avro.schema'");
    }
  }

  std::shared_ptr<AvroSchema> schema_;
  std::map<std::string, const AvroType*> named_;
};

Result<std::shared_ptr<const AvroSchema>> AvroSchema::Parse(const std::string& json) {
  auto parsed = ParseJson(json);
  if (!parsed.ok()) return Wrong(parsed.error().message());
  return AvroSchemaMaker().Parse(*parsed);
}

Result<std::shared_ptr<const AvroSchema>> AvroSchema::Of(const Schema& fields) {
  return AvroSchemaMaker().Of(fields);
}

std::string AvroTypeName(const AvroType& type) {
  for (const auto& [name, logical] : Logicals()) {
    if (type.logical != logical) continue;
    return logical == Logical::kDecimal ? fmt::format("decimal({}, {})", type.precision, type.scale)
                                        : name;
  }
  for (const auto& [name, kind] : Primitives()) {
    if (type.kind == kind) return name;
  }
  switch (type.kind) {
    case Kind::kFixed:
      return "fixed " + type.name;
    case Kind::kEnum:
      return "enum " + type.name;
    case Kind::kArray:
      return "array";
    case Kind::kMap:
      return "map";
    case Kind::kRecord:
      return type.name.empty() ? "record" : "record " + type.name;
    default:
      return "union";
  }
}

}  // namespace weir::columnar
