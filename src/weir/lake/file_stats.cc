#include "weir/lake/file_stats.h"

#include <optional>

#include <simdjson.h>

#include "weir/base/json_writer.h"
#include "weir/columnar/decimal_text.h"

namespace weir::lake {
namespace {

using duckdb::LogicalType;
using duckdb::LogicalTypeId;

constexpr size_t kPrefixCharacters = 32;
// More than any character that text holds: U+007F for ASCII, else the greatest code point.
constexpr const char* kAsciiTieBreaker = "\x7F";
constexpr const char* kTieBreaker = "\xF4\x8F\xBF\xBF";

// Bytes of the first 32 characters.
size_t PrefixBytes(std::string_view text) {
  size_t characters = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool starts = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (starts && characters++ == kPrefixCharacters) return i;
  }
  return text.size();
}

std::optional<std::string> CutMin(std::string_view text) {
  return std::string(text.substr(0, PrefixBytes(text)));
}

std::optional<std::string> CutMax(std::string_view text) {
  const size_t prefix = PrefixBytes(text);
  if (prefix == text.size()) return std::string(text);
  const std::string_view rest = text.substr(prefix);
  if (rest.substr(0, 4) == kTieBreaker) return std::nullopt;  // nothing is greater
  const auto next = static_cast<unsigned char>(rest[0]);
  // Greater than everything that begins with the prefix and goes on as `text` does.
  return std::string(text.substr(0, prefix)) + (next < 0x7F ? kAsciiTieBreaker : kTieBreaker);
}

// "2021-09-08 11:11:11.123456+00" -> "2021-09-08T11:11:11.123Z"; nullopt for what JSON readers of
// statistics do not understand (infinities, years before 1 and after 9999).
std::optional<std::string> Timestamp(std::string_view text, bool with_zone) {
  if (text.size() < 19 || text[4] != '-' || text[10] != ' ') return std::nullopt;
  for (size_t i = 0; i < 4; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
  }
  if (text.find("BC") != std::string_view::npos) return std::nullopt;
  std::string_view rest = text.substr(19);
  std::string millis = "000";
  if (!rest.empty() && rest[0] == '.') {
    rest.remove_prefix(1);
    size_t i = 0;
    for (; i < rest.size() && rest[i] >= '0' && rest[i] <= '9'; ++i) {
      if (i < 3) millis[i] = rest[i];
    }
    rest.remove_prefix(i);
  }
  if (with_zone && rest != "+00" && rest != "Z" && rest != "+00:00" && !rest.empty()) {
    return std::nullopt;
  }
  std::string out(text.substr(0, 10));
  out += 'T';
  out += text.substr(11, 8);
  out += '.' + millis;
  if (with_zone) out += 'Z';
  return out;
}

// JSON of a bound; nullopt: leave it out.
std::optional<std::string> BoundJson(const LogicalType& type, const std::string& text,
                                     bool is_max) {
  JsonWriter json;
  switch (type.id()) {
    case LogicalTypeId::TINYINT:
    case LogicalTypeId::SMALLINT:
    case LogicalTypeId::INTEGER:
    case LogicalTypeId::BIGINT:
      return text;
    case LogicalTypeId::DECIMAL:
      return columnar::DecimalText(text);
    case LogicalTypeId::FLOAT:
    case LogicalTypeId::DOUBLE:
      if (text.find_first_not_of("0123456789+-.eE") != std::string::npos) return std::nullopt;
      return text;
    case LogicalTypeId::VARCHAR: {
      const auto cut = is_max ? CutMax(text) : CutMin(text);
      if (!cut) return std::nullopt;
      json.String(*cut);
      return json.Take();
    }
    case LogicalTypeId::DATE:
      if (text.size() != 10) return std::nullopt;
      json.String(text);
      return json.Take();
    case LogicalTypeId::TIMESTAMP:
    case LogicalTypeId::TIMESTAMP_TZ: {
      const auto bound = Timestamp(text, type.id() == LogicalTypeId::TIMESTAMP_TZ);
      if (!bound) return std::nullopt;
      json.String(*bound);
      return json.Take();
    }
    default:
      return std::nullopt;
  }
}

struct StatsText {
  JsonWriter min;
  JsonWriter max;
  JsonWriter nulls;
  int64_t columns_left = 0;
};

void AddField(StatsText& out, const columnar::ParquetFileStats& stats,
              std::vector<std::string>& path, const LogicalType& type) {
  const std::string& name = path.back();
  if (type.id() == LogicalTypeId::STRUCT) {
    for (JsonWriter* json : {&out.min, &out.max, &out.nulls}) json->Key(name).BeginObject();
    for (const auto& [child, child_type] : duckdb::StructType::GetChildTypes(type)) {
      path.push_back(child);
      AddField(out, stats, path, child_type);
      path.pop_back();
    }
    for (JsonWriter* json : {&out.min, &out.max, &out.nulls}) json->EndObject();
    return;
  }
  if (out.columns_left == 0) return;
  out.columns_left -= 1;
  const columnar::ParquetColumnStats* column = stats.Find(path);
  if (column == nullptr) return;
  if (column->nulls >= 0) out.nulls.Key(name).Int(column->nulls);
  if (!column->min || !column->max || column->has_nan) return;
  const auto min = BoundJson(type, *column->min, false);
  const auto max = BoundJson(type, *column->max, true);
  if (!min || !max) return;
  out.min.Key(name).Raw(*min);
  out.max.Key(name).Raw(*max);
}

// A timestamp of the log as DuckDB reads it; maxima stand for the whole of their millisecond.
std::string TimestampText(std::string_view text, bool is_max) {
  std::string out(text);
  const size_t dot = out.find('.');
  if (is_max && dot != std::string::npos) {
    size_t digits = 0;
    while (dot + 1 + digits < out.size() && out[dot + 1 + digits] >= '0' &&
           out[dot + 1 + digits] <= '9') {
      ++digits;
    }
    if (digits == 3) out.insert(dot + 4, "999");
  }
  return out;
}

}  // namespace

