#include "weir/columnar/codec/json_array.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace weir::columnar {

namespace {

constexpr uint64_t kSpacesKept = 1 << 20;

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

JsonArrayReader::JsonArrayReader(ByteReader* bytes, const TextBlockOptions& options)
    : bytes_(bytes), options_(options), carry_offset_(options.start) {}

void JsonArrayReader::Bad(TextBlock* block, uint64_t from, uint64_t to, std::string reason) {
  BadRecord bad;
  bad.offset = from;
  bad.length = to - from;
  bad.reason = std::move(reason);
  block->bad.push_back(std::move(bad));
}

void JsonArrayReader::EndElement(TextBlock* block) {
  in_element_ = false;
  if (discarding_ || last_ - begin_ > options_.max_record_bytes) {
    Bad(block, begin_, last_,
        fmt::format("the element of the JSON array has {} bytes, 'max-record-bytes' is {}",
                    last_ - begin_, options_.max_record_bytes));
    discarding_ = false;
    return;
  }
  TextIndex& index = block->index;
  index.records.push_back(
      {static_cast<uint32_t>(begin_ - block->offset), static_cast<uint32_t>(index.end_count)});
  if (index.end_count == index.ends.size()) index.ends.resize(index.ends.size() * 2 + 1024);
  index.ends[index.end_count++] = static_cast<uint32_t>(last_ - block->offset);
}

void JsonArrayReader::Scan(TextBlock* block) {
  const char* const data = block->bytes.data();
  const auto size = static_cast<uint32_t>(block->bytes.size());
  for (; at_ < size; ++at_) {
    const char c = data[at_];
    const bool space = IsSpace(c);
    if (in_string_) {
      last_ = block->offset + at_ + 1;
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
      }
      continue;
    }
    if (space) continue;
    switch (state_) {
      case State::kBefore:
      case State::kAfter:
        if (state_ == State::kBefore && c == '[') {
          state_ = State::kElements;
        } else {
          begin_ = block->offset + at_;
          last_ = begin_ + 1;
          in_element_ = state_ == State::kBefore;  // which of the two it is
          state_ = State::kJunk;
        }
        continue;
      case State::kJunk:
      case State::kDone:
        last_ = block->offset + at_ + 1;
        continue;
      case State::kElements:
        break;
    }
    if (!in_element_) {
      if (c == ',') continue;  // a missing element is nothing
      if (c == ']') {
        state_ = State::kAfter;
        continue;
      }
      in_element_ = true;
      begin_ = block->offset + at_;
      depth_ = 0;
    }
    if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if (depth_ > 0 && (c == '}' || c == ']')) {
      --depth_;
    } else if (depth_ == 0 && (c == ',' || c == ']')) {
      EndElement(block);
      if (c == ']') state_ = State::kAfter;
      continue;
    }
    last_ = block->offset + at_ + 1;
  }
}

Result<bool> JsonArrayReader::Next(TextBlock* block) {
  block->Clear();
  if (state_ == State::kDone) return false;
  block->offset = carry_offset_;
  block->bytes.Append(carry_.data(), carry_.size());
  carry_.clear();
  size_t target = std::max(options_.block_bytes, block->bytes.size());
  while (true) {
    block->bytes.Reserve(target);
    size_t size = block->bytes.size();
    while (size < target && !at_end_) {
      WEIR_ASSIGN_OR_RETURN(const size_t n,
                            bytes_->Read(block->bytes.data() + size, target - size));
      at_end_ = n == 0;
      size += n;
      bytes_read_ += n;
    }
    block->bytes.SetSize(size);
    Scan(block);
    const uint64_t end = block->offset + size;
    if (at_end_) {
      if (state_ == State::kJunk) {
        Bad(block, begin_, last_,
            in_element_ ? "a JSON array is expected" : "text follows the JSON array");
      } else if (state_ == State::kElements) {
        Bad(block, in_element_ ? begin_ : end, in_element_ ? last_ : end,
            "the JSON array does not end");
      }
      state_ = State::kDone;
      carry_offset_ = end;
      break;
    }
    if (!block->index.records.empty() && size >= options_.block_bytes) {
      const bool keep = in_element_ && state_ == State::kElements;
      const auto cut =
          keep ? static_cast<uint32_t>(begin_ - block->offset) : static_cast<uint32_t>(size);
      carry_.assign(block->bytes.data() + cut, size - cut);
      carry_offset_ = block->offset + cut;
      at_ = static_cast<uint32_t>(size - cut);
      break;
    }
    // Bytes that need not be kept make room, if no record stands among them.
    const bool keep = in_element_ && state_ == State::kElements && !discarding_;
    // Spaces count only when they are far too many to keep.
    if (keep && (last_ - begin_ > options_.max_record_bytes ||
                 end - begin_ > options_.max_record_bytes + kSpacesKept)) {
      discarding_ = true;
    }
    if (block->index.records.empty() && (!keep || discarding_)) {
      block->offset = end;
      block->bytes.Clear();
      at_ = 0;
      target = options_.block_bytes;
      continue;
    }
    target = size + std::max(size, options_.block_bytes);
  }
  return !block->index.records.empty() || !block->bad.empty() || state_ != State::kDone;
}

}  // namespace weir::columnar
