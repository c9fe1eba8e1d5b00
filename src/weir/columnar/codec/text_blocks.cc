#include "weir/columnar/codec/text_blocks.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstring>

namespace weir::columnar {

namespace {

constexpr size_t kSlack = 4096;  // read behind a split's end for the record that crosses it

uint32_t StopIn(const TextBlockOptions& options, uint64_t block_offset) {
  if (options.stop <= block_offset) return 0;
  return static_cast<uint32_t>(std::min<uint64_t>(options.stop - block_offset, UINT32_MAX));
}

// Position of the first byte that is not UTF-8, or n.
size_t FirstInvalidUtf8(const char* text, size_t n) {
  // Longest valid prefix by bisection would cost n log n; walking sequences is linear and rare.
  size_t i = 0;
  while (i < n) {
    const auto c = static_cast<unsigned char>(text[i]);
    const size_t length = c < 0x80 ? 1 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (i + length > n || !simdjson::validate_utf8(text + i, length)) return i;
    i += length;
  }
  return n;
}

}  // namespace

TextBlockReader::TextBlockReader(ByteReader* bytes, const TextBlockOptions& options)
    : bytes_(bytes),
      options_(options),
      scanner_(options.dialect, options.allow_simd),
      carry_offset_(options.start),
      next_start_(options.start) {
  done_ = options.start >= options.stop;
}

Result<bool> TextBlockReader::Fill(TextBlock* block, size_t target) {
  block->bytes.Reserve(target);
  const size_t before = block->bytes.size();
  size_t size = before;
  while (size < target && !at_end_) {
    WEIR_ASSIGN_OR_RETURN(const size_t n, bytes_->Read(block->bytes.data() + size, target - size));
    if (n == 0) at_end_ = true;
    size += n;
  }
  block->bytes.SetSize(size);
  bytes_read_ += size - before;
  return size > before;
}

void TextBlockReader::CutHere(TextBlock* block, uint32_t at) {
  carry_.assign(block->bytes.data() + at, block->bytes.size() - at);
  carry_offset_ = block->offset + at;
  scanner_.DropPartial();
  cut_ = true;
}

Status TextBlockReader::GiveUp(TextBlock* block, size_t record_count, uint32_t begin) {
  BadRecord bad;
  bad.offset = block->offset + begin;
  const char* data = block->bytes.data();
  const size_t size = block->bytes.size();
  const auto* newline = static_cast<const char*>(std::memchr(data + begin, '\n', size - begin));
  if (newline != nullptr) {
    bad.length = static_cast<uint64_t>(newline - data) - begin;
    scanner_.Restart(record_count, static_cast<uint32_t>(newline - data) + 1);
  } else {
    // The line goes on behind the block: look for its end without keeping it.
    scanner_.Restart(record_count, begin);
    uint64_t length = size - begin;
    carry_.clear();
    carry_offset_ = block->offset + size;
    char piece[16384];
    while (!at_end_) {
      WEIR_ASSIGN_OR_RETURN(const size_t n, bytes_->Read(piece, sizeof(piece)));
      bytes_read_ += n;
      if (n == 0) {
        at_end_ = true;
        break;
      }
      const auto* end = static_cast<const char*>(std::memchr(piece, '\n', n));
      if (end == nullptr) {
        length += n;
        carry_offset_ += n;
        continue;
      }
      const auto used = static_cast<size_t>(end - piece);
      length += used;
      carry_.assign(end + 1, n - used - 1);
      carry_offset_ += used + 1;
      break;
    }
    if (at_end_ && carry_.empty()) open_end_ = carry_offset_ == bad.offset + length;
    bad.length = length;
    cut_ = true;
  }
  // A record that is too long although its first line is not can only be inside quotes.
  if (bad.length > options_.max_record_bytes) {
    bad.reason = fmt::format("the line has {} bytes, 'max-record-bytes' is {}", bad.length,
                             options_.max_record_bytes);
  } else if (size - begin > options_.max_record_bytes) {
    bad.reason = "a quote is opened that does not close within 'max-record-bytes'";
  } else {
    bad.reason = "a quote is opened that never closes";
  }
  block->bad.push_back(std::move(bad));
  return Status::Ok();
}

// A record that fits the block can be too long all the same.
Status TextBlockReader::FindTooLong(TextBlock* block) {
  if (block->bytes.size() <= options_.max_record_bytes) return Status::Ok();
  const TextIndex& index = block->index;
  for (size_t i = 0; i < index.records.size(); ++i) {
    const uint32_t begin = index.records[i].begin;
    // The last record ends before the fields of the one that is not complete yet.
    const size_t next =
        i + 1 < index.records.size() ? index.records[i + 1].first_field : scanner_.record_first();
    if (index.ends[next - 1] - begin > options_.max_record_bytes) {
      return GiveUp(block, i, begin);
    }
  }
  return Status::Ok();
}

Result<bool> TextBlockReader::Next(TextBlock* block) {
  block->Clear();
  if (done_) return false;
  cut_ = false;
  block->offset = carry_offset_;
  block->bytes.Append(carry_.data(), carry_.size());
  carry_.clear();
  scanner_.Start(&block->index, 0);
  const uint32_t stop = StopIn(options_, block->offset);
  size_t target = options_.block_bytes;
  if (options_.stop != UINT64_MAX) target = std::min<size_t>(target, stop + kSlack);
  target = std::max(target, block->bytes.size());
  block->bytes.Reserve(std::max<size_t>(target, 1));
  block->bytes.SetSize(block->bytes.size());

  while (!cut_) {
    WEIR_ASSIGN_OR_RETURN(const bool more, Fill(block, target));
    (void)more;
    const auto size = static_cast<uint32_t>(block->bytes.size());
    bool scanned = false;
    while (!scanned && !cut_) {
      scanner_.Scan(block->bytes.data(), size, stop);
      const size_t given_up = block->bad.size();
      WEIR_RETURN_IF_ERROR(FindTooLong(block));
      scanned = block->bad.size() == given_up;
    }
    if (cut_) break;
    if (scanner_.stopped()) {
      done_ = true;
      CutHere(block, scanner_.record_begin());
      break;
    }
    const uint32_t begin = scanner_.record_begin();
    if (size - begin > options_.max_record_bytes) {
      WEIR_RETURN_IF_ERROR(GiveUp(block, block->index.records.size(), begin));
      continue;  // target is reached: the scan goes on with what is there
    }
    if (at_end_) {
      if (!scanner_.at_record_start() && !options_.take_last_line) {
        left_last_line_ = true;
      } else if (!scanner_.at_record_start() && !scanner_.Finish(size)) {
        WEIR_RETURN_IF_ERROR(GiveUp(block, block->index.records.size(), begin));
        if (!cut_) continue;
        done_ = true;
        break;
      } else {
        open_end_ = size > begin;
      }
      done_ = true;
      CutHere(block, scanner_.record_begin());
      break;
    }
    if (begin > 0 && size >= options_.block_bytes) {
      CutHere(block, begin);
      break;
    }
    target = std::max<size_t>(
        size + kSlack, std::min<size_t>(size_t{size} * 2, begin + options_.max_record_bytes + 1));
  }
  next_start_ = carry_offset_;
  if (carry_offset_ >= options_.stop) done_ = true;
  if (at_end_ && carry_.empty()) done_ = true;
  Check(block);
  return !block->index.records.empty() || !block->bad.empty() || !done_;
}

void TextBlockReader::Check(TextBlock* block) {
  TextIndex& index = block->index;
  index.comments = scanner_.comments();
  const char* data = block->bytes.data();
  std::vector<BadRecord> found;
  for (const auto& garbage : scanner_.garbage()) {
    if (garbage.record >= index.records.size()) continue;
    BadRecord bad;
    bad.record = garbage.record;
    bad.field = static_cast<int>(garbage.field);
    bad.reason = "text follows the closing quote";
    found.push_back(std::move(bad));
  }
  if (options_.check_text && !index.records.empty()) {
    const uint32_t begin = index.records.front().begin;
    const uint32_t end = index.EndOf(index.records.size() - 1);
    const bool nul = std::memchr(data + begin, 0, end - begin) != nullptr;
    if (nul || !simdjson::validate_utf8(data + begin, end - begin)) {
      for (size_t i = 0; i < index.records.size(); ++i) {
        const uint32_t from = index.records[i].begin;
        const size_t n = index.EndOf(i) - from;
        const auto* zero = static_cast<const char*>(std::memchr(data + from, 0, n));
        size_t at = n;
        if (zero == nullptr && !simdjson::validate_utf8(data + from, n)) {
          at = FirstInvalidUtf8(data + from, n);
        }
        if (zero == nullptr && at == n) continue;
        BadRecord bad;
        bad.record = static_cast<uint32_t>(i);
        const size_t byte = zero != nullptr ? static_cast<size_t>(zero - data) - from : at;
        const uint32_t first = index.records[i].first_field;
        bad.field = 0;
        while (index.ends[first + bad.field] <= from + byte) ++bad.field;
        bad.reason = zero != nullptr
                         ? fmt::format("NUL byte at byte {} of the record", byte)
                         : fmt::format("byte 0x{:02x} at byte {} of the record is not UTF-8",
                                       static_cast<unsigned char>(data[from + byte]), byte);
        found.push_back(std::move(bad));
      }
    }
  }
  if (found.empty()) return;
  for (BadRecord& bad : found) {
    bad.offset = block->offset + index.records[bad.record].begin;
    bad.length = index.EndOf(bad.record) - index.records[bad.record].begin;
  }
  for (BadRecord& bad : block->bad) found.push_back(std::move(bad));
  std::stable_sort(found.begin(), found.end(),
                   [](const BadRecord& a, const BadRecord& b) { return a.offset < b.offset; });
  // One reason a record is enough.
  found.erase(
      std::unique(found.begin(), found.end(),
                  [](const BadRecord& a, const BadRecord& b) { return a.offset == b.offset; }),
      found.end());
  block->bad = std::move(found);
}

}  // namespace weir::columnar
