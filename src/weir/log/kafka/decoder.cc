#include "weir/log/kafka/decoder.h"

#include <fmt/format.h>

#include <limits>

namespace weir::log::kafka {
namespace {

constexpr int64_t kStringMax = std::numeric_limits<int16_t>::max();
constexpr int64_t kBytesMax = std::numeric_limits<int32_t>::max();

}  // namespace

Error NoSuchVersion(std::string_view message, int16_t first, int16_t last, int16_t version) {
  return Error::User(ErrorCode::kUnsupported, fmt::format("{} has versions {} to {}, not {}",
                                                          message, first, last, version));
}

Status Decoder::status() const {
  if (ok()) return Status::Ok();
  return Error::User(ErrorCode::kInvalid, error_);
}

Status Decoder::Finish() {
  if (ok() && remaining() > 0) {
    Fail("end of message", fmt::format("{} bytes are left over", remaining()));
  }
  return status();
}

void Decoder::Fail(const char* field, std::string what) {
  if (failed_) return;
  failed_ = true;
  error_ = fmt::format("{}: {} (byte {})", field, what, position());
  end_ = pos_;  // nothing is left to read
}

void Decoder::FailTruncated(const char* field, size_t needed) {
  Fail(field, fmt::format("{} bytes are needed and {} are left", needed, remaining()));
}

Uuid Decoder::Uuid(const char* field) {
  kafka::Uuid uuid;
  if (remaining() < uuid.bytes.size()) {
    FailTruncated(field, uuid.bytes.size());
    return uuid;
  }
  std::memcpy(uuid.bytes.data(), pos_, uuid.bytes.size());
  pos_ += uuid.bytes.size();
  return uuid;
}

uint32_t Decoder::UnsignedVarint(const char* field) {
  uint64_t value = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    if (pos_ == end_) {
      FailTruncated(field, 1);
      return 0;
    }
    const auto byte = static_cast<uint8_t>(*pos_++);
    value |= uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) == 0) {
      if (value <= std::numeric_limits<uint32_t>::max()) return static_cast<uint32_t>(value);
      break;
    }
  }
  Fail(field, "a varint of more than 32 bits");
  return 0;
}

int64_t Decoder::Checked(int64_t length, int64_t length_max, bool nullable, const char* field) {
  if (!ok()) return -1;
  if (length == -1) {
    if (!nullable) Fail(field, "null where it has to have a value");
    return -1;
  }
  if (length < 0 || length > length_max || length > static_cast<int64_t>(remaining())) {
    Fail(field, fmt::format("a length of {} where {} bytes are left", length, remaining()));
    return -1;
  }
  return length;
}

int64_t Decoder::StringLength(bool compact, bool nullable, const char* field) {
  const int64_t length = compact ? int64_t{UnsignedVarint(field)} - 1 : int64_t{Int16(field)};
  return Checked(length, kStringMax, nullable, field);
}

int64_t Decoder::BytesLength(bool compact, bool nullable, const char* field) {
  const int64_t length = compact ? int64_t{UnsignedVarint(field)} - 1 : int64_t{Int32(field)};
  return Checked(length, kBytesMax, nullable, field);
}

std::string_view Decoder::Take(int64_t length) {
  if (length <= 0) return {};
  const std::string_view bytes(pos_, static_cast<size_t>(length));
  pos_ += length;
  return bytes;
}

void Decoder::String(bool compact, const char* field, std::string& out) {
  out = Take(StringLength(compact, false, field));
}

void Decoder::NullableString(bool compact, bool nullable, const char* field,
                             std::optional<std::string>& out) {
  const int64_t length = StringLength(compact, nullable, field);
  if (length < 0) {
    out.reset();
  } else {
    out.emplace(Take(length));
  }
}

void Decoder::Bytes(bool compact, const char* field, std::string& out) {
  out = Take(BytesLength(compact, false, field));
}

void Decoder::NullableBytes(bool compact, bool nullable, const char* field,
                            std::optional<std::string>& out) {
  const int64_t length = BytesLength(compact, nullable, field);
  if (length < 0) {
    out.reset();
  } else {
    out.emplace(Take(length));
  }
}

void Decoder::Records(bool compact, const char* field, kafka::Records& out) {
  out = kafka::Records(Take(BytesLength(compact, false, field)));
}

void Decoder::NullableRecords(bool compact, bool nullable, const char* field,
                              std::optional<kafka::Records>& out) {
  const int64_t length = BytesLength(compact, nullable, field);
  if (length < 0) {
    out.reset();
  } else {
    out.emplace(Take(length));
  }
}

int64_t Decoder::ArrayCount(bool compact, bool nullable, size_t item_bytes_min, size_t item_memory,
                            const char* field) {
  const int64_t count = compact ? int64_t{UnsignedVarint(field)} - 1 : int64_t{Int32(field)};
  if (!ok()) return -1;
  if (count == -1) {
    if (!nullable) Fail(field, "null where it has to have a value");
    return -1;
  }
  const auto items = static_cast<uint64_t>(count);
  if (count < 0 || items > remaining() / (item_bytes_min == 0 ? 1 : item_bytes_min)) {
    Fail(field, fmt::format("an array of {} elements where {} bytes are left", count, remaining()));
    return -1;
  }
  if (items > memory_left_ / item_memory) {
    Fail(field, fmt::format("an array of {} elements passes the limit of memory", count));
    return -1;
  }
  memory_left_ -= items * item_memory;
  return count;
}

bool Decoder::StructIsPresent(bool nullable, const char* field) {
  const int8_t present = Int8(field);
  if (!ok()) return false;
  if (present == -1) {
    if (!nullable) Fail(field, "null where it has to have a value");
    return false;
  }
  if (present != 1) {
    Fail(field, fmt::format("{} where 1 (present) or -1 (null) has to be", present));
    return false;
  }
  return true;
}

const char* Decoder::BeginTag(const char* field) {
  const uint32_t size = UnsignedVarint(field);
  const char* const outer_end = end_;
  if (size > remaining()) {
    Fail(field, fmt::format("a tagged field of {} bytes where {} are left", size, remaining()));
    return end_;
  }
  if (ok()) end_ = pos_ + size;
  return outer_end;
}

void Decoder::EndTag(uint32_t tag, const char* outer_end, const char* field) {
  if (ok() && pos_ != end_) {
    Fail(field, fmt::format("{} bytes are left over in tag {}", remaining(), tag));
  }
  if (ok()) end_ = outer_end;
}

}  // namespace weir::log::kafka
