// PassingEnv: an Env that passes everything on to another one, which can be exchanged.
//
// Thread rule: as the Env below; nothing runs while it is exchanged.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/env.h"

namespace weir::testing {

class PassingEnv : public Env {
 public:
  explicit PassingEnv(Env& env) : env_(&env) {}
  void PassTo(Env& env) { env_ = &env; }

  Result<std::unique_ptr<File>> OpenFile(const std::string& path, OpenMode mode) override {
    return env_->OpenFile(path, mode);
  }
  Status SyncDir(const std::string& path) override { return env_->SyncDir(path); }
  int64_t NowMicros() override { return env_->NowMicros(); }
  int64_t MonotonicNanos() override { return env_->MonotonicNanos(); }
  void SleepMicros(int64_t us) override { env_->SleepMicros(us); }
  uint64_t RandomU64() override { return env_->RandomU64(); }
  Result<FileInfo> Stat(const std::string& path) override { return env_->Stat(path); }
  Result<std::vector<FileInfo>> ListDir(const std::string& path) override {
    return env_->ListDir(path);
  }
  Status CreateDirs(const std::string& path) override { return env_->CreateDirs(path); }
  Status RemoveFile(const std::string& path) override { return env_->RemoveFile(path); }
  Status RemoveEmptyDir(const std::string& path) override { return env_->RemoveEmptyDir(path); }
  Status Rename(const std::string& from, const std::string& to) override {
    return env_->Rename(from, to);
  }
  Status LinkNoReplace(const std::string& from, const std::string& to) override {
    return env_->LinkNoReplace(from, to);
  }
  Result<std::unique_ptr<FileLock>> LockFile(const std::string& path) override {
    return env_->LockFile(path);
  }
  Result<uint64_t> FreeDiskBytes(const std::string& path) override {
    return env_->FreeDiskBytes(path);
  }
  std::unique_ptr<Thread> StartThread(std::string name, std::function<void()> body) override {
    return env_->StartThread(std::move(name), std::move(body));
  }
  ProcessUsage Usage() override { return env_->Usage(); }
  MachineInfo Machine() override { return env_->Machine(); }
  uint64_t ProcessId() override { return env_->ProcessId(); }
  std::optional<std::string> Variable(const std::string& name) override {
    return env_->Variable(name);
  }

 private:
  Env* env_;
};

}  // namespace weir::testing
