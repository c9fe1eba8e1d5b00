#include "weir/connect/records/record_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace weir::connect {

namespace {

// Every option of every format, those for reading and those for writing. What a value means, and
// whether it can be, is the codec's to say.
const std::map<std::string, std::vector<std::string>>& Formats() {
  static const std::map<std::string, std::vector<std::string>> kFormats = {
      {"json",
       {"fail-on-missing-field", "ignore-parse-errors", "timestamp-format.standard",
        "map-null-key.mode", "map-null-key.literal", "encode.decimal-as-plain-number",
        "encode.ignore-null-fields", "max-depth"}},
      {"csv",
       {"field-delimiter", "disable-quote-character", "quote-character", "allow-comments",
        "ignore-parse-errors", "array-element-delimiter", "escape-character", "null-literal"}},
      {"avro", {"schema", "encoding"}},
      {"raw", {"charset", "endianness"}},
      {"debezium-json",
       {"schema-include", "ignore-parse-errors", "timestamp-format.standard", "map-null-key.mode",
        "map-null-key.literal", "encode.decimal-as-plain-number", "encode.ignore-null-fields",
        "deletes"}},
  };
  return kFormats;
}

Result<RecordFormat> TakeFormat(OptionReader& reader, const std::string& key,
                                const std::string& name, const std::vector<std::string>& prefixes) {
  const auto found = Formats().find(name);
  if (found == Formats().end()) {
    std::vector<std::string> names;
    for (const auto& [format, options] : Formats()) names.push_back(format);
    return WrongValue(key, name, Suggest(name, names));
  }
  RecordFormat format{name, {}};
  for (const std::string& option : found->second) {
    for (const std::string& prefix : prefixes) {
      if (auto value = reader.Take(prefix + name + "." + option)) {
        format.options.insert_or_assign(option, std::move(*value));
      }
    }
  }
  return format;
}

std::string Listed(const columnar::Schema& schema) {
  std::string names;
  for (const columnar::Field& field : schema.fields) {
    names += (names.empty() ? "" : ", ") + field.name;
  }
  return names;
}

}  // namespace

Result<RecordOptions> ParseRecordOptions(OptionReader& reader) {
  RecordOptions options;
  const auto plain = reader.Take("format");
  const auto value = reader.Take("value.format");
  const auto key = reader.Take("key.format");
  if (plain && value) {
    return Error::User(ErrorCode::kInvalid, "'format' and 'value.format' are the same option")
        .Fix("give one of them");
  }
  if (!plain && !value) {
    return Error::User(ErrorCode::kInvalid, "the option 'format' is missing")
        .Fix("add 'format' = 'json', or 'csv', 'avro', 'raw', 'debezium-json'");
  }
  // With 'format', its options have no prefix; 'value.format' takes them with one.
  std::vector<std::string> prefixes = {""};
  if (value) prefixes = {"value."};
  WEIR_ASSIGN_OR_RETURN(options.value, TakeFormat(reader, plain ? "format" : "value.format",
                                                  plain ? *plain : *value, prefixes));
  const auto fields = reader.Take("key.fields");
  if (fields) {
    size_t from = 0;
    while (from <= fields->size()) {
      const size_t end = std::min(fields->find(';', from), fields->size());
      if (end > from) options.key_fields.push_back(fields->substr(from, end - from));
      from = end + 1;
    }
  }
  if (key) {
    WEIR_ASSIGN_OR_RETURN(options.key, TakeFormat(reader, "key.format", *key, {"key."}));
    if (options.key_fields.empty()) {
      return Error::User(ErrorCode::kInvalid, "'key.format' is given, 'key.fields' is not")
          .Fix("name the columns that stand in the key: 'key.fields' = 'id;region'");
    }
    if (options.key->name == "debezium-json") {
      return WrongValue("key.format", *key, "a key has one of json, csv, avro and raw");
    }
  } else if (!options.key_fields.empty()) {
    return Error::User(ErrorCode::kInvalid, "'key.fields' is given, 'key.format' is not")
        .Fix("add 'key.format' = 'json', or 'csv', 'avro', 'raw'");
  }
  options.key_prefix = reader.Take("key.fields-prefix").value_or("");
  WEIR_RETURN_IF_ERROR(reader.Choose<bool>(
      "value.fields-include", {{"ALL", true}, {"EXCEPT_KEY", false}}, &options.value_has_key));
  if (!options.key_prefix.empty()) {
    // As in Flink: with a prefix the value can't hold the key's columns under the same names.
    if (options.value_has_key) {
      return Error::User(ErrorCode::kInvalid,
                         "'key.fields-prefix' goes with 'value.fields-include' = 'EXCEPT_KEY'")
          .Fix("add 'value.fields-include' = 'EXCEPT_KEY'");
    }
    for (const std::string& field : options.key_fields) {
      if (!field.starts_with(options.key_prefix)) {
        return Error::User(ErrorCode::kInvalid,
                           fmt::format("'key.fields' names '{}', which does not begin with "
                                       "'key.fields-prefix' = '{}'",
                                       field, options.key_prefix))
            .Fix("name the columns with their prefix");
      }
    }
  }
  return options;
}

Result<RecordOptions::Part> RecordOptions::KeyPart(const columnar::Schema& physical) const {
  Part part;
  for (const std::string& name : key_fields) {
    const int column = physical.Find(name);
    if (column < 0) {
      return Error::User(ErrorCode::kNotFound, fmt::format("'key.fields' names '{}', which is no "
                                                           "column of the table",
                                                           name))
          .Fix("the columns are " + Listed(physical));
    }
    part.columns.push_back(static_cast<size_t>(column));
    columnar::Field field = physical.fields[static_cast<size_t>(column)];
    field.name = field.name.substr(std::min(field.name.size(), key_prefix.size()));
    part.schema.fields.push_back(std::move(field));
  }
  return part;
}

Result<RecordOptions::Part> RecordOptions::ValuePart(const columnar::Schema& physical) const {
  WEIR_ASSIGN_OR_RETURN(const Part key_part, KeyPart(physical));
  Part part;
  for (size_t i = 0; i < physical.fields.size(); ++i) {
    const bool in_key =
        std::find(key_part.columns.begin(), key_part.columns.end(), i) != key_part.columns.end();
    if (in_key && !value_has_key) continue;
    part.columns.push_back(i);
    part.schema.fields.push_back(physical.fields[i]);
  }
  return part;
}

}  // namespace weir::connect
