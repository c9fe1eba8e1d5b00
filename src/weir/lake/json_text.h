// JsonText: writes one JSON value piece by piece, compact, with the commas in the right places.
//
//   JsonText json;
//   json.BeginObject();
//   json.Key("path").String("a b");
//   json.Key("size").Int(12);
//   json.EndObject();   // {"path":"a b","size":12}
//
// Strings are expected to be UTF-8; bytes that are not are replaced by U+FFFD, so that the output
// is always valid JSON.
//
// Thread rule: a value, one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace weir::lake {

class JsonText {
 public:
  JsonText& BeginObject();
  JsonText& EndObject();
  JsonText& BeginArray();
  JsonText& EndArray();
  JsonText& Key(std::string_view name);
  JsonText& String(std::string_view text);
  JsonText& Int(int64_t value);
  JsonText& Bool(bool value);
  JsonText& Null();
  JsonText& Raw(std::string_view json);  // text that is JSON already

  // {"k":"v","n":null}
  JsonText& StringMap(const std::map<std::string, std::string>& entries);
  JsonText& NullableStringMap(const std::map<std::string, std::optional<std::string>>& entries);

  const std::string& text() const { return text_; }
  std::string Take() { return std::move(text_); }

 private:
  void Separate();

  std::string text_;
  bool needs_comma_ = false;
};

}  // namespace weir::lake
