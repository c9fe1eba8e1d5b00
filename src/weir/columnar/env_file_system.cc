#include "weir/columnar/env_file_system.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "duckdb/common/file_open_flags.hpp"
#include "duckdb/common/types/timestamp.hpp"
#include "duckdb/common/virtual_file_system.hpp"
#include "duckdb/function/scalar/string_common.hpp"
#include "weir/columnar/duckdb_error.h"

namespace weir::columnar {
namespace {

using duckdb::FileHandle;
using duckdb::FileOpener;
using duckdb::FileOpenFlags;
using duckdb::idx_t;
using duckdb::OpenFileInfo;
using duckdb::optional_ptr;

// Folders below each other that `**` follows: links can make a circle.
constexpr int kGlobDepthMax = 64;

template <typename T>
T ValueOrThrow(Result<T> result) {
  if (!result.ok()) ThrowIntoDuckDB(result.error());
  return std::move(result).value();
}

void OkOrThrow(const Status& status) {
  if (!status.ok()) ThrowIntoDuckDB(status.error());
}

class EnvFileHandle : public FileHandle {
 public:
  EnvFileHandle(duckdb::FileSystem& system, std::string path, FileOpenFlags flags,
                std::unique_ptr<File> file)
      : FileHandle(system, std::move(path), flags), file_(std::move(file)) {}
  ~EnvFileHandle() override = default;

  void Close() override { file_.reset(); }

  File& file() {
    if (!file_) throw duckdb::InternalException("%s is closed", path);
    return *file_;
  }
  idx_t position = 0;

 private:
  std::unique_ptr<File> file_;
};

EnvFileHandle& Ours(FileHandle& handle) { return handle.Cast<EnvFileHandle>(); }

class EnvFileSystem : public duckdb::FileSystem {
 public:
  explicit EnvFileSystem(Env& env) : env_(env) {}

  duckdb::unique_ptr<FileHandle> OpenFile(const std::string& path, FileOpenFlags flags,
                                          optional_ptr<FileOpener>) override {
    flags.Verify();
    OpenMode mode = OpenMode::kRead;
    if (flags.OpenForWriting()) {
      if (flags.ExclusiveCreate() || flags.CreatePrivateFile()) {
        mode = OpenMode::kCreateNew;
      } else if (flags.OverwriteExistingFile()) {
        mode = OpenMode::kTruncate;
      } else {
        mode = OpenMode::kReadWrite;
        if (!flags.CreateFileIfNotExists()) {
          const Result<FileInfo> info = env_.Stat(path);
          if (!info.ok()) return AbsentOrThrow(info.error(), flags);
        }
      }
    }
    Result<std::unique_ptr<File>> file = env_.OpenFile(path, mode);
    if (!file.ok()) return AbsentOrThrow(file.error(), flags);
    auto handle = duckdb::make_uniq<EnvFileHandle>(*this, path, flags, std::move(file).value());
    if (flags.OpenForAppending()) handle->position = ValueOrThrow(handle->file().Size());
    return handle;
  }

  void Read(FileHandle& handle, void* buffer, int64_t bytes, idx_t location) override {
    const auto wanted = static_cast<size_t>(bytes);
    const size_t got = ValueOrThrow(Ours(handle).file().ReadAt(location, buffer, wanted));
    if (got < wanted) {
      ThrowIntoDuckDB(Error::Operator(
          ErrorCode::kCorrupt, handle.path + ": ends at byte " + std::to_string(location + got) +
                                   ", but bytes up to " + std::to_string(location + wanted) +
                                   " should be there"));
    }
  }

  int64_t Read(FileHandle& handle, void* buffer, int64_t bytes) override {
    EnvFileHandle& ours = Ours(handle);
    const size_t got =
        ValueOrThrow(ours.file().ReadAt(ours.position, buffer, static_cast<size_t>(bytes)));
    ours.position += got;
    return static_cast<int64_t>(got);
  }

  void Write(FileHandle& handle, void* buffer, int64_t bytes, idx_t location) override {
    OkOrThrow(Ours(handle).file().WriteAt(location, buffer, static_cast<size_t>(bytes)));
  }

  int64_t Write(FileHandle& handle, void* buffer, int64_t bytes) override {
    EnvFileHandle& ours = Ours(handle);
    OkOrThrow(ours.file().WriteAt(ours.position, buffer, static_cast<size_t>(bytes)));
    ours.position += static_cast<idx_t>(bytes);
    return bytes;
  }

