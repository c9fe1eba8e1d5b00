// TextBlockReader: cuts a stream of bytes into blocks of whole records, in bounded memory, and
// finds the records that cannot be decoded: too long, a quote that never closes, text after a
// closing quote, invalid UTF-8, NUL bytes. No I/O of its own: bytes come from a ByteReader.
//
// The rows it finds do not depend on the block size nor on how the file is split (csv_fuzz.cc):
//   - a record longer than max_record_bytes, or one whose quote is still open that far on or at the
//     end of the text, is bad up to its first line end; reading goes on behind that line end.
//   - records that begin before `stop` belong to this reader, wherever they end.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <string>

#include "weir/base/result.h"
#include "weir/columnar/codec/csv_scan.h"
#include "weir/columnar/codec/text_block.h"

namespace weir::columnar {

// A sequence of bytes, read once.
class ByteReader {
 public:
  virtual ~ByteReader() = default;
  // Reads up to n bytes; 0 only at the end.
  virtual Result<size_t> Read(char* buffer, size_t n) = 0;
};

struct TextBlockOptions {
  CsvDialect dialect;
  uint64_t start = 0;          // offset in the file of the reader's first byte: a record start
  uint64_t stop = UINT64_MAX;  // records that begin here or later are not read
  size_t block_bytes = 2 << 20;
  size_t max_record_bytes = 16 << 20;
  bool take_last_line = true;  // a last record without line end is read, else left
  bool check_text = true;      // UTF-8 and NUL
  bool allow_simd = true;
};

// Blocks of whole records: of lines and CSV (TextBlockReader), or of a JSON array.
class TextBlockSource {
 public:
  virtual ~TextBlockSource() = default;
  // Fills the block with the next records; false when there are none left. A block can hold bad
  // records only, or only comments, or nothing.
  virtual Result<bool> Next(TextBlock* block) = 0;
  // All records were delivered: the three below are final. True at the latest when Next says false.
  virtual bool done() const = 0;
  // Where the first record that was not read begins (the end of the text when there is none).
  virtual uint64_t next_start() const = 0;
  // The last record that was read had no line end.
  virtual bool open_end() const = 0;
  // A record without a line end was left (take_last_line is off).
  virtual bool left_last_line() const = 0;
  virtual uint64_t bytes_read() const = 0;
};

class TextBlockReader : public TextBlockSource {
 public:
  TextBlockReader(ByteReader* bytes, const TextBlockOptions& options);

  Result<bool> Next(TextBlock* block) override;
  bool done() const override { return done_; }
  uint64_t next_start() const override { return next_start_; }
  bool open_end() const override { return open_end_; }
  bool left_last_line() const override { return left_last_line_; }
  uint64_t bytes_read() const override { return bytes_read_; }

 private:
  Result<bool> Fill(TextBlock* block, size_t target);
  // Gives up the record that begins at `begin`: it is bad up to its first line end.
  Status GiveUp(TextBlock* block, size_t record_count, uint32_t begin);
  Status FindTooLong(TextBlock* block);
  void Check(TextBlock* block);
  void CutHere(TextBlock* block, uint32_t at);

  ByteReader* const bytes_;
  const TextBlockOptions options_;
  CsvScanner scanner_;
  std::string carry_;  // bytes behind the last block
  uint64_t carry_offset_;
  bool at_end_ = false;  // the reader has no more bytes
  bool done_ = false;
  bool cut_ = false;  // this block is complete
  bool open_end_ = false;
  bool left_last_line_ = false;
  uint64_t next_start_ = 0;
  uint64_t bytes_read_ = 0;
};

}  // namespace weir::columnar
