// A column of text values, and casting it to a type with exactly DuckDB's result.
//
// The usual spellings of the hottest types (integers, decimals, doubles, dates, timestamps) are
// converted here; everything unusual goes to DuckDB's own VARCHAR cast, so that CAST('x' AS t) in
// SQL and a file's field mean the same (text_values_test.cc compares them on random strings).
//
// Thread rule: values; one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "duckdb/common/types/vector.hpp"
#include "duckdb/common/types/vector_buffer.hpp"
#include "weir/columnar/codec/text_block.h"

namespace weir::columnar {

// Values i of count: `size[i]` bytes at `data[i]`; nullptr is NULL. Eight bytes behind each value
// must be readable.
struct TextValues {
  std::vector<const char*> data;
  std::vector<uint32_t> size;

  size_t count() const { return data.size(); }
  void Clear() {
    data.clear();
    size.clear();
  }
  void Add(const char* value, uint32_t n) {
    data.push_back(value);
    size.push_back(n);
  }
  void AddNull() { Add(nullptr, 0); }
};

// Memory for values that do not stand in the file as they are (unescaped ones): stable addresses,
// padded.
class TextArena {
 public:
  char* Allocate(size_t n) {
    if (used_ + n + ByteBuffer::kPadding > piece_bytes_) {
      piece_bytes_ = std::max<size_t>(n + ByteBuffer::kPadding, 16384);
      pieces_.emplace_back(new char[piece_bytes_]());
      used_ = 0;
    }
    char* memory = pieces_.back().get() + used_;
    used_ += n;
    return memory;
  }

 private:
  std::vector<std::unique_ptr<char[]>> pieces_;
  size_t piece_bytes_ = 0;
  size_t used_ = 0;
};

// Keeps memory alive for as long as vectors point into it.
class KeepAlive : public duckdb::VectorBuffer {
 public:
  explicit KeepAlive(std::shared_ptr<const void> memory)
      : VectorBuffer(duckdb::VectorBufferType::OPAQUE_BUFFER), memory_(std::move(memory)) {}

 private:
  std::shared_ptr<const void> memory_;
};

// Writes the values to rows [0, count) of the flat vector `result`, whose capacity suffices. Rows
// that cannot be cast become NULL and are appended to `failed`. Strings point into the values'
// memory, which `memory` keeps alive. May throw what DuckDB throws for types that have no cast.
void CastText(const TextValues& values, duckdb::Vector& result,
              const std::shared_ptr<const void>& memory, std::vector<uint32_t>* failed);

// "cannot cast 'abc' to INTEGER", with long values shortened.
std::string CastFailure(std::string_view value, const duckdb::LogicalType& type);

}  // namespace weir::columnar
