// The border between DuckDB's exceptions and our errors as values. Every call into DuckDB that can
// throw goes through CatchDuckDB; errors of Env cross DuckDB as exceptions and come out as what
// they were (code, who must act, fix).
//
//   return CatchDuckDB([&]() -> Result<int> { ...calls that may throw... });
//
// Thread rule: free functions.
#pragma once

#include <exception>
#include <type_traits>
#include <utility>

#include "weir/base/result.h"

namespace duckdb {
class ErrorData;
}  // namespace duckdb

namespace weir::columnar {

Error FromDuckDB(const duckdb::ErrorData& error);
Error FromDuckDB(const std::exception& exception);

// Throws the error as DuckDB's exception that suits it best. For code that DuckDB calls.
[[noreturn]] void ThrowIntoDuckDB(const Error& error);

// Runs the function, which returns Status or Result<T>, and turns an exception into its error.
template <typename Function>
std::invoke_result_t<Function> CatchDuckDB(Function&& function) {
  try {
    return std::forward<Function>(function)();
  } catch (const std::exception& exception) {
    return FromDuckDB(exception);
  }
}

}  // namespace weir::columnar
