#include "weir/columnar/codec/json_array.h"

#include <simdjson.h>

#include <algorithm>

namespace weir::columnar {

namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

JsonArrayReader::JsonArrayReader(ByteReader* bytes, const TextBlockOptions& options)
    : bytes_(bytes), options_(options), carry_offset_(options.start) {}

void JsonArrayReader::Bad(TextBlock* block, uint32_t from, uint32_t to, const char* reason) {
  BadRecord bad;
  bad.offset = block->offset + from;
  bad.length = to - from;
  bad.reason = reason;
  block->bad.push_back(std::move(bad));
  state_ = State::kDone;
}

Result<bool> JsonArrayReader::Next(TextBlock* block) {
  block->Clear();
  if (state_ == State::kDone) return false;
  block->offset = carry_offset_;
  block->bytes.Append(carry_.data(), carry_.size());
  carry_.clear();
  size_t target = std::max(options_.block_bytes, block->bytes.size());
  uint32_t at = 0;     // next byte to look at
  uint32_t begin = 0;  // of the element that is open
  bool in_element = false;
  bool in_string = false;
  bool escaped = false;
  uint32_t depth = 0;  // within the element
  bool at_end = false;
  while (true) {
    block->bytes.Reserve(target);
    size_t size = block->bytes.size();
    while (size < target && !at_end) {
      WEIR_ASSIGN_OR_RETURN(const size_t n,
                            bytes_->Read(block->bytes.data() + size, target - size));
      at_end = n == 0;
      size += n;
      bytes_read_ += n;
    }
    block->bytes.SetSize(size);
    const char* const data = block->bytes.data();
    const auto end_element = [&] {
      uint32_t end = at;
      while (end > begin && IsSpace(data[end - 1])) --end;
      TextIndex& index = block->index;
      index.records.push_back({begin, static_cast<uint32_t>(index.end_count)});
      if (index.end_count == index.ends.size()) index.ends.resize(index.ends.size() * 2 + 1024);
      index.ends[index.end_count++] = end;
      in_element = false;
    };
    for (; at < size && state_ != State::kDone; ++at) {
      const char c = data[at];
      if (in_string) {
        if (escaped) {
          escaped = false;
        } else if (c == '\\') {
          escaped = true;
        } else if (c == '"') {
          in_string = false;
        }
        continue;
      }
      if (state_ != State::kElements) {
        if (IsSpace(c)) continue;
        if (state_ == State::kBefore && c == '[') {
          state_ = State::kElements;
        } else {
          Bad(block, at, static_cast<uint32_t>(size),
              state_ == State::kBefore ? "a JSON array is expected"
                                       : "text follows the JSON array");
        }
        continue;
      }
      if (!in_element) {
        if (IsSpace(c) || c == ',') continue;  // the decoder has no view of missing elements
        if (c == ']') {
          state_ = State::kAfter;
          continue;
        }
        in_element = true;
        begin = at;
        depth = 0;
      }
      if (c == '"') {
        in_string = true;
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if (c == '}' || c == ']') {
        if (depth > 0) {
          --depth;
        } else if (c == ']') {
          end_element();
          state_ = State::kAfter;
        }
      } else if (c == ',' && depth == 0) {
        end_element();
      }
    }
    if (state_ == State::kDone) break;
    const auto total = static_cast<uint32_t>(size);
    if (in_element && total - begin > options_.max_record_bytes) {
      Bad(block, begin, total, "an element of the JSON array is longer than 'max-record-bytes'");
      break;
    }
    if (at_end) {
      if (in_element || state_ == State::kElements) {
        Bad(block, in_element ? begin : total, total, "the JSON array does not end");
      }
      if (state_ == State::kBefore && total > 0) state_ = State::kDone;  // only spaces
      state_ = State::kDone;
      carry_offset_ = block->offset + total;
      break;
    }
    if (!block->index.records.empty() && size >= options_.block_bytes) {
      const uint32_t cut = in_element ? begin : total;
      carry_.assign(data + cut, total - cut);
      carry_offset_ = block->offset + cut;
      break;
    }
    target = in_element ? size * 2 : size + options_.block_bytes;
    if (!in_element) {  // only spaces so far: they need not be kept
      carry_offset_ = block->offset + total;
      block->bytes.Clear();
      block->offset = carry_offset_;
      at = 0;
      target = options_.block_bytes;
    }
  }
  if (state_ == State::kDone) carry_offset_ = block->offset + block->bytes.size();
  return !block->index.records.empty() || !block->bad.empty() || state_ != State::kDone;
}

}  // namespace weir::columnar
