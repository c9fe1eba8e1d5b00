#include "weir/lake/paths.h"

#include <cmath>

#include "duckdb/common/types/timestamp.hpp"
#include "duckdb/common/types/value.hpp"
#include "weir/base/env.h"
#include "weir/columnar/decimal_text.h"

namespace weir::lake {
namespace {

using duckdb::LogicalTypeId;

constexpr char kHex[] = "0123456789ABCDEF";
constexpr size_t kFolderNameMax = 200;  // bytes; file systems take 255

void AppendPercent(std::string& out, unsigned char c) {
  out.push_back('%');
  out.push_back(kHex[c >> 4]);
  out.push_back(kHex[c & 15]);
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The characters Hive escapes in folder names.
std::string HiveEscape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool special = byte < 0x20 || byte == 0x7F ||
                         std::string_view("\"#%'*/:=?\\{[]^").find(c) != std::string_view::npos;
    if (special) {
      AppendPercent(out, byte);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

uint64_t Fnv1a(std::string_view text) {
  uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

std::string Hex(uint64_t value) {
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4) out.push_back(kHex[(value >> shift) & 15]);
  return out;
}

// Java's words for what is not a number.
std::string FloatText(double value, const duckdb::Value& original) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return original.ToString();
}

}  // namespace

std::string UriEncodePath(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                       (byte >= 'A' && byte <= 'Z') ||
                       std::string_view("-_.!~*'()/=@:&+$,;").find(c) != std::string_view::npos;
    if (plain) {
      out.push_back(c);
    } else {
      AppendPercent(out, byte);
    }
  }
  return out;
}

std::string UriDecodePath(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%' && i + 2 < path.size() && HexDigit(path[i + 1]) >= 0 &&
        HexDigit(path[i + 2]) >= 0) {
      out.push_back(static_cast<char>(HexDigit(path[i + 1]) * 16 + HexDigit(path[i + 2])));
      i += 2;
    } else {
      out.push_back(path[i]);
    }
  }
  return out;
}

std::string ResolveLogPath(const std::string& table, std::string_view log_path) {
  std::string path = UriDecodePath(log_path);
  if (path.rfind("file:", 0) == 0) {
    path.erase(0, 5);
    const size_t first = path.find_first_not_of('/');
    return "/" + (first == std::string::npos ? "" : path.substr(first));
  }
  if (path.find("://") != std::string::npos || (!path.empty() && path[0] == '/')) return path;
  return JoinPath(table, path);
}

std::string PartitionFolder(const std::string& column, const std::optional<std::string>& value) {
  const std::string name = HiveEscape(column) + "=";
  if (!value) return name + "__HIVE_DEFAULT_PARTITION__";
  std::string folder = name + HiveEscape(*value);
  if (folder.size() > kFolderNameMax) folder = name.substr(0, kFolderNameMax) + Hex(Fnv1a(*value));
  return folder;
}

Result<std::optional<std::string>> PartitionText(const duckdb::Value& value) {
  if (value.IsNull()) return std::optional<std::string>();
  switch (value.type().id()) {
    case LogicalTypeId::BOOLEAN:
      return std::optional<std::string>(value.GetValue<bool>() ? "true" : "false");
    case LogicalTypeId::FLOAT:
    case LogicalTypeId::DOUBLE:
      return std::optional<std::string>(FloatText(value.GetValue<double>(), value));
    case LogicalTypeId::VARCHAR: {
      const auto& text = duckdb::StringValue::Get(value);
      if (text.empty()) return std::optional<std::string>();
      return std::optional<std::string>(text);
    }
    case LogicalTypeId::TIMESTAMP_TZ: {
      const duckdb::timestamp_t time(value.GetValueUnsafe<int64_t>());
      std::string text = duckdb::Timestamp::ToString(time);
      const size_t space = text.find(' ');
      if (space == std::string::npos) {
        return Error::User(ErrorCode::kInvalid, "an infinite timestamp cannot name a partition");
      }
      text[space] = 'T';
      return std::optional<std::string>(text + "Z");
    }
    case LogicalTypeId::TINYINT:
    case LogicalTypeId::SMALLINT:
    case LogicalTypeId::INTEGER:
    case LogicalTypeId::BIGINT:
    case LogicalTypeId::DATE:
    case LogicalTypeId::TIMESTAMP:
      return std::optional<std::string>(value.ToString());
    case LogicalTypeId::DECIMAL:
      return std::optional<std::string>(columnar::DecimalText(value.ToString()));
    default:
      return Error::User(ErrorCode::kUnsupported,
                         "a value of type " + value.type().ToString() + " cannot name a partition");
  }
}

Status CheckPartitionType(const std::string& column, const duckdb::LogicalType& type) {
  switch (type.id()) {
    case LogicalTypeId::BLOB:
    case LogicalTypeId::STRUCT:
    case LogicalTypeId::LIST:
    case LogicalTypeId::MAP:
      return Error::User(ErrorCode::kUnsupported, "column '" + column + "' of type " +
                                                      type.ToString() + " cannot partition a table")
          .Fix("partition by a column of a plain type, such as a date or a short string");
    default:
      return Status();
  }
}

std::optional<std::string> CastableText(const std::optional<std::string>& text,
                                        const duckdb::LogicalType& type) {
  if (!text || text->empty()) return std::nullopt;
  if (type.id() == LogicalTypeId::TIMESTAMP_TZ) {
    // The form without a zone is the writer's local time; logs do not say which, so UTC.
    const size_t separator = text->find_first_of(" T");
    if (separator == std::string::npos) return *text + " 00:00:00+00";
    const bool has_zone = text->find_first_of("Z+-", separator) != std::string::npos;
    return has_zone ? *text : *text + "+00";
  }
  if (type.id() != LogicalTypeId::BLOB) return text;
  // Code points below 256 stand for bytes; DuckDB reads "\xNN".
  std::string out;
  for (size_t i = 0; i < text->size(); ++i) {
    auto byte = static_cast<unsigned char>((*text)[i]);
    if ((byte == 0xC2 || byte == 0xC3) && i + 1 < text->size()) {
      byte = static_cast<unsigned char>(((byte & 3) << 6) | ((*text)[++i] & 0x3F));
    }
    out += "\\x";
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 15]);
  }
  return out;
}

}  // namespace weir::lake
