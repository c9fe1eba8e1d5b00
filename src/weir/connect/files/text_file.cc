#include "weir/connect/files/text_file.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "duckdb/common/types/data_chunk.hpp"
#include "weir/columnar/codec/csv_decode.h"
#include "weir/columnar/codec/json_array.h"
#include "weir/columnar/codec/json_decode.h"
#include "weir/columnar/codec/parse_fix.h"

namespace weir::connect {

using columnar::BlockCursor;
using columnar::ByteReader;
using columnar::ColumnPlan;
using columnar::CsvDecoder;
using columnar::JsonArrayReader;
using columnar::PlannedColumn;
using columnar::RecordDecoder;
using columnar::TextBlock;
using columnar::TextBlockOptions;
using columnar::TextBlockReader;
using columnar::TextBlockSource;

namespace {

constexpr size_t kPooledBlocksMax = 64;
constexpr size_t kStreamBlockBytes = 2 << 20;
constexpr size_t kHeadBlockBytes = 256 << 10;

columnar::CsvDialect DialectOf(const FileOptions& options) {
  return options.format == FileFormat::kCsv ? options.csv : columnar::CsvDialect::Lines();
}

// The first bytes of a stream again, then the rest of it.
class PrefixedStream : public ByteReader {
 public:
  PrefixedStream(std::string prefix, ByteReader* rest) : prefix_(std::move(prefix)), rest_(rest) {}
  Result<size_t> Read(char* buffer, size_t n) override {
    if (used_ == prefix_.size()) return rest_->Read(buffer, n);
    n = std::min(n, prefix_.size() - used_);
    std::memcpy(buffer, prefix_.data() + used_, n);
    used_ += n;
    return n;
  }

 private:
  const std::string prefix_;
  size_t used_ = 0;
  ByteReader* const rest_;
};

Status Skip(ByteReader& stream, uint64_t n) {
  std::vector<char> piece(static_cast<size_t>(std::min<uint64_t>(n, 64 << 10)));
  while (n > 0) {
    WEIR_ASSIGN_OR_RETURN(const size_t got,
                          stream.Read(piece.data(), std::min<uint64_t>(n, piece.size())));
    if (got == 0) break;
    n -= got;
  }
  return Status::Ok();
}

class TextSplitReader : public columnar::SplitReader {
 public:
  TextSplitReader(std::shared_ptr<TextFile> file, size_t split, const FileOptions& options,
                  std::shared_ptr<BlockPool> pool, columnar::UnparsedRows* unparsed,
                  std::unique_ptr<RecordDecoder> decoder)
      : file_(std::move(file)),
        split_(split),
        options_(options),
        pool_(std::move(pool)),
        unparsed_(unparsed),
        decoder_(std::move(decoder)) {}

  Result<size_t> Next(duckdb::DataChunk& out) override {
    const columnar::FailedRow failed = [this](uint64_t offset, uint64_t length,
                                              const std::string& column,
                                              const std::string& reason) {
      columnar::UnparsedRow row;
      row.origin.file = file_->ordinal;
      row.origin.offset = static_cast<int64_t>(offset);
      row.origin.length =
          static_cast<int32_t>(std::min<uint64_t>(length, std::numeric_limits<int32_t>::max()));
      row.column = column;
      row.reason = reason;
      return unparsed_->Add(std::move(row));
    };
    while (true) {
      while (cursor_.block && !cursor_.AtEnd()) {
        auto decoded = decoder_->Decode(&cursor_, out, failed);
        if (!decoded.ok()) {
          return std::move(decoded).error().While("reading " + file_->listed.name);
        }
        if (!*decoded) {
          out.SetCardinality(0);
          return size_t{0};
        }
        if (out.size() > 0) return static_cast<size_t>(out.size());
      }
      cursor_ = BlockCursor();
      WEIR_ASSIGN_OR_RETURN(const bool more, NextBlock());
      if (!more) {
        out.SetCardinality(0);
        return size_t{0};
      }
    }
  }

  uint64_t bytes_read() const override { return bytes_read_; }

 private:
  bool last() const { return split_ + 2 == file_->bounds.size(); }

