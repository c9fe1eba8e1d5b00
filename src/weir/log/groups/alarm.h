// Alarm: one task that runs after a while of silence. Moving the moment on, as every heartbeat
// does, costs nothing: the timer looks at the moment when it fires and sleeps on.
//
// Thread rule: the log's thread. An alarm may be destroyed by its own task.
#pragma once

#include <functional>
#include <utility>

#include "weir/log/timers.h"

namespace weir::log {

class Alarm {
 public:
  explicit Alarm(Timers& timers) : timers_(timers) {}
  ~Alarm() { Cancel(); }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  // What was set before does not run any more.
  void Set(int64_t ms, std::function<void()> task) {
    task_ = std::move(task);
    Extend(ms);
  }
  // The same task, that long from now.
  void Extend(int64_t ms) {
    due_us_ = timers_.NowUs() + ms * 1000;
    if (timer_ != 0 && fires_us_ <= due_us_) return;
    if (timer_ != 0) timers_.Cancel(timer_);
    Arm();
  }
  void Cancel() {
    if (timer_ != 0) timers_.Cancel(timer_);
    timer_ = 0;
    task_ = nullptr;
  }
  bool set() const { return task_ != nullptr; }

 private:
  void Arm() {
    fires_us_ = due_us_;
    timer_ = timers_.After(due_us_ - timers_.NowUs(), [this] {
      timer_ = 0;
      if (timers_.NowUs() < due_us_) return Arm();
      std::exchange(task_, nullptr)();
    });
  }

  Timers& timers_;
  std::function<void()> task_;
  int64_t due_us_ = 0;
  int64_t fires_us_ = 0;
  Timers::Id timer_ = 0;
};

}  // namespace weir::log
