#include "weir/base/env.h"

#include <cinttypes>
#include <cstdio>

namespace weir {
namespace {

// Beside the target, so that a rename or link stays within one file system; hidden, and told from
// finished files by its ending.
std::string TempPathFor(Env& env, const std::string& path) {
  char suffix[40];
  snprintf(suffix, sizeof suffix, ".%016" PRIx64 ".tmp", env.RandomU64());
  return JoinPath(ParentPath(path), "." + BaseName(path) + suffix);
}

}  // namespace

bool Env::Exists(const std::string& path) { return Stat(path).ok(); }

Result<std::string> Env::ReadFile(const std::string& path) {
  WEIR_ASSIGN_OR_RETURN(auto file, OpenFile(path, OpenMode::kRead));
  WEIR_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  // Files of /proc and growing files say too small a size: read until nothing more comes.
  std::string bytes;
  size_t filled = 0;
  size_t want = size + 1;
  while (true) {
    bytes.resize(filled + want);
    WEIR_ASSIGN_OR_RETURN(const size_t got, file->ReadAt(filled, bytes.data() + filled, want));
    filled += got;
    if (got < want) break;
    want = 64 * 1024;
  }
  bytes.resize(filled);
  return bytes;
}

Result<std::string> Env::WriteTempFor(const std::string& path, std::string_view bytes) {
  std::string temp = TempPathFor(*this, path);
  Status status = [&]() -> Status {
    WEIR_ASSIGN_OR_RETURN(auto file, OpenFile(temp, OpenMode::kCreateNew));
    WEIR_RETURN_IF_ERROR(file->WriteAt(0, bytes.data(), bytes.size()));
    return file->Sync();
  }();
  if (status.ok()) return temp;
  (void)RemoveFile(temp);
  return std::move(status).error();
}

Status Env::WriteFileAtomic(const std::string& path, std::string_view bytes) {
  WEIR_ASSIGN_OR_RETURN(const std::string temp, WriteTempFor(path, bytes));
  if (Status renamed = Rename(temp, path); !renamed.ok()) {
    (void)RemoveFile(temp);
    return renamed;
  }
  return SyncDir(ParentPath(path));
}

Status Env::PutIfAbsent(const std::string& path, std::string_view bytes) {
  WEIR_ASSIGN_OR_RETURN(const std::string temp, WriteTempFor(path, bytes));
  Status linked = LinkNoReplace(temp, path);
  // A left-over temp name is harmless; what counts is whether the link was made.
  (void)RemoveFile(temp);
  WEIR_RETURN_IF_ERROR(std::move(linked));
  return SyncDir(ParentPath(path));
}

Status Env::CreateDirsSynced(const std::string& path) {
  // The folders that are missing, innermost first.
  std::vector<std::string> missing;
  std::vector<std::string> parents;
  for (std::string at = path;;) {
    if (!Exists(at)) missing.push_back(at);
    const std::string parent = ParentPath(at);
    if (parent == at) break;
    parents.push_back(parent);
    at = parent;
  }
  if (!missing.empty()) WEIR_RETURN_IF_ERROR(CreateDirs(path));
  // Also the entries that were there: an earlier process may have made them and died before it
  // could sync them. Folders above that we may not open were not made by us.
  for (size_t i = 0; i < parents.size(); ++i) {
    Status synced = SyncDir(parents[i]);
    if (!synced.ok() && (i < missing.size() || synced.error().code() != ErrorCode::kPermission)) {
      return synced;
    }
  }
  return Status::Ok();
}

Status Env::RemoveTree(const std::string& path) {
  // RemoveFile first: it takes symbolic links as names, so that nothing outside is ever removed.
  Status removed = RemoveFile(path);
  if (removed.ok() || removed.error().code() == ErrorCode::kNotFound) return Status::Ok();
  if (removed.error().code() != ErrorCode::kInvalid) return removed;  // kInvalid: a folder
  WEIR_ASSIGN_OR_RETURN(const std::vector<FileInfo> entries, ListDir(path));
  for (const FileInfo& entry : entries) {
    WEIR_RETURN_IF_ERROR(RemoveTree(JoinPath(path, entry.path)));
  }
  return RemoveEmptyDir(path);
}

std::string JoinPath(std::string_view folder, std::string_view name) {
  if (folder.empty() || name.starts_with('/')) return std::string(name);
  if (name.empty()) return std::string(folder);
  std::string path(folder);
  if (!path.ends_with('/')) path += '/';
  path += name;
  return path;
}

std::string ParentPath(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  path = path.substr(0, slash);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path.empty() ? "/" : std::string(path);
}

std::string BaseName(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || path == "/") return std::string(path);
  return std::string(path.substr(slash + 1));
}

}  // namespace weir
