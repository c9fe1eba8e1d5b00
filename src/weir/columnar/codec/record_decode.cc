#include "weir/columnar/codec/record_decode.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "weir/columnar/codec/record_formats.h"

namespace weir::columnar {

const std::string* FormatOptions::Find(const std::string& key) const {
  const auto found = format_.options.find(key);
  return found == format_.options.end() ? nullptr : &found->second;
}

Error FormatOptions::Wrong(const std::string& key, const std::string& expected) const {
  const std::string* const value = Find(key);
  return Error::User(ErrorCode::kInvalid,
                     fmt::format("option '{}.{}' = '{}' is not understood", format_.format, key,
                                 value == nullptr ? "" : *value))
      .Fix(expected);
}

Result<bool> FormatOptions::Boolean(const std::string& key, bool by_default) const {
  const std::string* const value = Find(key);
  if (value == nullptr) return by_default;
  if (*value != "true" && *value != "false") return Wrong(key, "give 'true' or 'false'");
  return *value == "true";
}

Result<std::string> FormatOptions::Choice(const std::string& key,
                                          const std::vector<std::string>& choices) const {
  const std::string* const value = Find(key);
  if (value == nullptr) return choices[0];
  if (std::find(choices.begin(), choices.end(), *value) == choices.end()) {
    return Wrong(key, fmt::format("use one of {}", fmt::join(choices, ", ")));
  }
  return *value;
}

Result<int64_t> FormatOptions::Number(const std::string& key, int64_t by_default, int64_t least,
                                      int64_t most) const {
  const std::string* const value = Find(key);
  if (value == nullptr) return by_default;
  int64_t number = 0;
  const char* const end = value->data() + value->size();
  const auto [rest, error] = std::from_chars(value->data(), end, number);
  if (error != std::errc() || rest != end || number < least || number > most) {
    return Wrong(key, fmt::format("give a number from {} to {}", least, most));
  }
  return number;
}

Result<std::unique_ptr<RecordsDecoder>> NewRecordDecoder(const RecordFormatOptions& format,
                                                         const Schema& fields,
                                                         std::vector<RecordColumn> columns) {
  if (format.format == "json") return NewJsonRecords(format, fields, columns);
  if (format.format == "csv") return NewCsvRecords(format, fields, columns);
  if (format.format == "avro") return NewAvroRecords(format, fields, columns);
  if (format.format == "debezium-json") return NewDebeziumRecords(format, fields, columns);
  if (format.format == "raw") return NewRawRecords(format, fields, columns);
  return Error::User(ErrorCode::kUnsupported,
                     fmt::format("records of format '{}' can't be read", format.format))
      .Fix("use one of json, csv, avro, raw, debezium-json");
}

Result<duckdb::LogicalType> RecordMetadataType(const std::string& format, const std::string& key) {
  std::string keys;
  if (format == "debezium-json") {
    const std::pair<const char*, duckdb::LogicalType> types[] = {
        {"op", duckdb::LogicalType::VARCHAR},
        {"ingestion-timestamp", duckdb::LogicalType::TIMESTAMP_TZ},
        {"source.timestamp", duckdb::LogicalType::TIMESTAMP_TZ},
        {"source.database", duckdb::LogicalType::VARCHAR},
        {"source.schema", duckdb::LogicalType::VARCHAR},
        {"source.table", duckdb::LogicalType::VARCHAR}};
    for (const auto& [name, type] : types) {
      if (key == name) return type;
      keys += fmt::format("{}'value.{}'", keys.empty() ? "" : ", ", name);
    }
  }
  return Error::User(ErrorCode::kNotFound,
                     fmt::format("the format {} has no metadata '{}'", format, key))
      .Fix(keys.empty() ? "it has none" : "it has " + keys);
}

}  // namespace weir::columnar
