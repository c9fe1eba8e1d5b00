// Rows to Avro's binary encoding (Avro 1.11 specification, "Binary Encoding"): a record of the
// columns, without a schema and without a container file around it. Every column is a union of null
// and its type, in this order.
//
//   BOOLEAN boolean; TINYINT, SMALLINT, INTEGER int; BIGINT long; FLOAT float; DOUBLE double;
//   VARCHAR string; BLOB bytes; DATE int (date); TIMESTAMP long (local-timestamp-micros);
//   TIMESTAMPTZ long (timestamp-micros); DECIMAL bytes (decimal: two's complement, big-endian);
//   LIST array; MAP map with keys as text; STRUCT record
//
// Thread rule: as RowEncoder.
#pragma once

#include <memory>
#include <vector>

#include "weir/columnar/codec/row_encode.h"

namespace weir::columnar {

// User error for a type without an Avro form.
Result<std::unique_ptr<RowEncoder>> MakeAvroEncoder(std::vector<EncodedField> fields);

}  // namespace weir::columnar
