#include "weir/columnar/codec/value_text.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "duckdb/common/types/date.hpp"
#include "duckdb/common/types/timestamp.hpp"
#include "duckdb/common/types/value.hpp"
#include "weir/columnar/decimal_text.h"

namespace weir::columnar {

using duckdb::LogicalTypeId;

namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

void AppendDigits(int64_t value, int digits, std::string* out) {
  char text[8];
  for (int i = digits; i-- > 0; value /= 10) text[i] = static_cast<char>('0' + value % 10);
  out->append(text, static_cast<size_t>(digits));
}

std::string TimeText(const duckdb::Value& value, const JsonStyle& style) {
  const bool utc = value.type().id() == LogicalTypeId::TIMESTAMP_TZ;
  const int64_t micros =
      utc ? duckdb::TimestampTZValue::Get(value).value : duckdb::TimestampValue::Get(value).value;
  return TimestampText(micros, style.times == JsonStyle::Times::kSql ? ' ' : 'T', utc);
}

}  // namespace

std::string DateText(int32_t days) {
  const duckdb::date_t date(days);
  if (!duckdb::Date::IsFinite(date)) return duckdb::Date::ToString(date);
  int32_t year = 0, month = 0, day = 0;
  duckdb::Date::Convert(date, year, month, day);
  if (year < 0 || year > 9999) return duckdb::Date::ToString(date);
  std::string text;
  AppendDigits(year, 4, &text);
  text += '-';
  AppendDigits(month, 2, &text);
  text += '-';
  AppendDigits(day, 2, &text);
  return text;
}

std::string TimestampText(int64_t micros, char separator, bool utc) {
  const duckdb::timestamp_t timestamp(micros);
  if (!duckdb::Timestamp::IsFinite(timestamp)) return duckdb::Timestamp::ToString(timestamp);
  int64_t days = micros / kMicrosPerDay;
  int64_t rest = micros % kMicrosPerDay;
  if (rest < 0) {
    rest += kMicrosPerDay;
    --days;
  }
  std::string text = DateText(static_cast<int32_t>(days));
  text += separator;
  const int64_t seconds = rest / kMicrosPerSecond;
  AppendDigits(seconds / 3600, 2, &text);
  text += ':';
  AppendDigits(seconds / 60 % 60, 2, &text);
  text += ':';
  AppendDigits(seconds % 60, 2, &text);
  if (const int64_t fraction = rest % kMicrosPerSecond; fraction > 0) {
    text += '.';
    AppendDigits(fraction, 6, &text);
    while (text.back() == '0') text.pop_back();
  }
  if (utc) text += 'Z';
  return text;
}

std::string Base64(std::string_view bytes) {
  static constexpr char kAlphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (size_t k = 0; k < 4; ++k) {
      text += k <= count ? kAlphabet[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return text;
}

void AppendJsonValue(const duckdb::Value& value, const JsonStyle& style, JsonWriter* json) {
  if (value.IsNull()) {
    json->Null();
    return;
  }
  switch (value.type().id()) {
    case LogicalTypeId::BOOLEAN:
      json->Bool(duckdb::BooleanValue::Get(value));
      return;
    case LogicalTypeId::TINYINT:
    case LogicalTypeId::SMALLINT:
    case LogicalTypeId::INTEGER:
    case LogicalTypeId::BIGINT:
    case LogicalTypeId::HUGEINT:
    case LogicalTypeId::UTINYINT:
    case LogicalTypeId::USMALLINT:
    case LogicalTypeId::UINTEGER:
    case LogicalTypeId::UBIGINT:
    case LogicalTypeId::UHUGEINT:
      json->Raw(value.ToString());
      return;
    case LogicalTypeId::DECIMAL: {
      const std::string text = DecimalText(value.ToString());
      const auto digits = std::count_if(text.begin(), text.end(), [](char c) { return c >= '0'; });
      if (style.exact_decimals && digits > std::numeric_limits<double>::digits10) {
        json->String(text);
      } else {
        json->Raw(text);
      }
      return;
    }
    case LogicalTypeId::FLOAT: {
      const float number = duckdb::FloatValue::Get(value);
      if (std::isfinite(number)) {
        json->Raw(value.ToString());  // shortest for a float; as a double it would grow digits
      } else {
        json->Double(number);
      }
      return;
    }
    case LogicalTypeId::DOUBLE:
      json->Double(duckdb::DoubleValue::Get(value));
      return;
    case LogicalTypeId::TIMESTAMP:
    case LogicalTypeId::TIMESTAMP_TZ:
      json->String(style.times == JsonStyle::Times::kDuckDb ? value.ToString()
                                                            : TimeText(value, style));
      return;
    case LogicalTypeId::BLOB:
      json->String(style.base64 ? Base64(duckdb::StringValue::Get(value)) : value.ToString());
      return;
    case LogicalTypeId::STRUCT: {
      const auto& children = duckdb::StructValue::GetChildren(value);
      json->BeginObject();
      for (size_t i = 0; i < children.size(); ++i) {
        if (style.skip_nulls && children[i].IsNull()) continue;
        json->Key(duckdb::StructType::GetChildName(value.type(), i));
        AppendJsonValue(children[i], style, json);
      }
      json->EndObject();
      return;
    }
    case LogicalTypeId::MAP: {
      json->BeginObject();
      for (const auto& entry : duckdb::MapValue::GetChildren(value)) {
        const auto& pair = duckdb::StructValue::GetChildren(entry);
        json->Key(pair[0].ToString());
        AppendJsonValue(pair[1], style, json);
      }
      json->EndObject();
      return;
    }
    case LogicalTypeId::LIST:
      json->BeginArray();
      for (const auto& child : duckdb::ListValue::GetChildren(value)) {
        AppendJsonValue(child, style, json);
      }
      json->EndArray();
      return;
    default:
      json->String(value.ToString());
      return;
  }
}

}  // namespace weir::columnar