  // Reads records of a split from `start`; for this reader's own split and for those before it
  // whose end nobody has found.
  Result<std::unique_ptr<TextBlockSource>> Begin(size_t split, uint64_t start,
                                                 std::unique_ptr<ByteReader>* stream) {
    TextBlockOptions options;
    options.dialect = DialectOf(options_);
    options.start = start;
    options.max_record_bytes = options_.max_record_bytes;
    options.take_last_line = file_->take_last_line;
    options.check_text = true;
    options.block_bytes = kStreamBlockBytes;
    const bool ends_file = split + 2 == file_->bounds.size();
    if (!ends_file) options.stop = file_->bounds[split + 1];
    if (file_->compression == Compression::kNone) {
      WEIR_ASSIGN_OR_RETURN(*stream, OpenStream(file_->bytes, Compression::kNone,
                                                std::min(start, file_->to), file_->to));
      // A split is one block, so that its end is known before its first row is converted.
      options.block_bytes = std::max<size_t>(
          kStreamBlockBytes,
          static_cast<size_t>(file_->bounds[split + 1] - file_->bounds[split]) + (64 << 10));
    } else {
      WEIR_ASSIGN_OR_RETURN(*stream,
                            OpenStream(file_->bytes, file_->compression, file_->from, file_->to));
      WEIR_RETURN_IF_ERROR(Skip(**stream, start - file_->raw_from));
    }
    std::unique_ptr<TextBlockSource> source;
    if (file_->json_array) {
      options.block_bytes = kStreamBlockBytes;
      source = std::make_unique<JsonArrayReader>(stream->get(), options);
    } else {
      source = std::make_unique<TextBlockReader>(stream->get(), options);
    }
    return source;
  }

  Result<bool> NextBlock() {
    if (finished_) return false;
    if (!reader_) {
      WEIR_ASSIGN_OR_RETURN(
          const uint64_t start,
          file_->chain->StartOf(split_, [this](size_t split, uint64_t at) -> Result<uint64_t> {
            std::unique_ptr<ByteReader> stream;
            WEIR_ASSIGN_OR_RETURN(auto reader, Begin(split, at, &stream));
            auto block = pool_->Take();
            while (!reader->done()) {
              WEIR_ASSIGN_OR_RETURN(const bool more, reader->Next(block.get()));
              if (!more) break;
            }
            return reader->next_start();
          }));
      WEIR_ASSIGN_OR_RETURN(reader_, Begin(split_, start, &stream_));
    }
    auto block = pool_->Take();
    const bool claimed = file_->chain->Claim(split_);
    const Result<bool> more = reader_->Next(block.get());
    if (more.ok() && reader_->done()) file_->chain->Found(split_, reader_->next_start());
    if (claimed) file_->chain->Release(split_);
    if (!more.ok()) return more.error();
    bytes_read_ = reader_->bytes_read();
    records_ += block->index.records.size();
    for (const columnar::BadRecord& bad : block->bad) {
      if (bad.record == columnar::BadRecord::kNotIndexed) ++records_;
    }
    file_->records[split_] = records_;  // not added: a split may be opened again
    if (!*more || reader_->done()) {
      finished_ = true;
      if (last()) WEIR_RETURN_IF_ERROR(EndFile());
    }
    if (!*more) return false;
    cursor_.block = std::move(block);
    return true;
  }

  Status EndFile() {
    const bool plain = file_->compression == Compression::kNone;
    const uint64_t raw = reader_->left_last_line() || !plain ? reader_->next_start() : file_->to;
    const uint64_t read = plain ? raw : file_->to;
    WEIR_ASSIGN_OR_RETURN(const uint64_t head, HashHead(*file_->bytes, read));
    WEIR_ASSIGN_OR_RETURN(const uint64_t tail, HashTail(*file_->bytes, read));
    std::lock_guard lock(file_->mutex);
    file_->progress.raw = raw;
    file_->progress.read = read;
    file_->progress.head = head;
    file_->progress.tail = tail;
    file_->progress.open_end = reader_->open_end();
    return Status::Ok();
  }

