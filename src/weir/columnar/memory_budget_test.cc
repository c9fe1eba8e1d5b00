#include "weir/columnar/memory_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <utility>

#include "weir/base/env.h"
#include "weir/base/metrics.h"

namespace weir::columnar {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kMiB = 1 << 20;

TEST(MemoryBudgetTest, HandsOutUpToItsLimit) {
  MetricRegistry metrics;
  MemoryBudget budget(10 * kMiB, &metrics);
  auto a = budget.Reserve(6 * kMiB, "a");
  ASSERT_TRUE(a.ok());
  const auto b = budget.Reserve(5 * kMiB, "read of b.csv");
  ASSERT_FALSE(b.ok());
  EXPECT_EQ(b.error().code(), ErrorCode::kLimit);
  EXPECT_EQ(b.error().actor(), Actor::kOperator);
  EXPECT_EQ(b.error().message(),
            "read of b.csv needs 5.0 MiB of memory; of the 10.0 MiB beside DuckDB's share, others "
            "hold 6.0 MiB");
  EXPECT_THAT(metrics.PrometheusText(), HasSubstr("weir_memory_reserved_bytes 6291456"));
  EXPECT_THAT(metrics.PrometheusText(), HasSubstr("weir_memory_limit_bytes 10485760"));
  a->Release();
  EXPECT_EQ(budget.used_bytes(), 0u);
  EXPECT_TRUE(budget.Reserve(10 * kMiB, "c").ok());
  EXPECT_EQ(budget.used_bytes(), 0u);  // the reservation of the line above is gone
  EXPECT_EQ(budget.peak_bytes(), 10 * kMiB);
}

TEST(MemoryBudgetTest, ReservationsGrowShrinkAndMove) {
  MemoryBudget budget(10 * kMiB);
  auto a = budget.Reserve(kMiB, "a");
  ASSERT_TRUE(a.ok());
  EXPECT_TRUE(a->Resize(8 * kMiB).ok());
  EXPECT_EQ(budget.used_bytes(), 8 * kMiB);
  const Status more = a->Resize(11 * kMiB);
  EXPECT_FALSE(more.ok());
  EXPECT_EQ(a->bytes(), 8 * kMiB);
  EXPECT_TRUE(a->Resize(2 * kMiB).ok());
  MemoryReservation moved = std::move(*a);
  EXPECT_EQ(budget.used_bytes(), 2 * kMiB);
  moved = MemoryReservation();
  EXPECT_EQ(budget.used_bytes(), 0u);
}

TEST(MemoryBudgetTest, WaitsForWhatOthersGiveBack) {
  MemoryBudget budget(4 * kMiB);
  EXPECT_FALSE(budget.WaitAndReserve(5 * kMiB, "never").ok());
  auto held = budget.Reserve(3 * kMiB, "held");
  ASSERT_TRUE(held.ok());
  std::atomic<int> done = 0;
  {
    std::vector<std::unique_ptr<Thread>> threads;
    for (int i = 0; i < 4; ++i) {
      threads.push_back(RealEnv().StartThread("budget", [&] {
        for (int n = 0; n < 200; ++n) {
          auto mine = budget.WaitAndReserve(2 * kMiB, "thread");
          if (mine.ok() && budget.used_bytes() <= budget.limit_bytes()) ++done;
        }
      }));
    }
    held->Release();
  }
  EXPECT_EQ(done, 800);
  EXPECT_EQ(budget.used_bytes(), 0u);
  EXPECT_LE(budget.peak_bytes(), budget.limit_bytes());
}

}  // namespace
}  // namespace weir::columnar
