// CsvDecoder: records of CSV, or of plain text lines, to columns.
//
// Thread rule: one thread at a time.
#pragma once

#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/columnar/codec/column_plan.h"
#include "weir/columnar/codec/csv_scan.h"
#include "weir/columnar/codec/text_values.h"

namespace weir::columnar {

struct CsvDecodeOptions {
  CsvDialect dialect;
  uint32_t field_count = 1;  // of every record; others are ragged
  // Unquoted fields with one of these texts are NULL. Empty: only the empty field is, and then of
  // every type. When set, an empty field is NULL for all types but VARCHAR. A quoted empty field is
  // NULL for all types but VARCHAR and BLOB.
  std::vector<std::string> null_literals;
  bool skip_blank_lines = true;
  // Text lines: a record is one value as it stands, "\r" dropped; never NULL.
  bool lines = false;
};

// The bytes of a field: without quotes, doubled quotes undone (into the arena).
struct CsvField {
  const char* data = nullptr;
  uint32_t size = 0;
  bool quoted = false;
};

class CsvDecoder : public RecordDecoder {
 public:
  CsvDecoder(CsvDecodeOptions options, ColumnPlan plan)
      : options_(std::move(options)), plan_(std::move(plan)) {}

  Result<bool> Decode(BlockCursor* cursor, duckdb::DataChunk& out,
                      const FailedRow& failed) override;

  // Splits one record into its fields, for headers and samples. An empty result: the record is
  // blank.
  static std::vector<std::string> Fields(const TextBlock& block, size_t record,
                                         const CsvDialect& dialect);

 private:
  bool TakeRecords(BlockCursor* cursor, const FailedRow& failed);
  void TakeField(const TextBlock& block, int field, duckdb::LogicalTypeId type, TextArena* arena);
  void Origins(const TextBlock& block, const PlannedColumn& column, duckdb::DataChunk& out,
               size_t index);

  const CsvDecodeOptions options_;
  const ColumnPlan plan_;
  std::vector<uint32_t> rows_;  // records of the block that become rows
  TextValues values_;
};

}  // namespace weir::columnar
