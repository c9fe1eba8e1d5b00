#include "weir/columnar/codec/row_encode.h"

#include <bit>
#include <optional>

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/value.hpp"
#include "duckdb/common/types/vector.hpp"
#include "weir/base/json_writer.h"
#include "weir/columnar/codec/avro_encode.h"
#include "weir/columnar/codec/value_text.h"
#include "weir/columnar/decimal_text.h"

namespace weir::columnar {

using duckdb::LogicalType;
using duckdb::LogicalTypeId;

namespace {

// --- options ---

class Options {
 public:
  explicit Options(const EncodeFormat& format) : format_(format) {}

  std::string Name(const std::string& key) const { return format_.name + "." + key; }
  Error Wrong(const std::string& key, const std::string& expected) const {
    const std::string* value = Find(key);
    return Error::User(ErrorCode::kInvalid, "option '" + Name(key) + "' = '" +
                                                (value != nullptr ? *value : "") +
                                                "' is not understood")
        .Fix(expected);
  }
  const std::string* Find(const std::string& key) const {
    auto it = format_.options.find(key);
    return it == format_.options.end() ? nullptr : &it->second;
  }
  Result<bool> Flag(const std::string& key) const {
    const std::string* value = Find(key);
    if (value == nullptr || *value == "false") return false;
    if (*value == "true") return true;
    return Wrong(key, "use true or false");
  }
  // One of the words; the first without the option.
  Result<size_t> Choice(const std::string& key, const std::vector<std::string>& words) const {
    const std::string* value = Find(key);
    if (value == nullptr) return size_t{0};
    std::string all;
    for (size_t i = 0; i < words.size(); ++i) {
      if (words[i] == *value) return i;
      all += (i ? " or '" : "'") + words[i] + "'";
    }
    return Wrong(key, "use " + all);
  }
  // Flink writes a tab as it is, and people write \t.
  Result<std::optional<char>> Character(const std::string& key, std::optional<char> other) const {
    const std::string* value = Find(key);
    if (value == nullptr) return other;
    if (*value == "\\t") return std::optional<char>('\t');
    if (value->size() == 1) return std::optional<char>(value->front());
    return Wrong(key, "use one character");
  }

 private:
  const EncodeFormat& format_;
};

// --- json, debezium-json ---

class JsonEncoder final : public RowEncoder {
 public:
  JsonEncoder(std::vector<EncodedField> fields, JsonStyle style, bool envelope)
      : fields_(std::move(fields)), style_(style), envelope_(envelope), formats_(fields_.size()) {}

  void Begin(duckdb::DataChunk& chunk) override {
    chunk_ = &chunk;
    for (size_t i = 0; i < fields_.size(); ++i) {
      chunk.data[fields_[i].column].ToUnifiedFormat(chunk.size(), formats_[i]);
    }
  }

  Result<bool> Append(size_t row, std::string* out) override {
    JsonWriter json;
    json.BeginObject();
    // Appended rows only: what a changelog would call an insertion.
    if (envelope_) json.Key("before").Null().Key("after").BeginObject();
    for (size_t i = 0; i < fields_.size(); ++i) {
      const bool is_null = !formats_[i].validity.RowIsValid(formats_[i].sel->get_index(row));
      if (is_null && style_.skip_nulls) continue;
      json.Key(fields_[i].field.name);
      if (is_null) {
        json.Null();
      } else {
        AppendField(i, row, &json);
      }
    }
    json.EndObject();
    if (envelope_) json.Key("op").String("c").EndObject();
    *out += json.text();
    return true;
  }

 private:
  template <typename T>
  T Get(size_t field, size_t row) const {
    const duckdb::UnifiedVectorFormat& format = formats_[field];
    return duckdb::UnifiedVectorFormat::GetData<T>(format)[format.sel->get_index(row)];
  }

