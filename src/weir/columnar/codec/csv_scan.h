// CsvScanner: finds the records and fields of delimited text (RFC 4180 with the usual liberties).
//
// 64 bytes at a time become bit masks of delimiters, line ends and quotes (AVX2 or SSE2, chosen at
// run time); inside-quotes is the prefix XOR of the quotes. Where the text is not regular (a quote
// in the middle of a field, text after a closing quote, comments, an escape character of its own)
// the bytes go through a state machine, which is the definition of the format:
//
//   - a field that begins with the quote character runs to the next quote that is not escaped; line
//     ends and delimiters in it are data. A quote elsewhere is an ordinary character.
//   - after the closing quote comes a delimiter, "\n", "\r\n" or the end of the file; anything else
//     makes the record bad, and the text up to the next delimiter belongs to that field.
//   - a record ends at "\n"; the decoder drops a "\r" before it. A line whose first character is
//     the comment character is a record of one field marked as a comment.
//
// With neither delimiter nor quote it splits lines, for JSON and text formats.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "weir/columnar/codec/text_block.h"

namespace weir::columnar {

struct CsvDialect {
  std::optional<char> delimiter = ',';
  std::optional<char> quote = '"';
  std::optional<char> escape;   // nullopt: the quote, doubled
  std::optional<char> comment;  // at the start of a line

  static CsvDialect Lines() {
    CsvDialect lines;
    lines.delimiter.reset();
    lines.quote.reset();
    return lines;
  }
};

class CsvScanner {
 public:
  // Text after the closing quote of a field.
  struct Garbage {
    uint32_t record;
    uint32_t field;
  };

  // `allow_simd` = false: the state machine alone (tests compare the two).
  explicit CsvScanner(const CsvDialect& dialect, bool allow_simd = true);

  // Begins at a record start. Appends to the index from now on.
  void Start(TextIndex* index, uint32_t begin);
  // Scans from where it stands to `size` (bytes behind it must be readable, see ByteBuffer). Ends
  // early, with stopped(), before a record that begins at or after `stop`.
  void Scan(const char* data, uint32_t size, uint32_t stop);
  // The text ends here: completes the last record if it has begun. False if a quote is open.
  bool Finish(uint32_t size);
  // Forgets the records from `record_count` on and goes on at a record start.
  void Restart(size_t record_count, uint32_t begin);

  // Forgets the fields of the record that is not complete yet. No Scan after it.
  void DropPartial() { index_->end_count = record_first_; }

  bool stopped() const { return stopped_; }
  uint32_t position() const { return position_; }
  // Where the record that is not complete yet begins.
  uint32_t record_begin() const { return record_begin_; }
  // And the position of its first field in TextIndex::ends.
  uint32_t record_first() const { return record_first_; }
  bool in_quotes() const { return state_ == State::kQuoted || state_ == State::kEscaped; }
  // Nothing of the current record has been seen.
  bool at_record_start() const { return position_ == record_begin_; }
  std::vector<Garbage>& garbage() { return garbage_; }
  // Records that are comments, ascending.
  std::vector<uint32_t>& comments() { return comments_; }

 private:
  enum class State : uint8_t {
    kFieldStart,
    kUnquoted,
    kQuoted,
    kEscaped,       // after an escape character of its own
    kAfterQuote,    // after a quote that closes, or is the first of a doubled one
    kAfterQuoteCr,  // and "\r"
    kComment,
  };

  void ScanAvx2(const char* data, uint32_t size);
  void ScanSse2(const char* data, uint32_t size);
  inline bool Block(const char* data, uint32_t size, uint64_t separators, uint64_t newlines,
                    uint64_t quotes);
  void ScanBytes(const char* data, uint32_t to);
  void EndField(uint32_t position);
  void EndRecord(uint32_t position);
  void MarkGarbage();
  void ReserveEnds(size_t more);

  const CsvDialect dialect_;
  const bool simd_;
  const char delimiter_;
  const char quote_;
  const bool has_delimiter_;
  const bool has_quote_;
  const bool doubled_;  // the quote escapes itself

  TextIndex* index_ = nullptr;
  State state_ = State::kFieldStart;
  uint32_t position_ = 0;
  uint32_t record_begin_ = 0;
  uint32_t record_first_ = 0;  // index_->end_count at the record's begin
  uint32_t stop_ = 0;
  bool stopped_ = false;
  bool comment_ = false;  // the current record is one
  std::vector<Garbage> garbage_;
  std::vector<uint32_t> comments_;
};

}  // namespace weir::columnar
