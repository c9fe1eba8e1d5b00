// The simulated disk keeps what it should and, for some seeds, loses what it may. The last tests
// run Env's own durable writes on it, crashed at each operation.
#include "weir/base/sim_env.h"

#include <set>

#include "gtest/gtest.h"

namespace weir {
namespace {

using CrashKind = SimEnv::CrashKind;

std::string Get(SimEnv& env, const std::string& path) {
  auto bytes = env.ReadFile(path);
  if (bytes.ok()) return *bytes;
  return bytes.error().code() == ErrorCode::kNotFound ? "(none)" : bytes.error().ToString();
}

std::unique_ptr<File> Create(SimEnv& env, const std::string& path) {
  auto file = env.OpenFile(path, OpenMode::kCreateNew);
  EXPECT_TRUE(file.ok());
  return std::move(file).value();
}

void Put(File& file, uint64_t offset, const std::string& bytes) {
  ASSERT_TRUE(file.WriteAt(offset, bytes.data(), bytes.size()).ok());
}

// What a file holds after a power loss, over many seeds.
template <typename Body>
std::set<std::string> Survivors(const std::string& path, Body body, uint64_t seeds = 200) {
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    SimEnv env(seed);
    body(env);
    env.Restart(CrashKind::kPowerLost);
    seen.insert(Get(env, path));
  }
  return seen;
}

using Strings = std::set<std::string>;

TEST(SimEnvTest, SyncedBytesStayOthersMayBeTorn) {
  const std::string first(600, 'a');
  const std::string second(1200, 'b');
  const Strings seen = Survivors("f", [&](SimEnv& env) {
    auto file = Create(env, "f");
    ASSERT_TRUE(env.SyncDir("/").ok());
    Put(*file, 0, first);
    ASSERT_TRUE(file->Sync().ok());
    Put(*file, 600, second);
  });
  size_t whole = 0, none = 0, cut = 0, holes = 0;
  for (const std::string& bytes : seen) {
    ASSERT_EQ(bytes.substr(0, 600), first);
    ASSERT_LE(bytes.size(), 1800u);
    if (bytes.size() == 600) {
      ++none;
    } else if (bytes == first + second) {
      ++whole;
    } else if (bytes.find('\0') != std::string::npos) {
      ++holes;
    } else {
      ++cut;
    }
  }
  EXPECT_EQ(none, 1u);
  EXPECT_EQ(whole, 1u);
  EXPECT_GT(cut, 10u);
  EXPECT_GT(holes, 3u);
}

TEST(SimEnvTest, AnUnsyncedTruncationIsLostOrNot) {
  const Strings seen = Survivors("f", [](SimEnv& env) {
    auto file = Create(env, "f");
    Put(*file, 0, "abc");
    ASSERT_TRUE(file->Sync().ok());
    ASSERT_TRUE(env.SyncDir("/").ok());
    ASSERT_TRUE(env.OpenFile("f", OpenMode::kTruncate).ok());
  });
  EXPECT_EQ(seen, (Strings{"abc", ""}));
}

TEST(SimEnvTest, NamesNeedTheFoldersSync) {
  const auto create = [](SimEnv& env) {
    auto file = Create(env, "f");
    Put(*file, 0, "abc");
    ASSERT_TRUE(file->Sync().ok());
  };
  EXPECT_EQ(Survivors("f", create), (Strings{"(none)", "abc"}));
  EXPECT_EQ(Survivors("f",
                      [&](SimEnv& env) {
                        create(env);
                        ASSERT_TRUE(env.SyncDir("/").ok());
                      }),
            Strings{"abc"});
  EXPECT_EQ(Survivors("f",
                      [&](SimEnv& env) {
                        create(env);
                        ASSERT_TRUE(env.SyncDir("/").ok());
                        ASSERT_TRUE(env.RemoveFile("f").ok());
                      }),
            (Strings{"(none)", "abc"}));
}

TEST(SimEnvTest, AFoldersNameNeedsTheSyncOfTheFolderAbove) {
  const auto put = [](SimEnv& env, bool synced) {
    ASSERT_TRUE((synced ? env.CreateDirsSynced("x/y") : env.CreateDirs("x/y")).ok());
    ASSERT_TRUE(env.PutIfAbsent("x/y/f", "abc").ok());
  };
  EXPECT_EQ(Survivors("x/y/f", [&](SimEnv& env) { put(env, false); }), (Strings{"(none)", "abc"}));
  EXPECT_EQ(Survivors("x/y/f", [&](SimEnv& env) { put(env, true); }), Strings{"abc"});
}

TEST(SimEnvTest, ARenameIsNeverHalfDone) {
  const auto rename = [](const std::string& to, const char* synced) {
    return [=](SimEnv& env) {
      ASSERT_TRUE(env.CreateDirsSynced("x").ok());
      ASSERT_TRUE(env.WriteFileAtomic("from", "new").ok());
      ASSERT_TRUE(env.WriteFileAtomic(to, "old").ok());
      ASSERT_TRUE(env.Rename("from", to).ok());
      if (synced != nullptr) {
        ASSERT_TRUE(env.SyncDir(synced).ok());
      }
    };
  };
  EXPECT_EQ(Survivors("to", rename("to", nullptr)), (Strings{"new", "old"}));
  EXPECT_EQ(Survivors("to", rename("to", "/")), Strings{"new"});
  // Between folders, the sync of either keeps it all.
  EXPECT_EQ(Survivors("x/to", rename("x/to", nullptr)), (Strings{"new", "old"}));
  EXPECT_EQ(Survivors("x/to", rename("x/to", "x")), Strings{"new"});
  EXPECT_EQ(Survivors("from", rename("x/to", "x")), Strings{"(none)"});
  EXPECT_EQ(Survivors("x/to", rename("x/to", "/")), Strings{"new"});
}

TEST(SimEnvTest, AKilledProcessLosesNothingYet) {
  std::set<std::string> later;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SimEnv env(seed);
    auto file = Create(env, "f");
    Put(*file, 0, "abc");
    env.Crash();
    env.Restart(CrashKind::kProcessKilled);
    ASSERT_EQ(Get(env, "f"), "abc");
    env.Restart(CrashKind::kPowerLost);  // seen is not kept
    later.insert(Get(env, "f"));
  }
  EXPECT_TRUE(later.contains("(none)"));
  EXPECT_TRUE(later.contains("abc"));
}

