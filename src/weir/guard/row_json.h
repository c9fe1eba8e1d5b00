// The JSON form of a row, as T__quarantine and samples of failing rows carry it.
//
// Every value reads back equal by a DuckDB cast of its JSON scalar: numbers as numbers (DECIMAL and
// HUGEINT with all digits), NaN and infinities as strings, BLOB in DuckDB's \xNN text, times in
// their ISO text (TIMESTAMPTZ in UTC), STRUCT and MAP as objects, LIST as an array.
//
// Thread rule: free functions.
#pragma once

#include <string>

#include "weir/base/json_writer.h"
#include "weir/columnar/schema.h"

namespace duckdb {
class DataChunk;
class Value;
}  // namespace duckdb

namespace weir::guard {

void AppendValue(const duckdb::Value& value, JsonWriter* json);

// {"name":value,...} of the chunk's first columns, named by the schema.
std::string RowJson(const duckdb::DataChunk& chunk, size_t row, const columnar::Schema& schema);

}  // namespace weir::guard
