// The one include point of nlohmann::json, for documents of ours and of table logs (rows of data
// are read with simdjson). It costs about a second a file: include it in .cc files; a header that
// must name the type includes <nlohmann/json_fwd.hpp>.
//
// Its exceptions stay here: parse with ParseJson, read fields with the functions below, write with
// DumpJson, and check is_object() and the like before using at() or get<>().
//
// Thread rule: values and free functions.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "weir/base/result.h"

namespace weir {

using Json = nlohmann::json;                 // keys in alphabetical order
using OrderedJson = nlohmann::ordered_json;  // keys in the order of insertion

inline constexpr int kJsonDepthMax = 500;  // brackets in brackets, for text from outside

// kInvalid with the byte offset of what is wrong. Strict: no comments, no trailing text, UTF-8.
Result<Json> ParseJson(std::string_view text);

// One line. kInvalid if a string is not UTF-8.
Result<std::string> DumpJson(const Json& json);
Result<std::string> DumpJson(const OrderedJson& json);
// For people and reports: bytes that are not UTF-8 become U+FFFD. Negative indent: one line.
std::string ToText(const Json& json, int indent = -1);
std::string ToText(const OrderedJson& json, int indent = -1);

// A member of an object; kInvalid naming the key if it is absent or of another type.
Result<std::string> StringField(const Json& object, const char* key);
Result<int64_t> Int64Field(const Json& object, const char* key);
Result<uint64_t> Uint64Field(const Json& object, const char* key);

}  // namespace weir
