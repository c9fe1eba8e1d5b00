#include "weir/guard/row_json.h"

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/value.hpp"
#include "weir/columnar/codec/value_text.h"

namespace weir::guard {

void AppendValue(const duckdb::Value& value, JsonWriter* json) {
  columnar::AppendJsonValue(value, {.exact_decimals = true}, json);
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
