#include "weir/guard/odcs_types.h"

#include <cctype>
#include <map>

#include "weir/columnar/engine.h"

namespace weir::guard {
namespace {

std::string Words(std::string_view text) {  // lower case, single spaces
  std::string words;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c))) {
      if (!words.empty() && words.back() != ' ') words.push_back(' ');
    } else {
      words.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    }
  }
  while (!words.empty() && words.back() == ' ') words.pop_back();
  return words;
}

// "10, 2" -> "10,2", if it is one or two numbers that DECIMAL takes.
std::optional<std::string> Precision(const std::string& arguments) {
  int numbers[2] = {0, 0};
  int count = 0;
  size_t i = 0;
  while (i < arguments.size()) {
    if (count == 2) return std::nullopt;
    while (i < arguments.size() && arguments[i] == ' ') ++i;
    const size_t begin = i;
    while (i < arguments.size() && std::isdigit(static_cast<unsigned char>(arguments[i]))) ++i;
    if (i == begin || i - begin > 2) return std::nullopt;
    numbers[count++] = std::stoi(arguments.substr(begin, i - begin));
    while (i < arguments.size() && arguments[i] == ' ') ++i;
    if (i < arguments.size() && arguments[i++] != ',') return std::nullopt;
  }
  if (count == 0 || numbers[0] < 1 || numbers[0] > 38 || numbers[1] > numbers[0]) {
    return std::nullopt;
  }
  return std::to_string(numbers[0]) + "," + std::to_string(numbers[1]);
}

const std::map<std::string, std::string>& PhysicalTypes() {
  static const std::map<std::string, std::string> types = {
      {"boolean", "BOOLEAN"},
      {"bool", "BOOLEAN"},
      {"bit", "BOOLEAN"},
      {"tinyint", "TINYINT"},
      {"byteint", "TINYINT"},
      {"smallint", "SMALLINT"},
      {"int2", "SMALLINT"},
      {"int", "INTEGER"},
      {"integer", "INTEGER"},
      {"int4", "INTEGER"},
      {"int32", "INTEGER"},
      {"mediumint", "INTEGER"},
      {"serial", "INTEGER"},
      {"bigint", "BIGINT"},
      {"int8", "BIGINT"},
      {"int64", "BIGINT"},
      {"long", "BIGINT"},
      {"bigserial", "BIGINT"},
      {"float", "DOUBLE"},
      {"float4", "FLOAT"},
      {"float32", "FLOAT"},
      {"real", "FLOAT"},
      {"float8", "DOUBLE"},
      {"float64", "DOUBLE"},
      {"double", "DOUBLE"},
      {"double precision", "DOUBLE"},
      {"decimal", "DECIMAL(18,3)"},
      {"numeric", "DECIMAL(18,3)"},
      {"number", "DECIMAL(38,0)"},
      {"bignumeric", "DECIMAL(38,9)"},
      {"money", "DECIMAL(19,4)"},
      {"varchar", "VARCHAR"},
      {"varchar2", "VARCHAR"},
      {"nvarchar", "VARCHAR"},
      {"nvarchar2", "VARCHAR"},
      {"character varying", "VARCHAR"},
      {"char", "VARCHAR"},
      {"nchar", "VARCHAR"},
      {"bpchar", "VARCHAR"},
      {"character", "VARCHAR"},
      {"string", "VARCHAR"},
      {"text", "VARCHAR"},
      {"clob", "VARCHAR"},
      {"uuid", "VARCHAR"},
      {"uniqueidentifier", "VARCHAR"},
      {"json", "VARCHAR"},
      {"jsonb", "VARCHAR"},
      {"xml", "VARCHAR"},
      {"enum", "VARCHAR"},
      {"time", "VARCHAR"},
      {"date", "DATE"},
      {"datetime", "TIMESTAMP"},
      {"datetime2", "TIMESTAMP"},
      {"timestamp", "TIMESTAMP"},
      {"timestamp_ntz", "TIMESTAMP"},
      {"timestamp without time zone", "TIMESTAMP"},
      {"timestamptz", "TIMESTAMPTZ"},
      {"timestamp_tz", "TIMESTAMPTZ"},
      {"timestamp_ltz", "TIMESTAMPTZ"},
      {"timestamp with time zone", "TIMESTAMPTZ"},
      {"timestamp with local time zone", "TIMESTAMPTZ"},
      {"datetimeoffset", "TIMESTAMPTZ"},
      {"blob", "BLOB"},
      {"bytes", "BLOB"},
      {"bytea", "BLOB"},
      {"binary", "BLOB"},
      {"varbinary", "BLOB"},
  };
  return types;
}

}  // namespace

