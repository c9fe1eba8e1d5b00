#include "weir/log/read_buffers.h"

#include <gtest/gtest.h>

namespace weir::log {
namespace {

constexpr size_t kStep = ReadBuffers::kStep;

TEST(ReadBuffersTest, WhatWasGivenBackIsUsedAgain) {
  ReadBuffers buffers(10 * kStep);
  const std::string* first = nullptr;
  {
    const auto held = buffers.Take(3 * kStep - 1);
    first = held.get();
    EXPECT_EQ(held->size(), 3 * kStep);
    EXPECT_EQ(buffers.kept_bytes(), 0u);
  }
  EXPECT_EQ(buffers.kept_bytes(), 3 * kStep);
  const auto smaller = buffers.Take(kStep);
  EXPECT_EQ(smaller.get(), first);
  EXPECT_NE(buffers.Take(kStep).get(), first);
}

TEST(ReadBuffersTest, ALargerOneIsNew) {
  ReadBuffers buffers(10 * kStep);
  buffers.Take(kStep).reset();
  EXPECT_EQ(buffers.Take(2 * kStep)->size(), 2 * kStep);
  EXPECT_EQ(buffers.kept_bytes(), 3 * kStep);
}

TEST(ReadBuffersTest, MoreThanTheLimitIsFreed) {
  ReadBuffers buffers(5 * kStep);
  auto a = buffers.Take(3 * kStep);
  auto b = buffers.Take(3 * kStep);
  a.reset();
  b.reset();
  EXPECT_EQ(buffers.kept_bytes(), 3 * kStep);
}

TEST(ReadBuffersTest, SmallOnesAreNotKept) {
  ReadBuffers buffers(10 * kStep);
  EXPECT_EQ(buffers.Take(100)->size(), 100u);
  EXPECT_EQ(buffers.kept_bytes(), 0u);
}

TEST(ReadBuffersTest, AHolderMayOutliveThePool) {
  std::shared_ptr<std::string> held;
  {
    ReadBuffers buffers(10 * kStep);
    held = buffers.Take(kStep);
  }
  held->assign("still");
  EXPECT_EQ(*held, "still");
}

}  // namespace
}  // namespace weir::log
