#include "weir/columnar/testing/random_values.h"

#include <limits>
#include <set>
#include <utility>

#include "duckdb/common/types/date.hpp"
#include "duckdb/common/types/hugeint.hpp"
#include "duckdb/common/types/timestamp.hpp"

namespace weir::columnar::testing {
namespace {

using duckdb::LogicalType;
using duckdb::LogicalTypeId;

constexpr LogicalTypeId kPlainTypes[] = {
    LogicalTypeId::BOOLEAN, LogicalTypeId::TINYINT,   LogicalTypeId::SMALLINT,
    LogicalTypeId::INTEGER, LogicalTypeId::BIGINT,    LogicalTypeId::FLOAT,
    LogicalTypeId::DOUBLE,  LogicalTypeId::VARCHAR,   LogicalTypeId::BLOB,
    LogicalTypeId::DATE,    LogicalTypeId::TIMESTAMP, LogicalTypeId::TIMESTAMP_TZ};

// Years 1 to 9999, what every reader of the files can hold.
constexpr int32_t kFirstDay = -719162, kLastDay = 2932896;

}  // namespace

LogicalType RandomValues::Type(int depth) {
  const uint64_t choice = Below(depth > 0 ? 20 : 14);
  if (choice < std::size(kPlainTypes)) return LogicalType(kPlainTypes[choice]);
  if (choice < 14) {
    const auto width = static_cast<uint8_t>(1 + Below(38));
    return LogicalType::DECIMAL(width, static_cast<uint8_t>(Below(width + 1u)));
  }
  if (choice < 16) return LogicalType::LIST(Type(depth - 1));
  if (choice < 18) {
    duckdb::child_list_t<LogicalType> children;
    const uint64_t count = 1 + Below(3);
    for (uint64_t i = 0; i < count; ++i) {
      children.emplace_back("f" + std::to_string(i) + (Below(4) == 0 ? ".x \"y\"" : ""),
                            Type(depth - 1));
    }
    return LogicalType::STRUCT(std::move(children));
  }
  const LogicalType key =
      Below(2) == 0 ? LogicalType(LogicalTypeId::VARCHAR) : LogicalType(LogicalTypeId::BIGINT);
  return LogicalType::MAP(key, Type(depth - 1));
}

Schema RandomValues::RandomSchema(size_t columns_max) {
  Schema schema;
  const size_t count = 1 + Below(columns_max);
  for (size_t i = 0; i < count; ++i) {
    std::string name = "c" + std::to_string(i);
    if (Below(5) == 0) name += " \"ä\".,";
    schema.fields.push_back({name, Type()});
  }
  return schema;
}

std::string RandomValues::Text() {
  static const char* const kPieces[] = {"a", "Z",  "0",    " ",   "'",    "\"", "\n",
                                        "ß", "漢", "🙂", "nan", "null", ","};
  std::string text;
  const uint64_t count = Below(10) == 0 ? 200 : Below(12);
  for (uint64_t i = 0; i < count; ++i) text += kPieces[Below(std::size(kPieces))];
  return text;
}

duckdb::Value RandomValues::Value(const LogicalType& type, bool nullable) {
  using duckdb::Value;
  if (nullable && Below(5) == 0) return Value(type);
  const auto integer = [&](int64_t min, int64_t max) {
    const uint64_t choice = Below(8);
    if (choice == 0) return min;
    if (choice == 1) return max;
    if (choice == 2) return int64_t{0};
    const uint64_t span = static_cast<uint64_t>(max) - static_cast<uint64_t>(min);
    const uint64_t random = env_.RandomU64();
    return static_cast<int64_t>(static_cast<uint64_t>(min) +
                                (span == UINT64_MAX ? random : random % (span + 1)));
  };
  switch (type.id()) {
    case LogicalTypeId::BOOLEAN:
      return Value::BOOLEAN(Below(2) == 0);
    case LogicalTypeId::TINYINT:
      return Value::TINYINT(static_cast<int8_t>(integer(-128, 127)));
    case LogicalTypeId::SMALLINT:
      return Value::SMALLINT(static_cast<int16_t>(integer(-32768, 32767)));
    case LogicalTypeId::INTEGER:
      return Value::INTEGER(static_cast<int32_t>(integer(INT32_MIN, INT32_MAX)));
    case LogicalTypeId::BIGINT:
      return Value::BIGINT(integer(INT64_MIN, INT64_MAX));
    case LogicalTypeId::FLOAT: {
      static constexpr float kEdges[] = {0.0f,
                                         -0.0f,
                                         std::numeric_limits<float>::max(),
                                         std::numeric_limits<float>::denorm_min(),
                                         std::numeric_limits<float>::quiet_NaN(),
                                         -std::numeric_limits<float>::infinity()};
      if (Below(3) == 0) return Value::FLOAT(kEdges[Below(std::size(kEdges))]);
      return Value::FLOAT(static_cast<float>(integer(-100000, 100000)) / 7.0f);
    }
    case LogicalTypeId::DOUBLE: {
      static constexpr double kEdges[] = {0.0,
                                          -0.0,
                                          std::numeric_limits<double>::max(),
                                          std::numeric_limits<double>::denorm_min(),
                                          std::numeric_limits<double>::quiet_NaN(),
                                          std::numeric_limits<double>::infinity()};
      if (Below(3) == 0) return Value::DOUBLE(kEdges[Below(std::size(kEdges))]);
      return Value::DOUBLE(static_cast<double>(integer(INT32_MIN, INT32_MAX)) / 7.0);
    }
    case LogicalTypeId::DECIMAL: {
      const uint8_t width = duckdb::DecimalType::GetWidth(type);
      const uint8_t scale = duckdb::DecimalType::GetScale(type);
      const duckdb::hugeint_t limit = duckdb::Hugeint::POWERS_OF_TEN[width];
      const uint64_t choice = Below(4);
      duckdb::hugeint_t digits = limit - duckdb::hugeint_t(1);
      if (choice >= 2) {
        digits = duckdb::hugeint_t(integer(INT64_MIN, INT64_MAX)) * duckdb::hugeint_t(1000003);
        digits = digits % limit;
      } else if (choice == 1) {
        digits = -digits;
      }
      if (width <= 4) return Value::DECIMAL(duckdb::Hugeint::Cast<int16_t>(digits), width, scale);
      if (width <= 9) return Value::DECIMAL(duckdb::Hugeint::Cast<int32_t>(digits), width, scale);
      if (width <= 18) return Value::DECIMAL(duckdb::Hugeint::Cast<int64_t>(digits), width, scale);
      return Value::DECIMAL(digits, width, scale);
    }
    case LogicalTypeId::VARCHAR:
      return Value(Text());
    case LogicalTypeId::BLOB: {
      std::string bytes(Below(20), '\0');
      for (char& c : bytes) c = static_cast<char>(Below(256));
      return Value::BLOB_RAW(bytes);
    }
    case LogicalTypeId::DATE:
      return Value::DATE(duckdb::date_t(static_cast<int32_t>(integer(kFirstDay, kLastDay))));
    case LogicalTypeId::TIMESTAMP:
    case LogicalTypeId::TIMESTAMP_TZ: {
      constexpr int64_t kDay = 86'400'000'000;
      const int64_t us = integer(kFirstDay * kDay, kLastDay * kDay + kDay - 1);
      if (type.id() == LogicalTypeId::TIMESTAMP) return Value::TIMESTAMP(duckdb::timestamp_t(us));
      return Value::TIMESTAMPTZ(duckdb::timestamp_tz_t(us));
    }
    case LogicalTypeId::LIST: {
      const LogicalType& child = duckdb::ListType::GetChildType(type);
      duckdb::vector<Value> values;
      for (uint64_t n = Below(4); n > 0; --n) values.push_back(this->Value(child));
      return Value::LIST(child, std::move(values));
    }
    case LogicalTypeId::STRUCT: {
      duckdb::vector<duckdb::Value> values;
      for (const auto& child : duckdb::StructType::GetChildTypes(type)) {
        values.push_back(this->Value(child.second));
      }
      return Value::STRUCT(type, std::move(values));
    }
    case LogicalTypeId::MAP: {
      const LogicalType& key = duckdb::MapType::KeyType(type);
      const LogicalType& value = duckdb::MapType::ValueType(type);
      duckdb::vector<duckdb::Value> keys, values;
      std::set<std::string> seen;
      for (uint64_t n = Below(4); n > 0; --n) {
        duckdb::Value next = this->Value(key, false);
        if (!seen.insert(next.ToString()).second) continue;
        keys.push_back(std::move(next));
        values.push_back(this->Value(value));
      }
      return Value::MAP(key, value, std::move(keys), std::move(values));
    }
    default:
      return Value(type);
  }
}

}  // namespace weir::columnar::testing
