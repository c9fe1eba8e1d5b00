#include "weir/connect/option_values.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <numeric>

namespace weir::connect {

namespace {

size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<std::string> NearestName(const std::string& wrong,
                                       const std::vector<std::string>& names, size_t changes_max) {
  const auto nearest =
      std::min_element(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
        return EditDistance(wrong, a) < EditDistance(wrong, b);
      });
  if (nearest == names.end() || EditDistance(wrong, *nearest) > changes_max) return std::nullopt;
  return *nearest;
}

std::string Suggest(const std::string& wrong, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (wrong.size() >= 3 && name.starts_with(wrong))
      return fmt::format("did you mean '{}'?", name);
  }
  if (const auto nearest = NearestName(wrong, names, 1 + wrong.size() / 3)) {
    return fmt::format("did you mean '{}'?", *nearest);
  }
  return fmt::format("use one of {}", fmt::join(names, ", "));
}

Error WrongValue(const std::string& key, const std::string& value, const std::string& expected) {
  return Error::User(ErrorCode::kInvalid,
                     fmt::format("option '{}' = '{}' is not understood", key, value))
      .Fix(expected);
}

Status BooleanValue(const std::string& key, const std::string& value, bool* out) {
  return ChooseValue<bool>(key, value, {{"true", true}, {"false", false}}, out);
}

Status BytesValue(const std::string& key, const std::string& value, uint64_t* out) {
  uint64_t number = 0;
  const char* const end = value.data() + value.size();
  const auto [rest, error] = std::from_chars(value.data(), end, number);
  std::string unit(rest, end);
  std::erase(unit, ' ');
  std::transform(unit.begin(), unit.end(), unit.begin(), ::tolower);
  static const std::map<std::string, uint64_t> kUnits = {
      {"", 1},          {"b", 1},         {"kb", 1000},    {"mb", 1000000}, {"gb", 1000000000},
      {"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}};
  const auto found = kUnits.find(unit);
  if (error != std::errc() || found == kUnits.end() || number == 0 ||
      number > (uint64_t{1} << 40) / found->second) {
    return WrongValue(key, value, "give a size such as '16MiB'");
  }
  *out = number * found->second;
  return Status::Ok();
}

Status IntegerValue(const std::string& key, const std::string& value, int64_t least, int64_t most,
                    int64_t* out) {
  int64_t number = 0;
  const char* const end = value.data() + value.size();
  const auto [rest, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc() || rest != end || number < least || number > most) {
    return WrongValue(key, value,
                      most == INT64_MAX ? fmt::format("give a whole number, {} or more", least)
                                        : fmt::format("give a number from {} to {}", least, most));
  }
  *out = number;
  return Status::Ok();
}

std::optional<std::string> OptionReader::Take(const std::string& key) {
  known_.insert(key);
  const auto found = options_.find(key);
  if (found == options_.end()) return std::nullopt;
  return found->second;
}

std::map<std::string, std::string> OptionReader::TakePrefix(const std::string& prefix) {
  prefixes_.insert(prefix);
  std::map<std::string, std::string> taken;
  for (auto at = options_.lower_bound(prefix);
       at != options_.end() && at->first.starts_with(prefix); ++at) {
    taken.emplace(at->first.substr(prefix.size()), at->second);
  }
  return taken;
}

Status OptionReader::Boolean(const std::string& key, bool* out) {
  const auto value = Take(key);
  return value ? BooleanValue(key, *value, out) : Status::Ok();
}

Status OptionReader::Bytes(const std::string& key, uint64_t* out) {
  const auto value = Take(key);
  return value ? BytesValue(key, *value, out) : Status::Ok();
}

Status OptionReader::Integer(const std::string& key, int64_t least, int64_t most, int64_t* out) {
  const auto value = Take(key);
  return value ? IntegerValue(key, *value, least, most, out) : Status::Ok();
}

Status OptionReader::Finish() const {
  for (const auto& [key, value] : options_) {
    if (known_.contains(key)) continue;
    if (std::any_of(prefixes_.begin(), prefixes_.end(),
                    [&key = key](const auto& prefix) { return key.starts_with(prefix); })) {
      continue;
    }
    Error unknown = Error::User(
        ErrorCode::kNotFound, fmt::format("the {} connector has no option '{}'", connector_, key));
    const size_t head = key.find('.') + 1;
    for (const std::string& prefix : prefixes_) {
      if (head > 1 && EditDistance(key.substr(0, head), prefix) <= 2) {
        return std::move(unknown).Fix(
            fmt::format("did you mean '{}{}'?", prefix, key.substr(head)));
      }
    }
    std::vector<std::string> names(known_.begin(), known_.end());
    for (const std::string& prefix : prefixes_) names.push_back(prefix + "*");
    return std::move(unknown).Fix(Suggest(key, names));
  }
  return Status::Ok();
}

}  // namespace weir::connect
