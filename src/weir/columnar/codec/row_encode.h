// RowEncoder: rows of a batch to the bytes of messages, one message a row, in the formats that
// topics carry: json, csv, raw, avro, debezium-json. What each type becomes is what Apache Flink's
// formats of the same names write ("JSON Format", "CSV Format", "Raw Format", "Avro Format",
// "Debezium Format" in its documentation), with these differences: DECIMAL is always written with
// plain digits, and CSV quotes where RFC 4180 asks for it.
//
//   auto encoder = MakeRowEncoder({"json", {{"timestamp-format.standard", "ISO-8601"}}}, fields);
//   (*encoder)->Begin(chunk);
//   (*encoder)->Append(row, &bytes);   // {"id":1,"at":"2024-05-01T12:00:00.5Z"}
//
// Thread rule: an encoder belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/columnar/schema.h"

namespace duckdb {
class DataChunk;
}  // namespace duckdb

namespace weir::columnar {

// A column of the batch, and its name in the message.
struct EncodedField {
  size_t column = 0;
  Field field;
};

// Options by their name behind the format's: "null-literal" for 'csv.null-literal'. Those that
// speak of reading only are passed over.
//   json, debezium-json  timestamp-format.standard SQL|ISO-8601, encode.ignore-null-fields
//   csv                  field-delimiter, quote-character, disable-quote-character, null-literal,
//                        escape-character, array-element-delimiter
//   raw                  endianness big-endian|little-endian, charset UTF-8
//   avro                 schema (of a record; else it follows from the columns), encoding binary
struct EncodeFormat {
  std::string name;
  std::map<std::string, std::string> options;
};

class RowEncoder {
 public:
  virtual ~RowEncoder() = default;
  // The chunk whose rows are encoded next; it must stay as it is until then.
  virtual void Begin(duckdb::DataChunk& chunk) = 0;
  // Appends the row's message. False: the row has none (raw: NULL), nothing was appended. An error
  // names the column and the value that the format has no form for.
  virtual Result<bool> Append(size_t row, std::string* out) = 0;
};

// User errors: an unknown format or value of an option, a type that the format can't carry, several
// columns for raw.
Result<std::unique_ptr<RowEncoder>> MakeRowEncoder(const EncodeFormat& format,
                                                   std::vector<EncodedField> fields);

}  // namespace weir::columnar
