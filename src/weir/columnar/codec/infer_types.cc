#include "weir/columnar/codec/infer_types.h"

#include <cctype>
#include <string>
#include <string_view>

#include "duckdb/common/vector_operations/vector_operations.hpp"

namespace weir::columnar {

namespace {

using duckdb::LogicalType;

bool IsTrueOrFalse(std::string_view text) {
  const auto equals = [&](std::string_view word) {
    if (text.size() != word.size()) return false;
    for (size_t i = 0; i < word.size(); ++i) {
      if (std::tolower(static_cast<unsigned char>(text[i])) != word[i]) return false;
    }
    return true;
  };
  return equals("true") || equals("false");
}

// "007", "-01": digits that a number would lose.
bool HasLeadingZero(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  return text.size() > 1 && text[0] == '0' && std::isdigit(static_cast<unsigned char>(text[1]));
}

// A time zone at the end: "Z", "+02", "-05:30".
bool HasZone(std::string_view text) {
  if (text.ends_with('Z') || text.ends_with('z')) return true;
  const size_t sign = text.find_last_of("+-");
  return sign != std::string_view::npos && sign > 10;
}

bool LooksLikeDate(std::string_view text) {
  return text.size() >= 8 && text.size() <= 10 && std::isdigit(static_cast<unsigned char>(text[0]));
}

bool LooksLikeTimestamp(std::string_view text) {
  return text.size() > 10 && std::isdigit(static_cast<unsigned char>(text[0])) &&
         text.find(':') != std::string_view::npos;
}

}  // namespace

LogicalType InferType(const TextValues& sample) {
  size_t values = 0;
  bool numbers = true;
  bool booleans = true;
  bool dates = true;
  bool timestamps = true;
  bool zones = true;
  duckdb::Vector source(LogicalType::VARCHAR, std::max<size_t>(sample.count(), 1));
  for (size_t i = 0; i < sample.count(); ++i) {
    if (sample.data[i] == nullptr) continue;
    const std::string_view text(sample.data[i], sample.size[i]);
    duckdb::FlatVector::GetData<duckdb::string_t>(source)[values++] =
        duckdb::string_t(sample.data[i], sample.size[i]);
    numbers = numbers && !HasLeadingZero(text);
    booleans = booleans && IsTrueOrFalse(text);
    dates = dates && LooksLikeDate(text);
    timestamps = timestamps && LooksLikeTimestamp(text);
    zones = zones && HasZone(text);
  }
  if (values == 0) return LogicalType::VARCHAR;
  const auto all_cast = [&](const LogicalType& type) {
    duckdb::Vector result(type, values);
    std::string message;
    return duckdb::VectorOperations::DefaultTryCast(source, result, values, &message,
                                                    /*strict=*/true);
  };
  if (booleans) return LogicalType::BOOLEAN;
  if (numbers && all_cast(LogicalType::BIGINT)) return LogicalType::BIGINT;
  if (numbers && all_cast(LogicalType::DOUBLE)) return LogicalType::DOUBLE;
  if (dates && all_cast(LogicalType::DATE)) return LogicalType::DATE;
  if (timestamps && zones && all_cast(LogicalType::TIMESTAMP_TZ)) return LogicalType::TIMESTAMP_TZ;
  if (timestamps && !zones && all_cast(LogicalType::TIMESTAMP)) return LogicalType::TIMESTAMP;
  return LogicalType::VARCHAR;
}

}  // namespace weir::columnar
