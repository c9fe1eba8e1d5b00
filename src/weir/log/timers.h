// Timers: "do this later" for the state machines of the log. The server implements it on its event
// loop, tests on a clock they turn by hand (testing/manual_timers.h).
//
// Thread rule: the log's thread, on which the tasks run too.
#pragma once

#include <cstdint>
#include <functional>

namespace weir::log {

class Timers {
 public:
  using Id = uint64_t;  // never 0

  virtual ~Timers() = default;
  virtual int64_t NowUs() = 0;  // monotonic
  virtual Id After(int64_t us, std::function<void()> task) = 0;
  // The task does not run any more. Nothing happens if it ran already.
  virtual void Cancel(Id id) = 0;
};

}  // namespace weir::log
