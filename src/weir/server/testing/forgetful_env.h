// ForgetfulEnv: an Env that passes everything on but says that chosen files or folders were synced
// when they were not. Simulations that do not find it out prove nothing.
//
// Thread rule: as the Env below.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "weir/base/env.h"

namespace weir::server::testing {

class ForgetfulEnv : public Env {
 public:
  // Paths that contain one of these texts are not synced; an empty text is in no path.
  struct Lies {
    std::string files;
    std::string folders;
  };

  ForgetfulEnv(Env& env, Lies lies) : env_(env), lies_(std::move(lies)) {}

  Result<std::unique_ptr<File>> OpenFile(const std::string& path, OpenMode mode) override {
    WEIR_ASSIGN_OR_RETURN(auto file, env_.OpenFile(path, mode));
    if (!Matches(path, lies_.files)) return file;
    return std::make_unique<ForgetfulFile>(std::move(file));
  }
  Status SyncDir(const std::string& path) override {
    return Matches(path, lies_.folders) ? Status::Ok() : env_.SyncDir(path);
  }

  int64_t NowMicros() override { return env_.NowMicros(); }
  int64_t MonotonicNanos() override { return env_.MonotonicNanos(); }
  void SleepMicros(int64_t us) override { env_.SleepMicros(us); }
  uint64_t RandomU64() override { return env_.RandomU64(); }
  Result<FileInfo> Stat(const std::string& path) override { return env_.Stat(path); }
  Result<std::vector<FileInfo>> ListDir(const std::string& path) override {
    return env_.ListDir(path);
  }
  Status CreateDirs(const std::string& path) override { return env_.CreateDirs(path); }
  Status RemoveFile(const std::string& path) override { return env_.RemoveFile(path); }
  Status RemoveEmptyDir(const std::string& path) override { return env_.RemoveEmptyDir(path); }
  Status Rename(const std::string& from, const std::string& to) override {
    return env_.Rename(from, to);
  }
  Status LinkNoReplace(const std::string& from, const std::string& to) override {
    return env_.LinkNoReplace(from, to);
  }
  Result<std::unique_ptr<FileLock>> LockFile(const std::string& path) override {
    return env_.LockFile(path);
  }
  Result<uint64_t> FreeDiskBytes(const std::string& path) override {
    return env_.FreeDiskBytes(path);
  }
  std::unique_ptr<Thread> StartThread(std::string name, std::function<void()> body) override {
    return env_.StartThread(std::move(name), std::move(body));
  }
  ProcessUsage Usage() override { return env_.Usage(); }
  MachineInfo Machine() override { return env_.Machine(); }
  uint64_t ProcessId() override { return env_.ProcessId(); }
  std::optional<std::string> Variable(const std::string& name) override {
    return env_.Variable(name);
  }

 private:
  class ForgetfulFile : public File {
   public:
    explicit ForgetfulFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
    Result<size_t> ReadAt(uint64_t offset, void* buffer, size_t n) override {
      return file_->ReadAt(offset, buffer, n);
    }
    Status WriteAt(uint64_t offset, const void* buffer, size_t n) override {
      return file_->WriteAt(offset, buffer, n);
    }
    Status Truncate(uint64_t size) override { return file_->Truncate(size); }
    Status Sync() override { return Status::Ok(); }
    Result<uint64_t> Size() override { return file_->Size(); }
    const std::string& path() const override { return file_->path(); }

   private:
    std::unique_ptr<File> file_;
  };

  static bool Matches(const std::string& path, const std::string& text) {
    return !text.empty() && path.find(text) != std::string::npos;
  }

  Env& env_;
  const Lies lies_;
};

}  // namespace weir::server::testing
