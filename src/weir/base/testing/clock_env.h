// ClockEnv: an Env that passes everything on, with a wall clock that can be set. Time can be made
// to pass, too, without a sleep in which other threads would run.
//
// Thread rule: as the Env below; Jump from one thread.
#pragma once

#include <atomic>

#include "weir/base/testing/passing_env.h"

namespace weir::testing {

class ClockEnv : public PassingEnv {
 public:
  using PassingEnv::PassingEnv;
  int64_t NowMicros() override {
    return PassingEnv::NowMicros() + offset_us_.load() + passed_us_.load();
  }
  int64_t MonotonicNanos() override {
    return PassingEnv::MonotonicNanos() + passed_us_.load() * 1000;
  }
  // Back, if negative.
  void Jump(int64_t us) { offset_us_ += us; }
  void Pass(int64_t us) { passed_us_ += us; }

 private:
  std::atomic<int64_t> offset_us_{0};
  std::atomic<int64_t> passed_us_{0};
};

}  // namespace weir::testing
