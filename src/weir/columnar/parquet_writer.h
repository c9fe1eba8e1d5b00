// ParquetWriter: one Parquet file, written chunk by chunk with DuckDB's own encoder, no SQL. The
// file goes through the engine's file system (Env), also under simulation.
//
//   WEIR_ASSIGN_OR_RETURN(auto writer, ParquetWriter::Create(context, path, schema, {}));
//   WEIR_ASSIGN_OR_RETURN(auto local, writer->NewLocal(context));        // one per thread
//   WEIR_RETURN_IF_ERROR(local->Write(context, chunk));                  // as often as needed
//   WEIR_RETURN_IF_ERROR(local->Finish(context));
//   WEIR_ASSIGN_OR_RETURN(ParquetFileStats stats, writer->Close(context));
//
// Thread rule: NewLocal may be called, and different Locals used, by many threads at once; Close
// and Abandon by one, after the Locals are finished. Rows keep their order within a Local.
// Invariants: the file is complete and synced once Close returned ok, but its folder is not synced
// (a writer of many files does that once, Env::SyncDir). Without a Close the destructor removes the
// file. Types are the storable ones (types.h); others are refused by Create.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/columnar/schema.h"

namespace duckdb {
class ClientContext;
class DataChunk;
}  // namespace duckdb

namespace weir::columnar {

enum class ParquetCompression { kSnappy, kZstd, kNone };

// The field id of a column, and those of its struct fields by name ("element" of a list, "key" and
// "value" of a map).
struct ParquetFieldId {
  int32_t id = -1;  // -1: none
  std::map<std::string, ParquetFieldId> children;
};

struct ParquetOptions {
  ParquetCompression compression = ParquetCompression::kSnappy;
  int zstd_level = 3;                 // 1 to 22
  uint64_t row_group_rows = 122'880;  // a Local writes a row group when it holds this many rows ...
  uint64_t row_group_bytes = 64 << 20;  // ... or this many bytes in memory, whatever comes first
  bool bloom_filters = true;            // for dictionary-encoded columns, as DuckDB writes them
  std::map<std::string, ParquetFieldId> field_ids{};  // by column name; empty: none
};

// Facts about one leaf column that is reached through structs only (not inside a list or map).
struct ParquetColumnStats {
  std::vector<std::string> path;  // {"address", "city"}
  // Text that DuckDB casts to the column's type; BLOB: hexadecimal digits. Absent if unknown, or if
  // the column holds no value. Never smaller in extent than the data.
  std::optional<std::string> min, max;
  int64_t nulls =
      -1;  // rows in which the leaf is NULL, also because a struct above is; -1: unknown
  bool has_nan = false;  // some value is NaN; min and max speak of the others
  int64_t bytes = 0;     // compressed
};

struct ParquetFileStats {
  int64_t rows = 0;
  int64_t bytes = 0;                        // of the whole file
  std::vector<ParquetColumnStats> columns;  // in schema order, depth first

  // The column with this path; null if there are no facts about it.
  const ParquetColumnStats* Find(const std::vector<std::string>& path) const;
};

class ParquetWriter {
 public:
  class Local {
   public:
    virtual ~Local() = default;
    // The chunk's types must be the schema's. Encodes and writes a row group now and then.
    virtual Status Write(duckdb::ClientContext& context, duckdb::DataChunk& chunk) = 0;
    // Writes what is buffered as a row group of its own, however small, to give memory back.
    virtual Status Flush(duckdb::ClientContext& context) = 0;
    // Writes what is buffered, or hands it to the writer to be joined with other Locals' rests.
    virtual Status Finish(duckdb::ClientContext& context) = 0;
    // Memory held now, in DuckDB's buffers.
    virtual uint64_t buffered_bytes() const = 0;
  };

  // Makes (or empties) the file. Its folder must exist.
  static Result<std::unique_ptr<ParquetWriter>> Create(duckdb::ClientContext& context,
                                                       const std::string& path,
                                                       const Schema& schema,
                                                       const ParquetOptions& options);
  virtual ~ParquetWriter() = default;

  virtual Result<std::unique_ptr<Local>> NewLocal(duckdb::ClientContext& context) = 0;
  // Bytes written so far (without what Locals buffer): decides when to start the next file.
  virtual uint64_t bytes_written() const = 0;
  // Writes the rest and the footer and syncs the file. Once; after an error the file is removed.
  virtual Result<ParquetFileStats> Close(duckdb::ClientContext& context) = 0;
  // Removes the file. Ok if nothing is there.
  virtual Status Abandon() = 0;
};

}  // namespace weir::columnar
