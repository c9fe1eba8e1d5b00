// What the standard's type words mean here: ODCS logical and physical types as DuckDB types, string
// formats and patterns as conditions. Text in, text out; no YAML.
//
// Thread rule: free functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::guard {

// DuckDB's name of a physical type in the words of the usual databases ("varchar(18)", "NUMBER(10,
// 2)", "timestamp with time zone"); nullopt if the word is unknown. Types that a table can't hold
// (UUID, JSON, TIME) become VARCHAR.
std::optional<std::string> TypeOfPhysical(std::string_view physical);

// DuckDB's type of a scalar logicalType with its format option ("i32", "u64", "f32"); nullopt if
// the standard has no such logicalType. `object` and `array` are the caller's business.
std::optional<std::string> TypeOfLogical(std::string_view logical, std::string_view format,
                                         bool timezone);

// A condition that is true where the value has the string format (email, uuid, uri, hostname, ipv4,
// ipv6, byte); nullopt for a format that says nothing about the bytes.
std::optional<std::string> FormatCondition(std::string_view format, const std::string& value);

// Whether RE2 can run an ECMA-262 pattern: it has no look-around and no back-references.
bool PatternRuns(std::string_view pattern);

// Microseconds of "4 d", "1 hour" ...: the standard's units, ISO names, singular or plural.
std::optional<int64_t> DurationUs(double value, std::string_view unit);

}  // namespace weir::guard
