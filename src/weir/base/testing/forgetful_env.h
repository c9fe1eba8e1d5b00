// ForgetfulEnv: an Env that passes everything on but says that chosen files or folders were synced
// when they were not. Simulations that do not find it out prove nothing.
//
// Thread rule: as the Env below.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "weir/base/testing/passing_env.h"

namespace weir::testing {

class ForgetfulEnv : public PassingEnv {
 public:
  // Paths that contain one of these texts are not synced; an empty text is in no path.
  struct Lies {
    std::string files;
    std::string folders;
  };

  ForgetfulEnv(Env& env, Lies lies) : PassingEnv(env), lies_(std::move(lies)) {}

  Result<std::unique_ptr<File>> OpenFile(const std::string& path, OpenMode mode) override {
    WEIR_ASSIGN_OR_RETURN(auto file, PassingEnv::OpenFile(path, mode));
    if (!Matches(path, lies_.files)) return file;
    return std::make_unique<ForgetfulFile>(std::move(file));
  }
  Status SyncDir(const std::string& path) override {
    return Matches(path, lies_.folders) ? Status::Ok() : PassingEnv::SyncDir(path);
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

  const Lies lies_;
};

}  // namespace weir::testing
