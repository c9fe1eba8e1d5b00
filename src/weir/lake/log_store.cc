#include "weir/lake/log_store.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

namespace weir::lake {
namespace {

// Reads exactly `digits` digits at the front of `text` and drops them.
std::optional<int64_t> TakeNumber(std::string_view& text, size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + digits, value);
  if (read.ec != std::errc() || read.ptr != text.data() + digits || value < 0) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

std::string PaddedVersion(int64_t version) {
  const std::string digits = std::to_string(version);
  return std::string(digits.size() < 20 ? 20 - digits.size() : 0, '0') + digits;
}

LogStore::LogStore(Env& env, std::string table)
    : env_(env), table_(std::move(table)), folder_(JoinPath(table_, "_delta_log")) {}

std::string LogStore::EntryPath(int64_t version) const {
  return JoinPath(folder_, PaddedVersion(version) + ".json");
}

std::string LogStore::SidecarPath(const std::string& path) const {
  if (path.find('/') != std::string::npos) return path;
  return JoinPath(JoinPath(folder_, "_sidecars"), path);
}

Result<LogListing> LogStore::List() const {
  LogListing listing;
  auto entries = env_.ListDir(folder_);
  if (!entries.ok()) {
    if (entries.error().code() == ErrorCode::kNotFound) return listing;
    return std::move(entries).error();
  }
  // Parts of a multi-part checkpoint count only when all of them, with the same total, are there.
  std::map<std::pair<int64_t, int64_t>, std::map<int64_t, std::string>> parts;
  for (const FileInfo& entry : *entries) {
    std::string_view rest = entry.path;
    const auto version = TakeNumber(rest, 20);
    if (!version || entry.is_directory) continue;
    const std::string path = JoinPath(folder_, entry.path);
    if (rest == ".json") {
      listing.commits.push_back(*version);
    } else if (rest == ".checkpoint.parquet") {
      listing.checkpoints.push_back({*version, {path}, false});
    } else if (TakePrefix(rest, ".checkpoint.")) {
      std::string_view numbers = rest;
      const auto part = TakeNumber(numbers, 10);
      if (part && TakePrefix(numbers, ".")) {
        const auto total = TakeNumber(numbers, 10);
        if (total && numbers == ".parquet") parts[{*version, *total}][*part] = path;
      } else if (EndsWith(rest, ".json") || EndsWith(rest, ".parquet")) {
        listing.checkpoints.push_back({*version, {path}, EndsWith(rest, ".json")});
      }
    }
  }
  for (const auto& [key, paths] : parts) {
    const auto& [version, total] = key;
    if (static_cast<int64_t>(paths.size()) != total) continue;
    CheckpointFiles checkpoint{version, {}, false};
    for (const auto& [part, path] : paths) checkpoint.paths.push_back(path);
    listing.checkpoints.push_back(std::move(checkpoint));
  }
  std::sort(listing.commits.begin(), listing.commits.end());
  std::stable_sort(listing.checkpoints.begin(), listing.checkpoints.end(),
                   [](const auto& a, const auto& b) { return a.version < b.version; });
  return listing;
}

int64_t LogStore::NewestFrom(int64_t from) const {
  int64_t newest = -1;
  while (env_.Exists(EntryPath(from))) newest = from++;
  return newest;
}

Result<std::string> LogStore::Read(int64_t version) const {
  return env_.ReadFile(EntryPath(version));
}

Result<std::unique_ptr<LogStore::StagedEntry>> LogStore::Stage(std::string_view bytes) const {
  WEIR_ASSIGN_OR_RETURN(std::string temp, env_.WriteTempFor(JoinPath(folder_, "entry"), bytes));
  return std::make_unique<StagedEntry>(*this, std::move(temp));
}

LogStore::StagedEntry::~StagedEntry() {
  // A left-over temp name is harmless.
  (void)log_.env_.RemoveFile(temp_);
}

Status LogStore::StagedEntry::PutIfAbsent(int64_t version) const {
  WEIR_RETURN_IF_ERROR(log_.env_.LinkNoReplace(temp_, log_.EntryPath(version)));
  return log_.env_.SyncDir(log_.folder_);
}

}  // namespace weir::lake