  // Giving blocks back inside a file is an optimisation of DuckDB's own database files.
  bool Trim(FileHandle&, idx_t, idx_t) override { return false; }

  int64_t GetFileSize(FileHandle& handle) override {
    return static_cast<int64_t>(ValueOrThrow(Ours(handle).file().Size()));
  }
  duckdb::timestamp_t GetLastModifiedTime(FileHandle& handle) override {
    return duckdb::timestamp_t(ValueOrThrow(env_.Stat(handle.path)).modified_us);
  }
  std::string GetVersionTag(FileHandle&) override { return ""; }
  duckdb::FileType GetFileType(FileHandle&) override { return duckdb::FileType::FILE_TYPE_REGULAR; }
  duckdb::FileMetadata Stats(FileHandle& handle) override {
    duckdb::FileMetadata facts;
    facts.file_size = GetFileSize(handle);
    facts.last_modification_time = GetLastModifiedTime(handle);
    facts.file_type = duckdb::FileType::FILE_TYPE_REGULAR;
    return facts;
  }
  void Truncate(FileHandle& handle, int64_t size) override {
    OkOrThrow(Ours(handle).file().Truncate(static_cast<uint64_t>(size)));
  }
  void FileSync(FileHandle& handle) override { OkOrThrow(Ours(handle).file().Sync()); }

  bool DirectoryExists(const std::string& path, optional_ptr<FileOpener>) override {
    const std::optional<FileInfo> info = StatIfThere(path);
    return info && info->is_directory;
  }
  void CreateDirectory(const std::string& path, optional_ptr<FileOpener>) override {
    OkOrThrow(env_.CreateDirs(path));
  }
  void RemoveDirectory(const std::string& path, optional_ptr<FileOpener>) override {
    OkOrThrow(env_.RemoveTree(path));
  }
  void MoveFile(const std::string& from, const std::string& to, optional_ptr<FileOpener>) override {
    OkOrThrow(env_.Rename(from, to));
  }
  bool FileExists(const std::string& path, optional_ptr<FileOpener>) override {
    const std::optional<FileInfo> info = StatIfThere(path);
    return info && !info->is_directory;
  }
  bool IsPipe(const std::string&, optional_ptr<FileOpener>) override { return false; }
  void RemoveFile(const std::string& path, optional_ptr<FileOpener>) override {
    OkOrThrow(env_.RemoveFile(path));
  }
  bool TryRemoveFile(const std::string& path, optional_ptr<FileOpener>) override {
    const Status removed = env_.RemoveFile(path);
    if (removed.ok()) return true;
    if (removed.error().code() == ErrorCode::kNotFound) return false;
    ThrowIntoDuckDB(removed.error());
  }

  void Seek(FileHandle& handle, idx_t location) override { Ours(handle).position = location; }
  void Reset(FileHandle& handle) override { Ours(handle).position = 0; }
  idx_t SeekPosition(FileHandle& handle) override { return Ours(handle).position; }
  bool CanSeek() override { return true; }
  bool OnDiskFile(FileHandle&) override { return true; }
  bool CanHandleFile(const std::string&) override { return false; }  // the default, asked last
  // Otherwise DuckDB keeps a second, own file system for what it calls local.
  bool IsLocalFileSystem() const override { return true; }
  std::string GetName() const override { return "LocalFileSystem"; }
  std::string PathSeparator(const std::string&) override { return "/"; }
  bool IsPathAbsolute(const std::string& path) override { return path.starts_with('/'); }
  std::string CanonicalizePath(const std::string& path, optional_ptr<FileOpener>) override {
    return path;
  }

  // *, ?, [..] within a name, ** for any folders. Names come in order, folder by folder.
  duckdb::vector<OpenFileInfo> Glob(const std::string& pattern, FileOpener*) override {
    duckdb::vector<OpenFileInfo> found;
    std::string path = pattern;
    if (path.starts_with("file://")) path = path.substr(path.starts_with("file:///") ? 7 : 5);
    if (!HasGlob(path)) {
      if (FileExists(path, nullptr)) found.emplace_back(path);
      return found;
    }
    std::vector<std::string> parts;
    size_t start = 0;
    while (start <= path.size()) {
      size_t end = path.find('/', start);
      if (end == std::string::npos) end = path.size();
      if (end > start) parts.push_back(path.substr(start, end - start));
      start = end + 1;
    }
    Match(path.starts_with('/') ? "/" : "", parts, 0, 0, /*named=*/true, found);
    std::sort(found.begin(), found.end());
    found.erase(
        std::unique(found.begin(), found.end(),
                    [](const OpenFileInfo& a, const OpenFileInfo& b) { return a.path == b.path; }),
        found.end());
    return found;
  }

