#include "weir/columnar/codec/text_values.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "duckdb/common/exception.hpp"
#include "duckdb/common/types/date.hpp"
#include "duckdb/common/types/decimal.hpp"
#include "duckdb/common/types/timestamp.hpp"
#include "duckdb/common/vector_operations/vector_operations.hpp"

namespace weir::columnar {

namespace {

using duckdb::FlatVector;
using duckdb::LogicalTypeId;
using duckdb::PhysicalType;
using duckdb::Vector;

constexpr std::array<int64_t, 19> kPowersOfTen = [] {
  std::array<int64_t, 19> powers{};
  int64_t power = 1;
  for (auto& p : powers) {
    p = power;
    if (power <= 100000000000000000) power *= 10;
  }
  return powers;
}();

// 1 to 8 digits as one word: the characters move to the upper bytes, zeros fill the lower ones.
bool UpToEightDigits(const char* text, uint32_t n, uint64_t* out) {
  uint64_t word;
  std::memcpy(&word, text, 8);
  if (n < 8) {
    word <<= (8 - n) * 8;
    word |= 0x3030303030303030u >> (n * 8);
  }
  if (((word & 0xF0F0F0F0F0F0F0F0u) |
       (((word + 0x0606060606060606u) & 0xF0F0F0F0F0F0F0F0u) >> 4)) != 0x3333333333333333u) {
    return false;
  }
  word -= 0x3030303030303030u;
  word = word * 10 + (word >> 8);
  *out = (((word & 0x000000FF000000FFu) * 0x000F424000000064u) +
          (((word >> 16) & 0x000000FF000000FFu) * 0x0000271000000001u)) >>
         32;
  return true;
}

// 1 to 16 digits.
bool Digits(const char* text, uint32_t n, uint64_t* out) {
  if (n <= 8) return n > 0 && UpToEightDigits(text, n, out);
  if (n > 16) return false;
  uint64_t high;
  uint64_t low;
  if (!UpToEightDigits(text, n - 8, &high) || !UpToEightDigits(text + (n - 8), 8, &low))
    return false;
  *out = high * 100000000u + low;
  return true;
}

bool Sign(const char*& text, uint32_t& n) {
  const bool negative = n > 0 && *text == '-';
  text += negative;
  n -= negative;
  return negative;
}

template <typename T>
struct ParseInteger {
  bool operator()(const char* text, uint32_t n, T* out) const {
    const bool negative = Sign(text, n);
    uint64_t digits;
    if (!Digits(text, n, &digits)) return false;
    const int64_t value = negative ? -static_cast<int64_t>(digits) : static_cast<int64_t>(digits);
    *out = static_cast<T>(value);
    return static_cast<int64_t>(*out) == value;
  }
};

template <typename T>
struct ParseDecimal {
  uint8_t width;
  uint8_t scale;

