// Random storable types and values, for property tests of writers and tables.
//
//   SimEnv env(seed);
//   RandomValues random(env);      // same seed, same answers
//
// Thread rule: one RandomValues per thread.
#pragma once

#include <cstdint>
#include <string>

#include "duckdb/common/types.hpp"
#include "duckdb/common/types/value.hpp"
#include "weir/base/env.h"
#include "weir/columnar/schema.h"

namespace weir::columnar::testing {

class RandomValues {
 public:
  explicit RandomValues(Env& env) : env_(env) {}

  // A type of a table's column; nested ones at most `depth` levels deep.
  duckdb::LogicalType Type(int depth = 2);
  Schema RandomSchema(size_t columns_max);
  // Edges of the type's range, NULL, and ordinary values.
  duckdb::Value Value(const duckdb::LogicalType& type, bool nullable = true);

  uint64_t Below(uint64_t n) { return env_.RandomU64() % n; }

 private:
  std::string Text();

  Env& env_;
};

}  // namespace weir::columnar::testing
