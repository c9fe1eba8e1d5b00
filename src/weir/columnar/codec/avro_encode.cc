#include "weir/columnar/codec/avro_encode.h"

#include <bit>

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/value.hpp"
#include "weir/base/byte_codec.h"
#include "weir/base/json_writer.h"

namespace weir::columnar {

using duckdb::LogicalType;
using duckdb::LogicalTypeId;

namespace {

Status CheckType(const LogicalType& type, const std::string& column) {
  switch (type.id()) {
    case LogicalTypeId::BOOLEAN:
    case LogicalTypeId::TINYINT:
    case LogicalTypeId::SMALLINT:
    case LogicalTypeId::INTEGER:
    case LogicalTypeId::BIGINT:
    case LogicalTypeId::FLOAT:
    case LogicalTypeId::DOUBLE:
    case LogicalTypeId::VARCHAR:
    case LogicalTypeId::BLOB:
    case LogicalTypeId::DATE:
    case LogicalTypeId::TIMESTAMP:
    case LogicalTypeId::TIMESTAMP_TZ:
    case LogicalTypeId::DECIMAL:
      return Status::Ok();
    case LogicalTypeId::LIST:
      return CheckType(duckdb::ListType::GetChildType(type), column);
    case LogicalTypeId::MAP:
      return CheckType(duckdb::MapType::ValueType(type), column);
    case LogicalTypeId::STRUCT:
      for (const auto& child : duckdb::StructType::GetChildTypes(type)) {
        WEIR_RETURN_IF_ERROR(CheckType(child.second, column));
      }
      return Status::Ok();
    default:
      return Error::User(ErrorCode::kUnsupported,
                         "column '" + column + "': format avro has no " + type.ToString())
          .Fix("cast it: CAST(" + column + " AS VARCHAR)");
  }
}

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

void AppendAvro(const duckdb::Value& value, ByteWriter* out) {
  out->Signed(value.IsNull() ? 0 : 1);  // which of the union
  if (value.IsNull()) return;
  const LogicalType& type = value.type();
  switch (type.id()) {
    case LogicalTypeId::BOOLEAN:
      out->U8(duckdb::BooleanValue::Get(value) ? 1 : 0);
      return;
    case LogicalTypeId::TINYINT:
      out->Signed(duckdb::TinyIntValue::Get(value));
      return;
    case LogicalTypeId::SMALLINT:
      out->Signed(duckdb::SmallIntValue::Get(value));
      return;
    case LogicalTypeId::INTEGER:
      out->Signed(duckdb::IntegerValue::Get(value));
      return;
    case LogicalTypeId::BIGINT:
      out->Signed(duckdb::BigIntValue::Get(value));
      return;
    case LogicalTypeId::DATE:
      out->Signed(duckdb::DateValue::Get(value).days);
      return;
    case LogicalTypeId::TIMESTAMP:
      out->Signed(duckdb::TimestampValue::Get(value).value);
      return;
    case LogicalTypeId::TIMESTAMP_TZ:
      out->Signed(duckdb::TimestampTZValue::Get(value).value);
      return;
    case LogicalTypeId::FLOAT:
      out->U32(std::bit_cast<uint32_t>(duckdb::FloatValue::Get(value)));
      return;
    case LogicalTypeId::DOUBLE:
      out->U64(std::bit_cast<uint64_t>(duckdb::DoubleValue::Get(value)));
      return;
    case LogicalTypeId::DECIMAL:
      AppendBytes(TwosComplement(duckdb::IntegralValue::Get(value)), out);
      return;
    case LogicalTypeId::LIST:
    case LogicalTypeId::MAP: {
      const bool is_map = type.id() == LogicalTypeId::MAP;
      const auto& children =
          is_map ? duckdb::MapValue::GetChildren(value) : duckdb::ListValue::GetChildren(value);
      if (!children.empty()) {
        out->Signed(static_cast<int64_t>(children.size()));
        for (const duckdb::Value& child : children) {
          if (!is_map) {
            AppendAvro(child, out);
            continue;
          }
          const auto& pair = duckdb::StructValue::GetChildren(child);
          AppendBytes(pair[0].ToString(), out);
          AppendAvro(pair[1], out);
        }
      }
      out->Signed(0);
      return;
    }
    case LogicalTypeId::STRUCT:
      for (const auto& child : duckdb::StructValue::GetChildren(value)) AppendAvro(child, out);
      return;
    default:  // VARCHAR, BLOB
      AppendBytes(duckdb::StringValue::Get(value), out);
      return;
  }
}

class AvroEncoder final : public RowEncoder {
 public:
  explicit AvroEncoder(std::vector<EncodedField> fields) : fields_(std::move(fields)) {}

