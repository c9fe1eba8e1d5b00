// What every Env promises, run against each of them.
#include <algorithm>
#include <atomic>
#include <set>

#include "gtest/gtest.h"
#include "weir/base/env.h"
#include "weir/base/sim_env.h"

namespace weir {
namespace {

// A folder of its own on the machine's disk, removed at the end.
class RealSetup {
 public:
  RealSetup() { EXPECT_TRUE(RealEnv().CreateDirs(root_).ok()); }
  ~RealSetup() { EXPECT_TRUE(RealEnv().RemoveTree(root_).ok()); }
  Env& env() { return RealEnv(); }
  const std::string& root() const { return root_; }

 private:
  const std::string root_ =
      JoinPath(testing::TempDir(), "weir_env_test_" + std::to_string(RealEnv().RandomU64()));
};

class SimSetup {
 public:
  SimSetup() { EXPECT_TRUE(env_.CreateDirs(root()).ok()); }
  Env& env() { return env_; }
  std::string root() const { return "/sim"; }

 private:
  SimEnv env_{7};
};

template <typename Under>
class EnvContractTest : public testing::Test {
 protected:
  Env& env() { return under_.env(); }
  std::string In(const std::string& name) { return JoinPath(under_.root(), name); }
  void Put(const std::string& name, const std::string& bytes) {
    const Status written = env().WriteFileAtomic(In(name), bytes);
    ASSERT_TRUE(written.ok()) << written.error().ToString();
  }
  std::string Get(const std::string& name) {
    auto bytes = env().ReadFile(In(name));
    return bytes.ok() ? *bytes : "error: " + bytes.error().ToString();
  }
  std::vector<std::string> Names(const std::string& folder) {
    std::vector<std::string> names;
    auto entries = env().ListDir(In(folder));
    if (!entries.ok()) return {"error: " + entries.error().ToString()};
    for (const FileInfo& entry : *entries) names.push_back(entry.path);
    return names;
  }

 private:
  Under under_;
};

using Setups = testing::Types<RealSetup, SimSetup>;
TYPED_TEST_SUITE(EnvContractTest, Setups);

using Strings = std::vector<std::string>;

template <typename T>
ErrorCode CodeOf(const T& outcome) {
  EXPECT_FALSE(outcome.ok());
  return outcome.ok() ? ErrorCode::kInternal : outcome.error().code();
}

TYPED_TEST(EnvContractTest, OpenModes) {
  Env& env = this->env();
  const std::string path = this->In("a");
  EXPECT_EQ(CodeOf(env.OpenFile(path, OpenMode::kRead)), ErrorCode::kNotFound);
  {
    auto file = env.OpenFile(path, OpenMode::kCreateNew);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->WriteAt(0, "hello", 5).ok());
    EXPECT_EQ((*file)->path(), path);
  }
  EXPECT_EQ(CodeOf(env.OpenFile(path, OpenMode::kCreateNew)), ErrorCode::kAlreadyExists);
  {
    auto file = env.OpenFile(path, OpenMode::kReadWrite);
    ASSERT_TRUE(file.ok());
    EXPECT_EQ(*(*file)->Size(), 5u);
  }
  {
    auto file = env.OpenFile(path, OpenMode::kTruncate);
    ASSERT_TRUE(file.ok());
    EXPECT_EQ(*(*file)->Size(), 0u);
  }
  EXPECT_EQ(CodeOf(env.OpenFile(this->In("no/b"), OpenMode::kCreateNew)), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(env.OpenFile(this->In("a/b"), OpenMode::kReadWrite)), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(env.OpenFile(this->In(""), OpenMode::kRead)), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(env.OpenFile(this->In(""), OpenMode::kReadWrite)), ErrorCode::kInvalid);
}

TYPED_TEST(EnvContractTest, ReadsAndWritesAtOffsets) {
  auto file = this->env().OpenFile(this->In("a"), OpenMode::kCreateNew);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->WriteAt(3, "xyz", 3).ok());  // the gap reads as zeros
  ASSERT_TRUE((*file)->WriteAt(1, "b", 1).ok());
  char buffer[16] = {};
  EXPECT_EQ(*(*file)->ReadAt(0, buffer, sizeof buffer), 6u);
  EXPECT_EQ(std::string(buffer, 6), std::string("\0b\0xyz", 6));
  EXPECT_EQ(*(*file)->ReadAt(4, buffer, 1), 1u);
  EXPECT_EQ(buffer[0], 'y');
  EXPECT_EQ(*(*file)->ReadAt(6, buffer, 1), 0u);
  EXPECT_EQ(*(*file)->ReadAt(100, buffer, 1), 0u);
  ASSERT_TRUE((*file)->Truncate(2).ok());
  EXPECT_EQ(*(*file)->Size(), 2u);
  ASSERT_TRUE((*file)->Truncate(4).ok());
  EXPECT_EQ(*(*file)->ReadAt(0, buffer, sizeof buffer), 4u);
  EXPECT_EQ(std::string(buffer, 4), std::string("\0b\0\0", 4));
  EXPECT_TRUE((*file)->Sync().ok());
}