TEST(SimEnvTest, AfterACrashNothingWorksUntilRestart) {
  SimEnv env(1);
  auto file = Create(env, "f");
  auto lock = env.LockFile("lock");
  ASSERT_TRUE(lock.ok());
  env.CrashAtOperation(2);
  Put(*file, 0, "abc");
  const Status crashed = file->WriteAt(3, "d", 1);
  ASSERT_FALSE(crashed.ok());
  EXPECT_EQ(crashed.error().code(), ErrorCode::kCancelled);
  EXPECT_EQ(crashed.error().message(), "simulated crash");
  EXPECT_TRUE(env.crashed());
  char buffer[4];
  EXPECT_EQ(file->ReadAt(0, buffer, 1).error().code(), ErrorCode::kCancelled);
  EXPECT_EQ(env.Stat("f").error().code(), ErrorCode::kCancelled);
  EXPECT_EQ(env.LockFile("lock").error().code(), ErrorCode::kCancelled);
  env.Restart(CrashKind::kProcessKilled);
  EXPECT_TRUE(env.LockFile("lock").ok());
  EXPECT_EQ(file->Size().error().code(), ErrorCode::kCancelled);  // a file of the dead process
  EXPECT_EQ(Get(env, "f").substr(0, 3), "abc");
}

TEST(SimEnvTest, AFullDiskTakesAPartAndSaysSo) {
  SimOptions options;
  options.capacity_bytes = 10;
  SimEnv env(1, options);
  auto file = Create(env, "f");
  Put(*file, 0, "12345678");
  EXPECT_EQ(*env.FreeDiskBytes("/"), 2u);
  const Status full = file->WriteAt(8, "abcdef", 6);
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code(), ErrorCode::kNoSpace);
  EXPECT_EQ(Get(env, "f"), "12345678ab");
  Put(*file, 0, "ABC");  // needs no more space
  EXPECT_EQ(env.PutIfAbsent("g", "x").error().code(), ErrorCode::kNoSpace);
  EXPECT_EQ(env.ListDir("/")->size(), 1u);
  env.SetCapacity(20);
  Put(*file, 10, "cdef");
  EXPECT_EQ(file->Truncate(100).error().code(), ErrorCode::kNoSpace);
  file = nullptr;
  ASSERT_TRUE(env.RemoveFile("f").ok());
  ASSERT_TRUE(env.SyncDir("/").ok());
  EXPECT_EQ(*env.FreeDiskBytes("/"), 20u);
}

TEST(SimEnvTest, ErrorsComeAsOftenAsAsked) {
  SimOptions options;
  options.io_error_probability = 0.25;
  SimEnv env(1, options);
  int failed = 0;
  for (int i = 0; i < 1000; ++i) {
    auto info = env.Stat("/");
    if (info.ok()) continue;
    EXPECT_EQ(info.error().code(), ErrorCode::kIo);
    ++failed;
  }
  EXPECT_GT(failed, 200);
  EXPECT_LT(failed, 300);
}

