// ManualTimers: Timers whose clock stands still until a test turns it.
//
// Thread rule: one thread.
#pragma once

#include <map>
#include <utility>

#include "weir/log/timers.h"

namespace weir::log::testing {

class ManualTimers : public Timers {
 public:
  int64_t NowUs() override { return now_us_; }
  Id After(int64_t us, std::function<void()> task) override {
    const Id id = next_++;
    tasks_.emplace(std::pair(now_us_ + us, id), std::move(task));
    return id;
  }
  void Cancel(Id id) override {
    std::erase_if(tasks_, [&](const auto& entry) { return entry.first.second == id; });
  }

  // Runs what falls due on the way, in order.
  void Pass(int64_t us) {
    const int64_t until = now_us_ + us;
    while (!tasks_.empty() && tasks_.begin()->first.first <= until) {
      now_us_ = tasks_.begin()->first.first;
      const auto task = std::move(tasks_.begin()->second);
      tasks_.erase(tasks_.begin());
      task();
    }
    now_us_ = until;
  }
  size_t waiting() const { return tasks_.size(); }

 private:
  int64_t now_us_ = 0;
  Id next_ = 1;
  std::map<std::pair<int64_t, Id>, std::function<void()>> tasks_;
};

}  // namespace weir::log::testing
