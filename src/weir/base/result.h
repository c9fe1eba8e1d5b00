// Errors as values: Status and Result<T>.
//
// Every fallible function of Weir returns one of the two; exceptions of libraries stop in the file
// that wraps the library. An Error says who must act, what was wrong with which value, where, and
// what to do about it:
//
//   return Error::User(ErrorCode::kNotFound, "no column 'arr_dely' in flights_raw")
//       .At("flights.sql:12:9")
//       .Fix("did you mean 'arr_delay'?");
//
// Thread rule: values, as thread-safe as an int.
#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace weir {

// Who has to act. Decides the exit code of the command line (docs/errors.md).
enum class Actor {
  kData,      // the pipeline's data broke a FAIL contract or the breaker: exit 1
  kUser,      // SQL, options or arguments are wrong: exit 2
  kOperator,  // the environment failed (disk, permission): exit 3
  kRetry,     // the environment failed and trying again may help (conflict, network): exit 3
  kBug,       // a bug in Weir: exit 4
};

// What kind of failure, for code that reacts to it. People read the message.
enum class ErrorCode {
  kInvalid,
  kNotFound,
  kAlreadyExists,
  kConflict,
  kUnsupported,
  kPermission,
  kNoSpace,
  kCorrupt,
  kIo,
  kLimit,
  kCancelled,
  kContract,
  kInDoubt,
  kInternal,
};

class [[nodiscard]] Error {
 public:
  Error(Actor actor, ErrorCode code, std::string message)
      : actor_(actor), code_(code), message_(std::move(message)) {}

  static Error Data(ErrorCode code, std::string message) {
    return Error(Actor::kData, code, std::move(message));
  }
  static Error User(ErrorCode code, std::string message) {
    return Error(Actor::kUser, code, std::move(message));
  }
  static Error Operator(ErrorCode code, std::string message) {
    return Error(Actor::kOperator, code, std::move(message));
  }
  static Error Retry(ErrorCode code, std::string message) {
    return Error(Actor::kRetry, code, std::move(message));
  }
  static Error Bug(std::string message) {
    return Error(Actor::kBug, ErrorCode::kInternal, std::move(message));
  }

  // Where: "file:line:column", a path, a table. The innermost place is kept.
  Error At(std::string where) && {
    if (where_.empty()) where_ = std::move(where);
    return std::move(*this);
  }
  // What to do about it, one sentence in the imperative.
  Error Fix(std::string fix) && {
    if (fix_.empty()) fix_ = std::move(fix);
    return std::move(*this);
  }
  // Puts what was being done in front of the message: "reading orders.csv: ...".
  Error While(const std::string& doing) && {
    message_ = doing + ": " + message_;
    return std::move(*this);
  }
  // The offending text with a caret under it (two lines), shown below the message.
  Error Excerpt(std::string excerpt) && {
    excerpt_ = std::move(excerpt);
    return std::move(*this);
  }

  Actor actor() const { return actor_; }
  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& where() const { return where_; }
  const std::string& fix() const { return fix_; }
  const std::string& excerpt() const { return excerpt_; }

  // 1, 2, 3 or 4 as in the comment on Actor.
  int ExitCode() const;
  // "where: message\n  excerpt\n  fix: ..." for people.
  std::string ToString() const;

 private:
  Actor actor_;
  ErrorCode code_;
  std::string message_;
  std::string where_;
  std::string fix_;
  std::string excerpt_;
};

const char* ActorName(Actor actor);         // "user", "data", ...
const char* ErrorCodeName(ErrorCode code);  // "not_found", ...

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}  // NOLINT: implicit by design

  static Status Ok() { return Status(); }

  bool ok() const { return !error_.has_value(); }
  const Error& error() const& {
    assert(error_.has_value());
    return *error_;
  }
  Error&& error() && {
    assert(error_.has_value());
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit
  Result(Status status)  // NOLINT: implicit; the status must be an error
      : state_(std::in_place_index<1>, std::move(status).error()) {}

  // A Result<unique_ptr<Derived>> from a unique_ptr<Derived> converts to Result<unique_ptr<Base>>.
  template <typename U>
  requires(std::is_convertible_v<U, T> && !std::is_same_v<std::decay_t<U>, T> &&
           !std::is_same_v<std::decay_t<U>, Error> && !std::is_same_v<std::decay_t<U>, Status> &&
           !std::is_same_v<std::decay_t<U>, Result<T>>) Result(U&& value)  // NOLINT: implicit
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}

  bool ok() const { return state_.index() == 0; }
  const T& value() const& {
    assert(ok());
    return std::get<0>(state_);
  }
  T& value() & {
    assert(ok());
    return std::get<0>(state_);
  }
  // By value, so that `for (x : *ListThings())` walks a vector that lives.
  T value() && {
    assert(ok());
    return std::get<0>(std::move(state_));
  }
  const T& operator*() const& { return value(); }
  T& operator*() & { return value(); }
  T operator*() && { return std::move(*this).value(); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }

  const Error& error() const& {
    assert(!ok());
    return std::get<1>(state_);
  }
  Error&& error() && {
    assert(!ok());
    return std::get<1>(std::move(state_));
  }
  Status status() const { return ok() ? Status() : Status(error()); }

 private:
  std::variant<T, Error> state_;
};

}  // namespace weir

#define WEIR_CONCAT_INNER(a, b) a##b
#define WEIR_CONCAT(a, b) WEIR_CONCAT_INNER(a, b)

// Returns the error to the caller, if there is one.
#define WEIR_RETURN_IF_ERROR(expr)                                  \
  do {                                                              \
    auto weir_status_ = (expr);                                     \
    if (!weir_status_.ok()) return std::move(weir_status_).error(); \
  } while (false)

// WEIR_ASSIGN_OR_RETURN(auto file, env.OpenFile(path, OpenMode::kRead));
#define WEIR_ASSIGN_OR_RETURN(lhs, expr) \
  WEIR_ASSIGN_OR_RETURN_INNER(WEIR_CONCAT(weir_result_, __LINE__), lhs, expr)
#define WEIR_ASSIGN_OR_RETURN_INNER(result, lhs, expr) \
  auto result = (expr);                                \
  if (!result.ok()) return std::move(result).error();  \
  lhs = std::move(result).value()
