#include "weir/observe/bottleneck.h"

#include <gtest/gtest.h>

namespace weir::observe {
namespace {

// A run of 10 s on 4 cores that did next to nothing; each test changes what it is about.
WorkFigures Idle() {
  WorkFigures figures;
  figures.seconds = 10;
  figures.cpu_seconds = 2;
  figures.cpus = 4;
  figures.threads = 4;
  figures.bytes_read = 1'000'000'000;
  figures.memory_budget_bytes = 8'000'000'000;
  figures.peak_memory_bytes = 500'000'000;
  return figures;
}

TEST(Bottleneck, BusyCoresAreTheCpu) {
  WorkFigures figures = Idle();
  figures.cpu_seconds = 38.8;
  const Bottleneck found = FindBottleneck(figures);
  EXPECT_EQ(found.resource, Resource::kCpu);
  EXPECT_EQ(found.ToString(), "cpu: 4 of 4 cores were busy 97 % of 10.00 s");
  EXPECT_NE(found.change.find("more cores"), std::string::npos);
}

TEST(Bottleneck, FewThreadsAreTheCheapestChange) {
  WorkFigures figures = Idle();
  figures.threads = 1;
  figures.cpu_seconds = 9.5;
  const Bottleneck found = FindBottleneck(figures);
  EXPECT_EQ(found.resource, Resource::kCpu);
  EXPECT_EQ(found.change, "let it use all 4 cores: --threads 4");
}

TEST(Bottleneck, OneBusyCoreOfFour) {
  WorkFigures figures = Idle();
  figures.cpu_seconds = 9.9;
  EXPECT_EQ(FindBottleneck(figures).resource, Resource::kOneCore);
  figures.cpu_seconds = 20;  // two cores' worth: not one thread
  EXPECT_NE(FindBottleneck(figures).resource, Resource::kOneCore);
}

TEST(Bottleneck, OneMachineWithOneCoreIsNotShortOfParallelWork) {
  WorkFigures figures = Idle();
  figures.cpus = figures.threads = 1;
  figures.cpu_seconds = 9.9;
  EXPECT_EQ(FindBottleneck(figures).resource, Resource::kCpu);
}

TEST(Bottleneck, SpillIsMemoryEvenWithBusyCores) {
  WorkFigures figures = Idle();
  figures.cpu_seconds = 35;
  figures.spill_bytes = 700'000'000;
  figures.peak_memory_bytes = 7'900'000'000;
  const Bottleneck found = FindBottleneck(figures);
  EXPECT_EQ(found.resource, Resource::kMemory);
  EXPECT_EQ(
      found.evidence,
      "700 MB were put on disk because memory was full (peak 7.9 GB of the budget of 8.0 GB)");
}

TEST(Bottleneck, ALittleSpillIsNot) {
  WorkFigures figures = Idle();
  figures.cpu_seconds = 35;
  figures.spill_bytes = 1'000'000;
  EXPECT_EQ(FindBottleneck(figures).resource, Resource::kCpu);
}

TEST(Bottleneck, BlockedThreadsAreTheDisk) {
  WorkFigures figures = Idle();
  figures.io_wait_seconds = 25;
  figures.disk_read_bytes = 1'000'000'000;
  figures.disk_written_bytes = 100'000'000;
  Bottleneck found = FindBottleneck(figures);
  EXPECT_EQ(found.resource, Resource::kDisk);
  EXPECT_NE(found.evidence.find("110 MB/s"), std::string::npos) << found.evidence;
  EXPECT_NE(found.change.find("input"), std::string::npos);
  figures.disk_written_bytes = 3'000'000'000;
  EXPECT_NE(FindBottleneck(figures).change.find("tables"), std::string::npos);
}

TEST(Bottleneck, RemoteInputAndIdleCoresAreTheNetwork) {
  WorkFigures figures = Idle();
  figures.reads_remote = true;
  const Bottleneck found = FindBottleneck(figures);
  EXPECT_EQ(found.resource, Resource::kNetwork);
  EXPECT_EQ(found.evidence,
            "1.0 GB came over the network at 100 MB/s while the cores were busy 5 % of the time");
  figures.cpu_seconds = 39;  // the network brings enough to keep them busy
  EXPECT_EQ(FindBottleneck(figures).resource, Resource::kCpu);
}

TEST(Bottleneck, ManySmallCommits) {
  WorkFigures figures = Idle();
  figures.prepare_seconds = 3;
  figures.commit_seconds = 2;
  EXPECT_EQ(FindBottleneck(figures).resource, Resource::kCommit);
}

TEST(Bottleneck, NothingOfOursMeansOthers) {
  const Bottleneck found = FindBottleneck(Idle());
  EXPECT_EQ(found.resource, Resource::kOthers);
  EXPECT_FALSE(found.change.empty());
}

TEST(Bottleneck, AShortRunHasNone) {
  WorkFigures figures = Idle();
  figures.seconds = 0.05;
  const Bottleneck found = FindBottleneck(figures);
  EXPECT_EQ(found.resource, Resource::kNothing);
  EXPECT_EQ(found.evidence, "all was done in 0.05 s");
  EXPECT_TRUE(found.change.empty());
}

}  // namespace
}  // namespace weir::observe