  // The usual types without a Value in between.
  void AppendField(size_t field, size_t row, JsonWriter* json) const {
    switch (fields_[field].field.type.id()) {
      case LogicalTypeId::BOOLEAN:
        json->Bool(Get<bool>(field, row));
        return;
      case LogicalTypeId::INTEGER:
        json->Int(Get<int32_t>(field, row));
        return;
      case LogicalTypeId::BIGINT:
        json->Int(Get<int64_t>(field, row));
        return;
      case LogicalTypeId::DOUBLE:
        json->Double(Get<double>(field, row));
        return;
      case LogicalTypeId::VARCHAR: {
        const auto text = Get<duckdb::string_t>(field, row);
        json->String(std::string_view(text.GetData(), text.GetSize()));
        return;
      }
      default:
        AppendJsonValue(chunk_->GetValue(fields_[field].column, row), style_, json);
        return;
    }
  }

  const std::vector<EncodedField> fields_;
  const JsonStyle style_;
  const bool envelope_;
  std::vector<duckdb::UnifiedVectorFormat> formats_;
  const duckdb::DataChunk* chunk_ = nullptr;
};

Result<std::unique_ptr<RowEncoder>> MakeJsonEncoder(const Options& options, bool envelope,
                                                    std::vector<EncodedField> fields) {
  JsonStyle style;
  style.base64 = true;
  WEIR_ASSIGN_OR_RETURN(const size_t times,
                        options.Choice("timestamp-format.standard", {"SQL", "ISO-8601"}));
  style.times = times == 0 ? JsonStyle::Times::kSql : JsonStyle::Times::kIso;
  WEIR_ASSIGN_OR_RETURN(style.skip_nulls, options.Flag("encode.ignore-null-fields"));
  return std::unique_ptr<RowEncoder>(
      std::make_unique<JsonEncoder>(std::move(fields), style, envelope));
}

// --- csv ---

struct CsvStyle {
  char delimiter = ',';
  std::optional<char> quote = '"';
  std::optional<char> escape;
  std::string null_literal;
  std::string array_delimiter = ";";
};

std::string ScalarText(const duckdb::Value& value) {
  switch (value.type().id()) {
    case LogicalTypeId::DECIMAL:
      return DecimalText(value.ToString());
    case LogicalTypeId::DATE:
      return DateText(duckdb::DateValue::Get(value).days);
    case LogicalTypeId::TIMESTAMP:
      return TimestampText(duckdb::TimestampValue::Get(value).value, ' ', false);
    case LogicalTypeId::TIMESTAMP_TZ:
      return TimestampText(duckdb::TimestampTZValue::Get(value).value, ' ', true);
    case LogicalTypeId::BLOB:
      return Base64(duckdb::StringValue::Get(value));
    case LogicalTypeId::VARCHAR:
      return duckdb::StringValue::Get(value);
    default:
      return value.ToString();
  }
}

class CsvEncoder final : public RowEncoder {
 public:
  CsvEncoder(std::vector<EncodedField> fields, CsvStyle style)
      : fields_(std::move(fields)), style_(std::move(style)) {}

  void Begin(duckdb::DataChunk& chunk) override { chunk_ = &chunk; }

  Result<bool> Append(size_t row, std::string* out) override {
    for (size_t i = 0; i < fields_.size(); ++i) {
      if (i > 0) *out += style_.delimiter;
      const duckdb::Value value = chunk_->GetValue(fields_[i].column, row);
      if (value.IsNull()) {
        *out += style_.null_literal;
        continue;
      }
      WEIR_RETURN_IF_ERROR(AppendText(i, Text(value), out));
    }
    return true;
  }

 private:
  std::string Text(const duckdb::Value& value) const {
    const bool is_list = value.type().id() == LogicalTypeId::LIST;
    if (!is_list && value.type().id() != LogicalTypeId::STRUCT) return ScalarText(value);
    std::string text;
    const auto& children =
        is_list ? duckdb::ListValue::GetChildren(value) : duckdb::StructValue::GetChildren(value);
    for (size_t i = 0; i < children.size(); ++i) {
      if (i > 0) text += style_.array_delimiter;
      text += children[i].IsNull() ? style_.null_literal : ScalarText(children[i]);
    }
    return text;
  }

