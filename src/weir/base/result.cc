#include "weir/base/result.h"

namespace weir {

const char* ActorName(Actor actor) {
  switch (actor) {
    case Actor::kData:
      return "data";
    case Actor::kUser:
      return "user";
    case Actor::kOperator:
      return "operator";
    case Actor::kRetry:
      return "retry";
    case Actor::kBug:
      return "bug";
  }
  return "unknown";
}

const char* ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return "invalid";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kAlreadyExists:
      return "already_exists";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kPermission:
      return "permission";
    case ErrorCode::kNoSpace:
      return "no_space";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kIo:
      return "io";
    case ErrorCode::kLimit:
      return "limit";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kContract:
      return "contract";
    case ErrorCode::kInDoubt:
      return "in_doubt";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "unknown";
}

int Error::ExitCode() const {
  switch (actor_) {
    case Actor::kData:
      return 1;
    case Actor::kUser:
      return 2;
    case Actor::kOperator:
      return 3;
    case Actor::kRetry:
      return 3;
    case Actor::kBug:
      return 4;
  }
  return 4;
}

std::string Error::ToString() const {
  std::string text;
  if (!where_.empty()) text += where_ + ": ";
  text += message_;
  size_t start = 0;
  while (start < excerpt_.size()) {
    size_t end = excerpt_.find('\n', start);
    if (end == std::string::npos) end = excerpt_.size();
    text += "\n  " + excerpt_.substr(start, end - start);
    start = end + 1;
  }
  if (!fix_.empty()) text += "\n  fix: " + fix_;
  return text;
}

}  // namespace weir
