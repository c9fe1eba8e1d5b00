#include "weir/base/json.h"

#include <limits>

namespace weir {
namespace {

// The parser itself has no limit, and what it makes is walked recursively later.
bool DeeperThan(std::string_view text, int depth_max) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > depth_max) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

template <typename AnyJson>
Result<std::string> Dump(const AnyJson& json) {
  try {
    return json.dump();
  } catch (const nlohmann::json::exception& e) {
    return Error::User(ErrorCode::kInvalid, std::string("cannot be written as JSON: ") + e.what())
        .Fix("use UTF-8 text");
  }
}

const Json* Member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}

Error WrongField(const Json* member, const char* key, const char* wanted) {
  const std::string found =
      member == nullptr ? "is missing" : std::string("is ") + member->type_name();
  return Error::User(ErrorCode::kInvalid,
                     "JSON member '" + std::string(key) + "' " + found + ", expected " + wanted);
}

}  // namespace

Result<Json> ParseJson(std::string_view text) {
  if (DeeperThan(text, kJsonDepthMax)) {
    return Error::User(ErrorCode::kInvalid, "not usable JSON: nested deeper than " +
                                                std::to_string(kJsonDepthMax) + " levels");
  }
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& e) {
    return Error::User(ErrorCode::kInvalid,
                       "not JSON at byte " + std::to_string(e.byte) + ": " + e.what());
  } catch (const Json::exception& e) {  // numbers out of range
    return Error::User(ErrorCode::kInvalid, std::string("not usable JSON: ") + e.what());
  }
}

Result<std::string> DumpJson(const Json& json) { return Dump(json); }
Result<std::string> DumpJson(const OrderedJson& json) { return Dump(json); }

std::string ToText(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}
std::string ToText(const OrderedJson& json, int indent) {
  return json.dump(indent, ' ', false, OrderedJson::error_handler_t::replace);
}

Result<std::string> StringField(const Json& object, const char* key) {
  const Json* member = Member(object, key);
  if (member == nullptr || !member->is_string()) return WrongField(member, key, "a string");
  return member->get<std::string>();
}

Result<int64_t> Int64Field(const Json& object, const char* key) {
  const Json* member = Member(object, key);
  const bool fits =
      member != nullptr && member->is_number_integer() &&
      (!member->is_number_unsigned() ||
       member->get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
  if (!fits) return WrongField(member, key, "an integer of 64 bits");
  return member->get<int64_t>();
}

Result<uint64_t> Uint64Field(const Json& object, const char* key) {
  const Json* member = Member(object, key);
  if (member == nullptr || !member->is_number_unsigned()) {
    return WrongField(member, key, "an integer that is not negative");
  }
  return member->get<uint64_t>();
}

}  // namespace weir