  Status AppendText(size_t field, const std::string& text, std::string* out) const {
    const std::string special = std::string("\r\n") + style_.delimiter +
                                (style_.quote ? std::string(1, *style_.quote) : "") +
                                (style_.escape ? std::string(1, *style_.escape) : "");
    // What would read back as NULL is quoted too.
    const bool plain =
        text.find_first_of(special) == std::string::npos && text != style_.null_literal;
    if (plain) {
      *out += text;
      return Status::Ok();
    }
    if (!style_.quote) {
      if (text.find_first_of(special) == std::string::npos) {
        *out += text;
        return Status::Ok();
      }
      if (!style_.escape) {
        return Error::Data(ErrorCode::kInvalid, "column '" + fields_[field].field.name + "': '" +
                                                    text.substr(0, 60) +
                                                    "' can't be written as CSV without quotes")
            .Fix("leave 'csv.disable-quote-character' out, or choose another delimiter");
      }
      for (const char c : text) {
        if (special.find(c) != std::string::npos) *out += *style_.escape;
        *out += c;
      }
      return Status::Ok();
    }
    *out += *style_.quote;
    for (const char c : text) {
      if (c == *style_.quote || c == style_.escape) *out += style_.escape.value_or(*style_.quote);
      *out += c;
    }
    *out += *style_.quote;
    return Status::Ok();
  }

  const std::vector<EncodedField> fields_;
  const CsvStyle style_;
  const duckdb::DataChunk* chunk_ = nullptr;
};

bool IsNested(const LogicalType& type) {
  return type.id() == LogicalTypeId::LIST || type.id() == LogicalTypeId::STRUCT ||
         type.id() == LogicalTypeId::MAP;
}

Result<std::unique_ptr<RowEncoder>> MakeCsvEncoder(const Options& options,
                                                   std::vector<EncodedField> fields) {
  for (const EncodedField& field : fields) {
    const LogicalType& type = field.field.type;
    bool good = type.id() != LogicalTypeId::MAP;
    if (type.id() == LogicalTypeId::LIST) good = !IsNested(duckdb::ListType::GetChildType(type));
    if (type.id() == LogicalTypeId::STRUCT) {
      for (const auto& child : duckdb::StructType::GetChildTypes(type)) {
        good = good && !IsNested(child.second);
      }
    }
    if (good) continue;
    return Error::User(ErrorCode::kUnsupported,
                       "column '" + field.field.name + "': format csv has no " + type.ToString())
        .Fix("write it as text, or use format json");
  }
  CsvStyle style;
  WEIR_ASSIGN_OR_RETURN(const auto delimiter, options.Character("field-delimiter", ','));
  style.delimiter = delimiter.value_or(',');
  WEIR_ASSIGN_OR_RETURN(style.quote, options.Character("quote-character", '"'));
  WEIR_ASSIGN_OR_RETURN(style.escape, options.Character("escape-character", std::nullopt));
  WEIR_ASSIGN_OR_RETURN(const bool no_quote, options.Flag("disable-quote-character"));
  if (no_quote) style.quote.reset();
  if (const auto* text = options.Find("null-literal")) style.null_literal = *text;
  if (const auto* text = options.Find("array-element-delimiter")) style.array_delimiter = *text;
  if (style.quote == style.delimiter || style.escape == style.delimiter) {
    return Error::User(ErrorCode::kInvalid,
                       "'csv.field-delimiter' is also the quote or escape character")
        .Fix("choose another");
  }
  return std::unique_ptr<RowEncoder>(
      std::make_unique<CsvEncoder>(std::move(fields), std::move(style)));
}

// --- raw ---

class RawEncoder final : public RowEncoder {
 public:
  RawEncoder(EncodedField field, bool little_endian)
      : field_(std::move(field)), little_endian_(little_endian) {}

  void Begin(duckdb::DataChunk& chunk) override { chunk_ = &chunk; }

