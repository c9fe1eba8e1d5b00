// What the fuzzers of the codecs share: text from memory in uneven pieces, and all that a reader
// and a decoder make of it as one string.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "duckdb/common/allocator.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "weir/columnar/codec/column_plan.h"
#include "weir/columnar/codec/text_blocks.h"

namespace weir::columnar {

class PieceReader : public ByteReader {
 public:
  PieceReader(std::string_view text, size_t piece) : text_(text), piece_(piece) {}
  Result<size_t> Read(char* buffer, size_t n) override {
    n = std::min({n, piece_, text_.size()});
    std::memcpy(buffer, text_.data(), n);
    text_.remove_prefix(n);
    return n;
  }

 private:
  std::string_view text_;
  const size_t piece_;
};

// Appends every row, with its offset, and every failure, in file order.
inline void AppendAll(TextBlockSource& blocks, RecordDecoder& decoder,
                      const duckdb::vector<duckdb::LogicalType>& types, std::string* out) {
  duckdb::DataChunk chunk;
  chunk.Initialize(duckdb::Allocator::DefaultAllocator(), types);
  std::vector<std::pair<uint64_t, std::string>> found;
  const FailedRow failed = [&](uint64_t offset, uint64_t length, const std::string& column,
                               const std::string& reason) {
    found.emplace_back(offset, "!" + std::to_string(length) + column + reason);
    return true;
  };
  while (true) {
    auto block = std::make_shared<TextBlock>();
    auto more = blocks.Next(block.get());
    if (!more.ok()) __builtin_trap();
    BlockCursor cursor{block};
    while (!cursor.AtEnd()) {
      if (!decoder.Decode(&cursor, chunk, failed).ok()) __builtin_trap();
      chunk.Verify();
      // The first column is the offset.
      for (size_t r = 0; r < chunk.size(); ++r) {
        std::string row;
        for (size_t c = 1; c < chunk.ColumnCount(); ++c) {
          row += chunk.GetValue(c, r).ToString() + "|";
        }
        found.emplace_back(chunk.GetValue(0, r).GetValue<int64_t>(), row);
      }
    }
    if (!more.value()) break;
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [offset, text] : found) *out += std::to_string(offset) + ":" + text + "\n";
}

inline PlannedColumn OffsetColumn() {
  PlannedColumn column;
  column.from = PlannedColumn::From::kOriginOffset;
  column.type = duckdb::LogicalType::BIGINT;
  return column;
}

}  // namespace weir::columnar
