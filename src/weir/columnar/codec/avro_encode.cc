#include "weir/columnar/codec/avro_encode.h"

#include <algorithm>
#include <bit>

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/value.hpp"
#include "weir/base/byte_codec.h"
#include "weir/columnar/codec/avro_schema.h"

namespace weir::columnar {

using duckdb::LogicalType;
using duckdb::LogicalTypeId;

namespace {

using Kind = AvroType::Kind;
using Logical = AvroType::Logical;

int NullBranch(const AvroType& avro) {
  for (size_t i = 0; i < avro.branches.size() && avro.kind == Kind::kUnion; ++i) {
    if (avro.branches[i]->kind == Kind::kNull) return static_cast<int>(i);
  }
  return -1;
}
// The first branch that can hold the type's values; -1: none.
int BranchFor(const LogicalType& type, const AvroType& avro);

// java.math.BigInteger.toByteArray: the shortest two's complement, big-endian.
std::string TwosComplement(duckdb::hugeint_t value) {
  std::string bytes;
  for (int shift = 120; shift >= 0; shift -= 8) {
    const uint64_t half = shift >= 64 ? static_cast<uint64_t>(value.upper) : value.lower;
    bytes += static_cast<char>(half >> (shift % 64) & 0xff);
  }
  const char sign = value.upper < 0 ? '\xff' : '\0';
  size_t skip = 0;
  while (skip + 1 < bytes.size() && bytes[skip] == sign && ((bytes[skip + 1] ^ sign) & 0x80) == 0) {
    ++skip;
  }
  return bytes.substr(skip);
}

void AppendBytes(std::string_view bytes, ByteWriter* out) {
  out->Signed(static_cast<int64_t>(bytes.size()));
  out->Raw(bytes);
}

Error Unfit(const std::string& path, const LogicalType& type, const AvroType& avro) {
  return Error::User(ErrorCode::kUnsupported, "column '" + path + "': " + type.ToString() +
                                                  " can't be written as Avro's " +
                                                  AvroTypeName(avro))
      .Fix("cast the column, or change 'avro.schema'");
}

bool IsInteger(const LogicalType& type) {
  return type.id() == LogicalTypeId::TINYINT || type.id() == LogicalTypeId::SMALLINT ||
         type.id() == LogicalTypeId::INTEGER || type.id() == LogicalTypeId::BIGINT;
}

bool IsDecimal(const LogicalType& type, const AvroType& avro) {
  return type.id() == LogicalTypeId::DECIMAL && avro.logical == Logical::kDecimal &&
         duckdb::DecimalType::GetScale(type) == avro.scale;
}

const AvroType* FindField(const AvroType& record, const std::string& name) {
  for (const AvroType::Field& field : record.fields) {
    if (field.name == name) return field.type;
  }
  return nullptr;
}

Status Check(const LogicalType& type, const AvroType& avro, const std::string& path);

// Every field of the record has a child of its name, or can be null; and the other way round.
Status CheckRecord(const duckdb::child_list_t<LogicalType>& children, const AvroType& avro,
                   const std::string& path) {
  const std::string lead = path.empty() ? "" : path + ".";
  for (const auto& [name, type] : children) {
    const AvroType* field = FindField(avro, name);
    if (field == nullptr) {
      return Error::User(ErrorCode::kInvalid,
                         "column '" + lead + name + "': 'avro.schema' has no such field")
          .Fix("name the column as the schema does");
    }
    WEIR_RETURN_IF_ERROR(Check(type, *field, lead + name));
  }
  for (const AvroType::Field& field : avro.fields) {
    const bool there = std::any_of(children.begin(), children.end(),
                                   [&](const auto& child) { return child.first == field.name; });
    if (there || NullBranch(*field.type) >= 0 || field.type->kind == Kind::kNull) continue;
    return Error::User(ErrorCode::kInvalid, "'avro.schema' has a field '" + lead + field.name +
                                                "' that is no column and can't be null")
        .Fix("add the column");
  }
  return Status::Ok();
}

// Has every value of the type a form in this one? NULL aside.
Status Check(const LogicalType& type, const AvroType& avro, const std::string& path) {
  const auto fits = [&](bool good) -> Status {
    if (good) return Status::Ok();
    return Unfit(path, type, avro);
  };
  const LogicalTypeId id = type.id();
  switch (avro.kind) {
    case Kind::kUnion:
      return fits(BranchFor(type, avro) >= 0);
    case Kind::kBoolean:
      return fits(id == LogicalTypeId::BOOLEAN);
    case Kind::kInt:
      return fits(avro.logical == Logical::kDate ? id == LogicalTypeId::DATE
                                                 : IsInteger(type) && id != LogicalTypeId::BIGINT);
    case Kind::kLong:
      if (avro.logical == Logical::kNone) return fits(IsInteger(type));
      return fits(id == LogicalTypeId::TIMESTAMP || id == LogicalTypeId::TIMESTAMP_TZ);
    case Kind::kFloat:
      return fits(id == LogicalTypeId::FLOAT);
    case Kind::kDouble:
      return fits(id == LogicalTypeId::DOUBLE || id == LogicalTypeId::FLOAT);
    case Kind::kBytes:
    case Kind::kFixed:
      if (avro.logical == Logical::kDecimal) return fits(IsDecimal(type, avro));
      return fits(id == LogicalTypeId::BLOB);
    case Kind::kString:
    case Kind::kEnum:
      return fits(id == LogicalTypeId::VARCHAR);
    case Kind::kArray:
      if (id != LogicalTypeId::LIST) return fits(false);
      return Check(duckdb::ListType::GetChildType(type), avro.item(), path);
    case Kind::kMap:
      if (id != LogicalTypeId::MAP) return fits(false);
      return Check(duckdb::MapType::ValueType(type), avro.item(), path);
    case Kind::kRecord:
      if (id != LogicalTypeId::STRUCT) return fits(false);
      return CheckRecord(duckdb::StructType::GetChildTypes(type), avro, path);
    default:
      return fits(false);
  }
}

int BranchFor(const LogicalType& type, const AvroType& avro) {
  for (size_t i = 0; i < avro.branches.size(); ++i) {
    if (avro.branches[i]->kind == Kind::kNull) continue;
    if (Check(type, *avro.branches[i], "").ok()) return static_cast<int>(i);
  }
  return -1;
}

Error BadValue(const std::string& path, const std::string& value, const std::string& why) {
  return Error::Data(ErrorCode::kInvalid,
                     "column '" + path + "': " + value.substr(0, 60) + " " + why);
}

Status Append(const duckdb::Value& value, const AvroType& avro, const std::string& path,
              ByteWriter* out);

Status AppendRecord(const duckdb::child_list_t<LogicalType>& children,
                    const duckdb::vector<duckdb::Value>& values, const AvroType& avro,
                    const std::string& path, ByteWriter* out) {
  for (const AvroType::Field& field : avro.fields) {
    duckdb::Value value;  // NULL, for a field that is no column
    for (size_t i = 0; i < children.size(); ++i) {
      if (children[i].first == field.name) value = values[i];
    }
    WEIR_RETURN_IF_ERROR(
        Append(value, *field.type, path.empty() ? field.name : path + "." + field.name, out));
  }
  return Status::Ok();
}

Status AppendItems(const duckdb::Value& value, const AvroType& avro, const std::string& path,
                   ByteWriter* out) {
  const bool is_map = avro.kind == Kind::kMap;
  const auto& children =
      is_map ? duckdb::MapValue::GetChildren(value) : duckdb::ListValue::GetChildren(value);
  if (!children.empty()) {
    out->Signed(static_cast<int64_t>(children.size()));
    for (const duckdb::Value& child : children) {
      if (!is_map) {
        WEIR_RETURN_IF_ERROR(Append(child, avro.item(), path, out));
        continue;
      }
      const auto& pair = duckdb::StructValue::GetChildren(child);
      AppendBytes(pair[0].ToString(), out);
      WEIR_RETURN_IF_ERROR(Append(pair[1], avro.item(), path, out));
    }
  }
  out->Signed(0);
  return Status::Ok();
}

int64_t MicrosOf(const duckdb::Value& value) {
  return value.type().id() == LogicalTypeId::TIMESTAMP_TZ
             ? duckdb::TimestampTZValue::Get(value).value
             : duckdb::TimestampValue::Get(value).value;
}

Status AppendFixed(const duckdb::Value& value, const AvroType& avro, const std::string& path,
                   ByteWriter* out) {
  if (avro.logical != Logical::kDecimal) {
    const std::string& bytes = duckdb::StringValue::Get(value);
    if (bytes.size() != avro.size) {
      return BadValue(path, std::to_string(bytes.size()) + " bytes",
                      "where there must be " + std::to_string(avro.size));
    }
    out->Raw(bytes);
    return Status::Ok();
  }
  const duckdb::hugeint_t number = duckdb::IntegralValue::Get(value);
  const std::string bytes = TwosComplement(number);
  if (bytes.size() > avro.size) return BadValue(path, value.ToString(), "is too large");
  out->Raw(std::string(avro.size - bytes.size(), number.upper < 0 ? '\xff' : '\0') + bytes);
  return Status::Ok();
}

Status Append(const duckdb::Value& value, const AvroType& avro, const std::string& path,
              ByteWriter* out) {
  if (avro.kind == Kind::kUnion) {
    const int branch = value.IsNull() ? NullBranch(avro) : BranchFor(value.type(), avro);
    if (branch < 0) return BadValue(path, "NULL", "is not allowed by the schema");
    out->Signed(branch);
    return Append(value, *avro.branches[static_cast<size_t>(branch)], path, out);
  }
  if (avro.kind == Kind::kNull) return Status::Ok();
  if (value.IsNull()) return BadValue(path, "NULL", "is not allowed by the schema");
  switch (avro.kind) {
    case Kind::kBoolean:
      out->U8(duckdb::BooleanValue::Get(value) ? 1 : 0);
      break;
    case Kind::kInt:
    case Kind::kLong:
      if (value.type().id() == LogicalTypeId::DATE) {
        out->Signed(duckdb::DateValue::Get(value).days);
      } else if (avro.logical == Logical::kNone) {
        out->Signed(value.GetValue<int64_t>());
      } else {
        const int64_t micros = MicrosOf(value);
        const bool millis = avro.logical == Logical::kTimestampMillis ||
                            avro.logical == Logical::kLocalTimestampMillis;
        // Down, also before 1970.
        out->Signed(millis ? micros / 1000 - (micros % 1000 < 0 ? 1 : 0) : micros);
      }
      break;
    case Kind::kFloat:
      out->U32(std::bit_cast<uint32_t>(duckdb::FloatValue::Get(value)));
      break;
    case Kind::kDouble:
      out->U64(std::bit_cast<uint64_t>(value.GetValue<double>()));
      break;
    case Kind::kFixed:
      return AppendFixed(value, avro, path, out);
    case Kind::kBytes:
    case Kind::kString:
      AppendBytes(value.type().id() == LogicalTypeId::DECIMAL
                      ? TwosComplement(duckdb::IntegralValue::Get(value))
                      : duckdb::StringValue::Get(value),
                  out);
      break;
    case Kind::kEnum: {
      const auto& text = duckdb::StringValue::Get(value);
      const auto symbol = std::find(avro.symbols.begin(), avro.symbols.end(), text);
      if (symbol == avro.symbols.end()) {
        return BadValue(path, "'" + text + "'", "is no symbol of the schema");
      }
      out->Signed(symbol - avro.symbols.begin());
      break;
    }
    case Kind::kArray:
    case Kind::kMap:
      return AppendItems(value, avro, path, out);
    case Kind::kRecord:
      return AppendRecord(duckdb::StructType::GetChildTypes(value.type()),
                          duckdb::StructValue::GetChildren(value), avro, path, out);
    default:
      break;
  }
  return Status::Ok();
}

class AvroEncoder final : public RowEncoder {
 public:
  AvroEncoder(std::vector<EncodedField> fields, std::shared_ptr<const AvroSchema> schema)
      : fields_(std::move(fields)), schema_(std::move(schema)) {
    for (const EncodedField& field : fields_) {
      columns_.emplace_back(field.field.name, field.field.type);
    }
    values_.resize(fields_.size());
  }

