#include "weir/server/broker/asio_timers.h"

#include <algorithm>
#include <chrono>

namespace weir::server {

log::Timers::Id AsioTimers::After(int64_t us, std::function<void()> task) {
  const Id id = next_++;
  const int64_t due = NowUs() + std::max<int64_t>(us, 0);
  tasks_.emplace(Key(due, id), std::move(task));
  due_[id] = due;
  Arm();
  return id;
}

void AsioTimers::Cancel(Id id) {
  const auto found = due_.find(id);
  if (found == due_.end()) return;
  tasks_.erase(Key(found->second, id));
  due_.erase(found);
}

void AsioTimers::Stop() {
  tasks_.clear();
  due_.clear();
  timer_.cancel();
}

void AsioTimers::Arm() {
  if (tasks_.empty()) return;
  const int64_t due = tasks_.begin()->first.first;
  if (armed_us_ != 0 && armed_us_ <= due) return;
  armed_us_ = due;
  timer_.expires_after(std::chrono::microseconds(std::max<int64_t>(due - NowUs(), 0)));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;  // armed anew for an earlier time, or stopped
    armed_us_ = 0;
    Run();
  });
}

void AsioTimers::Run() {
  const int64_t now = NowUs();
  while (!tasks_.empty() && tasks_.begin()->first.first <= now) {
    const auto task = std::move(tasks_.begin()->second);
    due_.erase(tasks_.begin()->first.second);
    tasks_.erase(tasks_.begin());
    task();
  }
  Arm();
}

}  // namespace weir::server
