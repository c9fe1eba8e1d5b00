// SimHost: the machine with the broker: a disk that forgets, a wall clock that jumps, a process
// that is killed at any operation of the disk and starts again. Flushing and background tasks
// happen when the loop says so, as other threads would do them.
//
// Thread rule: one thread.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "weir/base/sim_env.h"
#include "weir/base/testing/clock_env.h"
#include "weir/base/testing/forgetful_env.h"
#include "weir/log/event_log.h"
#include "weir/log/kafka/broker.h"
#include "weir/log/kafka/call.h"
#include "weir/log/kafka/sim/testing/sim_loop.h"

namespace weir::log::kafka::sim {

// The timers of one life of the broker: they end with it.
class LifeTimers : public Timers {
 public:
  explicit LifeTimers(SimLoop& loop) : loop_(loop) {}
  ~LifeTimers() override {
    for (const Id id : mine_) loop_.Cancel(id);
  }
  LifeTimers(const LifeTimers&) = delete;
  LifeTimers& operator=(const LifeTimers&) = delete;
  int64_t NowUs() override { return loop_.NowUs(); }
  Id After(int64_t us, std::function<void()> task) override {
    const auto id = std::make_shared<Id>(0);
    *id = loop_.After(us, [this, id, task = std::move(task)] {
      mine_.erase(*id);
      task();
    });
    mine_.insert(*id);
    return *id;
  }
  void Cancel(Id id) override {
    if (mine_.erase(id) > 0) loop_.Cancel(id);
  }

 private:
  SimLoop& loop_;
  std::set<Id> mine_;
};

struct HostOptions {
  std::string folder = "/data/log";
  uint64_t segment_bytes = 8 << 10;
  uint64_t buffer_bytes = 64 << 20;
  bool sync = true;
  int64_t flush_us_max = 4'000;  // until what was appended is written
  uint64_t reserve_bytes = 0;
  BrokerOptions broker;
  // Canaries.
  weir::testing::ForgetfulEnv::Lies lies;
  bool answers_before_durable = false;
};

class SimHost {
 public:
  SimHost(SimLoop& loop, SimEnv& disk, HostOptions options)
      : loop_(loop),
        disk_(disk),
        forgetful_(disk, options.lies),
        env_(forgetful_),
        options_(std::move(options)),
        damaged_reads_(metrics_.GetCounter("weir_log_damaged_frames_total",
                                           "Frames that could not be read as they were written; "
                                           "readers jump over them.")) {
    loop_.OnPass([this](int64_t us) { env_.Pass(us); });
    loop_.AfterEach([this] { Touched(); });
    options_.broker.report = [this](const std::string& line) { loop_.Tell("broker", line); };
  }
  ~SimHost() { Drop(); }

  // Called when the broker is gone, by a crash or not.
  std::function<void()> on_gone;

  bool up() const { return broker_ != nullptr; }
  Broker& broker() { return *broker_; }
  EventLog& log() { return *log_; }
  SimEnv& disk() { return disk_; }
  weir::testing::ClockEnv& clock() { return env_; }
  const std::string& folder() const { return options_.folder; }
  // What it said to be damaged: in starts, and while reading.
  uint64_t damage() { return damage_ + static_cast<uint64_t>(damaged_reads_.value()); }
  uint64_t starts() const { return starts_; }

  // Why it does not start; nothing if it does, or if it crashed on the way.
  std::optional<Error> Start() {
    starts_ += 1;
    EventLogOptions options;
    options.journal.folder = options_.folder;
    options.journal.segment_bytes = options_.segment_bytes;
    options.journal.buffer_bytes = options_.buffer_bytes;
    options.journal.sync = options_.sync;
    options.disk.reserve_bytes = options_.reserve_bytes;
    options.background = [this](std::function<void()> task) { Background(std::move(task)); };
    EventLogRecovery recovery;
    auto opened = EventLog::Open(env_, metrics_, options, &recovery);
    damage_ += recovery.journal.damage.size() + recovery.damaged_checkpoints.size();
    if (!opened.ok()) {
      if (disk_.crashed()) return std::nullopt;
      return opened.error();
    }
    log_ = std::move(opened).value();
    timers_ = std::make_unique<LifeTimers>(loop_);
    broker_ = std::make_unique<Broker>(env_, metrics_, *log_, *timers_, options_.broker);
    if (loop_.telling()) {
      loop_.Tell("broker", "started, replayed " + std::to_string(recovery.frames) +
                               " frames from " + std::to_string(recovery.checkpoint) + " to " +
                               std::to_string(recovery.journal.end) + ", damage at " +
                               std::to_string(recovery.journal.damage.size()) + " places");
    }
    return std::nullopt;
  }

