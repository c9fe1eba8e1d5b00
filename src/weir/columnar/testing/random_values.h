// Random storable types and values, for property tests of writers and tables.
//
// Thread rule: one RandomValues per thread. Same seed, same answers.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "duckdb/common/types.hpp"
#include "duckdb/common/types/value.hpp"
#include "weir/columnar/schema.h"

namespace weir::columnar::testing {

class RandomValues {
 public:
  explicit RandomValues(uint64_t seed) : random_(seed) {}

  // A type of a table's column; nested ones at most `depth` levels deep.
  duckdb::LogicalType Type(int depth = 2);
  Schema RandomSchema(size_t columns_max);
  // Edges of the type's range, NULL, and ordinary values.
  duckdb::Value Value(const duckdb::LogicalType& type, bool nullable = true);

  uint64_t Below(uint64_t n) { return std::uniform_int_distribution<uint64_t>(0, n - 1)(random_); }

 private:
  std::string Text();

  std::mt19937_64 random_;
};

}  // namespace weir::columnar::testing
