#include "weir/guard/row_json.h"

#include <cmath>

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/value.hpp"
#include "weir/columnar/decimal_text.h"

namespace weir::guard {

using duckdb::LogicalTypeId;

void AppendValue(const duckdb::Value& value, JsonWriter* json) {
  if (value.IsNull()) {
    json->Null();
    return;
  }
  switch (value.type().id()) {
    case LogicalTypeId::BOOLEAN:
      json->Bool(duckdb::BooleanValue::Get(value));
      return;
    case LogicalTypeId::TINYINT:
    case LogicalTypeId::SMALLINT:
    case LogicalTypeId::INTEGER:
    case LogicalTypeId::BIGINT:
    case LogicalTypeId::HUGEINT:
    case LogicalTypeId::UTINYINT:
    case LogicalTypeId::USMALLINT:
    case LogicalTypeId::UINTEGER:
    case LogicalTypeId::UBIGINT:
    case LogicalTypeId::UHUGEINT:
      json->Raw(value.ToString());
      return;
    case LogicalTypeId::DECIMAL:
      json->Raw(columnar::DecimalText(value.ToString()));
      return;
    case LogicalTypeId::FLOAT: {
      const float number = duckdb::FloatValue::Get(value);
      if (std::isfinite(number)) {
        json->Raw(value.ToString());  // shortest for a float; as a double it would grow digits
      } else {
        json->Double(number);
      }
      return;
    }
    case LogicalTypeId::DOUBLE:
      json->Double(duckdb::DoubleValue::Get(value));
      return;
    case LogicalTypeId::STRUCT: {
      const auto& children = duckdb::StructValue::GetChildren(value);
      json->BeginObject();
      for (size_t i = 0; i < children.size(); ++i) {
        json->Key(duckdb::StructType::GetChildName(value.type(), i));
        AppendValue(children[i], json);
      }
      json->EndObject();
      return;
    }
    case LogicalTypeId::MAP: {
      json->BeginObject();
      for (const auto& entry : duckdb::MapValue::GetChildren(value)) {
        const auto& pair = duckdb::StructValue::GetChildren(entry);
        json->Key(pair[0].ToString());
        AppendValue(pair[1], json);
      }
      json->EndObject();
      return;
    }
    case LogicalTypeId::LIST:
      json->BeginArray();
      for (const auto& child : duckdb::ListValue::GetChildren(value)) AppendValue(child, json);
      json->EndArray();
      return;
    default:
      json->String(value.ToString());
      return;
  }
}

std::string RowJson(const duckdb::DataChunk& chunk, size_t row, const columnar::Schema& schema) {
  JsonWriter json;
  json.BeginObject();
  for (size_t column = 0; column < schema.fields.size(); ++column) {
    json.Key(schema.fields[column].name);
    AppendValue(chunk.GetValue(column, row), &json);
  }
  json.EndObject();
  return json.Take();
}

}  // namespace weir::guard
