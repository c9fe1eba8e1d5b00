// JsonWriter: appends JSON text to a string; commas and escapes are its business.
//
//   JsonWriter json;
//   json.BeginObject().Key("rows").Int(3).Key("names").BeginArray().String("a").EndArray()
//       .EndObject();
//   json.text();  // {"rows":3,"names":["a"]}
//
// Thread rule: a value.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

class JsonWriter {
 public:
  JsonWriter& BeginObject() { return Open('{'); }
  JsonWriter& EndObject() { return Close('}'); }
  JsonWriter& BeginArray() { return Open('['); }
  JsonWriter& EndArray() { return Close(']'); }
  JsonWriter& Key(std::string_view name);
  JsonWriter& String(std::string_view text);  // bytes that are not UTF-8 become U+FFFD
  JsonWriter& Int(int64_t value);
  JsonWriter& Double(double value);  // the shortest text that reads back equal; NaN: a string
  JsonWriter& Bool(bool value);
  JsonWriter& Null();
  JsonWriter& Raw(std::string_view json);  // text that is JSON already

  // {"k":"v","n":null}
  JsonWriter& StringMap(const std::map<std::string, std::string>& entries);
  JsonWriter& NullableStringMap(const std::map<std::string, std::optional<std::string>>& entries);

  const std::string& text() const { return text_; }
  std::string Take() { return std::move(text_); }

 private:
  JsonWriter& Open(char bracket);
  JsonWriter& Close(char bracket);
  void Separate();

  std::string text_;
  bool comma_ = false;  // a value was written at this level
};

// "a\"b" for a"b, as JsonWriter::String writes it.
std::string JsonString(std::string_view text);

}  // namespace weir
