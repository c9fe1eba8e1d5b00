// Reading the options of a connector, the WITH clause of a table: values by type, and errors that
// name the option, its value and the nearest correct name.
//
//   OptionReader reader("kafka", options);
//   const std::string topic = reader.Take("topic").value_or("");
//   WEIR_RETURN_IF_ERROR(reader.Boolean("json.ignore-parse-errors", &ignore));
//   WEIR_RETURN_IF_ERROR(reader.Finish());   // "no option 'topik': did you mean 'topic'?"
//
// Thread rule: values; an OptionReader belongs to one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/result.h"

namespace weir::connect {

// The name that takes the fewest changes, if that are not more.
std::optional<std::string> NearestName(const std::string& wrong,
                                       const std::vector<std::string>& names, size_t changes_max);
// "did you mean 'x'?", or all of them when nothing is near.
std::string Suggest(const std::string& wrong, const std::vector<std::string>& names);

// A value that an option can't have; `expected` says what it could be, in the imperative.
Error WrongValue(const std::string& key, const std::string& value, const std::string& expected);

template <typename T>
Status ChooseValue(const std::string& key, const std::string& value,
                   const std::vector<std::pair<std::string, T>>& choices, T* out) {
  std::vector<std::string> names;
  for (const auto& [name, choice] : choices) {
    if (name == value) {
      *out = choice;
      return Status::Ok();
    }
    names.push_back(name);
  }
  return WrongValue(key, value, Suggest(value, names));
}

Status BooleanValue(const std::string& key, const std::string& value, bool* out);
// "16MiB", "16777216", "4 KB".
Status BytesValue(const std::string& key, const std::string& value, uint64_t* out);
Status IntegerValue(const std::string& key, const std::string& value, int64_t least, int64_t most,
                    int64_t* out);

class OptionReader {
 public:
  // `options` must outlive the reader.
  OptionReader(std::string connector, const std::map<std::string, std::string>& options)
      : connector_(std::move(connector)), options_(options) {}

  // The option's value if it is given. From now on the connector has an option of this name.
  std::optional<std::string> Take(const std::string& key);
  // The same, all options that begin with the prefix, by the rest of their names.
  std::map<std::string, std::string> TakePrefix(const std::string& prefix);

  // These leave `out` as it is when the option is not given.
  template <typename T>
  Status Choose(const std::string& key, const std::vector<std::pair<std::string, T>>& choices,
                T* out) {
    const auto value = Take(key);
    return value ? ChooseValue<T>(key, *value, choices, out) : Status::Ok();
  }
  Status Boolean(const std::string& key, bool* out);
  Status Bytes(const std::string& key, uint64_t* out);
  Status Integer(const std::string& key, int64_t least, int64_t most, int64_t* out);

  // User error kNotFound for the first option that nobody took.
  Status Finish() const;

 private:
  const std::string connector_;
  const std::map<std::string, std::string>& options_;
  std::set<std::string> known_;
  std::set<std::string> prefixes_;
};

}  // namespace weir::connect
