// What the fuzzers of record formats share: any bytes, cut into records, are rows or failures; each
// record one of the two or (where the format passes over some) neither, and the same ones whether
// decoded together or one by one.
//
// Thread rule: a fuzzer's own thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "duckdb/common/types/data_chunk.hpp"
#include "weir/columnar/codec/record_decode.h"

namespace weir::columnar {

// "number: a|b" for rows and "!number" for failures, in the order of the records.
inline std::string DecodeForFuzz(RecordsDecoder& decoder,
                                 const duckdb::vector<duckdb::LogicalType>& types,
                                 const std::vector<RecordBytes>& records, size_t at_once) {
  duckdb::DataChunk chunk;
  chunk.Initialize(duckdb::Allocator::DefaultAllocator(), types);
  std::vector<std::string> lines(records.size());
  for (size_t from = 0; from < records.size(); from += at_once) {
    const size_t n = std::min(at_once, records.size() - from);
    chunk.Reset();
    std::vector<uint32_t> rows;
    const auto decoded =
        decoder.Decode({records.data() + from, n}, chunk, &rows,
                       [&](uint32_t record, const std::string&, const std::string&) {
                         lines[from + record].assign(1, '!');
                         return true;
                       });
    if (!decoded.ok() || !*decoded) __builtin_trap();
    if (rows.size() != chunk.size()) __builtin_trap();
    chunk.Verify();
    for (size_t r = 0; r < chunk.size(); ++r) {
      std::string& line = lines[from + rows[r]];
      if (!line.empty()) __builtin_trap();
      for (size_t c = 0; c < chunk.ColumnCount(); ++c)
        line += chunk.GetValue(c, r).ToString() + "|";
    }
  }
  std::string all;
  for (const std::string& line : lines) {
    all.append(line);
    all.push_back('\n');
  }
  return all;
}

// The first byte says how long each record is.
inline std::vector<RecordBytes> CutForFuzz(std::string_view bytes) {
  std::vector<RecordBytes> records;
  while (!bytes.empty() && records.size() < 100) {
    const size_t n = std::min<size_t>(static_cast<uint8_t>(bytes[0]), bytes.size() - 1);
    records.push_back({bytes.data() + 1, static_cast<uint32_t>(n)});
    bytes.remove_prefix(1 + n);
  }
  return records;
}

inline void FuzzRecords(const RecordFormatOptions& format, const Schema& fields,
                        std::string_view bytes) {
  std::vector<RecordColumn> columns;
  for (size_t i = 0; i < fields.fields.size(); ++i) {
    columns.push_back({static_cast<int>(i), "", {}});
  }
  const auto decoder = NewRecordDecoder(format, fields, columns);
  if (!decoder.ok()) __builtin_trap();
  const auto records = CutForFuzz(bytes);
  const auto together = DecodeForFuzz(**decoder, fields.Types(), records, 2048);
  if (DecodeForFuzz(**decoder, fields.Types(), records, 1) != together) __builtin_trap();
}

}  // namespace weir::columnar
