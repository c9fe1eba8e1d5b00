#include "weir/log/record_batch_reader.h"

#include <fmt/format.h>

#include <limits>

namespace weir::log {
namespace {

int64_t Unzigzag(uint64_t value) { return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1)); }

[[gnu::noinline]] bool ReadLongVarlong(const char*& pos, const char* end, int64_t& out) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && pos < end; shift += 7) {
    const auto byte = static_cast<uint8_t>(*pos++);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      if (shift == 63 && byte > 1) return false;
      out = Unzigzag(value);
      return true;
    }
  }
  return false;
}

// Zigzag varints; false if they are cut off or too long. Most are of one byte or two.
inline bool ReadVarlong(const char*& pos, const char* end, int64_t& out) {
  if (end - pos >= 2) [[likely]] {
    const auto first = static_cast<uint8_t>(pos[0]);
    const auto second = static_cast<uint8_t>(pos[1]);
    if (first < 0x80) {
      out = Unzigzag(first);
      pos += 1;
      return true;
    }
    if (second < 0x80) {
      out = Unzigzag(uint64_t{first & 0x7fu} | uint64_t{second} << 7);
      pos += 2;
      return true;
    }
  }
  return ReadLongVarlong(pos, end, out);
}

inline bool ReadVarint(const char*& pos, const char* end, int32_t& out) {
  int64_t wide = 0;
  if (!ReadVarlong(pos, end, wide) || wide < std::numeric_limits<int32_t>::min() ||
      wide > std::numeric_limits<int32_t>::max()) {
    return false;
  }
  out = static_cast<int32_t>(wide);
  return true;
}

// A length (-1 is null) and that many bytes.
inline bool ReadBytes(const char*& pos, const char* end, std::optional<std::string_view>& out) {
  int32_t size = 0;
  if (!ReadVarint(pos, end, size) || size > end - pos || size < -1) return false;
  if (size < 0) {
    out.reset();
    return true;
  }
  out.emplace(pos, static_cast<size_t>(size));
  pos += size;
  return true;
}

bool ReadHeader(const char*& pos, const char* end, RecordHeader& out) {
  std::optional<std::string_view> key;
  if (!ReadBytes(pos, end, key) || !key.has_value()) return false;
  out.key = *key;
  return ReadBytes(pos, end, out.value);
}

}  // namespace

std::vector<RecordHeader> Record::Headers() const {
  std::vector<RecordHeader> headers(static_cast<size_t>(header_count));
  const char* pos = header_bytes.data();
  const char* const end = pos + header_bytes.size();
  for (RecordHeader& header : headers) ReadHeader(pos, end, header);
  return headers;
}

Status RecordReader::Open(std::string_view batch, size_t bytes_max) {
  status_ = Status::Ok();
  left_ = 0;
  pos_ = end_ = nullptr;
  const auto header = ReadBatchHeader(batch);
  if (!header.has_value() || header->total_bytes() != batch.size() || header->record_count < 0) {
    Fail("no record batch");
    return status_;
  }
  if (header->last_offset_delta < 0 ||
      header->base_offset > std::numeric_limits<int64_t>::max() - header->last_offset_delta) {
    Fail("offsets overflow");
    return status_;
  }
  header_ = *header;
  auto records = decompressor_.Decompress(static_cast<Codec>(header_.codec()),
                                          batch.substr(kBatchHeaderBytes), bytes_max);
  if (!records.ok()) {
    status_ = std::move(records).error().While(
        fmt::format("the record batch at offset {}", header_.base_offset));
    return status_;
  }
  pos_ = records->data();
  end_ = pos_ + records->size();
  left_ = header_.record_count;
  return status_;
}

bool RecordReader::Fail(const char* what) {
  left_ = 0;
  pos_ = end_;
  status_ = Error::Operator(ErrorCode::kCorrupt, fmt::format("the record batch at offset {}: {}",
                                                             header_.base_offset, what));
  return false;
}

bool RecordReader::Next(Record& record) {
  if (left_ == 0) return pos_ == end_ ? false : Fail("bytes are left after the last record");
  --left_;
  const char* const begin = pos_;
  int32_t size = 0;
  if (!ReadVarint(pos_, end_, size) || size < 0 || size > end_ - pos_) {
    return Fail("a record's length is wrong");
  }
  const char* pos = pos_;
  const char* const end = pos + size;
  if (pos == end) return Fail("a record is empty");
  ++pos;  // attributes, unused
  int64_t timestamp_delta = 0;
  int32_t offset_delta = 0;
  if (!ReadVarlong(pos, end, timestamp_delta) || !ReadVarint(pos, end, offset_delta)) {
    return Fail("a record's timestamp or offset is cut off");
  }
  if (offset_delta < 0 || offset_delta > header_.last_offset_delta) {
    return Fail("a record's offset is outside of the batch");
  }
  record.offset = header_.base_offset + offset_delta;
  record.timestamp = header_.log_append_time()
                         ? header_.max_timestamp
                         : static_cast<int64_t>(static_cast<uint64_t>(header_.base_timestamp) +
                                                static_cast<uint64_t>(timestamp_delta));
  if (!ReadBytes(pos, end, record.key) || !ReadBytes(pos, end, record.value)) {
    return Fail("a record's key or value is longer than the record");
  }
  if (!ReadVarint(pos, end, record.header_count) || record.header_count < 0 ||
      record.header_count > end - pos) {
    return Fail("a record's count of headers is wrong");
  }
  record.header_bytes = std::string_view(pos, static_cast<size_t>(end - pos));
  RecordHeader header;
  for (int32_t i = 0; i < record.header_count; ++i) {
    if (!ReadHeader(pos, end, header)) return Fail("a record's header is longer than the record");
  }
  if (pos != end) return Fail("a record is longer than its fields");
  pos_ = end;
  record.encoded = std::string_view(begin, static_cast<size_t>(end - begin));
  return true;
}

}  // namespace weir::log
