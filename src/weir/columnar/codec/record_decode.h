// The bytes of records (of a topic) to columns: one decoder for each format, for values and for
// keys. No I/O.
//
//   WEIR_ASSIGN_OR_RETURN(auto decoder, NewRecordDecoder({"json", {}}, fields, {{0}, {2}}));
//   std::vector<uint32_t> rows;
//   WEIR_ASSIGN_OR_RETURN(bool go_on, decoder->Decode(records, chunk, &rows, failed));
//   // row i of the chunk is records[rows[i]]
//
// What the formats mean: docs/sources.md, "Topics".
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/columnar/schema.h"

namespace duckdb {
class DataChunk;
}

namespace weir::columnar {

// A record's value, or key.
struct RecordBytes {
  const char* data = nullptr;  // nullptr: it has none
  uint32_t size = 0;
};

// Takes a record that does not decode: its number in the span, the column ("" for the whole
// record), the reason. False: stop reading.
using FailedRecord =
    std::function<bool(uint32_t record, const std::string& column, const std::string& reason)>;

struct RecordFormatOptions {
  std::string format;                          // json, csv, avro, raw, debezium-json
  std::map<std::string, std::string> options;  // without the format's name
  bool has_op_column = false;  // debezium-json: the table has a column of the metadata "op"
};

// A column to decode: one of the record's fields, or something the format knows about the record
// besides ("op" of debezium-json).
struct RecordColumn {
  int field = -1;
  std::string metadata;        // if field < 0
  duckdb::LogicalType type{};  // of metadata; RecordMetadataType says which
};

class RecordsDecoder {
 public:
  virtual ~RecordsDecoder() = default;
  // Decodes at most STANDARD_VECTOR_SIZE records, each to one row or none, in their order. The
  // chunk has the types of the columns; what it holds is valid until the next call. `rows` gets the
  // number of each row's record. False: `failed` said stop.
  virtual Result<bool> Decode(std::span<const RecordBytes> records, duckdb::DataChunk& out,
                              std::vector<uint32_t>* rows, const FailedRecord& failed) = 0;
};

// `fields`: all that the format holds, as declared. User errors: an option that the format does
// not have or a value it does not know, a type it can't hold, a metadata key it does not know.
Result<std::unique_ptr<RecordsDecoder>> NewRecordDecoder(const RecordFormatOptions& format,
                                                         const Schema& fields,
                                                         std::vector<RecordColumn> columns);

// The type of a format's metadata; kNotFound with the keys there are. debezium-json: op,
// ingestion-timestamp, source.timestamp, source.database, source.schema, source.table.
Result<duckdb::LogicalType> RecordMetadataType(const std::string& format, const std::string& key);

}  // namespace weir::columnar