  void Begin(duckdb::DataChunk& chunk) override { chunk_ = &chunk; }
  Result<bool> Append(size_t row, std::string* out) override {
    ByteWriter bytes;
    for (const EncodedField& field : fields_) {
      AppendAvro(chunk_->GetValue(field.column, row), &bytes);
    }
    *out += bytes.bytes();
    return true;
  }

 private:
  const std::vector<EncodedField> fields_;
  const duckdb::DataChunk* chunk_ = nullptr;
};

// --- schema ---

void LogicalLong(const char* name, JsonWriter* json) {
  json->BeginObject().Key("type").String("long").Key("logicalType").String(name).EndObject();
}

// `path` makes the names of records within records unique.
void AppendSchema(const LogicalType& type, const std::string& path, JsonWriter* json);

void AppendRecord(const duckdb::child_list_t<LogicalType>& children, const std::string& path,
                  JsonWriter* json) {
  json->BeginObject().Key("type").String("record").Key("name").String(path);
  json->Key("fields").BeginArray();
  for (const auto& [name, type] : children) {
    json->BeginObject().Key("name").String(name).Key("type");
    AppendSchema(type, path + "_" + name, json);
    json->Key("default").Null().EndObject();
  }
  json->EndArray().EndObject();
}

void AppendSchema(const LogicalType& type, const std::string& path, JsonWriter* json) {
  json->BeginArray().String("null");
  switch (type.id()) {
    case LogicalTypeId::BOOLEAN:
      json->String("boolean");
      break;
    case LogicalTypeId::TINYINT:
    case LogicalTypeId::SMALLINT:
    case LogicalTypeId::INTEGER:
      json->String("int");
      break;
    case LogicalTypeId::BIGINT:
      json->String("long");
      break;
    case LogicalTypeId::FLOAT:
      json->String("float");
      break;
    case LogicalTypeId::DOUBLE:
      json->String("double");
      break;
    case LogicalTypeId::BLOB:
      json->String("bytes");
      break;
    case LogicalTypeId::DATE:
      json->BeginObject().Key("type").String("int").Key("logicalType").String("date").EndObject();
      break;
    case LogicalTypeId::TIMESTAMP:
      LogicalLong("local-timestamp-micros", json);
      break;
    case LogicalTypeId::TIMESTAMP_TZ:
      LogicalLong("timestamp-micros", json);
      break;
    case LogicalTypeId::DECIMAL:
      json->BeginObject().Key("type").String("bytes").Key("logicalType").String("decimal");
      json->Key("precision").Int(duckdb::DecimalType::GetWidth(type));
      json->Key("scale").Int(duckdb::DecimalType::GetScale(type)).EndObject();
      break;
    case LogicalTypeId::LIST:
      json->BeginObject().Key("type").String("array").Key("items");
      AppendSchema(duckdb::ListType::GetChildType(type), path, json);
      json->EndObject();
      break;
    case LogicalTypeId::MAP:
      json->BeginObject().Key("type").String("map").Key("values");
      AppendSchema(duckdb::MapType::ValueType(type), path, json);
      json->EndObject();
      break;
    case LogicalTypeId::STRUCT:
      AppendRecord(duckdb::StructType::GetChildTypes(type), path, json);
      break;
    default:
      json->String("string");
      break;
  }
  json->EndArray();
}

}  // namespace

Result<std::unique_ptr<RowEncoder>> MakeAvroEncoder(std::vector<EncodedField> fields) {
  for (const EncodedField& field : fields) {
    WEIR_RETURN_IF_ERROR(CheckType(field.field.type, field.field.name));
  }
  return std::unique_ptr<RowEncoder>(std::make_unique<AvroEncoder>(std::move(fields)));
}

std::string AvroSchemaOf(const std::vector<EncodedField>& fields) {
  duckdb::child_list_t<LogicalType> children;
  for (const EncodedField& field : fields) {
    children.emplace_back(field.field.name, field.field.type);
  }
  JsonWriter json;
  AppendRecord(children, "record", &json);
  return json.Take();
}

}  // namespace weir::columnar
