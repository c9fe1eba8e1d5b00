// SimLoop: the virtual time of a simulation. Everything that happens is a task that falls due; the
// broker's timers are among them. One source of randomness, so that a seed is one story.
//
// Thread rule: one thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "weir/log/kafka/sim/testing/task.h"
#include "weir/log/timers.h"

namespace weir::log::kafka::sim {

class SimLoop : public Timers {
 public:
  explicit SimLoop(uint64_t seed) : random_(seed * 2 + 1) {}

  int64_t NowUs() override { return now_us_; }
  Id After(int64_t us, std::function<void()> task) override {
    const Id id = next_++;
    const int64_t due = now_us_ + (us > 0 ? us : 0);
    due_[id] = due;
    tasks_.emplace(std::pair(due, id), std::move(task));
    return id;
  }
  void Cancel(Id id) override {
    const auto due = due_.find(id);
    if (due == due_.end()) return;
    tasks_.erase({due->second, id});
    due_.erase(due);
  }

  // Runs what falls due until then, or until `stop` says so.
  void RunUntil(int64_t until_us, const std::function<bool()>& stop) {
    while (!tasks_.empty() && tasks_.begin()->first.first <= until_us) {
      if (stop()) return;
      const auto first = tasks_.begin();
      Pass(first->first.first);
      const std::function<void()> task = std::move(first->second);
      due_.erase(first->first.second);
      tasks_.erase(first);
      steps_ += 1;
      task();
      if (after_each_) after_each_();
    }
    if (!stop()) Pass(until_us);
  }

  // Other clocks that keep pace.
  void OnPass(std::function<void(int64_t us)> f) { on_pass_ = std::move(f); }
  void AfterEach(std::function<void()> then) { after_each_ = std::move(then); }

  uint64_t Below(uint64_t bound) { return Draw() % bound; }
  int64_t Between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(Below(static_cast<uint64_t>(high - low) + 1));
  }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  bool Percent(uint64_t n) { return Below(100) < n; }

  Promise<bool> Sleep(int64_t us) {
    Promise<bool> over;
    After(us, [over] { over.Set(true); });
    return over;
  }

  uint64_t steps() const { return steps_; }

  // --- the story ---
  void TellInto(std::vector<std::string>* story) { story_ = story; }
  bool telling() const { return story_ != nullptr; }
  void Tell(const std::string& who, const std::string& what) {
    if (story_ == nullptr) return;
    story_->push_back(std::to_string(now_us_ / 1000) + "." + std::to_string(now_us_ / 100 % 10) +
                      " ms  " + who + ": " + what);
  }

 private:
  uint64_t Draw() {
    uint64_t z = (random_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  void Pass(int64_t until_us) {
    if (until_us <= now_us_) return;
    if (on_pass_) on_pass_(until_us - now_us_);
    now_us_ = until_us;
  }

  uint64_t random_;
  int64_t now_us_ = 0;
  Id next_ = 1;
  uint64_t steps_ = 0;
  std::map<std::pair<int64_t, Id>, std::function<void()>> tasks_;
  std::unordered_map<Id, int64_t> due_;
  std::function<void(int64_t)> on_pass_;
  std::function<void()> after_each_;
  std::vector<std::string>* story_ = nullptr;
};

}  // namespace weir::log::kafka::sim