  const std::shared_ptr<TextFile> file_;
  const size_t split_;
  const FileOptions options_;
  const std::shared_ptr<BlockPool> pool_;
  columnar::UnparsedRows* const unparsed_;
  const std::unique_ptr<RecordDecoder> decoder_;
  std::unique_ptr<ByteReader> stream_;
  std::unique_ptr<TextBlockSource> reader_;
  BlockCursor cursor_;
  bool finished_ = false;
  uint64_t bytes_read_ = 0;
  uint64_t records_ = 0;
};

}  // namespace

std::shared_ptr<TextBlock> BlockPool::Take() {
  std::unique_ptr<TextBlock> block;
  {
    std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      block = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (!block) block = std::make_unique<TextBlock>();
  return std::shared_ptr<TextBlock>(block.release(), [pool = shared_from_this()](TextBlock* used) {
    std::unique_ptr<TextBlock> owned(used);
    // A block that grew for one long record is not kept.
    if (owned->bytes.capacity() > 4 * kStreamBlockBytes) return;
    std::lock_guard lock(pool->mutex_);
    if (pool->free_.size() < kPooledBlocksMax) pool->free_.push_back(std::move(owned));
  });
}

namespace {

// Files whose first bytes say that they are something else.
Status CheckIsText(std::string_view begin, const std::string& name) {
  const auto is = [&](const char* what, const char* fix) {
    return Error::User(ErrorCode::kUnsupported, name + " is " + what).Fix(fix);
  };
  if (begin.starts_with("\x1F\x8B")) {
    return is("compressed with gzip", "let its name end in .gz, or add 'compression' = 'gzip'");
  }
  if (begin == "\x28\xB5\x2F\xFD") {
    return is("compressed with zstd", "let its name end in .zst, or add 'compression' = 'zstd'");
  }
  if (begin == "PK\x03\x04") return is("a zip archive", "unpack it");
  if (begin == "PAR1") return is("a Parquet file", "add 'format' = 'parquet'");
  return Status::Ok();
}

// A header's names become columns of tables.
Status CheckNames(const std::vector<std::string>& header, const std::string& name) {
  for (size_t i = 0; i < header.size(); ++i) {
    const bool nul = header[i].find('\0') != std::string::npos;
    if (!nul && simdjson::validate_utf8(header[i])) continue;
    return Error::User(ErrorCode::kCorrupt,
                       fmt::format("{}: the name of column {} in the header {}", name, i + 1,
                                   nul ? "has a NUL byte" : "is not UTF-8"))
        .Fix(nul ? "is this a text file? Take the NUL bytes out: tr -d '\\000'"
                 : "convert the file: iconv -f LATIN1 -t UTF-8, or whatever its encoding is");
  }
  return Status::Ok();
}

// The line (from 1) on which a byte of the decompressed file stands.
Result<int64_t> LineAt(const std::shared_ptr<FileBytes>& bytes, Compression compression,
                       uint64_t offset) {
  WEIR_ASSIGN_OR_RETURN(auto stream, OpenStream(bytes, compression, 0, bytes->size()));
  int64_t line = 1;
  std::vector<char> piece(static_cast<size_t>(std::min<uint64_t>(offset, 64 << 10)));
  while (offset > 0) {
    WEIR_ASSIGN_OR_RETURN(const size_t got,
                          stream->Read(piece.data(), std::min<uint64_t>(offset, piece.size())));
    if (got == 0) break;
    line += std::count(piece.data(), piece.data() + got, '\n');
    offset -= got;
  }
  return line;
}

// A header that can't be read must not be passed over: the first row would take its place.
Status BrokenHeader(const std::shared_ptr<FileBytes>& bytes, Compression compression,
                    const columnar::BadRecord& bad) {
  WEIR_ASSIGN_OR_RETURN(const int64_t line, LineAt(bytes, compression, bad.offset));
  return Error::User(ErrorCode::kCorrupt, fmt::format("{} line {}: the header can't be read: {}",
                                                      bytes->name(), line, bad.reason))
      .Fix(columnar::ParseFix(bad.reason) + "; 'csv.header' = 'false' if the file has none");
}

// Line ends of old Macs make the whole file one line, which would be taken for the header.
Status CheckLineEnds(const TextBlock& block, size_t record, const columnar::CsvDialect& dialect,
                     const std::string& name) {
  const columnar::TextIndex& index = block.index;
  const char* const data = block.bytes.data();
  uint32_t begin = index.records[record].begin;
  const uint32_t count = index.FieldsOf(record);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t end = index.ends[index.records[record].first_field + i];
    const bool quoted = begin < end && dialect.quote && data[begin] == *dialect.quote;
    // The last one's own "\r" belongs to the line end.
    const uint32_t text_end =
        i + 1 == count && end > begin && data[end - 1] == '\r' ? end - 1 : end;
    if (!quoted && std::find(data + begin, data + text_end, '\r') != data + text_end) {
      return Error::User(ErrorCode::kUnsupported,
                         fmt::format("{}: the header has a carriage return without a line feed; "
                                     "lines end with \\n or \\r\\n",
                                     name))
          .Fix("convert the file: tr '\\r' '\\n' < OLD > NEW");
    }
    begin = end + 1;
  }
  return Status::Ok();
}

// Fields without a name, as of the index that pandas writes, are called by their place.
void NameTheUnnamed(std::vector<std::string>* header) {
  for (size_t i = 0; i < header->size(); ++i) {
    if (!(*header)[i].empty()) continue;
    std::string name = fmt::format("column{}", i);
    const bool taken = std::find(header->begin(), header->end(), name) != header->end();
    if (!taken) (*header)[i] = std::move(name);
  }
}

}  // namespace

Result<TextHead> ReadTextHead(const std::shared_ptr<FileBytes>& bytes, Compression compression,
                              const FileOptions& options, size_t sample_records) {
  TextHead head;
  WEIR_ASSIGN_OR_RETURN(auto stream, OpenStream(bytes, compression, 0, bytes->size()));
  std::string begin(4, '\0');
  size_t have = 0;
  while (have < begin.size()) {
    WEIR_ASSIGN_OR_RETURN(const size_t n, stream->Read(begin.data() + have, begin.size() - have));
    if (n == 0) break;
    have += n;
  }
  begin.resize(have);
  if (begin.starts_with("\xFF\xFE") || begin.starts_with("\xFE\xFF")) {
    return Error::User(ErrorCode::kUnsupported, bytes->name() + " is UTF-16; only UTF-8 is read")
        .Fix("convert it: iconv -f UTF-16 -t UTF-8");
  }
  WEIR_RETURN_IF_ERROR(CheckIsText(begin, bytes->name()));
  if (begin.starts_with("\xEF\xBB\xBF")) {
    head.data_start = 3;
    begin.erase(0, 3);
  }
  PrefixedStream rest(std::move(begin), stream.get());
  ByteReader* source = &rest;
  TextBlockOptions block_options;
  block_options.start = head.data_start;
  block_options.block_bytes = kHeadBlockBytes;
  block_options.max_record_bytes = options.max_record_bytes;
  block_options.check_text = false;
  if (options.format == FileFormat::kJson) {
    char c = ' ';
    while (options.json_layout == JsonLayout::kAuto &&
           (c == ' ' || c == '\t' || c == '\r' || c == '\n')) {
      WEIR_ASSIGN_OR_RETURN(const size_t n, source->Read(&c, 1));
      if (n == 0) break;
    }
    head.json_array = options.json_layout == JsonLayout::kArray || c == '[';
    return head;
  }
  // Skipped lines are lines, whatever quotes they hold.
  TextBlock block;
  std::string carry;
  std::unique_ptr<PrefixedStream> behind;
  if (options.format == FileFormat::kCsv && options.csv_skip_lines > 0) {
    uint32_t left = options.csv_skip_lines;
    char piece[4096];
    while (left > 0) {
      WEIR_ASSIGN_OR_RETURN(const size_t n, source->Read(piece, sizeof(piece)));
      if (n == 0) break;
      size_t used = 0;
      while (left > 0 && used < n) left -= piece[used++] == '\n';
      head.data_start += used;
      carry.assign(piece + used, n - used);
    }
    behind = std::make_unique<PrefixedStream>(carry, &rest);
    source = behind.get();
    block_options.start = head.data_start;
  }
  block_options.dialect = DialectOf(options);
  TextBlockReader reader(source, block_options);
  bool header_wanted = options.format == FileFormat::kCsv && options.csv_header;
  while (header_wanted || head.sample.size() < sample_records) {
    WEIR_ASSIGN_OR_RETURN(const bool more, reader.Next(&block));
    if (!more) break;
    for (size_t i = 0; i < block.index.records.size(); ++i) {
      if (std::binary_search(block.index.comments.begin(), block.index.comments.end(),
                             static_cast<uint32_t>(i))) {
        continue;
      }
      std::vector<std::string> fields = CsvDecoder::Fields(block, i, block_options.dialect);
      if (fields.empty()) continue;
      if (header_wanted) {
        const uint64_t header_start = block.offset + block.index.records[i].begin;
        if (!block.bad.empty() && block.bad.front().offset < header_start) break;
        header_wanted = false;
        WEIR_RETURN_IF_ERROR(CheckNames(fields, bytes->name()));
        WEIR_RETURN_IF_ERROR(CheckLineEnds(block, i, block_options.dialect, bytes->name()));
        NameTheUnnamed(&fields);
        head.header = std::move(fields);
        // Records that can't be decoded may follow it: they are data too.
        head.data_start = block.offset + block.index.EndOf(i) + 1;
        if (sample_records == 0) return head;
        continue;
      }
      if (head.sample.size() >= sample_records) return head;
      head.sample.push_back(std::move(fields));
    }
    if (header_wanted && !block.bad.empty()) {
      return BrokenHeader(bytes, compression, block.bad.front()).error();
    }
  }
  return head;
}

Result<TextRecords> OpenRecords(const std::shared_ptr<FileBytes>& bytes, Compression compression,
                                const FileOptions& options, const TextHead& head) {
  TextRecords records;
  WEIR_ASSIGN_OR_RETURN(records.bytes, OpenStream(bytes, compression, 0, bytes->size()));
  WEIR_RETURN_IF_ERROR(Skip(*records.bytes, head.data_start));
  TextBlockOptions block_options;
  block_options.dialect = DialectOf(options);
  block_options.start = head.data_start;
  block_options.max_record_bytes = options.max_record_bytes;
  if (head.json_array) {
    records.blocks = std::make_unique<JsonArrayReader>(records.bytes.get(), block_options);
  } else {
    records.blocks = std::make_unique<TextBlockReader>(records.bytes.get(), block_options);
  }
  return records;
}

Result<std::optional<uint64_t>> UnfinishedRecord(const std::shared_ptr<FileBytes>& bytes,
                                                 const FileOptions& options, uint64_t from,
                                                 uint64_t size) {
  WEIR_ASSIGN_OR_RETURN(auto stream,
                        OpenStream(bytes, Compression::kNone, std::min(from, size), size));
  TextBlockOptions block_options;
  block_options.dialect = DialectOf(options);
  block_options.start = from;
  block_options.max_record_bytes = options.max_record_bytes;
  block_options.take_last_line = false;
  block_options.check_text = false;
  TextBlockReader reader(stream.get(), block_options);
  TextBlock block;
  while (!reader.done()) WEIR_RETURN_IF_ERROR(reader.Next(&block).status());
  if (!reader.left_last_line()) return std::optional<uint64_t>();
  return std::optional(reader.next_start());
}

Result<std::unique_ptr<columnar::SplitReader>> OpenTextSplit(
    std::shared_ptr<TextFile> file, size_t split, const std::vector<uint64_t>& columns,
    const FileOptions& options, std::shared_ptr<BlockPool> pool, columnar::UnparsedRows* unparsed) {
  ColumnPlan plan;
  plan.file = file->ordinal;
  plan.null_on_error = options.ignore_parse_errors;
  plan.rescue = options.evolution == Evolution::kRescue;
  plan.extras = file->extras;
  for (const PlannedColumn& column : file->columns) {
    if (column.from != PlannedColumn::From::kRescued) plan.known_keys.push_back(column.key);
  }
  for (const uint64_t number : columns) {
    if (number >= columnar::kOriginColumnBase) {
      static const PlannedColumn::From kOrigins[] = {PlannedColumn::From::kOriginFile,
                                                     PlannedColumn::From::kOriginOffset,
                                                     PlannedColumn::From::kOriginLength};
      PlannedColumn origin;
      origin.from = kOrigins[number - columnar::kOriginColumnBase];
      origin.type = number == columnar::kOriginColumnBase + 1 ? duckdb::LogicalType::BIGINT
                                                              : duckdb::LogicalType::INTEGER;
      plan.columns.push_back(std::move(origin));
    } else {
      plan.columns.push_back(file->columns[number]);
    }
  }
  std::unique_ptr<RecordDecoder> decoder;
  if (options.format == FileFormat::kJson) {
    decoder = columnar::NewJsonDecoder(
        std::move(plan), {.depth_max = options.json_depth_max,
                          .fail_on_new_keys = options.evolution == Evolution::kFailOnNewColumns});
  } else {
    columnar::CsvDecodeOptions decode;
    decode.dialect = DialectOf(options);
    decode.null_literals = options.csv_null_literals;
    decode.lines = options.format == FileFormat::kText;
    decode.skip_blank_lines = !decode.lines;
    decode.field_count = decode.lines ? 1 : static_cast<uint32_t>(file->header.size());
    decoder = std::make_unique<CsvDecoder>(std::move(decode), std::move(plan));
  }
  return std::make_unique<TextSplitReader>(std::move(file), split, options, std::move(pool),
                                           unparsed, std::move(decoder));
}

}  // namespace weir::connect