std::optional<std::string> TypeOfPhysical(std::string_view physical) {
  std::string words = Words(physical);
  std::string arguments;
  const size_t open = words.find('(');
  if (open != std::string::npos) {
    const size_t close = words.find(')', open);
    if (close == std::string::npos) return std::nullopt;
    arguments = words.substr(open + 1, close - open - 1);
    // "timestamp(6) with time zone", "varchar (18)"
    words = words.substr(0, open) + words.substr(close + 1);
    words = Words(words);
  }
  const auto found = PhysicalTypes().find(words);
  if (found == PhysicalTypes().end()) return std::nullopt;
  if (found->second.starts_with("DECIMAL") && !arguments.empty()) {
    const auto precision = Precision(arguments);
    if (!precision) return std::nullopt;
    return "DECIMAL(" + *precision + ")";
  }
  return found->second;
}

std::optional<std::string> TypeOfLogical(std::string_view logical, std::string_view format,
                                         bool timezone) {
  if (logical == "string" || logical == "time") return "VARCHAR";
  if (logical == "date") return "DATE";
  if (logical == "timestamp") return timezone ? "TIMESTAMPTZ" : "TIMESTAMP";
  if (logical == "boolean") return "BOOLEAN";
  if (logical == "number") return format == "f32" ? "FLOAT" : "DOUBLE";
  if (logical == "integer") {
    // Delta has no unsigned types: each goes into the next wider one.
    static const std::map<std::string_view, const char*> widths = {
        {"i8", "TINYINT"},         {"i16", "SMALLINT"},      {"i32", "INTEGER"}, {"i64", "BIGINT"},
        {"i128", "DECIMAL(38,0)"}, {"u8", "SMALLINT"},       {"u16", "INTEGER"}, {"u32", "BIGINT"},
        {"u64", "DECIMAL(20,0)"},  {"u128", "DECIMAL(38,0)"}};
    const auto found = widths.find(format);
    return found == widths.end() ? "BIGINT" : found->second;
  }
  return std::nullopt;
}

std::optional<std::string> FormatCondition(std::string_view format, const std::string& value) {
  static const std::string kByte = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
  static const std::string kHex = "[0-9A-Fa-f]{1,4}";
  std::string pattern;
  if (format == "email") {
    pattern = "[^@\\s]+@[^@\\s]+\\.[^@\\s.]+";
  } else if (format == "uuid") {
    pattern = "[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}";
  } else if (format == "uri") {
    pattern = "[A-Za-z][A-Za-z0-9+.-]*:[^\\s]+";
  } else if (format == "hostname") {
    pattern =
        "([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\\.)*"
        "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
  } else if (format == "ipv4") {
    pattern = "(" + kByte + "\\.){3}" + kByte;
  } else if (format == "ipv6") {
    pattern = "(" + kHex + ":){7}" + kHex + "|(" + kHex + "(:" + kHex + "){0,6})?::(" + kHex +
              "(:" + kHex + "){0,6})?";
  } else if (format == "byte") {
    pattern = "([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?";
  } else {
    return std::nullopt;
  }
  return "regexp_full_match(" + value + ", " + columnar::QuoteLiteral(pattern) + ")";
}

bool PatternRuns(std::string_view pattern) {
  for (size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      if (pattern[i + 1] >= '1' && pattern[i + 1] <= '9') return false;
      ++i;
      continue;
    }
    if (pattern[i] != '(' || pattern[i + 1] != '?' || i + 2 >= pattern.size()) continue;
    const char kind = pattern[i + 2];
    if (kind == '=' || kind == '!') return false;
    if (kind == '<' && i + 3 < pattern.size() && (pattern[i + 3] == '=' || pattern[i + 3] == '!')) {
      return false;
    }
  }
  return true;
}

std::optional<int64_t> DurationUs(double value, std::string_view unit) {
  static const std::map<std::string, double> seconds = {
      {"s", 1},           {"sec", 1},         {"second", 1},
      {"seconds", 1},     {"m", 60},          {"min", 60},
      {"minute", 60},     {"minutes", 60},    {"h", 3600},
      {"hr", 3600},       {"hour", 3600},     {"hours", 3600},
      {"d", 86400},       {"day", 86400},     {"days", 86400},
      {"w", 604800},      {"week", 604800},   {"weeks", 604800},
      {"mo", 2592000},    {"month", 2592000}, {"months", 2592000},
      {"y", 31536000},    {"yr", 31536000},   {"year", 31536000},
      {"years", 31536000}};
  const auto found = seconds.find(Words(unit));
  if (found == seconds.end()) return std::nullopt;
  const double us = value * found->second * 1e6;
  if (!(us > 0) || us > 9e18) return std::nullopt;
  return static_cast<int64_t>(us);
}

}  // namespace weir::guard
