// Task and Promise: what a simulated client does, written from top to bottom. A Task is a coroutine
// that runs when it is started or awaited; destroying it ends it where it stands, with all that it
// awaits. A Promise is an answer that comes later.
//
//   Task<int> Twice(Promise<int> number) { co_return 2 * co_await number; }
//
// Thread rule: one thread. A task must not be destroyed by itself.
#pragma once

#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace weir::log::kafka::sim {

template <typename T>
class Task;

struct TaskPromiseBase {
  // Who awaits goes on when the task ends.
  struct Final {
    bool await_ready() const noexcept { return false; }
    template <typename Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      const std::coroutine_handle<> next = ended.promise().continuation;
      return next ? next : std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };
  std::suspend_always initial_suspend() const noexcept { return {}; }
  Final final_suspend() const noexcept { return {}; }
  void unhandled_exception() { std::terminate(); }

  std::coroutine_handle<> continuation;
};

template <typename T>
struct TaskPromise : TaskPromiseBase {
  Task<T> get_return_object();
  void return_value(T returned) { value = std::move(returned); }
  T Take() { return std::move(*value); }
  std::optional<T> value;
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  Task<void> get_return_object();
  void return_void() {}
  void Take() {}
};

template <typename T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = TaskPromise<T>;

  Task() = default;
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  void Start() { handle_.resume(); }
  bool done() const { return !handle_ || handle_.done(); }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept {
    handle_.promise().continuation = caller;
    return handle_;
  }
  T await_resume() { return handle_.promise().Take(); }

 private:
  std::coroutine_handle<promise_type> handle_;
};

template <typename T>
Task<T> TaskPromise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<TaskPromise<T>>::from_promise(*this));
}
inline Task<void> TaskPromise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<TaskPromise<void>>::from_promise(*this));
}

// Copies share the answer; one of them may be awaited. The first Set counts.
template <typename T>
class Promise {
  struct State {
    std::optional<T> value;
    std::coroutine_handle<> waiter;
  };

 public:
  class Awaiter {
   public:
    explicit Awaiter(std::shared_ptr<State> state) : state_(std::move(state)) {}
    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;
    ~Awaiter() { state_->waiter = nullptr; }  // its task may be destroyed while it waits
    bool await_ready() const { return state_->value.has_value(); }
    void await_suspend(std::coroutine_handle<> waiter) { state_->waiter = waiter; }
    T await_resume() { return std::move(*state_->value); }

   private:
    std::shared_ptr<State> state_;
  };

  Awaiter operator co_await() const { return Awaiter(state_); }
  void Set(T value) const {
    const std::shared_ptr<State> state = state_;  // the waiter may destroy this promise
    if (state->value) return;
    state->value = std::move(value);
    if (state->waiter) std::exchange(state->waiter, nullptr).resume();
  }

 private:
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace weir::log::kafka::sim
