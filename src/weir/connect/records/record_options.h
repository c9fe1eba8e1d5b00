// The options of a table over records with a key and a value (a topic), in Flink's words: which
// format each of the two has, and which columns stand in the key. The same for a table that is read
// and for one that is written, so that one CREATE TABLE serves both.
//
//   'key.format' = 'json', 'key.fields' = 'region;id', 'key.fields-prefix' = 'k_',
//   'value.format' = 'json', 'value.fields-include' = 'EXCEPT_KEY',
//   'value.json.ignore-parse-errors' = 'true'      -- or 'json.ignore-parse-errors' with 'format'
//
// Thread rule: values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/columnar/schema.h"
#include "weir/connect/option_values.h"

namespace weir::connect {

struct RecordFormat {
  std::string name;                            // json, csv, avro, raw, debezium-json
  std::map<std::string, std::string> options;  // without the format's name: "null-literal"
};

struct RecordOptions {
  RecordFormat value;
  std::optional<RecordFormat> key;      // only with key_fields
  std::vector<std::string> key_fields;  // columns, with the prefix
  std::string key_prefix;               // not part of the names in the key
  bool value_has_key = true;            // 'value.fields-include' = 'ALL'

  // Position of the key's and of the value's columns among the physical columns of a table (those
  // that are no metadata), and the names they have in the record.
  struct Part {
    std::vector<size_t> columns;
    columnar::Schema schema;
  };
  // User errors: a key field that is no column, or lacks the prefix.
  Result<Part> KeyPart(const columnar::Schema& physical) const;
  Result<Part> ValuePart(const columnar::Schema& physical) const;
};

// Takes 'format', 'value.format', 'key.format', 'key.fields', 'key.fields-prefix',
// 'value.fields-include' and the options of the formats named there. User errors say which option,
// also for formats and their options that do not exist.
Result<RecordOptions> ParseRecordOptions(OptionReader& reader);

}  // namespace weir::connect
