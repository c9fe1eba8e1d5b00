// DuckDB's file calls, one by one, as they arrive at Env.
#include "weir/columnar/env_file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "duckdb/main/client_context.hpp"
#include "weir/base/sim_env.h"
#include "weir/columnar/duckdb_error.h"

namespace weir::columnar {
namespace {

using duckdb::FileFlags;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class EnvFileSystemTest : public ::testing::Test {
 protected:
  EnvFileSystemTest() : env_(1), files_(NewEnvVirtualFileSystem(env_)) {
    EXPECT_TRUE(env_.CreateDirs("/d").ok());
  }

  // The error that a call throws, as it comes out on our side.
  Error Thrown(const std::function<void()>& call) {
    const Status status = CatchDuckDB([&]() -> Status {
      call();
      return Status::Ok();
    });
    return status.ok() ? Error::Bug("nothing was thrown") : status.error();
  }
  std::string Contents(const std::string& path) {
    auto text = env_.ReadFile(path);
    return text.ok() ? *text : text.error().ToString();
  }
  void Put(const std::string& path, const std::string& text) {
    ASSERT_TRUE(env_.WriteFileAtomic(path, text).ok());
  }

  SimEnv env_;
  duckdb::unique_ptr<duckdb::FileSystem> files_;
};

TEST_F(EnvFileSystemTest, ReadsAndWritesAtPositions) {
  auto file = files_->OpenFile("/d/f", FileFlags::FILE_FLAGS_READ | FileFlags::FILE_FLAGS_WRITE |
                                           FileFlags::FILE_FLAGS_FILE_CREATE);
  std::string text = "hello world";
  EXPECT_EQ(file->Write(text.data(), 5), 5);
  EXPECT_EQ(file->SeekPosition(), 5u);
  EXPECT_EQ(file->Write(text.data() + 5, 6), 6);
  file->Write(duckdb::QueryContext(), text.data(), 1, 6);  // where it says; the position stays
  EXPECT_EQ(file->SeekPosition(), 11u);
  EXPECT_EQ(Contents("/d/f"), "hello horld");
  char buffer[20] = {};
  file->Read(buffer, 5, 6);
  EXPECT_STREQ(buffer, "horld");
  file->Seek(9);
  EXPECT_EQ(file->Read(buffer, 20), 2);  // fewer at the end ...
  EXPECT_EQ(file->Read(buffer, 20), 0);
  EXPECT_EQ(Thrown([&] { file->Read(buffer, 20, 6); }).code(), ErrorCode::kCorrupt);  // ... or not
  file->Reset();
  EXPECT_EQ(file->SeekPosition(), 0u);
  file->Truncate(5);
  EXPECT_EQ(file->GetFileSize(), 5u);
  EXPECT_TRUE(file->CanSeek());
  EXPECT_EQ(file->GetType(), duckdb::FileType::FILE_TYPE_REGULAR);
  EXPECT_EQ(files_->GetLastModifiedTime(*file).value, env_.Stat("/d/f")->modified_us);
}

TEST_F(EnvFileSystemTest, OpensAsTheFlagsSay) {
  const auto open = [&](const std::string& path, duckdb::FileOpenFlags flags) {
    return files_->OpenFile(path, flags);
  };
  Put("/d/old", "old");
  EXPECT_EQ(Thrown([&] { open("/d/no", FileFlags::FILE_FLAGS_READ); }).code(),
            ErrorCode::kNotFound);
  EXPECT_EQ(Thrown([&] { open("/d/no", FileFlags::FILE_FLAGS_WRITE); }).code(),
            ErrorCode::kNotFound);
  EXPECT_FALSE(env_.Exists("/d/no"));
  EXPECT_EQ(open("/d/no", FileFlags::FILE_FLAGS_READ | FileFlags::FILE_FLAGS_NULL_IF_NOT_EXISTS),
            nullptr);
  const auto exclusive = FileFlags::FILE_FLAGS_WRITE | FileFlags::FILE_FLAGS_FILE_CREATE |
                         FileFlags::FILE_FLAGS_EXCLUSIVE_CREATE;
  EXPECT_EQ(Thrown([&] { open("/d/old", exclusive); }).code(), ErrorCode::kAlreadyExists);
  EXPECT_EQ(open("/d/old", exclusive | FileFlags::FILE_FLAGS_NULL_IF_EXISTS), nullptr);
  EXPECT_NE(open("/d/new", exclusive), nullptr);
  {
    auto file = open("/d/old", FileFlags::FILE_FLAGS_WRITE | FileFlags::FILE_FLAGS_FILE_CREATE |
                                   FileFlags::FILE_FLAGS_APPEND);
    std::string more = "+more";
    file->Write(more.data(), more.size());
  }
  EXPECT_EQ(Contents("/d/old"), "old+more");
  open("/d/old", FileFlags::FILE_FLAGS_WRITE | FileFlags::FILE_FLAGS_FILE_CREATE);
  EXPECT_EQ(Contents("/d/old"), "old+more");
  open("/d/old", FileFlags::FILE_FLAGS_WRITE | FileFlags::FILE_FLAGS_FILE_CREATE_NEW);
  EXPECT_EQ(Contents("/d/old"), "");
}

TEST_F(EnvFileSystemTest, SyncKeepsBytesOverAPowerLoss) {
  for (const bool sync : {true, false}) {
    SCOPED_TRACE(sync);
    int kept = 0;
    for (uint64_t seed = 0; seed < 20; ++seed) {
      SimEnv env(seed);
      ASSERT_TRUE(env.CreateDirsSynced("/d").ok());
      auto files = NewEnvVirtualFileSystem(env);
      {
        auto file = files->OpenFile(
            "/d/f", FileFlags::FILE_FLAGS_WRITE | FileFlags::FILE_FLAGS_FILE_CREATE_NEW);
        std::string text(4000, 'x');
        file->Write(text.data(), text.size());
        if (sync) file->Sync();
        ASSERT_TRUE(env.SyncDir("/d").ok());
      }
      env.Crash();
      env.Restart(SimEnv::CrashKind::kPowerLost);
      auto text = env.ReadFile("/d/f");
      kept += text.ok() && *text == std::string(4000, 'x');
    }
    if (sync) {
      EXPECT_EQ(kept, 20);
    } else {
      EXPECT_LT(kept, 20);
    }
  }
}

TEST_F(EnvFileSystemTest, FoldersAndNames) {
  files_->CreateDirectory("/d/a/b");
  EXPECT_TRUE(files_->DirectoryExists("/d/a/b"));
  EXPECT_FALSE(files_->FileExists("/d/a/b"));
  Put("/d/a/f", "1");
  EXPECT_TRUE(files_->FileExists("/d/a/f"));
  EXPECT_FALSE(files_->DirectoryExists("/d/a/f"));
  EXPECT_FALSE(files_->FileExists("/d/none/f"));
  files_->MoveFile("/d/a/f", "/d/a/b/g");
  EXPECT_EQ(Contents("/d/a/b/g"), "1");
  std::vector<std::string> names;
  EXPECT_TRUE(files_->ListFiles("/d/a", [&](const std::string& name, bool folder) {
    names.push_back(name + (folder ? "/" : ""));
  }));
  EXPECT_THAT(names, ElementsAre("b/"));
  EXPECT_FALSE(files_->ListFiles("/none", [](const std::string&, bool) {}));
  EXPECT_TRUE(files_->TryRemoveFile("/d/a/b/g"));
  EXPECT_FALSE(files_->TryRemoveFile("/d/a/b/g"));
  EXPECT_EQ(Thrown([&] { files_->RemoveFile("/d/a/b/g"); }).code(), ErrorCode::kNotFound);
  Put("/d/a/b/h", "1");
  files_->RemoveDirectory("/d/a");
  EXPECT_FALSE(env_.Exists("/d/a"));
}

TEST_F(EnvFileSystemTest, ErrorsComeOutAsTheyWentIn) {
  env_.SetCapacity(100);
  auto file =
      files_->OpenFile("/d/f", FileFlags::FILE_FLAGS_WRITE | FileFlags::FILE_FLAGS_FILE_CREATE_NEW);
  std::string text(5000, 'x');
  const Error full = Thrown([&] { file->Write(text.data(), text.size()); });
  const Status expected = env_.WriteFileAtomic("/d/g", text);
  ASSERT_FALSE(expected.ok());
  EXPECT_EQ(full.code(), ErrorCode::kNoSpace);
  EXPECT_EQ(full.actor(), expected.error().actor());
  EXPECT_EQ(full.fix(), expected.error().fix());
  EXPECT_THAT(full.ToString(), HasSubstr("/d/f"));
}

TEST_F(EnvFileSystemTest, AFolderThatCannotBeListedIsNoEmptyFolder) {
  Put("/d/1.csv", "1");
  ASSERT_EQ(files_->Glob("/d/*.csv").size(), 1u);
  env_.SetIoErrorProbability(1);
  for (const char* pattern : {"/d/*.csv", "/d/**", "/*/*.csv", "/d/1.csv"}) {
    EXPECT_EQ(Thrown([&] { files_->Glob(pattern); }).code(), ErrorCode::kIo) << pattern;
  }
  env_.SetIoErrorProbability(0);
  EXPECT_TRUE(files_->Glob("/none/*.csv").empty());
}

}  // namespace
}  // namespace weir::columnar