TEST(SimEnvTest, ALaterSyncDoesNotMakeUpForAFailedOne) {
  const Strings seen = Survivors("f", [](SimEnv& env) {
    auto file = Create(env, "f");
    ASSERT_TRUE(env.SyncDir("/").ok());
    Put(*file, 0, "abc");
    env.SetIoErrorProbability(1);
    ASSERT_FALSE(file->Sync().ok());
    env.SetIoErrorProbability(0);
    ASSERT_TRUE(file->Sync().ok());
    ASSERT_EQ(Get(env, "f"), "abc");
  });
  EXPECT_EQ(seen, Strings{""});
}

TEST(SimEnvTest, SlowDisksTakeVirtualTime) {
  SimOptions options;
  options.slow_probability = 1;
  options.slow_us = 3'000'000;
  SimEnv env(1, options);
  const int64_t start_ns = env.MonotonicNanos();
  ASSERT_TRUE(env.Stat("/").ok());
  EXPECT_GE(env.MonotonicNanos() - start_ns, 3'000'000'000);
}

TEST(SimEnvTest, SameSeedSameWorld) {
  const auto world = [](uint64_t seed) {
    SimEnv env(seed);
    for (int i = 0; i < 20; ++i) {
      auto file =
          Create(env, "f" + std::to_string(env.RandomU64() % 1000) + "-" + std::to_string(i));
      Put(*file, env.RandomU64() % 2000, std::string(env.RandomU64() % 2000, 'x'));
    }
    env.Restart(CrashKind::kPowerLost);
    return env.Fingerprint();
  };
  EXPECT_EQ(world(5), world(5));
  EXPECT_NE(world(5), world(6));
}

// Runs `write` (from "old" to "new") with a crash at each of its operations and many seeds.
// Returns what is seen after the crash, apart for writes that had returned ok.
struct Seen {
  Strings during;
  Strings after_ok;
};
template <typename Write>
Seen CrashEverywhere(Write write, bool with_old, CrashKind kind) {
  Seen seen;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    for (uint64_t at = 1;; ++at) {
      SimEnv env(seed * 1000 + at);
      EXPECT_TRUE(env.CreateDirsSynced("x").ok());
      if (with_old) {
        EXPECT_TRUE(env.WriteFileAtomic("x/f", "old").ok());
      }
      env.CrashAtOperation(at);
      const bool ok = write(env).ok();
      const bool crashed = env.crashed();
      env.Restart(kind);
      (ok ? seen.after_ok : seen.during).insert(Get(env, "x/f"));
      if (!crashed) break;
    }
  }
  return seen;
}

class DurableWritesTest : public testing::TestWithParam<CrashKind> {};

TEST_P(DurableWritesTest, WriteFileAtomicIsOldOrNewAndThenNew) {
  const Seen seen = CrashEverywhere([](SimEnv& env) { return env.WriteFileAtomic("x/f", "new"); },
                                    true, GetParam());
  EXPECT_EQ(seen.during, (Strings{"new", "old"}));
  EXPECT_EQ(seen.after_ok, Strings{"new"});
}

TEST_P(DurableWritesTest, PutIfAbsentIsAllOrNothingAndThenThere) {
  const Seen seen =
      CrashEverywhere([](SimEnv& env) { return env.PutIfAbsent("x/f", "new"); }, false, GetParam());
  EXPECT_EQ(seen.during, (Strings{"(none)", "new"}));
  EXPECT_EQ(seen.after_ok, Strings{"new"});
}

INSTANTIATE_TEST_SUITE_P(Crashes, DurableWritesTest,
                         testing::Values(CrashKind::kProcessKilled, CrashKind::kPowerLost),
                         [](const auto& info) {
                           return info.param == CrashKind::kPowerLost ? "PowerLost" : "Killed";
                         });

// The canary: what forgets to sync must be caught.
TEST(DurableWritesTest, ForgottenSyncsAreCaught) {
  const auto write = [](bool sync_file, bool sync_folder) {
    return [=](SimEnv& env) -> Status {
      {
        WEIR_ASSIGN_OR_RETURN(auto file, env.OpenFile("x/t", OpenMode::kCreateNew));
        WEIR_RETURN_IF_ERROR(file->WriteAt(0, "new", 3));
        if (sync_file) WEIR_RETURN_IF_ERROR(file->Sync());
      }
      WEIR_RETURN_IF_ERROR(env.Rename("x/t", "x/f"));
      return sync_folder ? env.SyncDir("x") : Status::Ok();
    };
  };
  EXPECT_TRUE(CrashEverywhere(write(false, true), true, CrashKind::kPowerLost).after_ok.size() > 1);
  EXPECT_TRUE(CrashEverywhere(write(true, false), true, CrashKind::kPowerLost).after_ok.size() > 1);
  EXPECT_EQ(CrashEverywhere(write(true, true), true, CrashKind::kPowerLost).after_ok,
            Strings{"new"});
}

}  // namespace
}  // namespace weir
