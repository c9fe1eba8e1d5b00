#include "weir/columnar/codec/json_walk.h"

#include <fmt/format.h>

namespace weir::columnar {

namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string TooDeep(uint32_t depth_max) {
  return fmt::format("nested more than {} deep ('json.max-depth')", depth_max);
}

}  // namespace

std::string JsonProblem(simdjson::error_code code) {
  switch (code) {
    case simdjson::UTF8_ERROR:
      return "not UTF-8";
    case simdjson::UNCLOSED_STRING:
      return "not JSON: a string does not end";
    case simdjson::UNESCAPED_CHARS:
      return "not JSON: a control character in a string";
    case simdjson::STRING_ERROR:
      return "not JSON: a string with an unknown escape";
    case simdjson::NUMBER_ERROR:
      return "not JSON: a broken number";
    case simdjson::INCOMPLETE_ARRAY_OR_OBJECT:
      return "not JSON: a bracket is missing";
    case simdjson::EMPTY:
      return "not JSON: empty";
    default:
      return "not JSON: wrong syntax";
  }
}

std::string_view ScalarToken(od::value& value) {
  std::string_view token = value.raw_json_token();
  while (!token.empty() && IsSpace(token.back())) token.remove_suffix(1);
  return token;
}

bool IsJsonNumber(std::string_view token) {
  size_t i = 0;
  const auto digits = [&] {
    const size_t from = i;
    while (i < token.size() && IsDigit(token[i])) ++i;
    return i - from;
  };
  if (i < token.size() && token[i] == '-') ++i;
  const size_t whole = i;
  const size_t count = digits();
  if (count == 0 || (count > 1 && token[whole] == '0')) return false;
  if (i < token.size() && token[i] == '.') {
    ++i;
    if (digits() == 0) return false;
  }
  if (i < token.size() && (token[i] == 'e' || token[i] == 'E')) {
    ++i;
    if (i < token.size() && (token[i] == '+' || token[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == token.size();
}

bool PlainString(od::value& value, std::string_view* text) {
  const std::string_view token = ScalarToken(value);
  if (token.size() < 2 || token.front() != '"' || token.back() != '"') return false;
  *text = token.substr(1, token.size() - 2);
  return text->find('\\') == std::string_view::npos;
}

bool CheckJson(od::value value, uint32_t depth, uint32_t depth_max, std::string* problem) {
  const auto broken = [&](simdjson::error_code code) {
    *problem = JsonProblem(code);
    return false;
  };
  od::json_type type;
  if (const auto error = value.type().get(type)) return broken(error);
  switch (type) {
    case od::json_type::object: {
      if (depth >= depth_max) {
        *problem = TooDeep(depth_max);
        return false;
      }
      od::object object;
      if (const auto error = value.get_object().get(object)) return broken(error);
      for (auto member : object) {
        od::field field;
        if (const auto error = std::move(member).get(field)) return broken(error);
        std::string_view key;
        if (const auto error = field.unescaped_key().get(key)) return broken(error);
        if (!CheckJson(field.value(), depth + 1, depth_max, problem)) return false;
      }
      return true;
    }
    case od::json_type::array: {
      if (depth >= depth_max) {
        *problem = TooDeep(depth_max);
        return false;
      }
      od::array array;
      if (const auto error = value.get_array().get(array)) return broken(error);
      for (auto element : array) {
        od::value one;
        if (const auto error = std::move(element).get(one)) return broken(error);
        if (!CheckJson(one, depth + 1, depth_max, problem)) return false;
      }
      return true;
    }
    case od::json_type::string: {
      std::string_view text;
      if (const auto error = value.get_string().get(text)) return broken(error);
      return true;
    }
    case od::json_type::number: {
      const std::string_view token = ScalarToken(value);
      if (!IsJsonNumber(token)) {
        *problem = fmt::format("not JSON: '{}' is no number", token.substr(0, 40));
        return false;
      }
      return true;  // the iteration around it steps over it
    }
    case od::json_type::boolean: {
      const std::string_view token = ScalarToken(value);
      return token == "true" || token == "false" || broken(simdjson::T_ATOM_ERROR);
    }
    case od::json_type::null:
      return ScalarToken(value) == "null" || broken(simdjson::N_ATOM_ERROR);
  }
  return broken(simdjson::TAPE_ERROR);
}

bool HasMore(od::document& document) {
  return document.current_location().error() != simdjson::OUT_OF_BOUNDS;
}

}  // namespace weir::columnar
