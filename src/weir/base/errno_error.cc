#include "weir/base/errno_error.h"

#include <cerrno>
#include <cstring>

namespace weir {
namespace {

struct Kind {
  Actor actor;
  ErrorCode code;
  const char* fix;
};

Kind KindOf(int errno_value) {
  switch (errno_value) {
    case ENOENT:
      return {Actor::kUser, ErrorCode::kNotFound, "check the path"};
    case EEXIST:
      return {Actor::kUser, ErrorCode::kAlreadyExists, "choose another name or remove it first"};
    case ENOTDIR:
      return {Actor::kUser, ErrorCode::kInvalid,
              "a part of the path is a file where a folder is needed"};
    case EISDIR:
      return {Actor::kUser, ErrorCode::kInvalid, "name a file, not a folder"};
    case ENOTEMPTY:
      return {Actor::kUser, ErrorCode::kInvalid, "the folder still has entries"};
    case ENAMETOOLONG:
      return {Actor::kUser, ErrorCode::kInvalid, "shorten the name to at most 255 bytes"};
    case ELOOP:
      return {Actor::kUser, ErrorCode::kInvalid, "the symbolic links lead in a circle"};
    case EINVAL:
      return {Actor::kUser, ErrorCode::kInvalid, ""};
    case EACCES:
    case EPERM:
      return {Actor::kOperator, ErrorCode::kPermission,
              "give this user access to it, or run as its owner"};
    case EROFS:
      return {Actor::kOperator, ErrorCode::kPermission,
              "the file system is mounted read-only; choose another folder or remount it"};
    case ENOSPC:
    case EDQUOT:
      return {Actor::kOperator, ErrorCode::kNoSpace,
              "free space on that disk (or raise the quota) and run again"};
    case EFBIG:
      return {Actor::kOperator, ErrorCode::kLimit,
              "the file is larger than the file system or 'ulimit -f' allows"};
    case EMFILE:
    case ENFILE:
      return {Actor::kOperator, ErrorCode::kLimit, "raise the limit of open files (ulimit -n)"};
    case ENOMEM:
      return {Actor::kOperator, ErrorCode::kLimit, "lower --memory or free memory"};
    case EMLINK:
    case EOPNOTSUPP:
      return {Actor::kOperator, ErrorCode::kUnsupported,
              "put it on a file system with hard links (ext4, xfs, btrfs, tmpfs)"};
    case EAGAIN:
    case EBUSY:
    case ETXTBSY:
    case ETIMEDOUT:
    case ESTALE:
      return {Actor::kRetry, ErrorCode::kIo, "run again"};
    default:
      return {Actor::kOperator, ErrorCode::kIo, "check the disk and the system's log"};
  }
}

}  // namespace

Error ErrnoError(int errno_value, const std::string& doing, const std::string& path) {
  const Kind kind = KindOf(errno_value);
  char buffer[128];
  // The GNU variant: thread-safe, returns the text.
  const char* text = strerror_r(errno_value, buffer, sizeof buffer);
  Error error(kind.actor, kind.code, "cannot " + doing + ": " + text);
  return std::move(error).At(path).Fix(kind.fix);
}

Error LockedError(const std::string& path, uint64_t process, const std::string& host,
                  int64_t age_s) {
  const std::string owner = process == 0 ? "another process"
                                         : "process " + std::to_string(process) + " on " + host +
                                               " for " + std::to_string(age_s) + " s";
  return Error::Retry(ErrorCode::kConflict, "locked: held by " + owner)
      .At(path)
      .Fix("wait for it to finish, or end that process");
}

}  // namespace weir
