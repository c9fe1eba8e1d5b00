// JsonArrayReader: the elements of one JSON array, however long, as the records of blocks.
//
// Elements are told apart by brackets and strings alone; what is in them is the decoder's affair.
// Bad records are: an element longer than max_record_bytes (it is stepped over without being kept),
// what there is of an array that does not end, and text behind the array's end.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <string>

#include "weir/columnar/codec/text_blocks.h"

namespace weir::columnar {

class JsonArrayReader : public TextBlockSource {
 public:
  // options.start: offset of the first byte; splits (options.stop) do not exist.
  JsonArrayReader(ByteReader* bytes, const TextBlockOptions& options);

  Result<bool> Next(TextBlock* block) override;
  bool done() const override { return state_ == State::kDone; }
  uint64_t next_start() const override { return carry_offset_; }
  bool open_end() const override { return false; }
  bool left_last_line() const override { return false; }
  uint64_t bytes_read() const override { return bytes_read_; }

 private:
  enum class State { kBefore, kElements, kAfter, kJunk, kDone };

  // Looks at the bytes of the block from at_ on.
  void Scan(TextBlock* block);
  void EndElement(TextBlock* block);
  void Bad(TextBlock* block, uint64_t from, uint64_t to, std::string reason);

  ByteReader* const bytes_;
  const TextBlockOptions options_;
  State state_ = State::kBefore;
  std::string carry_;
  uint64_t carry_offset_;
  uint64_t bytes_read_ = 0;
  bool at_end_ = false;

  // The element, or the junk, that is open. Offsets in the file.
  uint32_t at_ = 0;  // next byte of the block to look at
  bool in_element_ = false;
  bool in_string_ = false;
  bool escaped_ = false;
  bool discarding_ = false;  // too long: its bytes are not kept
  uint32_t depth_ = 0;
  uint64_t begin_ = 0;
  uint64_t last_ = 0;  // behind its last byte that is no space
};

}  // namespace weir::columnar
