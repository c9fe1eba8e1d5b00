// ColumnPlan: where each column of a chunk comes from when the records of a file are decoded, and
// where rows that do not decode go. Shared by the decoders of CSV, JSON and text lines.
//
// Thread rule: values; FailedRows belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "duckdb/common/types.hpp"
#include "duckdb/common/types/value.hpp"
#include "weir/base/result.h"
#include "weir/columnar/codec/text_block.h"

namespace duckdb {
class DataChunk;
}

namespace weir::columnar {

struct PlannedColumn {
  enum class From {
    kField,       // a field (CSV: number `field`, JSON: key `key`)
    kConstant,    // `constant`: a folder name, or NULL for a column the file does not have
    kOriginFile,  // the three origin columns
    kOriginOffset,
    kOriginLength,
    kRescued,  // JSON text of what did not fit, NULL if everything did
  };
  From from = From::kField;
  std::string name;
  duckdb::LogicalType type;
  int field = -1;
  std::string key;
  duckdb::Value constant;
};

// A field of the file that no column takes; goes to the rescued column.
struct ExtraField {
  int field = -1;
  std::string name;
};

struct ColumnPlan {
  std::vector<PlannedColumn> columns;
  std::vector<ExtraField> extras;       // CSV: by field; JSON finds them itself
  std::vector<std::string> known_keys;  // JSON: keys that are columns, also those not asked for
  int32_t file = 0;                     // ordinal, for the origin column
  bool rescue = false;                  // values that do not cast are rescued, not failures
  bool null_on_error = false;           // '*.ignore-parse-errors': they are NULL, bad rows skipped
};

// Takes a row that does not decode: offset, length, column ("" for the whole row), reason. False:
// stop reading.
using FailedRow = std::function<bool(uint64_t offset, uint64_t length, const std::string& column,
                                     const std::string& reason)>;

// Which records of a block to decode next, and the block itself, kept alive by its vectors.
struct BlockCursor {
  std::shared_ptr<const TextBlock> block;
  size_t record = 0;  // next record
  size_t bad = 0;     // next of block->bad
  bool AtEnd() const { return record >= block->index.records.size() && bad >= block->bad.size(); }
};

// Turns records into columns; one for each format.
class RecordDecoder {
 public:
  virtual ~RecordDecoder() = default;
  // Decodes the next records of the block into the chunk (of the plan's types; reset here), at most
  // STANDARD_VECTOR_SIZE. The chunk may come out empty although records remain. False: `failed`
  // said stop.
  virtual Result<bool> Decode(BlockCursor* cursor, duckdb::DataChunk& out,
                              const FailedRow& failed) = 0;
};

}  // namespace weir::columnar
