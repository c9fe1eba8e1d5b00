#include <algorithm>
#include <cctype>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weir/columnar/codec/infer_types.h"
#include "weir/columnar/codec/json_decode.h"
#include "weir/columnar/codec/json_walk.h"

namespace weir::columnar {

namespace {

using duckdb::LogicalType;

constexpr size_t kStringsKept = 2048;
constexpr uint32_t kDepthMax = 64;

// Everything that was seen at one place of the documents.
struct Seen {
  bool booleans = false;
  bool integers = false;
  bool long_integers = false;  // more than 18 digits
  bool fractions = false;
  bool strings = false;
  bool objects = false;
  bool arrays = false;
  std::vector<std::string> texts;  // of strings, a sample
  std::vector<std::pair<std::string, std::unique_ptr<Seen>>> members;
  std::unique_ptr<Seen> element;

  Seen& Member(std::string_view key) {
    for (auto& [name, member] : members) {
      if (name == key) return *member;
    }
    members.emplace_back(std::string(key), std::make_unique<Seen>());
    return *members.back().second;
  }
};

// False if the document is broken.
bool Look(od::value value, uint32_t depth, Seen* seen) {
  od::json_type type;
  if (value.type().get(type) != simdjson::SUCCESS || depth > kDepthMax) return false;
  switch (type) {
    case od::json_type::object: {
      seen->objects = true;
      od::object object;
      if (value.get_object().get(object) != simdjson::SUCCESS) return false;
      for (auto member : object) {
        od::field field;
        std::string_view key;
        if (std::move(member).get(field) != simdjson::SUCCESS ||
            field.unescaped_key().get(key) != simdjson::SUCCESS ||
            !Look(field.value(), depth + 1, &seen->Member(key))) {
          return false;
        }
      }
      return true;
    }
    case od::json_type::array: {
      seen->arrays = true;
      if (!seen->element) seen->element = std::make_unique<Seen>();
      od::array array;
      if (value.get_array().get(array) != simdjson::SUCCESS) return false;
      for (auto element : array) {
        od::value one;
        if (std::move(element).get(one) != simdjson::SUCCESS ||
            !Look(one, depth + 1, seen->element.get())) {
          return false;
        }
      }
      return true;
    }
    case od::json_type::string: {
      seen->strings = true;
      std::string_view text;
      if (value.get_string().get(text) != simdjson::SUCCESS) return false;
      if (seen->texts.size() < kStringsKept) seen->texts.emplace_back(text);
      return true;
    }
    case od::json_type::number: {
      const std::string_view token = ScalarToken(value);
      if (!IsJsonNumber(token)) return false;
      if (token.find_first_of(".eE") != std::string_view::npos) {
        seen->fractions = true;
      } else {
        seen->integers = true;
        seen->long_integers = seen->long_integers || token.size() > 18;
      }
      return true;
    }
    case od::json_type::boolean:
      seen->booleans = true;
      return true;
    case od::json_type::null:
      return true;
  }
  return false;
}

LogicalType TypeOf(const Seen& seen) {
  const bool numbers = seen.integers || seen.fractions;
  const int kinds = seen.booleans + numbers + seen.strings + seen.objects + seen.arrays;
  if (kinds != 1) return LogicalType::VARCHAR;
  if (seen.booleans) return LogicalType::BOOLEAN;
  if (numbers) {
    if (seen.fractions) return LogicalType::DOUBLE;
    return seen.long_integers ? LogicalType::DECIMAL(38, 0) : LogicalType::BIGINT;
  }
  if (seen.strings) {  // "12" stays text; only dates and times have no JSON of their own
    TextArena arena;
    TextValues values;
    for (const std::string& text : seen.texts) {
      char* copy = arena.Allocate(text.size());
      std::copy(text.begin(), text.end(), copy);
      values.Add(copy, static_cast<uint32_t>(text.size()));
    }
    const LogicalType type = InferType(values);
    const bool time = type == LogicalType::DATE || type == LogicalType::TIMESTAMP ||
                      type == LogicalType::TIMESTAMP_TZ;
    return time ? type : LogicalType::VARCHAR;
  }
  if (seen.arrays) return LogicalType::LIST(TypeOf(*seen.element));
  if (seen.members.empty()) return LogicalType::VARCHAR;
  duckdb::child_list_t<LogicalType> children;
  for (const auto& [name, member] : seen.members) {
    const bool twice = std::any_of(children.begin(), children.end(), [&name = name](const auto& c) {
      return c.first.size() == name.size() &&
             std::equal(name.begin(), name.end(), c.first.begin(), [](char a, char b) {
               return std::tolower(static_cast<unsigned char>(a)) ==
                      std::tolower(static_cast<unsigned char>(b));
             });
    });
    if (twice || name.empty()) return LogicalType::VARCHAR;  // no STRUCT has such fields
    children.emplace_back(name, TypeOf(*member));
  }
  return LogicalType::STRUCT(std::move(children));
}

}  // namespace

void InferJson(const TextBlock& block, size_t records, Schema* schema) {
  Seen seen;
  od::parser parser;
  const TextIndex& index = block.index;
  for (size_t i = 0; i < std::min(records, index.records.size()); ++i) {
    const uint32_t begin = index.records[i].begin;
    const size_t size = index.EndOf(i) - begin;
    od::document document;
    od::object object;
    if (parser.iterate(block.bytes.data() + begin, size, size + simdjson::SIMDJSON_PADDING)
                .get(document) != simdjson::SUCCESS ||
        document.get_object().get(object) != simdjson::SUCCESS) {
      continue;
    }
    for (auto member : object) {
      od::field field;
      std::string_view key;
      if (std::move(member).get(field) != simdjson::SUCCESS ||
          field.unescaped_key().get(key) != simdjson::SUCCESS ||
          !Look(field.value(), 1, &seen.Member(key))) {
        break;
      }
    }
  }
  for (const auto& [name, member] : seen.members) {
    if (schema->Find(name) >= 0 || name.empty()) continue;
    Field field;
    field.name = name;
    field.type = TypeOf(*member);
    schema->fields.push_back(std::move(field));
  }
}

}  // namespace weir::columnar
