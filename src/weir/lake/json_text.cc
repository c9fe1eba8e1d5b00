#include "weir/lake/json_text.h"

#include <charconv>

namespace weir::lake {
namespace {

// Length of the UTF-8 sequence at the front of `text`, or 0 if it is not valid.
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;  // overlong
    if (first == 0xED && byte(1) > 0x9F) return 0;  // surrogates
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

void AppendQuoted(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
      out.push_back(text[i++]);
    } else if (c >= 0x80) {
      const size_t n = SequenceLength(text.substr(i));
      if (n == 0) {
        out += "\xEF\xBF\xBD";
        i += 1;
      } else {
        out.append(text.substr(i, n));
        i += n;
      }
    } else {
      switch (c) {
        case '"':
          out += "\\\"";
          break;
        case '\\':
          out += "\\\\";
          break;
        case '\n':
          out += "\\n";
          break;
        case '\r':
          out += "\\r";
          break;
        case '\t':
          out += "\\t";
          break;
        default:
          out += "\\u00";
          out.push_back(kHex[c >> 4]);
          out.push_back(kHex[c & 15]);
      }
      i += 1;
    }
  }
  out.push_back('"');
}

}  // namespace

void JsonText::Separate() {
  if (needs_comma_) text_.push_back(',');
  needs_comma_ = true;
}

JsonText& JsonText::BeginObject() {
  Separate();
  text_.push_back('{');
  needs_comma_ = false;
  return *this;
}

JsonText& JsonText::EndObject() {
  text_.push_back('}');
  needs_comma_ = true;
  return *this;
}

JsonText& JsonText::BeginArray() {
  Separate();
  text_.push_back('[');
  needs_comma_ = false;
  return *this;
}

JsonText& JsonText::EndArray() {
  text_.push_back(']');
  needs_comma_ = true;
  return *this;
}

JsonText& JsonText::Key(std::string_view name) {
  Separate();
  AppendQuoted(text_, name);
  text_.push_back(':');
  needs_comma_ = false;
  return *this;
}

JsonText& JsonText::String(std::string_view text) {
  Separate();
  AppendQuoted(text_, text);
  return *this;
}

JsonText& JsonText::Int(int64_t value) {
  Separate();
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  text_.append(digits, end);
  return *this;
}

JsonText& JsonText::Bool(bool value) { return Raw(value ? "true" : "false"); }

JsonText& JsonText::Null() { return Raw("null"); }

JsonText& JsonText::Raw(std::string_view json) {
  Separate();
  text_.append(json);
  return *this;
}

JsonText& JsonText::StringMap(const std::map<std::string, std::string>& entries) {
  BeginObject();
  for (const auto& [name, value] : entries) Key(name).String(value);
  return EndObject();
}

JsonText& JsonText::NullableStringMap(
    const std::map<std::string, std::optional<std::string>>& entries) {
  BeginObject();
  for (const auto& [name, value] : entries) {
    Key(name);
    value ? String(*value) : Null();
  }
  return EndObject();
}

}  // namespace weir::lake
