// Texts of single values, as messages carry them: times in SQL's and in ISO 8601's spelling, binary
// as base64, and any value as JSON.
//
// Thread rule: free functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "weir/base/json_writer.h"

namespace duckdb {
class Value;
}  // namespace duckdb

namespace weir::columnar {

// How JSON writes what it has no type for.
struct JsonStyle {
  enum class Times {
    kDuckDb,  // DuckDB's text of the value
    kSql,     // 2024-05-01 12:00:00.5, with zone: ...Z
    kIso,     // 2024-05-01T12:00:00.5, with zone: ...Z
  } times = Times::kDuckDb;
  bool base64 = false;      // BLOB as base64; else DuckDB's \xNN text
  bool skip_nulls = false;  // members of objects that are NULL are left out
  // A DECIMAL of more digits than a double has (15) as a string: readers of JSON take numbers for
  // doubles.
  bool exact_decimals = false;
};

// 2024-05-01 12:00:00.5 for separator ' ': no trailing zeros, no fraction where there is none.
// Infinite times are DuckDB's words.
std::string TimestampText(int64_t micros, char separator, bool utc);
std::string DateText(int32_t days);
std::string Base64(std::string_view bytes);

// Numbers as numbers (DECIMAL, see above, and HUGEINT with all digits), NaN and infinities as
// strings, STRUCT and MAP as objects, LIST as an array, everything else as a string.
void AppendJsonValue(const duckdb::Value& value, const JsonStyle& style, JsonWriter* json);

}  // namespace weir::columnar
