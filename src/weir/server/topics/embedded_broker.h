// EmbeddedBroker: what changes an embedded log: transactions and topics, by the broker's own rules.
// No client can reach it, and its timers never run: no retention, no timeouts.
//
//   WEIR_ASSIGN_OR_RETURN(auto broker, EmbeddedBroker::Open(env, log));
//   const bool there = broker->With([](log::kafka::Broker& b) { return b.log().topics()...; });
//
// At its opening, what is open in a partition and belongs to no transaction is aborted.
//
// Thread rule: thread-safe; With gives the broker to one thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "weir/base/metrics.h"
#include "weir/log/kafka/broker.h"
#include "weir/log/timers.h"
#include "weir/server/topics/embedded_log.h"

namespace weir::server {

class EmbeddedBroker {
 public:
  static Result<std::unique_ptr<EmbeddedBroker>> Open(Env& env, std::shared_ptr<EmbeddedLog> log);
  ~EmbeddedBroker();

  template <typename F>
  auto With(F&& f) {
    return log_->With([&](log::EventLog&) { return f(*broker_); });
  }
  const std::shared_ptr<EmbeddedLog>& embedded() const { return log_; }

 private:
  class NoTimers : public log::Timers {
   public:
    explicit NoTimers(Env& env) : env_(env) {}
    int64_t NowUs() override { return env_.MonotonicNanos() / 1000; }
    Id After(int64_t, std::function<void()>) override { return ++last_; }
    void Cancel(Id) override {}

   private:
    Env& env_;
    Id last_ = 0;
  };

  EmbeddedBroker(Env& env, std::shared_ptr<EmbeddedLog> log) : timers_(env), log_(std::move(log)) {}

  NoTimers timers_;
  MetricRegistry metrics_;
  const std::shared_ptr<EmbeddedLog> log_;
  std::unique_ptr<log::kafka::Broker> broker_;  // used within With only
};

}  // namespace weir::server
