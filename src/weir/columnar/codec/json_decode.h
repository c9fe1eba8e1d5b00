// JSON documents, one a record, to columns: newline JSON and the elements of a JSON array.
//
// A document is an object; its members become columns by key (as written first, else without regard
// to case). Numbers and strings are cast from their text as CAST does, so that a DECIMAL keeps
// every digit; STRUCT, LIST and MAP take objects and arrays; VARCHAR takes any value, objects and
// arrays as their JSON text. Every document is checked whole, also the members nobody asked for: a
// broken one, one nested too deeply, one that has a key twice or a value of the wrong kind is one
// failed row, which names the path ("$.items[].price") and the value.
//
// Thread rule: one thread at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "weir/columnar/codec/column_plan.h"
#include "weir/columnar/schema.h"

namespace weir::columnar {

struct JsonDecodeOptions {
  uint32_t depth_max = 64;        // brackets within brackets
  bool fail_on_new_keys = false;  // a key that is no column ends the scan with an error
};

std::unique_ptr<RecordDecoder> NewJsonDecoder(ColumnPlan plan, const JsonDecodeOptions& options);

// The columns that the records of a block suggest: keys in order of appearance, types that hold
// every value seen (BIGINT, DOUBLE, BOOLEAN, dates and timestamps as InferType, STRUCT and LIST;
// VARCHAR for what does not go together). Records that are broken are passed over. Columns that
// `schema` has already stay as they are; no more than `records` records are looked at.
void InferJson(const TextBlock& block, size_t records, Schema* schema);

}  // namespace weir::columnar
