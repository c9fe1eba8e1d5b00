// ByteWriter and ByteReader: our own binary formats, written and read field by field. Integers are
// little endian or LEB128 varints (signed ones zigzag), strings are a varint length and bytes.
//
// A reader never reads beyond its bytes: the first field that does not fit makes it !ok(), and
// everything read from then on is zero or empty. Check ok() once, at the end.
//
// Thread rule: values.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace weir {

class ByteWriter {
 public:
  void U8(uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void U32(uint32_t value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value)); }
  void U64(uint64_t value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value)); }
  void Varint(uint64_t value) {
    while (value >= 0x80) {
      U8(static_cast<uint8_t>(value | 0x80));
      value >>= 7;
    }
    U8(static_cast<uint8_t>(value));
  }
  void Signed(int64_t value) {
    Varint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
  }
  void String(std::string_view text) {
    Varint(text.size());
    bytes_.append(text);
  }
  void Raw(std::string_view bytes) { bytes_.append(bytes); }

  const std::string& bytes() const { return bytes_; }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  uint8_t U8() {
    uint8_t value = 0;
    Fixed(&value, sizeof(value));
    return value;
  }
  uint32_t U32() {
    uint32_t value = 0;
    Fixed(&value, sizeof(value));
    return value;
  }
  uint64_t U64() {
    uint64_t value = 0;
    Fixed(&value, sizeof(value));
    return value;
  }
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const uint8_t byte = U8();
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    ok_ = false;
    return 0;
  }
  int64_t Signed() {
    const uint64_t value = Varint();
    return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
  }
  std::string_view String() {
    const uint64_t size = Varint();
    return Raw(size);
  }
  std::string_view Raw(uint64_t size) {
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  // A number of things that take at least `each` bytes: never more than could follow.
  uint64_t Count(uint64_t each = 1) {
    const uint64_t count = Varint();
    if (count > rest_.size() / each) {
      ok_ = false;
      return 0;
    }
    return count;
  }

  bool ok() const { return ok_; }
  bool done() const { return rest_.empty(); }

 private:
  void Fixed(void* value, size_t size) {
    const std::string_view bytes = Raw(size);
    if (bytes.size() == size) std::memcpy(value, bytes.data(), size);
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace weir