TYPED_TEST(EnvContractTest, ListsSortedAndStats) {
  Env& env = this->env();
  ASSERT_TRUE(env.CreateDirs(this->In("folder/deep/er")).ok());
  ASSERT_TRUE(env.CreateDirs(this->In("folder/deep/er")).ok());  // again is fine
  this->Put("folder/b", "22");
  this->Put("folder/a", "1");
  EXPECT_EQ(this->Names("folder"), (Strings{"a", "b", "deep"}));
  auto entries = env.ListDir(this->In("folder"));
  ASSERT_TRUE(entries.ok());
  EXPECT_EQ((*entries)[1].size, 2u);
  EXPECT_FALSE((*entries)[1].is_directory);
  EXPECT_TRUE((*entries)[2].is_directory);
  const auto info = env.Stat(this->In("folder/b"));
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->size, 2u);
  EXPECT_GT(info->modified_us, 0);
  EXPECT_LE(info->modified_us, env.NowMicros() + 1'000'000);
  EXPECT_TRUE(env.Stat(this->In("folder"))->is_directory);
  EXPECT_EQ(CodeOf(env.Stat(this->In("none"))), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(env.ListDir(this->In("none"))), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(env.ListDir(this->In("folder/a"))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(env.CreateDirs(this->In("folder/a"))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(env.CreateDirs(this->In("folder/a/b"))), ErrorCode::kInvalid);
}

TYPED_TEST(EnvContractTest, Removes) {
  Env& env = this->env();
  ASSERT_TRUE(env.CreateDirs(this->In("folder")).ok());
  this->Put("folder/a", "1");
  EXPECT_EQ(CodeOf(env.RemoveFile(this->In("folder"))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(env.RemoveEmptyDir(this->In("folder"))), ErrorCode::kInvalid);
  EXPECT_EQ(CodeOf(env.RemoveEmptyDir(this->In("folder/a"))), ErrorCode::kInvalid);
  EXPECT_TRUE(env.RemoveFile(this->In("folder/a")).ok());
  EXPECT_EQ(CodeOf(env.RemoveFile(this->In("folder/a"))), ErrorCode::kNotFound);
  EXPECT_TRUE(env.RemoveEmptyDir(this->In("folder")).ok());
  EXPECT_EQ(CodeOf(env.RemoveEmptyDir(this->In("folder"))), ErrorCode::kNotFound);
}

TYPED_TEST(EnvContractTest, RemoveTreeTakesAllAndIsOkWithNothing) {
  Env& env = this->env();
  ASSERT_TRUE(env.CreateDirs(this->In("folder/x/y")).ok());
  this->Put("folder/a", "1");
  this->Put("folder/x/y/b", "2");
  this->Put("beside", "3");
  EXPECT_TRUE(env.RemoveTree(this->In("folder")).ok());
  EXPECT_FALSE(env.Exists(this->In("folder")));
  EXPECT_TRUE(env.RemoveTree(this->In("folder")).ok());
  EXPECT_TRUE(env.RemoveTree(this->In("beside")).ok());
  EXPECT_EQ(this->Names(""), Strings{});
}

TYPED_TEST(EnvContractTest, RenameReplacesAndOpenFilesLiveOn) {
  Env& env = this->env();
  this->Put("a", "new");
  this->Put("b", "old");
  auto old = env.OpenFile(this->In("b"), OpenMode::kRead);
  ASSERT_TRUE(old.ok());
  EXPECT_TRUE(env.Rename(this->In("a"), this->In("b")).ok());
  EXPECT_EQ(this->Get("b"), "new");
  EXPECT_EQ(this->Names(""), Strings{"b"});
  char buffer[8];
  EXPECT_EQ(*(*old)->ReadAt(0, buffer, 8), 3u);
  EXPECT_EQ(std::string(buffer, 3), "old");
  EXPECT_EQ(CodeOf(env.Rename(this->In("a"), this->In("b"))), ErrorCode::kNotFound);
  // Folders move with what is in them.
  ASSERT_TRUE(env.CreateDirs(this->In("x/y")).ok());
  this->Put("x/y/c", "3");
  EXPECT_TRUE(env.Rename(this->In("x"), this->In("z")).ok());
  EXPECT_EQ(this->Get("z/y/c"), "3");
  EXPECT_FALSE(env.Exists(this->In("x")));
}

TYPED_TEST(EnvContractTest, LinkNeverReplaces) {
  Env& env = this->env();
  this->Put("a", "one");
  this->Put("b", "two");
  EXPECT_EQ(CodeOf(env.LinkNoReplace(this->In("a"), this->In("b"))), ErrorCode::kAlreadyExists);
  EXPECT_EQ(this->Get("b"), "two");
  EXPECT_TRUE(env.LinkNoReplace(this->In("a"), this->In("c")).ok());
  EXPECT_TRUE(env.RemoveFile(this->In("a")).ok());
  EXPECT_EQ(this->Get("c"), "one");
  EXPECT_EQ(CodeOf(env.LinkNoReplace(this->In("a"), this->In("d"))), ErrorCode::kNotFound);
}

TYPED_TEST(EnvContractTest, AtomicWritesLeaveNoTempFiles) {
  Env& env = this->env();
  this->Put("a", "one");
  this->Put("a", "two");
  EXPECT_EQ(this->Get("a"), "two");
  EXPECT_TRUE(env.PutIfAbsent(this->In("b"), "first").ok());
  EXPECT_EQ(CodeOf(env.PutIfAbsent(this->In("b"), "second")), ErrorCode::kAlreadyExists);
  EXPECT_EQ(this->Get("b"), "first");
  EXPECT_EQ(this->Names(""), (Strings{"a", "b"}));
  EXPECT_TRUE(env.SyncDir(this->In("")).ok());
  EXPECT_EQ(CodeOf(env.SyncDir(this->In("none"))), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(env.PutIfAbsent(this->In("none/b"), "")), ErrorCode::kNotFound);
}

TYPED_TEST(EnvContractTest, ReadFileTakesAllBytes) {
  const std::string bytes(1'000'000, '\xff');
  this->Put("a", bytes);
  EXPECT_EQ(this->Get("a"), bytes);
  this->Put("a", "");
  EXPECT_EQ(this->Get("a"), "");
  EXPECT_EQ(CodeOf(this->env().ReadFile(this->In(""))), ErrorCode::kInvalid);
}

TYPED_TEST(EnvContractTest, CreateDirsSyncedMakesAll) {
  EXPECT_TRUE(this->env().CreateDirsSynced(this->In("p/q/r")).ok());
  EXPECT_TRUE(this->env().Stat(this->In("p/q/r"))->is_directory);
  EXPECT_TRUE(this->env().CreateDirsSynced(this->In("p/q/r")).ok());
}

TYPED_TEST(EnvContractTest, LockIsExclusiveAndNamesItsOwner) {
  Env& env = this->env();
  auto lock = env.LockFile(this->In("lock"));
  ASSERT_TRUE(lock.ok());
  const auto second = env.LockFile(this->In("lock"));
  ASSERT_EQ(CodeOf(second), ErrorCode::kConflict);
  const std::string text = second.error().ToString();
  EXPECT_NE(text.find("process " + std::to_string(env.ProcessId())), std::string::npos) << text;
  EXPECT_NE(text.find(" s\n"), std::string::npos) << text;  // its age
  EXPECT_TRUE(env.LockFile(this->In("other")).ok());
  *lock = nullptr;
  EXPECT_TRUE(env.LockFile(this->In("lock")).ok());
}

TYPED_TEST(EnvContractTest, ClocksAndRandomnessMove) {
  Env& env = this->env();
  const int64_t wall = env.NowMicros();
  const int64_t start = env.MonotonicNanos();
  env.SleepMicros(2000);
  EXPECT_GE(env.MonotonicNanos() - start, 2'000'000);
  EXPECT_GE(env.NowMicros() - wall, 1000);
  EXPECT_GT(wall, int64_t{1'600'000'000'000'000});
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(env.RandomU64());
  EXPECT_EQ(seen.size(), 1000u);
}

TYPED_TEST(EnvContractTest, ThreadsRunAndJoin) {
  std::atomic<int> sum{0};
  {
    std::vector<std::unique_ptr<Thread>> threads;
    for (int i = 1; i <= 4; ++i) {
      threads.push_back(
          this->env().StartThread("weir-worker-with-a-long-name", [&sum, i] { sum += i; }));
    }
  }
  EXPECT_EQ(sum, 10);
}

TYPED_TEST(EnvContractTest, MachineAndDiskAreSane) {
  Env& env = this->env();
  const MachineInfo machine = env.Machine();
  EXPECT_GE(machine.cpus, 1);
  EXPECT_GT(machine.memory_bytes, uint64_t{64} << 20);
  EXPECT_NE(machine.description.find("core"), std::string::npos);
  EXPECT_GT(*env.FreeDiskBytes(this->In("")), 0u);
  EXPECT_EQ(CodeOf(env.FreeDiskBytes(this->In("none"))), ErrorCode::kNotFound);
  EXPECT_FALSE(env.Variable("WEIR_NO_SUCH_VARIABLE").has_value());
}

}  // namespace
}  // namespace weir
