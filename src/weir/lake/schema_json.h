// Delta schemas: the JSON of metaData.schemaString against columnar::Schema (Delta PROTOCOL, Schema
// Serialization Format).
//
//   string VARCHAR · long BIGINT · integer INTEGER · short SMALLINT · byte TINYINT · boolean ·
//   float · double · decimal(p,s) · binary BLOB · date · timestamp TIMESTAMPTZ ·
//   timestamp_ntz TIMESTAMP · struct · array LIST · map
//
// Types without a counterpart are refused by name, with the cast to write (kUnsupported).
//
// Thread rule: pure functions.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "weir/base/result.h"
#include "weir/columnar/schema.h"

namespace weir::lake {

Result<columnar::Schema> SchemaFromJson(std::string_view json);
Result<std::string> SchemaToJson(const columnar::Schema& schema);

// The same schema with nullable columns added at its end; everything there stays as it is,
// including what columnar::Schema does not know (comments, nested nullability).
Result<std::string> AppendColumns(std::string_view json, const columnar::Schema& added);

// Keys of the metadata of all fields at any depth: "delta.generationExpression", "comment", ...
Result<std::set<std::string>> FieldMetadataKeys(std::string_view json);

// Does a type hold TIMESTAMP without time zone at any depth? Needs the feature timestampNtz.
bool HoldsTimestampNtz(const duckdb::LogicalType& type);

}  // namespace weir::lake
