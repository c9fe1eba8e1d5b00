// Writes the primitive types of Kafka's protocol into an output made of pieces: small fields go to
// one buffer of its own, large record bytes are referenced and never copied, so that a response is
// sent with one gathering write.
//
//   Encoder e = Encoder::ForFrame();             // room for the 4 bytes of the frame's length
//   WEIR_RETURN_IF_ERROR(header.Encode(e, 1));
//   WEIR_RETURN_IF_ERROR(response.Encode(e, 16));
//   const Encoded frame = std::move(e).Finish(); // writes that length
//   frame.ForEachPiece([](std::string_view piece) { ... });
//
// The first error sticks, as in Decoder: a value too long for its type, null where it may not be, a
// field set that the version cannot carry.
//
// Thread rule: one thread at a time. Referenced bytes must outlive the Encoded.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"
#include "weir/log/kafka/types.h"

namespace weir::log::kafka {

class Encoded {
 public:
  size_t size() const { return size_; }

  // In order; with nothing referenced it is one piece.
  template <typename F>
  void ForEachPiece(F&& f) const {
    size_t begin = 0;
    for (const Reference& reference : references_) {
      if (reference.at > begin) f(std::string_view(own_).substr(begin, reference.at - begin));
      f(reference.bytes);
      begin = reference.at;
    }
    if (own_.size() > begin) f(std::string_view(own_).substr(begin));
  }
  // All bytes joined: a copy.
  std::string ToString() const;

 private:
  friend class Encoder;
  struct Reference {
    size_t at;  // comes after this many bytes of own_
    std::string_view bytes;
  };

  std::string own_;
  std::vector<Reference> references_;
  size_t size_ = 0;
};

class Encoder {
 public:
  // Records shorter than this are copied: a piece of its own costs more than the copy.
  static constexpr size_t kReferenceBytesMin = 4096;

  Encoder() = default;
  static Encoder ForFrame();

  bool ok() const { return error_.empty(); }
  Status status() const;
  size_t size() const { return used_ + referenced_bytes_; }
  // Call once, when ok().
  Encoded Finish() &&;

  void Bool(bool value) { Fixed<uint8_t>(value ? 1 : 0); }
  void Int8(int8_t value) { Fixed(static_cast<uint8_t>(value)); }
  void Int16(int16_t value) { Fixed(static_cast<uint16_t>(value)); }
  void Uint16(uint16_t value) { Fixed(value); }
  void Int32(int32_t value) { Fixed(static_cast<uint32_t>(value)); }
  void Int64(int64_t value) { Fixed(static_cast<uint64_t>(value)); }
  void Float64(double value) { Fixed(std::bit_cast<uint64_t>(value)); }
  void Uuid(const kafka::Uuid& value) { Raw(value.bytes.data(), value.bytes.size()); }
  void UnsignedVarint(uint32_t value);

  void String(bool compact, const char* field, std::string_view value);
  void NullableString(bool compact, bool nullable, const char* field,
                      const std::optional<std::string>& value);
  void Bytes(bool compact, const char* field, std::string_view value);
  void NullableBytes(bool compact, bool nullable, const char* field,
                     const std::optional<std::string>& value);
  void Records(bool compact, const char* field, const kafka::Records& value);
  void NullableRecords(bool compact, bool nullable, const char* field,
                       const std::optional<kafka::Records>& value);

  template <typename T, typename Write>
  void Array(bool compact, const char* field, const std::vector<T>& items, Write&& write) {
    Count(compact, field, items.size());
    for (const auto& item : items) write(item);
  }
  template <typename T, typename Write>
  void NullableArray(bool compact, bool nullable, const char* field,
                     const std::optional<std::vector<T>>& items, Write&& write) {
    if (items.has_value()) {
      Array(compact, field, *items, write);
    } else {
      Null(nullable, field);
      compact ? UnsignedVarint(0) : Int32(-1);
    }
  }
  void StructIsPresent(bool present, bool nullable, const char* field) {
    if (!present) Null(nullable, field);
    Int8(present ? 1 : -1);
  }

  // One tagged field: its number, then its size, which is known only after `write` wrote it.
  template <typename Write>
  void Tagged(uint32_t tag, Write&& write) {
    UnsignedVarint(tag);
    const size_t mark = used_;
    const size_t references = references_.size();
    write();
    InsertSize(mark, references);
  }

  // The field has a value and the version has no place for it.
  [[gnu::cold]] void FailAbsent(const char* field, int16_t version);
  [[gnu::cold]] void Fail(const char* field, const std::string& what);

 private:
  template <typename U>
  void Fixed(U value) {
    if constexpr (sizeof(U) == 2) value = __builtin_bswap16(value);
    if constexpr (sizeof(U) == 4) value = __builtin_bswap32(value);
    if constexpr (sizeof(U) == 8) value = __builtin_bswap64(value);
    Raw(&value, sizeof(U));
  }
  void Raw(const void* bytes, size_t size) {
    if (own_.size() - used_ < size) [[unlikely]]
      Grow(size);
    std::memcpy(own_.data() + used_, bytes, size);
    used_ += size;
  }
  void Grow(size_t more);
  void Length(bool compact, int64_t length_max, const char* field, size_t length);
  void Count(bool compact, const char* field, size_t count);
  void Null(bool nullable, const char* field);
  void InsertSize(size_t mark, size_t references);

  std::string own_;  // used_ bytes of it are written, the rest is room
  size_t used_ = 0;
  std::vector<Encoded::Reference> references_;
  size_t referenced_bytes_ = 0;
  bool is_frame_ = false;
  std::string error_;
};

}  // namespace weir::log::kafka