  // After each task of the loop: any may have written.
  void Touched() {
    if (!up()) return;
    if (disk_.crashed()) return Gone("crashed at operation " + std::to_string(disk_.operations()));
    if (log_->journal().failure()) return SeenByOperator();
    if (log_->journal().durable() >= log_->journal().end()) return;
    if (options_.answers_before_durable) log_->Advance(log_->journal().end());
    if (flush_ != 0) return;
    // The journal's thread waits as long for room.
    const int64_t wait_us = full_ ? 100'000 : loop_.Between(0, options_.flush_us_max);
    flush_ = loop_.After(wait_us, [this] { Flush(); });
  }

  void Serve(const std::shared_ptr<Session>& session, std::string_view request, Call::Send send) {
    Dispatch(*broker_, session, request, std::move(send));
  }

  // kill -9, or the power.
  void Kill() {
    if (!up()) return;
    disk_.Crash();
    Gone("killed");
  }
  // What waits is written first, as on SIGTERM.
  void Stop() {
    if (!up()) return;
    (void)log_->journal().Flush();
    Gone("stopped");
  }

 private:
  // It takes nothing more since the disk failed: somebody starts it again.
  void SeenByOperator() {
    if (flush_ != 0) return;
    flush_ = loop_.After(loop_.Between(100'000, 3'000'000), [this] {
      flush_ = 0;
      Kill();
    });
  }

  void Background(std::function<void()> task) {
    const uint64_t number = next_task_++;
    const Timers::Id timer = loop_.After(loop_.Between(0, 20'000), [this, number] {
      const std::function<void()> run = std::move(tasks_.at(number).second);
      tasks_.erase(number);
      run();
    });
    tasks_[number] = {timer, std::move(task)};
  }

  void Flush() {
    flush_ = 0;
    if (!up()) return;
    const Status flushed = log_->journal().Flush();
    full_ = !flushed.ok() && flushed.error().code() == ErrorCode::kNoSpace;
    if (!flushed.ok()) {
      if (!disk_.crashed()) loop_.Tell("broker", "flush: " + flushed.error().ToString());
      return;
    }
    if (advance_ != 0) return;
    advance_ = loop_.After(loop_.Between(0, 500), [this] {
      advance_ = 0;
      if (!up()) return;
      log_->Advance(log_->journal().durable());
    });
  }

  void Gone(const std::string& how) {
    loop_.Tell("broker", how);
    Drop();
    on_gone();
  }
  void Drop() {
    loop_.Cancel(std::exchange(flush_, 0));
    loop_.Cancel(std::exchange(advance_, 0));
    for (const auto& [number, task] : tasks_) loop_.Cancel(task.first);
    tasks_.clear();
    // What its process had begun does not end: nothing it still says is heard.
    broker_.reset();
    timers_.reset();
    log_.reset();
  }

  SimLoop& loop_;
  SimEnv& disk_;
  weir::testing::ForgetfulEnv forgetful_;
  weir::testing::ClockEnv env_;
  HostOptions options_;
  MetricRegistry metrics_;
  Counter& damaged_reads_;
  std::unique_ptr<EventLog> log_;
  std::unique_ptr<LifeTimers> timers_;
  std::unique_ptr<Broker> broker_;
  Timers::Id flush_ = 0;
  bool full_ = false;  // the disk, when it was last written to
  Timers::Id advance_ = 0;
  uint64_t next_task_ = 0;
  std::map<uint64_t, std::pair<Timers::Id, std::function<void()>>> tasks_;
  uint64_t damage_ = 0;
  uint64_t starts_ = 0;
};

}  // namespace weir::log::kafka::sim
