// Choosing a column's type from a sample of its text values.
//
// The first of BIGINT, DOUBLE, BOOLEAN, DATE, TIMESTAMP, TIMESTAMP WITH TIME ZONE that every value
// of the sample can be cast to strictly, else VARCHAR; also VARCHAR when there is no value, and
// when one looks like a number with a leading zero ("007", a code and no quantity). Deterministic:
// the sample alone decides.
//
// Thread rule: free functions.
#pragma once

#include "duckdb/common/types.hpp"
#include "weir/columnar/codec/text_values.h"

namespace weir::columnar {

duckdb::LogicalType InferType(const TextValues& sample);

}  // namespace weir::columnar
