// Rows to Avro's binary encoding (Avro 1.11 specification, "Binary Encoding"): a record of the
// columns, without a schema and without a container file around it. The schema is the option
// 'schema', matched by name, or follows from the columns as AvroSchema::Of says: the same that the
// decoder reads.
//
// Thread rule: as RowEncoder.
#pragma once

#include <memory>
#include <vector>

#include "weir/columnar/codec/row_encode.h"

namespace weir::columnar {

// User errors: a type without an Avro form, columns and fields that do not fit together.
Result<std::unique_ptr<RowEncoder>> MakeAvroEncoder(const EncodeFormat& format,
                                                    std::vector<EncodedField> fields);

}  // namespace weir::columnar
