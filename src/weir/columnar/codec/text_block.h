// A piece of a text file in memory, cut into records and fields: what the scanners of text formats
// produce and the decoders turn into columns. No I/O.
//
// Invariants: bytes() is followed by kPadding readable bytes, so that kernels may load whole words;
// records are in file order and every record lies wholly in the block; `ends` holds, for each field
// of each record, the position just past it (that is, of its delimiter or line end). A field k of a
// record starts at the record's begin (k = 0) or at the end of field k - 1 plus 1.
//
// Thread rule: a block belongs to one thread at a time. Vectors may point into its bytes: whoever
// hands such vectors out keeps the block alive (BlockBuffer in text_values.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace weir::columnar {

// Memory that grows without being zeroed, with padding behind what is used.
class ByteBuffer {
 public:
  static constexpr size_t kPadding = 64;

  char* data() { return data_.get(); }
  const char* data() const { return data_.get(); }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }

  void Reserve(size_t capacity) {
    if (capacity <= capacity_) return;
    std::unique_ptr<char[]> grown(new char[capacity + kPadding]);
    if (size_ > 0) std::memcpy(grown.get(), data_.get(), size_);
    std::memset(grown.get() + capacity, 0, kPadding);
    data_ = std::move(grown);
    capacity_ = capacity;
  }
  // At most capacity(). What lies between the old and the new size is whatever was written there.
  void SetSize(size_t size) {
    size_ = size;
    std::memset(data_.get() + size, 0, kPadding);
  }
  void Append(const char* bytes, size_t n) {
    if (n == 0) return;
    if (size_ + n > capacity_) Reserve(std::max(size_ + n, capacity_ * 2));
    std::memcpy(data_.get() + size_, bytes, n);
    SetSize(size_ + n);
  }
  void Clear() { size_ = 0; }

 private:
  std::unique_ptr<char[]> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

struct TextRecord {
  uint32_t begin;        // position in the block
  uint32_t first_field;  // position in TextIndex::ends
};

// A record that must not be decoded, and why.
struct BadRecord {
  // Position in TextIndex::records, or kNotIndexed: the record is only described here (it did not
  // fit the block, or its line was given up).
  static constexpr uint32_t kNotIndexed = UINT32_MAX;
  uint32_t record = kNotIndexed;
  uint64_t offset = 0;  // in the file
  uint64_t length = 0;  // without the line end
  int field = -1;       // -1: the whole record
  std::string reason;
};

struct TextIndex {
  std::vector<TextRecord> records;
  std::vector<uint32_t> ends;  // sized beyond end_count: only the first end_count are set
  size_t end_count = 0;
  std::vector<uint32_t> comments;  // records that are comments, ascending
  bool has_escapes = false;        // some quoted field holds an escaped character

  void Clear() {
    records.clear();
    comments.clear();
    end_count = 0;
    has_escapes = false;
  }
  uint32_t FieldsOf(size_t record) const {
    const size_t next = record + 1 < records.size() ? records[record + 1].first_field : end_count;
    return static_cast<uint32_t>(next - records[record].first_field);
  }
  // Position just past the record, before its line end.
  uint32_t EndOf(size_t record) const {
    const size_t next = record + 1 < records.size() ? records[record + 1].first_field : end_count;
    return ends[next - 1];
  }
};

struct TextBlock {
  ByteBuffer bytes;
  uint64_t offset = 0;  // of bytes[0] in the file
  TextIndex index;
  std::vector<BadRecord> bad;  // in file order

  void Clear() {
    bytes.Clear();
    index.Clear();
    bad.clear();
  }
};

}  // namespace weir::columnar
