// Reads the primitive types of Kafka's protocol out of bytes that nobody vouches for.
//
// The first error sticks: from then on every read returns a zero value and consumes nothing, so
// that generated code reads on without a check a field, and asks once at the end. Nothing is
// allocated that the remaining bytes could not fill, and no more than `memory_max` in all.
//
//   Decoder d(frame);
//   RequestHeader header;
//   WEIR_RETURN_IF_ERROR(header.Decode(d, 2));
//   FetchRequest request;
//   WEIR_RETURN_IF_ERROR(request.Decode(d, header.request_api_version));
//   WEIR_RETURN_IF_ERROR(d.Finish());
//
// `field` arguments are string constants; they end up in the error: "FetchRequest.topics: array of
// 4294967295 elements where 17 bytes are left (byte 31)".
//
// Thread rule: one thread at a time. The bytes must outlive it and every Records read from it.
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

// What Decode and Encode of a message answer to a version it does not have.
Error NoSuchVersion(std::string_view message, int16_t first, int16_t last, int16_t version);

class Decoder {
 public:
  // What the elements of all arrays of one message may take in memory. A request of Kafka's largest
  // default size (100 MB) full of empty elements would otherwise become gigabytes.
  static constexpr size_t kMemoryMax = size_t{256} << 20;

  explicit Decoder(std::string_view bytes, size_t memory_max = kMemoryMax)
      : begin_(bytes.data()),
        pos_(bytes.data()),
        end_(bytes.data() + bytes.size()),
        memory_left_(memory_max) {}

  bool ok() const { return !failed_; }
  // Ok, or the first error.
  Status status() const;
  // As status(), and an error when bytes are left.
  Status Finish();

  size_t position() const { return static_cast<size_t>(pos_ - begin_); }
  size_t remaining() const { return static_cast<size_t>(end_ - pos_); }

  bool Bool(const char* field) { return Fixed<uint8_t>(field) != 0; }
  int8_t Int8(const char* field) { return static_cast<int8_t>(Fixed<uint8_t>(field)); }
  int16_t Int16(const char* field) { return static_cast<int16_t>(Fixed<uint16_t>(field)); }
  uint16_t Uint16(const char* field) { return Fixed<uint16_t>(field); }
  int32_t Int32(const char* field) { return static_cast<int32_t>(Fixed<uint32_t>(field)); }
  int64_t Int64(const char* field) { return static_cast<int64_t>(Fixed<uint64_t>(field)); }
  double Float64(const char* field) { return std::bit_cast<double>(Fixed<uint64_t>(field)); }
  kafka::Uuid Uuid(const char* field);
  uint32_t UnsignedVarint(const char* field);

  // compact: the encoding of flexible versions, an unsigned varint of length + 1 (0 is null).
  void String(bool compact, const char* field, std::string& out);
  void NullableString(bool compact, bool nullable, const char* field,
                      std::optional<std::string>& out);
  void Bytes(bool compact, const char* field, std::string& out);
  void NullableBytes(bool compact, bool nullable, const char* field,
                     std::optional<std::string>& out);
  void Records(bool compact, const char* field, kafka::Records& out);
  void NullableRecords(bool compact, bool nullable, const char* field,
                       std::optional<kafka::Records>& out);

  // item_bytes_min: the fewest bytes that one element takes. read(T&) reads one.
  template <typename T, typename Read>
  void Array(bool compact, size_t item_bytes_min, const char* field, std::vector<T>& out,
             Read&& read) {
    const int64_t count = ArrayCount(compact, false, item_bytes_min, sizeof(T), field);
    ReadItems(count, out, read);
  }
  template <typename T, typename Read>
  void NullableArray(bool compact, bool nullable, size_t item_bytes_min, const char* field,
                     std::optional<std::vector<T>>& out, Read&& read) {
    const int64_t count = ArrayCount(compact, nullable, item_bytes_min, sizeof(T), field);
    if (count < 0) {
      out.reset();
      return;
    }
    if (!out.has_value()) out.emplace();
    ReadItems(count, *out, read);
  }

  // A struct that may be null: one byte before it says whether it is there (1) or not (-1).
  bool StructIsPresent(bool nullable, const char* field);

  // The tagged fields at the end of a flexible struct. read(tag) reads a tag it knows and returns
  // true; what it does not know is skipped.
  template <typename Read>
  void TaggedFields(const char* field, Read&& read) {
    const uint32_t count = UnsignedVarint(field);
    for (uint32_t i = 0; i < count && ok(); ++i) {
      const uint32_t tag = UnsignedVarint(field);
      const char* const outer_end = BeginTag(field);
      if (!ok()) return;
      if (!read(tag)) pos_ = end_;
      EndTag(tag, outer_end, field);
    }
  }

  void Fail(const char* field, std::string what);

 private:
  template <typename U>
  U Fixed(const char* field) {
    if (remaining() < sizeof(U)) [[unlikely]] {
      FailTruncated(field, sizeof(U));
      return 0;
    }
    U value;
    std::memcpy(&value, pos_, sizeof(U));
    pos_ += sizeof(U);
    if constexpr (sizeof(U) == 2) value = __builtin_bswap16(value);
    if constexpr (sizeof(U) == 4) value = __builtin_bswap32(value);
    if constexpr (sizeof(U) == 8) value = __builtin_bswap64(value);
    return value;
  }
  template <typename T, typename Read>
  void ReadItems(int64_t count, std::vector<T>& out, Read& read) {
    out.resize(static_cast<size_t>(count < 0 ? 0 : count));
    for (T& item : out) {
      read(item);
      if (!ok()) return;
    }
  }

  // -1 is null, and only where `nullable`.
  int64_t ArrayCount(bool compact, bool nullable, size_t item_bytes_min, size_t item_memory,
                     const char* field);
  // The length of a string (at most 32767, as in Kafka) or of bytes, -1 for null; that many bytes
  // are there.
  int64_t StringLength(bool compact, bool nullable, const char* field);
  int64_t BytesLength(bool compact, bool nullable, const char* field);
  int64_t Checked(int64_t length, int64_t length_max, bool nullable, const char* field);
  std::string_view Take(int64_t length);
  const char* BeginTag(const char* field);
  void EndTag(uint32_t tag, const char* outer_end, const char* field);
  [[gnu::cold]] void FailTruncated(const char* field, size_t needed);

  const char* begin_;
  const char* pos_;
  const char* end_;
  size_t memory_left_;
  bool failed_ = false;
  std::string error_;
};

}  // namespace weir::log::kafka
