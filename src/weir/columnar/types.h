// Which types a table can store, and the casts from the types of queries to those.
//
// Stored as they are: BOOLEAN, TINYINT to BIGINT, FLOAT, DOUBLE, DECIMAL, VARCHAR, BLOB, DATE,
// TIMESTAMP WITH TIME ZONE, TIMESTAMP, and STRUCT, LIST and MAP of storable types.
// Cast on the way, without loss or with an error for the value that does not fit:
//   UTINYINT -> SMALLINT, USMALLINT -> INTEGER, UINTEGER -> BIGINT, UBIGINT -> DECIMAL(20,0),
//   HUGEINT, UHUGEINT -> DECIMAL(38,0), UUID, ENUM, JSON -> VARCHAR,
//   TIMESTAMP_S, TIMESTAMP_MS -> TIMESTAMP, arrays of fixed size -> LIST
// Everything else (TIME, INTERVAL, BIT, UNION, TIMESTAMP_NS ...) is refused, with the cast to
// write.
//
// Thread rule: free functions; a ChunkCast belongs to one thread.
#pragma once

#include <memory>
#include <string>

#include "weir/base/result.h"
#include "weir/columnar/schema.h"

namespace duckdb {
class ClientContext;
class DataChunk;
}  // namespace duckdb

namespace weir::columnar {

// The type in which a column of this type is stored. User error kUnsupported if it cannot be;
// `column` names it in the message and in the cast to write.
Result<duckdb::LogicalType> StorableType(const duckdb::LogicalType& type,
                                         const std::string& column);

// The same for every column. Also refuses columns without a name and two with the same one (names
// differ by more than case).
Result<Schema> StorableSchema(const Schema& schema);

// Casts batches from one list of types to another, checked: a value that does not fit is an error
// that names the column and the value. Columns that need no cast are referenced, not copied.
class ChunkCast {
 public:
  static Result<std::unique_ptr<ChunkCast>> Create(duckdb::ClientContext& context,
                                                   const Schema& from, const Schema& to);
  virtual ~ChunkCast() = default;
  // True if no column needs a cast: Apply only references.
  virtual bool trivial() const = 0;
  // The returned chunk is valid until the next Apply or until `in` changes.
  virtual Result<duckdb::DataChunk*> Apply(duckdb::DataChunk& in) = 0;
};

}  // namespace weir::columnar
