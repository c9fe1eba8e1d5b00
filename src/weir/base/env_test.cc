// Path arithmetic, and what only the real machine can show.
#include "weir/base/env.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>

#include "gtest/gtest.h"
#include "weir/base/cgroup.h"
#include "weir/base/errno_error.h"

namespace weir {
namespace {

class RealEnvTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(RealEnv().CreateDirs(root_).ok()); }
  void TearDown() override { EXPECT_TRUE(RealEnv().RemoveTree(root_).ok()); }
  std::string In(const std::string& name) { return JoinPath(root_, name); }
  void Put(const std::string& name, const std::string& text) {
    ASSERT_TRUE(RealEnv().CreateDirs(ParentPath(In(name))).ok());
    ASSERT_TRUE(RealEnv().WriteFileAtomic(In(name), text).ok());
  }
  const std::string root_ =
      JoinPath(testing::TempDir(), "weir_real_env_" + std::to_string(RealEnv().RandomU64()));
};

TEST(PathTest, Join) {
  EXPECT_EQ(JoinPath("a", "b"), "a/b");
  EXPECT_EQ(JoinPath("a/", "b"), "a/b");
  EXPECT_EQ(JoinPath("", "b"), "b");
  EXPECT_EQ(JoinPath("a", ""), "a");
  EXPECT_EQ(JoinPath("a", "/b"), "/b");
  EXPECT_EQ(JoinPath("/", "b"), "/b");
}

TEST(PathTest, Parent) {
  EXPECT_EQ(ParentPath("a/b"), "a");
  EXPECT_EQ(ParentPath("a/b/"), "a");
  EXPECT_EQ(ParentPath("a//b"), "a");
  EXPECT_EQ(ParentPath("a"), ".");
  EXPECT_EQ(ParentPath(""), ".");
  EXPECT_EQ(ParentPath("/a"), "/");
  EXPECT_EQ(ParentPath("/"), "/");
}

TEST(PathTest, Base) {
  EXPECT_EQ(BaseName("a/b"), "b");
  EXPECT_EQ(BaseName("a/b/"), "b");
  EXPECT_EQ(BaseName("b"), "b");
  EXPECT_EQ(BaseName("/"), "/");
  EXPECT_EQ(BaseName(""), "");
}

TEST(ErrnoErrorTest, CodesThatCodeReactsTo) {
  EXPECT_EQ(ErrnoError(ENOSPC, "write", "p").code(), ErrorCode::kNoSpace);
  EXPECT_EQ(ErrnoError(EDQUOT, "write", "p").code(), ErrorCode::kNoSpace);
  EXPECT_EQ(ErrnoError(EACCES, "open", "p").code(), ErrorCode::kPermission);
  EXPECT_EQ(ErrnoError(EPERM, "open", "p").code(), ErrorCode::kPermission);
  EXPECT_EQ(ErrnoError(EROFS, "open", "p").code(), ErrorCode::kPermission);
  EXPECT_EQ(ErrnoError(ENOENT, "open", "p").code(), ErrorCode::kNotFound);
  EXPECT_EQ(ErrnoError(EEXIST, "open", "p").code(), ErrorCode::kAlreadyExists);
  EXPECT_EQ(ErrnoError(EIO, "read", "p").code(), ErrorCode::kIo);
  EXPECT_EQ(ErrnoError(EIO, "read", "p").actor(), Actor::kOperator);
}

TEST(ErrnoErrorTest, NamesPathReasonAndFix) {
  EXPECT_EQ(ErrnoError(ENOSPC, "write", "tables/a.parquet").ToString(),
            "tables/a.parquet: cannot write: No space left on device\n"
            "  fix: free space on that disk (or raise the quota) and run again");
}

TEST_F(RealEnvTest, RemoveTreeDoesNotFollowLinks) {
  Put("precious/file", "keep");
  ASSERT_TRUE(RealEnv().CreateDirs(In("tree")).ok());
  ASSERT_EQ(symlink(In("precious").c_str(), In("tree/link").c_str()), 0);
  ASSERT_EQ(symlink("nowhere", In("tree/broken").c_str()), 0);
  EXPECT_EQ(RealEnv().ListDir(In("tree"))->size(), 2u);
  EXPECT_TRUE(RealEnv().RemoveTree(In("tree")).ok());
  EXPECT_FALSE(RealEnv().Exists(In("tree")));
  EXPECT_EQ(*RealEnv().ReadFile(In("precious/file")), "keep");
}

// The file size limit of the process makes a write fail half-way, as a full disk does.
TEST_F(RealEnvTest, AFailedAtomicWriteLeavesTheOldBytesAndNoTempFile) {
  Put("a", "old");
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 4096;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status written = RealEnv().WriteFileAtomic(In("a"), std::string(10'000, 'x'));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code(), ErrorCode::kLimit);
  EXPECT_EQ(*RealEnv().ReadFile(In("a")), "old");
  EXPECT_EQ(RealEnv().ListDir(root_)->size(), 1u);
}

TEST_F(RealEnvTest, ReadsFilesThatSayTheyAreEmpty) {
  const auto text = RealEnv().ReadFile("/proc/self/status");
  ASSERT_TRUE(text.ok());
  EXPECT_NE(text->find("VmRSS"), std::string::npos);
}

TEST_F(RealEnvTest, UsageGrowsWithWork) {
  const ProcessUsage before = RealEnv().Usage();
  std::vector<char> memory(64 << 20, 'x');
  volatile uint64_t sum = 0;
  while (RealEnv().Usage().user_cpu_seconds < before.user_cpu_seconds + 0.02) {
    for (char c : memory) sum = sum + static_cast<uint64_t>(c);
  }
  const ProcessUsage after = RealEnv().Usage();
  EXPECT_GE(after.peak_resident_bytes, before.resident_bytes + (60u << 20));
  EXPECT_GE(after.peak_resident_bytes, after.resident_bytes);
  EXPECT_GT(after.user_cpu_seconds, before.user_cpu_seconds);
}

class CgroupTest : public RealEnvTest {};

TEST_F(CgroupTest, V2TakesTheTightestOnTheWayUp) {
  Put("memory.max", "max\n");
  Put("a/memory.max", "1000000\n");
  Put("a/b/memory.max", "4000000\n");
  Put("a/cpu.max", "150000 100000\n");
  Put("a/b/cpu.max", "max 100000\n");
  const CgroupLimits limits = ReadCgroupLimits("0::/a/b\n", root_);
  EXPECT_EQ(limits.memory_bytes, 1'000'000u);
  EXPECT_EQ(limits.cpus, 1.5);
}

TEST_F(CgroupTest, V1WithPathsOfTheHost) {
  Put("memory/memory.limit_in_bytes", "2000000\n");
  Put("cpu/cpu.cfs_quota_us", "-1\n");
  Put("cpu/cpu.cfs_period_us", "100000\n");
  const CgroupLimits limits =
      ReadCgroupLimits("4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n", root_);
  EXPECT_EQ(limits.memory_bytes, 2'000'000u);
  EXPECT_FALSE(limits.cpus.has_value());
  Put("cpu/cpu.cfs_quota_us", "50000\n");
  EXPECT_EQ(ReadCgroupLimits("2:cpu,cpuacct:/\n", root_).cpus, 0.5);
}

TEST_F(CgroupTest, V1NoLimitIsNone) {
  Put("memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_FALSE(ReadCgroupLimits("4:memory:/\n", root_).memory_bytes.has_value());
  EXPECT_FALSE(ReadCgroupLimits("garbage\n::\n", root_).memory_bytes.has_value());
}

}  // namespace
}  // namespace weir
