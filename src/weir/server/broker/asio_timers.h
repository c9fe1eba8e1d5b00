// AsioTimers: log::Timers on an event loop.
//
// Thread rule: the event loop's thread.
#pragma once

#include <map>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "weir/base/env.h"
#include "weir/log/timers.h"

namespace weir::server {

class AsioTimers : public log::Timers {
 public:
  AsioTimers(Env& env, boost::asio::io_context& loop) : env_(env), timer_(loop) {}

  int64_t NowUs() override { return env_.MonotonicNanos() / 1000; }
  Id After(int64_t us, std::function<void()> task) override;
  void Cancel(Id id) override;
  // Forgets all tasks; nothing runs any more.
  void Stop();

 private:
  using Key = std::pair<int64_t, Id>;  // when, in microseconds of NowUs
  void Arm();
  void Run();

  Env& env_;
  boost::asio::steady_timer timer_;
  std::map<Key, std::function<void()>> tasks_;
  std::map<Id, int64_t> due_;
  Id next_ = 1;
  int64_t armed_us_ = 0;  // 0: not armed
};

}  // namespace weir::server