std::string StatsToJson(const columnar::Schema& schema, const columnar::ParquetFileStats& stats,
                        int64_t columns_max) {
  StatsText parts;
  parts.columns_left = columns_max < 0 ? INT64_MAX : columns_max;
  for (JsonWriter* json : {&parts.min, &parts.max, &parts.nulls}) json->BeginObject();
  std::vector<std::string> path;
  for (const auto& field : schema.fields) {
    path.assign(1, field.name);
    AddField(parts, stats, path, field.type);
  }
  for (JsonWriter* json : {&parts.min, &parts.max, &parts.nulls}) json->EndObject();
  JsonWriter json;
  json.BeginObject();
  json.Key("numRecords").Int(stats.rows);
  json.Key("minValues").Raw(parts.min.text());
  json.Key("maxValues").Raw(parts.max.text());
  json.Key("nullCount").Raw(parts.nulls.text());
  return json.EndObject().Take();
}

namespace {

namespace ondemand = simdjson::ondemand;

// Bounds of the top-level columns of one of minValues, maxValues. Numbers keep their text, so that
// decimals stay exact.
void ReadBounds(const columnar::Schema& schema, ondemand::object bounds, bool is_max,
                std::map<std::string, std::string>& out) {
  for (auto field : bounds) {
    std::string_view key;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) return;
    const std::string name(key);
    const int position = schema.Find(name);
    ondemand::value value;
    if (field.value().get(value) != simdjson::SUCCESS) return;
    ondemand::json_type type;
    if (value.type().get(type) != simdjson::SUCCESS) return;
    if (position < 0) continue;
    const auto type_id = schema.fields[static_cast<size_t>(position)].type.id();
    if (type == ondemand::json_type::number) {
      std::string_view token = value.raw_json_token();
      while (!token.empty() && std::string_view(" \t\r\n").find(token.back()) != token.npos) {
        token.remove_suffix(1);
      }
      out[name] = std::string(token);
    } else if (type == ondemand::json_type::string) {
      std::string_view text;
      if (value.get_string().get(text) != simdjson::SUCCESS) return;
      const bool time =
          type_id == LogicalTypeId::TIMESTAMP || type_id == LogicalTypeId::TIMESTAMP_TZ;
      out[name] = time ? TimestampText(text, is_max) : std::string(text);
    }
  }
}

}  // namespace

FileStats ParseStats(const columnar::Schema& schema, std::string_view json) {
  FileStats stats;
  if (json.empty()) return stats;
  const simdjson::padded_string padded(json);
  ondemand::parser parser;
  ondemand::document document;
  ondemand::object root;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
      document.get_object().get(root) != simdjson::SUCCESS) {
    return stats;
  }
  std::map<std::string, std::string> min;
  std::map<std::string, std::string> max;
  for (auto field : root) {
    std::string_view key;
    ondemand::value value;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS ||
        field.value().get(value) != simdjson::SUCCESS) {
      break;
    }
    ondemand::object object;
    if (key == "numRecords") {
      int64_t rows = 0;
      if (value.get_int64().get(rows) == simdjson::SUCCESS) stats.rows = rows;
    } else if (key == "minValues" && value.get_object().get(object) == simdjson::SUCCESS) {
      ReadBounds(schema, object, false, min);
    } else if (key == "maxValues" && value.get_object().get(object) == simdjson::SUCCESS) {
      ReadBounds(schema, object, true, max);
    } else if (key == "nullCount" && value.get_object().get(object) == simdjson::SUCCESS) {
      for (auto count : object) {
        std::string_view name;
        ondemand::value number;
        int64_t nulls = 0;
        if (count.unescaped_key().get(name) != simdjson::SUCCESS) break;
        const std::string column(name);
        if (count.value().get(number) != simdjson::SUCCESS) break;
        if (number.get_int64().get(nulls) == simdjson::SUCCESS) stats.nulls[column] = nulls;
      }
    }
  }
  for (auto& [name, text] : min) {
    const auto other = max.find(name);
    if (other == max.end()) continue;
    // Under the schema's spelling of the name.
    const auto& field = schema.fields[static_cast<size_t>(schema.Find(name))];
    stats.min_max[field.name] = {std::move(text), std::move(other->second)};
  }
  return stats;
}

int64_t ParseNumRecords(std::string_view json) {
  if (json.empty()) return -1;
  const simdjson::padded_string padded(json);
  ondemand::parser parser;
  ondemand::document document;
  int64_t rows = 0;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS ||
      document["numRecords"].get_int64().get(rows) != simdjson::SUCCESS) {
    return -1;
  }
  return rows;
}

}  // namespace weir::lake
