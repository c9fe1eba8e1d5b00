#include "weir/epoch/epoch_log.h"

#include <algorithm>
#include <cstdio>

#include "weir/base/json.h"

namespace weir::epoch {
namespace {

constexpr size_t kDigits = 20;
constexpr const char* kManifestEnding = ".json";
constexpr const char* kBegunEnding = ".begun";
constexpr const char* kDoneEnding = ".done";
constexpr const char* kDiscardedEnding = ".discarded";
constexpr const char* kRowsEnding = ".rows.parquet";
constexpr const char* kEndings[] = {kManifestEnding, kBegunEnding, kDoneEnding, kDiscardedEnding,
                                    kRowsEnding};

// The epoch of "00000000000000000007.json" for the ending ".json"; nullopt for other names, such
// as temp files that a crash left behind.
std::optional<uint64_t> EpochOfName(const std::string& name, const std::string& ending) {
  if (name.size() != kDigits + ending.size() || !name.ends_with(ending)) return std::nullopt;
  uint64_t epoch = 0;
  for (size_t i = 0; i < kDigits; ++i) {
    const char c = name[i];
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<uint64_t>(c - '0');
    if (epoch > (UINT64_MAX - digit) / 10) return std::nullopt;
    epoch = epoch * 10 + digit;
  }
  return epoch;
}

std::vector<uint64_t> EpochsOf(const std::vector<FileInfo>& entries, const char* ending) {
  std::vector<uint64_t> epochs;  // ascending, as entries are sorted by name
  for (const FileInfo& entry : entries) {
    if (const auto epoch = EpochOfName(entry.path, ending)) epochs.push_back(*epoch);
  }
  return epochs;
}

// A folder that is not there yet is an empty log.
Result<std::vector<FileInfo>> ListOrEmpty(Env& env, const std::string& folder) {
  auto entries = env.ListDir(folder);
  if (!entries.ok() && entries.error().code() == ErrorCode::kNotFound) {
    return std::vector<FileInfo>();
  }
  return entries;
}

// A marker's existence is what counts; it is made durable only on demand.
Status PutMarker(Env& env, const std::string& path, const std::string& text, bool durable) {
  if (durable) {
    Status put = env.PutIfAbsent(path, text);
    if (put.ok() || put.error().code() != ErrorCode::kAlreadyExists) return put;
    return env.SyncDir(ParentPath(path));  // an earlier one may not have come that far
  }
  auto file = env.OpenFile(path, OpenMode::kReadWrite);
  if (!file.ok()) return file.status();
  return (*file)->WriteAt(0, text.data(), text.size());
}

std::string ReasonText(const std::string& why) {
  return why.empty() ? "" : ToText(OrderedJson{{"why", why}}) + "\n";
}

}  // namespace

EpochLog::EpochLog(Env& env, std::string folder) : env_(env), folder_(std::move(folder)) {}

std::string EpochLog::PathOf(uint64_t epoch, const char* ending) const {
  char name[kDigits + 1];
  snprintf(name, sizeof name, "%020llu", static_cast<unsigned long long>(epoch));
  return JoinPath(folder_, name + std::string(ending));
}

Result<bool> EpochLog::Exists(const std::string& path) {
  auto info = env_.Stat(path);
  if (info.ok()) return true;
  if (info.error().code() == ErrorCode::kNotFound) return false;
  return std::move(info).error();
}

Result<std::vector<uint64_t>> EpochLog::Epochs() {
  WEIR_ASSIGN_OR_RETURN(const std::vector<FileInfo> entries, ListOrEmpty(env_, folder_));
  return EpochsOf(entries, kManifestEnding);
}

Result<Manifest> EpochLog::Read(uint64_t epoch) {
  const std::string path = PathOf(epoch, kManifestEnding);
  WEIR_ASSIGN_OR_RETURN(const std::string bytes, env_.ReadFile(path));
  auto manifest = DecodeManifest(bytes);
  if (!manifest.ok()) return std::move(manifest).error().At(path);
  if (manifest->epoch != epoch) {
    return Error::Operator(ErrorCode::kCorrupt,
                           "holds the manifest of epoch " + std::to_string(manifest->epoch))
        .At(path)
        .Fix("the file was renamed or copied; restore the folder from a copy of the warehouse");
  }
  return manifest;
}

Result<std::optional<Manifest>> EpochLog::Newest() {
  WEIR_ASSIGN_OR_RETURN(const std::vector<uint64_t> epochs, Epochs());
  if (epochs.empty()) return std::optional<Manifest>();
  WEIR_ASSIGN_OR_RETURN(Manifest newest, Read(epochs.back()));
  return std::optional<Manifest>(std::move(newest));
}

Status EpochLog::Sync() {
  WEIR_RETURN_IF_ERROR(env_.CreateDirsSynced(folder_));
  folder_is_durable_ = true;
  return env_.SyncDir(folder_);
}

Status EpochLog::Write(const Manifest& manifest) {
  WEIR_ASSIGN_OR_RETURN(const std::string bytes, EncodeManifest(manifest));
  if (!folder_is_durable_) {
    WEIR_RETURN_IF_ERROR(env_.CreateDirsSynced(folder_));
    folder_is_durable_ = true;
  }
  const std::string path = PathOf(manifest.epoch, kManifestEnding);
  const auto conflict = [&](uint64_t epoch) {
    return Error::Retry(ErrorCode::kConflict,
                        "another run of this flow has written epoch " + std::to_string(epoch))
        .At(path)
        .Fix("run one process at a time on a project; run again");
  };
  WEIR_ASSIGN_OR_RETURN(const std::vector<uint64_t> epochs, Epochs());
  if (!epochs.empty() && epochs.back() > manifest.epoch) return conflict(epochs.back());

  Status put = env_.PutIfAbsent(path, bytes);
  if (put.ok()) return put;
  if (put.error().code() == ErrorCode::kAlreadyExists) return conflict(manifest.epoch);
  const auto there = Exists(path);
  if (there.ok() && !*there) return put;
  return Error::Retry(ErrorCode::kInDoubt, "the manifest of epoch " +
                                               std::to_string(manifest.epoch) +
                                               " may be written or not: " + put.error().message())
      .At(path)
      .Fix("run again: the epoch is finished or repeated first");
}

Result<bool> EpochLog::IsDone(uint64_t epoch) { return Exists(PathOf(epoch, kDoneEnding)); }

Result<bool> EpochLog::IsWhole(uint64_t epoch) {
  WEIR_ASSIGN_OR_RETURN(const bool done, IsDone(epoch));
  if (!done) return false;
  WEIR_ASSIGN_OR_RETURN(const std::string why, env_.ReadFile(PathOf(epoch, kDoneEnding)));
  return why.empty();
}

Status EpochLog::MarkDone(uint64_t epoch, const std::string& why, bool durable) {
  return PutMarker(env_, PathOf(epoch, kDoneEnding), ReasonText(why), durable);
}

Result<bool> EpochLog::IsBegun(uint64_t epoch) { return Exists(PathOf(epoch, kBegunEnding)); }

Status EpochLog::MarkBegun(uint64_t epoch) {
  return PutMarker(env_, PathOf(epoch, kBegunEnding), "", /*durable=*/true);
}

Status EpochLog::Withdraw(const Manifest& manifest, const std::string& why) {
  // The reason first: with the manifest gone there is nothing left to say it about.
  WEIR_RETURN_IF_ERROR(
      env_.WriteFileAtomic(PathOf(manifest.epoch, kDiscardedEnding), ReasonText(why)));
  WEIR_RETURN_IF_ERROR(env_.RemoveFile(PathOf(manifest.epoch, kManifestEnding)));
  return env_.SyncDir(folder_);
}

std::string EpochLog::RowsPath(uint64_t epoch) const { return PathOf(epoch, kRowsEnding); }

Status EpochLog::Forget(uint64_t keep_newest) {
  WEIR_ASSIGN_OR_RETURN(const std::vector<FileInfo> entries, ListOrEmpty(env_, folder_));
  const std::vector<uint64_t> epochs = EpochsOf(entries, kManifestEnding);
  if (epochs.empty()) return Status::Ok();
  const std::vector<uint64_t> done = EpochsOf(entries, kDoneEnding);
  const size_t keep = std::clamp<uint64_t>(keep_newest, 1, epochs.size());
  uint64_t oldest_kept = epochs[epochs.size() - keep];
  // The newest done one is where the flow stands if a later one is withdrawn.
  const auto newest_done = std::find_if(epochs.rbegin(), epochs.rend(), [&](uint64_t epoch) {
    return std::binary_search(done.begin(), done.end(), epoch);
  });
  oldest_kept = std::min(oldest_kept, newest_done == epochs.rend() ? epochs[0] : *newest_done);
  // Oldest first, and a manifest before its markers: a crash leaves a shorter log, never a gap.
  for (const char* ending : kEndings) {
    for (const uint64_t epoch : EpochsOf(entries, ending)) {
      if (epoch >= oldest_kept) break;
      Status removed = env_.RemoveFile(PathOf(epoch, ending));
      if (!removed.ok() && removed.error().code() != ErrorCode::kNotFound) return removed;
    }
  }
  return Status::Ok();
}

}  // namespace weir::epoch
