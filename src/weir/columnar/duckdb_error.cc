#include "weir/columnar/duckdb_error.h"

#include <cerrno>
#include <cstdlib>
#include <string>
#include <unordered_map>

#include "duckdb/common/error_data.hpp"
#include "duckdb/common/exception.hpp"
#include "duckdb/common/string_util.hpp"

namespace weir::columnar {
namespace {

using duckdb::ExceptionType;

// Names in an exception's extra information. DuckDB carries them through threads and rethrows.
constexpr const char* kActorKey = "weir_actor";
constexpr const char* kCodeKey = "weir_code";
constexpr const char* kWhereKey = "weir_where";
constexpr const char* kFixKey = "weir_fix";

constexpr const char* kMemoryFix =
    "give it more memory, fewer threads, or a spill folder on a disk with more space";

const std::string* Find(const std::unordered_map<std::string, std::string>& info, const char* key) {
  const auto found = info.find(key);
  return found == info.end() ? nullptr : &found->second;
}

Error FromErrno(int number, std::string message) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
      return Error::Operator(ErrorCode::kNoSpace, std::move(message))
          .Fix("free disk space, or use a folder on a disk with more");
    case EACCES:
    case EPERM:
    case EROFS:
      return Error::Operator(ErrorCode::kPermission, std::move(message))
          .Fix("give this user the right to it");
    case ENOENT:
      return Error::User(ErrorCode::kNotFound, std::move(message)).Fix("check the path or pattern");
    default:
      return Error::Operator(ErrorCode::kIo, std::move(message));
  }
}

Error FromIo(const std::unordered_map<std::string, std::string>& info, std::string message) {
  if (const std::string* number = Find(info, "errno")) {
    return FromErrno(std::atoi(number->c_str()), std::move(message));
  }
  if (duckdb::StringUtil::Contains(message, "No files found")) {
    return FromErrno(ENOENT, std::move(message));
  }
  if (duckdb::StringUtil::Contains(message,
                                   " error for HTTP ")) {  // no answer at all; no errno either
    return Error::Retry(ErrorCode::kIo, std::move(message));
  }
  return Error::Operator(ErrorCode::kIo, std::move(message));
}

Error FromType(ExceptionType type, const std::unordered_map<std::string, std::string>& info,
               std::string message) {
  switch (type) {
    case ExceptionType::IO:
      return FromIo(info, std::move(message));
    case ExceptionType::OUT_OF_MEMORY:
      return Error::Operator(ErrorCode::kLimit, std::move(message)).Fix(kMemoryFix);
    case ExceptionType::PERMISSION:
      return Error::Operator(ErrorCode::kPermission, std::move(message));
    case ExceptionType::HTTP:
    case ExceptionType::NETWORK:
    case ExceptionType::CONNECTION:
      return Error::Retry(ErrorCode::kIo, std::move(message));
    case ExceptionType::TRANSACTION:
      return Error::Retry(ErrorCode::kConflict, std::move(message));
    case ExceptionType::INTERRUPT:
      return Error::Operator(ErrorCode::kCancelled, std::move(message));
    case ExceptionType::NOT_IMPLEMENTED:
      return Error::User(ErrorCode::kUnsupported, std::move(message));
    case ExceptionType::MISSING_EXTENSION:
    case ExceptionType::AUTOLOAD:
      return Error::User(ErrorCode::kUnsupported, std::move(message));
    case ExceptionType::CATALOG: {
      const std::string* kind = Find(info, "error_subtype");
      const bool exists = kind != nullptr && *kind == "ENTRY_ALREADY_EXISTS";
      return Error::User(exists ? ErrorCode::kAlreadyExists : ErrorCode::kNotFound,
                         std::move(message));
    }
    case ExceptionType::INTERNAL:
    case ExceptionType::FATAL:
    case ExceptionType::NULL_POINTER:
    case ExceptionType::OPTIMIZER:
    case ExceptionType::SERIALIZATION:
    case ExceptionType::SCHEDULER:
    case ExceptionType::INDEX:
    case ExceptionType::STAT:
      return Error::Bug(std::move(message));
    default:
      return Error::User(ErrorCode::kInvalid, std::move(message));
  }
}

}  // namespace

Error FromDuckDB(const duckdb::ErrorData& error) {
  const auto& info = error.ExtraInfo();
  std::string message = error.RawMessage();
  const std::string* actor = Find(info, kActorKey);
  const std::string* code = Find(info, kCodeKey);
  if (actor != nullptr && code != nullptr) {
    Error ours(static_cast<Actor>(std::atoi(actor->c_str())),
               static_cast<ErrorCode>(std::atoi(code->c_str())), std::move(message));
    if (const std::string* where = Find(info, kWhereKey)) ours = std::move(ours).At(*where);
    if (const std::string* fix = Find(info, kFixKey)) ours = std::move(ours).Fix(*fix);
    return ours;
  }
  // "... does not exist\n\nLINE 1: select x\n               ^"
  std::string excerpt;
  if (const size_t at = message.find("\n\nLINE "); at != std::string::npos) {
    excerpt = message.substr(at + 2);
    message.resize(at);
  }
  // "...\n\nPossible solutions:\n* Reducing the number of threads (SET threads=X)...": ours say it.
  if (const size_t at = message.find("\n\nPossible solutions:"); at != std::string::npos) {
    message.resize(at);
  }
  Error ours = FromType(error.Type(), info, std::move(message));
  return excerpt.empty() ? ours : std::move(ours).Excerpt(std::move(excerpt));
}

Error FromDuckDB(const std::exception& exception) {
  return FromDuckDB(duckdb::ErrorData(exception));
}

void ThrowIntoDuckDB(const Error& error) {
  ExceptionType type = ExceptionType::IO;
  if (error.code() == ErrorCode::kPermission) type = ExceptionType::PERMISSION;
  if (error.code() == ErrorCode::kLimit) type = ExceptionType::OUT_OF_MEMORY;
  if (error.code() == ErrorCode::kCancelled) type = ExceptionType::INTERRUPT;
  throw duckdb::Exception({{kActorKey, std::to_string(static_cast<int>(error.actor()))},
                           {kCodeKey, std::to_string(static_cast<int>(error.code()))},
                           {kWhereKey, error.where()},
                           {kFixKey, error.fix()}},
                          type, error.message());
}

}  // namespace weir::columnar
