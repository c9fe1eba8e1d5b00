// One text file of a scan: how to read its records and what reading has found. Shared by the
// readers of the file's splits.
//
// Thread rule: what is set before the scan begins is constant afterwards; the rest is atomic,
// guarded by `mutex`, or thread-safe itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "weir/columnar/codec/column_plan.h"
#include "weir/columnar/codec/text_blocks.h"
#include "weir/columnar/ports.h"
#include "weir/connect/files/file_list.h"
#include "weir/connect/files/file_options.h"
#include "weir/connect/files/file_position.h"
#include "weir/connect/files/split_chain.h"

namespace weir::connect {

// Blocks are large: they are used again instead of being given back to the system each time.
class BlockPool : public std::enable_shared_from_this<BlockPool> {
 public:
  std::shared_ptr<columnar::TextBlock> Take();

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<columnar::TextBlock>> free_;
};

struct TextFile {
  ListedFile listed;
  int32_t ordinal = 0;
  Compression compression = Compression::kNone;
  bool json_array = false;
  bool take_last_line = true;
  uint64_t from = 0;        // where reading begins: bytes of the file
  uint64_t raw_from = 0;    // the same after decompression
  uint64_t to = 0;          // the size of the file when the scan was planned
  uint64_t data_start = 0;  // raw offset of the first record: behind BOM, skipped lines, header
  std::vector<std::string> header;               // names of the fields; CSV
  std::vector<columnar::PlannedColumn> columns;  // for each column of the source's schema
  std::vector<columnar::ExtraField> extras;
  std::vector<uint64_t> bounds;  // split k is [bounds[k], bounds[k + 1])
  std::unique_ptr<SplitChain> chain;
  std::shared_ptr<FileBytes> bytes;

  std::unique_ptr<std::atomic<uint64_t>[]> records;  // of each split that has been read
  std::mutex mutex;
  FileProgress progress;  // complete once the last split has been read
};

// A file as the planning sees it, before its splits are known.
struct TextHead {
  uint64_t data_start = 0;                       // behind BOM, skipped lines and header
  std::vector<std::string> header;               // trimmed of nothing; empty without a header
  std::vector<std::vector<std::string>> sample;  // first records, when asked for
  bool json_array = false;
};

// Reads the beginning of a text file: the header of CSV, whether JSON is an array, and up to
// `sample_records` records.
Result<TextHead> ReadTextHead(const std::shared_ptr<FileBytes>& bytes, Compression compression,
                              const FileOptions& options, size_t sample_records);

// The records of a text file from raw offset `start` on, found anew; for samples.
struct TextRecords {
  std::unique_ptr<columnar::ByteReader> bytes;
  std::unique_ptr<columnar::TextBlockSource> blocks;
};
Result<TextRecords> OpenRecords(const std::shared_ptr<FileBytes>& bytes, Compression compression,
                                const FileOptions& options, const TextHead& head);

// Where the last record of CSV bytes [from, size) begins if it has no end: no line end, or a quote
// that is still open. `from` is a record start.
Result<std::optional<uint64_t>> UnfinishedRecord(const std::shared_ptr<FileBytes>& bytes,
                                                 const FileOptions& options, uint64_t from,
                                                 uint64_t size);

// The reader of one split. `columns` are numbers of the schema or origin columns (ports.h).
Result<std::unique_ptr<columnar::SplitReader>> OpenTextSplit(
    std::shared_ptr<TextFile> file, size_t split, const std::vector<uint64_t>& columns,
    const FileOptions& options, std::shared_ptr<BlockPool> pool, columnar::UnparsedRows* unparsed);

}  // namespace weir::connect