 protected:
  bool SupportsListFilesExtended() const override { return true; }
  bool ListFilesExtended(const std::string& folder,
                         const std::function<void(OpenFileInfo& info)>& callback,
                         optional_ptr<FileOpener>) override {
    Result<std::vector<FileInfo>> entries = env_.ListDir(folder);
    if (!entries.ok()) {
      if (entries.error().code() == ErrorCode::kNotFound) return false;
      ThrowIntoDuckDB(entries.error());
    }
    for (const FileInfo& entry : *entries) {
      OpenFileInfo info(entry.path);
      info.extended_info = duckdb::make_shared_ptr<duckdb::ExtendedOpenFileInfo>();
      auto& facts = info.extended_info->options;
      facts.emplace("type", duckdb::Value(entry.is_directory ? "directory" : "file"));
      facts.emplace("file_size", duckdb::Value::BIGINT(static_cast<int64_t>(entry.size)));
      facts.emplace("last_modified",
                    duckdb::Value::TIMESTAMP(duckdb::timestamp_t(entry.modified_us)));
      callback(info);
    }
    return true;
  }

 private:
  std::optional<FileInfo> StatIfThere(const std::string& path) {
    if (path.empty()) return std::nullopt;
    Result<FileInfo> info = env_.Stat(path);
    if (info.ok()) return *info;
    if (info.error().code() == ErrorCode::kNotFound) return std::nullopt;
    ThrowIntoDuckDB(info.error());
  }

  static duckdb::unique_ptr<FileHandle> AbsentOrThrow(const Error& error, FileOpenFlags flags) {
    if (flags.ReturnNullIfNotExists() && error.code() == ErrorCode::kNotFound) return nullptr;
    if (flags.ReturnNullIfExists() && error.code() == ErrorCode::kAlreadyExists) return nullptr;
    ThrowIntoDuckDB(error);
  }

  static std::string Below(const std::string& folder, const std::string& name) {
    return folder.empty() || folder == "/" ? folder + name : folder + "/" + name;
  }

  // Adds the files below `folder` that the parts from number `part` on describe; `named`: no
  // wildcard led here.
  void Match(const std::string& folder, const std::vector<std::string>& parts, size_t part,
             int depth, bool named, duckdb::vector<OpenFileInfo>& found) {
    if (depth > kGlobDepthMax) return;
    const std::string& pattern = parts[part];
    const bool last = part + 1 == parts.size();
    if (!HasGlob(pattern)) {
      const std::string path = Below(folder, pattern);
      const std::optional<FileInfo> info = StatIfThere(path);
      if (!info) return;
      if (last && !info->is_directory) found.emplace_back(path);
      if (!last && info->is_directory) Match(path, parts, part + 1, depth + 1, named, found);
      return;
    }
    const Result<std::vector<FileInfo>> entries = env_.ListDir(folder.empty() ? "." : folder);
    if (!entries.ok()) {
      // The folder went away, or a wildcard passes by one that is not for this user (lost+found).
      const ErrorCode code = entries.error().code();
      if (code == ErrorCode::kNotFound || (code == ErrorCode::kPermission && !named)) return;
      ThrowIntoDuckDB(entries.error());
    }
    const bool any_folders = pattern == "**";
    // `a/**/b` also means `a/b`.
    if (any_folders && !last) Match(folder, parts, part + 1, depth + 1, named, found);
    for (const FileInfo& entry : *entries) {
      const std::string path = Below(folder, entry.path);
      if (any_folders) {
        if (entry.is_directory) {
          Match(path, parts, part, depth + 1, /*named=*/false, found);
        } else if (last) {
          found.emplace_back(path);
        }
      } else if (duckdb::Glob(entry.path.data(), entry.path.size(), pattern.data(),
                              pattern.size())) {
        if (last && !entry.is_directory) found.emplace_back(path);
        if (!last && entry.is_directory) {
          Match(path, parts, part + 1, depth + 1, /*named=*/false, found);
        }
      }
    }
  }

  Env& env_;
};

}  // namespace

duckdb::unique_ptr<duckdb::FileSystem> NewEnvVirtualFileSystem(Env& env) {
  return duckdb::make_uniq<duckdb::VirtualFileSystem>(duckdb::make_uniq<EnvFileSystem>(env));
}

}  // namespace weir::columnar