  Result<bool> Append(size_t row, std::string* out) override {
    const duckdb::Value value = chunk_->GetValue(field_.column, row);
    if (value.IsNull()) return false;
    switch (field_.field.type.id()) {
      case LogicalTypeId::BOOLEAN:
        AppendInteger(duckdb::BooleanValue::Get(value) ? 1 : 0, 1, out);
        break;
      case LogicalTypeId::TINYINT:
        AppendInteger(static_cast<uint64_t>(duckdb::TinyIntValue::Get(value)), 1, out);
        break;
      case LogicalTypeId::SMALLINT:
        AppendInteger(static_cast<uint64_t>(duckdb::SmallIntValue::Get(value)), 2, out);
        break;
      case LogicalTypeId::INTEGER:
        AppendInteger(static_cast<uint64_t>(duckdb::IntegerValue::Get(value)), 4, out);
        break;
      case LogicalTypeId::BIGINT:
        AppendInteger(static_cast<uint64_t>(duckdb::BigIntValue::Get(value)), 8, out);
        break;
      case LogicalTypeId::FLOAT:
        AppendInteger(std::bit_cast<uint32_t>(duckdb::FloatValue::Get(value)), 4, out);
        break;
      case LogicalTypeId::DOUBLE:
        AppendInteger(std::bit_cast<uint64_t>(duckdb::DoubleValue::Get(value)), 8, out);
        break;
      default:
        *out += duckdb::StringValue::Get(value);
        break;
    }
    return true;
  }

 private:
  void AppendInteger(uint64_t value, int bytes, std::string* out) const {
    for (int i = 0; i < bytes; ++i) {
      const int shift = 8 * (little_endian_ ? i : bytes - 1 - i);
      *out += static_cast<char>(value >> shift & 0xff);
    }
  }

  const EncodedField field_;
  const bool little_endian_;
  const duckdb::DataChunk* chunk_ = nullptr;
};

Result<std::unique_ptr<RowEncoder>> MakeRawEncoder(const Options& options,
                                                   std::vector<EncodedField> fields) {
  if (fields.size() != 1) {
    std::string names;
    for (const EncodedField& field : fields) {
      names += (names.empty() ? "" : ", ") + field.field.name;
    }
    return Error::User(ErrorCode::kInvalid, "format raw carries one column, not " +
                                                std::to_string(fields.size()) +
                                                (names.empty() ? "" : ": " + names))
        .Fix("leave one column, or use format json");
  }
  WEIR_ASSIGN_OR_RETURN(const size_t endianness,
                        options.Choice("endianness", {"big-endian", "little-endian"}));
  WEIR_RETURN_IF_ERROR(options.Choice("charset", {"UTF-8", "utf-8"}).status());
  switch (fields[0].field.type.id()) {
    case LogicalTypeId::BOOLEAN:
    case LogicalTypeId::TINYINT:
    case LogicalTypeId::SMALLINT:
    case LogicalTypeId::INTEGER:
    case LogicalTypeId::BIGINT:
    case LogicalTypeId::FLOAT:
    case LogicalTypeId::DOUBLE:
    case LogicalTypeId::VARCHAR:
    case LogicalTypeId::BLOB:
      return std::unique_ptr<RowEncoder>(
          std::make_unique<RawEncoder>(std::move(fields[0]), endianness == 1));
    default:
      return Error::User(ErrorCode::kUnsupported, "column '" + fields[0].field.name +
                                                      "': format raw has no " +
                                                      fields[0].field.type.ToString())
          .Fix("cast it to VARCHAR");
  }
}

}  // namespace

Result<std::unique_ptr<RowEncoder>> MakeRowEncoder(const EncodeFormat& format,
                                                   std::vector<EncodedField> fields) {
  const Options options(format);
  if (format.name == "json") return MakeJsonEncoder(options, false, std::move(fields));
  if (format.name == "debezium-json") return MakeJsonEncoder(options, true, std::move(fields));
  if (format.name == "csv") return MakeCsvEncoder(options, std::move(fields));
  if (format.name == "raw") return MakeRawEncoder(options, std::move(fields));
  if (format.name == "avro") return MakeAvroEncoder(format, std::move(fields));
  return Error::User(ErrorCode::kUnsupported, "format '" + format.name + "' can't be written")
      .Fix("use json, csv, raw, avro or debezium-json");
}

}  // namespace weir::columnar