  Status CheckColumns() const { return CheckRecord(columns_, schema_->root(), ""); }

  void Begin(duckdb::DataChunk& chunk) override { chunk_ = &chunk; }
  Result<bool> Append(size_t row, std::string* out) override {
    for (size_t i = 0; i < fields_.size(); ++i) {
      values_[i] = chunk_->GetValue(fields_[i].column, row);
    }
    ByteWriter bytes;
    WEIR_RETURN_IF_ERROR(AppendRecord(columns_, values_, schema_->root(), "", &bytes));
    *out += bytes.bytes();
    return true;
  }

 private:
  const std::vector<EncodedField> fields_;
  const std::shared_ptr<const AvroSchema> schema_;
  duckdb::child_list_t<LogicalType> columns_;
  duckdb::vector<duckdb::Value> values_;
  const duckdb::DataChunk* chunk_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<RowEncoder>> MakeAvroEncoder(const EncodeFormat& format,
                                                    std::vector<EncodedField> fields) {
  std::shared_ptr<const AvroSchema> schema;
  if (const auto given = format.options.find("schema"); given != format.options.end()) {
    WEIR_ASSIGN_OR_RETURN(schema, AvroSchema::Parse(given->second));
    if (schema->root().kind != Kind::kRecord) {
      return Error::User(
          ErrorCode::kInvalid,
          "option 'avro.schema' is " + AvroTypeName(schema->root()) + ", a record is needed");
    }
  } else {
    Schema columns;
    for (const EncodedField& field : fields) columns.fields.push_back(field.field);
    WEIR_ASSIGN_OR_RETURN(schema, AvroSchema::Of(columns));
  }
  const auto encoding = format.options.find("encoding");
  if (encoding != format.options.end() && encoding->second != "binary") {
    return Error::User(ErrorCode::kUnsupported,
                       "option 'avro.encoding' = '" + encoding->second + "' can't be written")
        .Fix("use 'binary'");
  }
  auto encoder = std::make_unique<AvroEncoder>(std::move(fields), std::move(schema));
  WEIR_RETURN_IF_ERROR(encoder->CheckColumns());
  return std::unique_ptr<RowEncoder>(std::move(encoder));
}

}  // namespace weir::columnar
