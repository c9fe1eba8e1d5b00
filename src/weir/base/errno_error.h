// Turns an errno into an Error that names the path, the system's words and what to do. Shared by
// RealEnv and SimEnv, so that code and message of a failure are the same in both.
//
// Thread rule: a free function.
#pragma once

#include <cstdint>
#include <string>

#include "weir/base/result.h"

namespace weir {

// ErrnoError(ENOSPC, "write", "tables/a.parquet"):
//   "tables/a.parquet: cannot write: No space left on device" (kNoSpace, operator acts)
Error ErrnoError(int errno_value, const std::string& doing, const std::string& path);

// A lock that somebody holds (kConflict). Process 0: not known who.
Error LockedError(const std::string& path, uint64_t process, const std::string& host,
                  int64_t age_s);

}  // namespace weir
