// GroupContext: what all parts of group coordination stand on: the log that makes rows durable,
// time, new ids, and the order in which answers go out.
//
// An answer never runs inside the code that decided it: it waits until the outermost Scope ends, so
// that whoever is told may ask the next thing at once.
//
// Thread rule: the log's thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/log/event_log.h"
#include "weir/log/groups/group_options.h"
#include "weir/log/timers.h"

namespace weir::log {

class GroupContext {
 public:
  GroupContext(Env& env, EventLog& log, Timers& timers, const GroupOptions& options)
      : env(env), log(log), timers(timers), options(options) {}

  Env& env;
  EventLog& log;
  Timers& timers;
  const GroupOptions options;

  int64_t NowMs() const { return env.NowMicros() / 1000; }
  // "client-6b1c8d9e-...": nobody else's, and not to be guessed.
  std::string NewMemberId(const std::string& prefix);
  std::string NewUuid();

  // Held by every way in: calls, timers, durability.
  class Scope {
   public:
    explicit Scope(GroupContext& context) : context_(context) { context_.depth_ += 1; }
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    GroupContext& context_;
  };

  void Answer(std::function<void()> answer) { answers_.push_back(std::move(answer)); }
  template <typename Response>
  void Answer(std::function<void(Response)> done, Response response) {
    answers_.push_back([done = std::move(done), response = std::move(response)]() mutable {
      done(std::move(response));
    });
  }

  // Never called once the context is gone. In a Scope.
  void WhenDurable(Position position, std::function<void()> then);
  // For Alarm: `task` in a Scope.
  std::function<void()> Scoped(std::function<void()> task);

 private:
  int depth_ = 0;
  std::deque<std::function<void()>> answers_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace weir::log