  bool operator()(const char* text, uint32_t n, T* out) const {
    const bool negative = Sign(text, n);
    uint32_t whole = n;
    if (n > scale && scale > 0 && text[n - 1 - scale] == '.') {
      whole = n - 1 - scale;
    } else {
      for (uint32_t i = 0; i < n; ++i) {
        if (text[i] == '.') {
          whole = i;
          break;
        }
      }
    }
    const uint32_t fraction = whole == n ? 0 : n - whole - 1;
    if (whole > uint32_t{width} - scale || fraction > scale || (whole < n && fraction == 0)) {
      return false;
    }
    uint64_t value;
    if (!Digits(text, whole, &value)) return false;
    value *= static_cast<uint64_t>(kPowersOfTen[scale]);
    if (fraction > 0) {
      uint64_t part;
      if (!Digits(text + whole + 1, fraction, &part)) return false;
      value += part * static_cast<uint64_t>(kPowersOfTen[scale - fraction]);
    }
    *out = static_cast<T>(negative ? -static_cast<int64_t>(value) : static_cast<int64_t>(value));
    return true;
  }
};

// Clinger's exact case: at most 15 digits are an exact double, and so is a power of ten up to 22;
// one correctly rounded division gives the correctly rounded result.
struct ParseDouble {
  bool operator()(const char* text, uint32_t n, double* out) const {
    static constexpr double kPowers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                         1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const bool negative = Sign(text, n);
    uint32_t whole = 0;
    while (whole < n && text[whole] != '.') ++whole;
    const uint32_t fraction = whole == n ? 0 : n - whole - 1;
    if (whole == 0 || whole + fraction > 15 || (whole < n && fraction == 0)) return false;
    uint64_t mantissa;
    if (!Digits(text, whole, &mantissa)) return false;
    if (fraction > 0) {
      uint64_t part;
      if (!Digits(text + whole + 1, fraction, &part)) return false;
      mantissa = mantissa * static_cast<uint64_t>(kPowersOfTen[fraction]) + part;
    }
    const double value = static_cast<double>(mantissa) / kPowers[fraction];
    *out = negative ? -value : value;
    return true;
  }
};

// Days since 1970-01-01 of "1996-03-13"; years 0001 to 9999.
bool ParseDays(const char* text, int32_t* out) {
  uint64_t first;
  std::memcpy(&first, text, 8);
  // "1996-03-" with the dashes at bytes 4 and 7, taken out of the digits.
  if ((first & 0xFF0000FF00000000u) != 0x2D00002D00000000u) return false;
  uint64_t year;
  uint64_t month;
  uint64_t day;
  if (!UpToEightDigits(text, 4, &year) || !UpToEightDigits(text + 5, 2, &month) ||
      !UpToEightDigits(text + 8, 2, &day)) {
    return false;
  }
  static constexpr uint8_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (year == 0 || month - 1 > 11 || day == 0) return false;
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  if (day > kDays[month - 1] + static_cast<uint64_t>(month == 2 && leap)) return false;
  const auto y = static_cast<int32_t>(year) - (month <= 2 ? 1 : 0);
  const int32_t era = y / 400;
  const int32_t year_of_era = y - era * 400;
  const auto shifted = static_cast<int32_t>(month > 2 ? month - 3 : month + 9);
  const int32_t day_of_year = (153 * shifted + 2) / 5 + static_cast<int32_t>(day) - 1;
  const int32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  *out = era * 146097 + day_of_era - 719468;
  return true;
}

struct ParseDate {
  bool operator()(const char* text, uint32_t n, duckdb::date_t* out) const {
    return n == 10 && ParseDays(text, &out->days);
  }
};

// "2013-01-01 05:00:00", "2013-01-01T05:00:00", both also with "Z".
struct ParseTimestamp {
  bool operator()(const char* text, uint32_t n, duckdb::timestamp_t* out) const {
    if (n != 19 && !(n == 20 && text[19] == 'Z')) return false;
    int32_t days;
    if ((text[10] != ' ' && text[10] != 'T') || text[13] != ':' || text[16] != ':' ||
        !ParseDays(text, &days)) {
      return false;
    }
    uint64_t hour;
    uint64_t minute;
    uint64_t second;
    if (!UpToEightDigits(text + 11, 2, &hour) || !UpToEightDigits(text + 14, 2, &minute) ||
        !UpToEightDigits(text + 17, 2, &second) || hour > 23 || minute > 59 || second > 59) {
      return false;
    }
    out->value = (static_cast<int64_t>(days) * 86400 +
                  static_cast<int64_t>(hour * 3600 + minute * 60 + second)) *
                 1000000;
    return true;
  }
};

// UpToEightDigits loads 8 bytes: only the last loads reach behind a value, by at most 7 bytes.
static_assert(ByteBuffer::kPadding >= 8);

duckdb::string_t AsString(const TextValues& values, size_t i) {
  return duckdb::string_t(values.data[i], values.size[i]);
}

// Casts one row. A map with a key twice, or with a NULL, is no failed cast to DuckDB but an
// exception.
bool CastOne(Vector& source, size_t row, Vector& result) {
  Vector one(source, row, row + 1);
  one.Flatten(1);
  std::string why;
  try {
    return duckdb::VectorOperations::DefaultTryCast(one, result, 1, &why);
  } catch (const duckdb::InvalidInputException&) {
    return false;
  }
}

// Casts row by row, where casting all together has thrown.
void CastEachByDuckDb(const TextValues& values, Vector& source, Vector& result,
                      std::vector<uint32_t>* failed) {
  const size_t count = values.count();
  Vector fresh(result.GetType(), std::max<size_t>(count, STANDARD_VECTOR_SIZE));
  for (size_t i = 0; i < count; ++i) {
    Vector one(result.GetType());
    if (values.data[i] == nullptr) {
      FlatVector::SetNull(fresh, i, true);
    } else if (CastOne(source, i, one)) {
      duckdb::VectorOperations::Copy(one, fresh, 1, 0, i);
    } else {
      FlatVector::SetNull(fresh, i, true);
      failed->push_back(static_cast<uint32_t>(i));
    }
  }
  result.Reference(fresh);
}

// DuckDB's cast of the given rows, written to their places in `result`. With `rows` == nullptr: of
// all rows, straight into the result.
void CastByDuckDb(const TextValues& values, const std::vector<uint32_t>* rows, Vector& result,
                  const std::shared_ptr<const void>& memory, std::vector<uint32_t>* failed) {
  const size_t count = rows ? rows->size() : values.count();
  if (count == 0) return;
  const auto row_of = [&](size_t i) { return rows ? (*rows)[i] : static_cast<uint32_t>(i); };
  Vector source(duckdb::LogicalType::VARCHAR, std::max<size_t>(count, STANDARD_VECTOR_SIZE));
  auto* strings = FlatVector::GetData<duckdb::string_t>(source);
  for (size_t i = 0; i < count; ++i) {
    if (values.data[row_of(i)] == nullptr) {
      FlatVector::SetNull(source, i, true);
    } else {
      strings[i] = AsString(values, row_of(i));
    }
  }
  duckdb::StringVector::AddBuffer(source, duckdb::make_buffer<KeepAlive>(memory));
  const duckdb::LogicalType& type = result.GetType();
  std::string message;
  const bool nested = type.IsNested();
  if (rows == nullptr) {
    bool good = false;
    try {
      good = duckdb::VectorOperations::DefaultTryCast(source, result, count, &message);
    } catch (const duckdb::InvalidInputException&) {
      if (!nested) throw;
      return CastEachByDuckDb(values, source, result, failed);
    }
    if (!good) {
      result.Flatten(count);
      for (size_t i = 0; i < count; ++i) {
        if (values.data[i] == nullptr) continue;
        bool bad = !FlatVector::Validity(result).RowIsValid(i);
        if (!bad && nested) {
          // An element that fails is NULL inside a row that stays: only a cast of its own tells.
          Vector ignored(type);
          bad = !CastOne(source, i, ignored);
          if (bad) FlatVector::SetNull(result, i, true);
        }
        if (bad) failed->push_back(static_cast<uint32_t>(i));
      }
    }
    return;
  }
  // Only types of a fixed width come here with a selection of rows.
  Vector cast(type, std::max<size_t>(count, STANDARD_VECTOR_SIZE));
  const bool ok = duckdb::VectorOperations::DefaultTryCast(source, cast, count, &message);
  cast.Flatten(count);
  const size_t width = duckdb::GetTypeIdSize(type.InternalType());
  const auto* from = FlatVector::GetData(cast);
  auto* to = FlatVector::GetData(result);
  for (size_t i = 0; i < count; ++i) {
    std::memcpy(to + width * row_of(i), from + width * i, width);
    if (!ok && !FlatVector::Validity(cast).RowIsValid(i)) {
      FlatVector::SetNull(result, row_of(i), true);
      failed->push_back(row_of(i));
    }
  }
}

template <typename T, typename Parse>
void CastFast(const TextValues& values, Vector& result, const std::shared_ptr<const void>& memory,
              std::vector<uint32_t>* failed, Parse parse) {
  auto* out = FlatVector::GetData<T>(result);
  const size_t count = values.count();
  const char* const* data = values.data.data();
  const uint32_t* size = values.size.data();
  std::vector<uint32_t> unusual;
  for (size_t i = 0; i < count; ++i) {
    if (data[i] == nullptr) {
      out[i] = T();
      FlatVector::SetNull(result, i, true);
    } else if (!parse(data[i], size[i], &out[i])) {
      unusual.push_back(static_cast<uint32_t>(i));
    }
  }
  if (!unusual.empty()) CastByDuckDb(values, &unusual, result, memory, failed);
}

void AsStrings(const TextValues& values, Vector& result,
               const std::shared_ptr<const void>& memory) {
  auto* out = FlatVector::GetData<duckdb::string_t>(result);
  const size_t count = values.count();
  for (size_t i = 0; i < count; ++i) {
    const char* text = values.data[i];
    if (text == nullptr) {
      FlatVector::SetNull(result, i, true);
      out[i] = duckdb::string_t(uint32_t{0});
    } else {
      out[i] = duckdb::string_t(text, values.size[i]);
    }
  }
  duckdb::StringVector::AddBuffer(result, duckdb::make_buffer<KeepAlive>(memory));
}

}  // namespace

void CastText(const TextValues& values, Vector& result, const std::shared_ptr<const void>& memory,
              std::vector<uint32_t>* failed) {
  const duckdb::LogicalType& type = result.GetType();
  switch (type.id()) {
    case LogicalTypeId::VARCHAR:
      if (type.IsJSONType()) break;
      return AsStrings(values, result, memory);
    case LogicalTypeId::TINYINT:
      return CastFast<int8_t>(values, result, memory, failed, ParseInteger<int8_t>());
    case LogicalTypeId::SMALLINT:
      return CastFast<int16_t>(values, result, memory, failed, ParseInteger<int16_t>());
    case LogicalTypeId::INTEGER:
      return CastFast<int32_t>(values, result, memory, failed, ParseInteger<int32_t>());
    case LogicalTypeId::BIGINT:
      return CastFast<int64_t>(values, result, memory, failed, ParseInteger<int64_t>());
    case LogicalTypeId::DOUBLE:
      return CastFast<double>(values, result, memory, failed, ParseDouble());
    case LogicalTypeId::DATE:
      return CastFast<duckdb::date_t>(values, result, memory, failed, ParseDate());
    case LogicalTypeId::TIMESTAMP:
    case LogicalTypeId::TIMESTAMP_TZ:
      return CastFast<duckdb::timestamp_t>(values, result, memory, failed, ParseTimestamp());
    case LogicalTypeId::DECIMAL: {
      const uint8_t width = duckdb::DecimalType::GetWidth(type);
      const uint8_t scale = duckdb::DecimalType::GetScale(type);
      switch (type.InternalType()) {
        case PhysicalType::INT16:
          return CastFast<int16_t>(values, result, memory, failed,
                                   ParseDecimal<int16_t>{width, scale});
        case PhysicalType::INT32:
          return CastFast<int32_t>(values, result, memory, failed,
                                   ParseDecimal<int32_t>{width, scale});
        case PhysicalType::INT64:
          return CastFast<int64_t>(values, result, memory, failed,
                                   ParseDecimal<int64_t>{width, scale});
        default:
          break;
      }
      break;
    }
    default:
      break;
  }
  CastByDuckDb(values, nullptr, result, memory, failed);
}

std::string CastFailure(std::string_view value, const duckdb::LogicalType& type) {
  constexpr size_t kShown = 100;
  if (value.size() <= kShown) return fmt::format("cannot cast '{}' to {}", value, type.ToString());
  size_t shown = kShown;
  while (shown > 0 && (static_cast<unsigned char>(value[shown]) & 0xC0) == 0x80) --shown;
  return fmt::format("cannot cast '{}…' ({} bytes) to {}", value.substr(0, shown), value.size(),
                     type.ToString());
}

}  // namespace weir::columnar
