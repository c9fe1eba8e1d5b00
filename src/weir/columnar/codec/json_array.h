// JsonArrayReader: the elements of one JSON array, however long, as the records of blocks.
//
// Elements are told apart by brackets and strings alone; what is in them is the decoder's affair.
// An element longer than max_record_bytes, an array that does not end, and text behind its end are
// bad records; reading stops there, as nothing says where the next element would begin.
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
  enum class State { kBefore, kElements, kAfter, kDone };

  void Bad(TextBlock* block, uint32_t from, uint32_t to, const char* reason);

  ByteReader* const bytes_;
  const TextBlockOptions options_;
  State state_ = State::kBefore;
  std::string carry_;
  uint64_t carry_offset_;
  uint64_t bytes_read_ = 0;
};

}  // namespace weir::columnar
