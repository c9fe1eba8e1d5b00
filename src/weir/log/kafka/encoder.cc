#include "weir/log/kafka/encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace weir::log::kafka {
namespace {

constexpr int64_t kStringMax = std::numeric_limits<int16_t>::max();
constexpr int64_t kBytesMax = std::numeric_limits<int32_t>::max();
constexpr size_t kFrameLengthBytes = 4;

size_t WriteVarint(uint32_t value, char* out) {
  size_t size = 0;
  while (value >= 0x80) {
    out[size++] = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out[size++] = static_cast<char>(value);
  return size;
}

}  // namespace

std::string Encoded::ToString() const {
  std::string all;
  all.reserve(size_);
  ForEachPiece([&](std::string_view piece) { all += piece; });
  return all;
}

Encoder Encoder::ForFrame() {
  Encoder encoder;
  encoder.is_frame_ = true;
  encoder.Int32(0);
  return encoder;
}

Status Encoder::status() const {
  if (ok()) return Status::Ok();
  return Error::Bug(error_);
}

Encoded Encoder::Finish() && {
  Encoded out;
  out.size_ = size();
  own_.resize(used_);
  if (is_frame_) {
    const uint32_t length = __builtin_bswap32(static_cast<uint32_t>(out.size_ - kFrameLengthBytes));
    std::memcpy(own_.data(), &length, sizeof(length));
  }
  out.own_ = std::move(own_);
  out.references_ = std::move(references_);
  return out;
}

void Encoder::Fail(const char* field, const std::string& what) {
  if (ok()) error_ = fmt::format("{}: {}", field, what);
}

void Encoder::FailAbsent(const char* field, int16_t version) {
  Fail(field, fmt::format("has a value, and version {} has no such field", version));
}

void Encoder::Grow(size_t more) {
  own_.resize(std::max({own_.size() * 2, used_ + more, size_t{256}}));
}

void Encoder::UnsignedVarint(uint32_t value) {
  char bytes[5];
  Raw(bytes, WriteVarint(value, bytes));
}

void Encoder::Null(bool nullable, const char* field) {
  if (!nullable) Fail(field, "null where it has to have a value");
}

void Encoder::Length(bool compact, int64_t length_max, const char* field, size_t length) {
  if (length > static_cast<uint64_t>(length_max)) {
    Fail(field, fmt::format("{} bytes, and {} is the limit", length, length_max));
    return;
  }
  if (compact) {
    UnsignedVarint(static_cast<uint32_t>(length) + 1);
  } else if (length_max == kStringMax) {
    Int16(static_cast<int16_t>(length));
  } else {
    Int32(static_cast<int32_t>(length));
  }
}

void Encoder::Count(bool compact, const char* field, size_t count) {
  if (count > static_cast<uint64_t>(kBytesMax)) {
    Fail(field, fmt::format("{} elements, and {} is the limit", count, kBytesMax));
    return;
  }
  compact ? UnsignedVarint(static_cast<uint32_t>(count) + 1) : Int32(static_cast<int32_t>(count));
}

void Encoder::String(bool compact, const char* field, std::string_view value) {
  Length(compact, kStringMax, field, value.size());
  if (ok()) Raw(value.data(), value.size());
}

void Encoder::NullableString(bool compact, bool nullable, const char* field,
                             const std::optional<std::string>& value) {
  if (value.has_value()) return String(compact, field, *value);
  Null(nullable, field);
  compact ? UnsignedVarint(0) : Int16(-1);
}

void Encoder::Bytes(bool compact, const char* field, std::string_view value) {
  Length(compact, kBytesMax, field, value.size());
  if (ok()) Raw(value.data(), value.size());
}

void Encoder::NullableBytes(bool compact, bool nullable, const char* field,
                            const std::optional<std::string>& value) {
  if (value.has_value()) return Bytes(compact, field, *value);
  Null(nullable, field);
  compact ? UnsignedVarint(0) : Int32(-1);
}

void Encoder::Records(bool compact, const char* field, const kafka::Records& value) {
  Length(compact, kBytesMax, field, value.size());
  if (!ok()) return;
  value.ForEachPiece([this](std::string_view piece) {
    if (piece.size() < kReferenceBytesMin) return Raw(piece.data(), piece.size());
    references_.push_back({used_, piece});
    referenced_bytes_ += piece.size();
  });
}

void Encoder::NullableRecords(bool compact, bool nullable, const char* field,
                              const std::optional<kafka::Records>& value) {
  if (value.has_value()) return Records(compact, field, *value);
  Null(nullable, field);
  compact ? UnsignedVarint(0) : Int32(-1);
}

void Encoder::InsertSize(size_t mark, size_t references) {
  if (references_.size() != references) {
    Fail("tagged field", "record bytes inside of a tagged field");
    return;
  }
  char size[5];
  const size_t size_bytes = WriteVarint(static_cast<uint32_t>(used_ - mark), size);
  if (own_.size() - used_ < size_bytes) Grow(size_bytes);
  char* const at = own_.data() + mark;
  std::memmove(at + size_bytes, at, used_ - mark);
  std::memcpy(at, size, size_bytes);
  used_ += size_bytes;
}

}  // namespace weir::log::kafka
