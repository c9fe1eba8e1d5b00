#include "weir/log/record_batch_builder.h"

#include <algorithm>
#include <cassert>

#include "weir/base/checksum.h"

namespace weir::log {
namespace {

template <typename T>
void Append(std::string& out, T value) {
  for (size_t i = sizeof(T); i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i)));
}

void AppendVarlong(std::string& out, int64_t value) {
  uint64_t bits = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  while (bits >= 0x80) {
    out.push_back(static_cast<char>(bits | 0x80));
    bits >>= 7;
  }
  out.push_back(static_cast<char>(bits));
}

void AppendBytes(std::string& out, const std::optional<std::string_view>& bytes) {
  AppendVarlong(out, bytes.has_value() ? static_cast<int64_t>(bytes->size()) : -1);
  if (bytes.has_value()) out += *bytes;
}

}  // namespace

void BatchBuilder::Add(const NewRecord& record) {
  if (count_ == 0) base_timestamp_ = record.timestamp;
  max_timestamp_ = std::max(max_timestamp_, record.timestamp);
  record_.clear();
  record_.push_back(0);  // attributes
  AppendVarlong(record_, record.timestamp - base_timestamp_);
  AppendVarlong(record_, count_);
  AppendBytes(record_, record.key);
  AppendBytes(record_, record.value);
  AppendVarlong(record_, static_cast<int64_t>(record.headers.size()));
  for (const RecordHeader& header : record.headers) {
    AppendBytes(record_, header.key);
    AppendBytes(record_, header.value);
  }
  AppendVarlong(records_, static_cast<int64_t>(record_.size()));
  records_ += record_;
  ++count_;
}

Result<std::string> BatchBuilder::Finish() && {
  assert(count_ > 0);
  WEIR_ASSIGN_OR_RETURN(const std::string records, Compress(options_.codec, records_));
  std::string checked;  // what the CRC is of
  checked.reserve(kBatchHeaderBytes + records.size());
  Append(checked,
         static_cast<int16_t>(static_cast<int>(options_.codec) | (options_.transactional ? 16 : 0) |
                              (options_.control ? 32 : 0)));
  Append(checked, count_ - 1);
  Append(checked, base_timestamp_);
  Append(checked, max_timestamp_);
  Append(checked, options_.producer_id);
  Append(checked, options_.producer_epoch);
  Append(checked, options_.base_sequence);
  Append(checked, count_);
  checked += records;

  constexpr size_t kUncheckedBytes = 21;  // base offset to CRC
  std::string batch;
  batch.reserve(kUncheckedBytes + checked.size());
  Append(batch, options_.base_offset);
  Append(batch, static_cast<int32_t>(kUncheckedBytes + checked.size() - kBatchLengthEnd));
  Append(batch, int32_t{-1});  // leader epoch: the broker's
  batch.push_back(2);
  Append(batch, Crc32c(checked));
  batch += checked;
  return batch;
}

std::string MarkerBatch(const Marker& marker, int64_t producer_id, int16_t producer_epoch,
                        int64_t timestamp) {
  std::string key;
  Append(key, int16_t{0});
  Append(key, static_cast<int16_t>(marker.commit ? 1 : 0));
  std::string value;
  Append(value, int16_t{0});
  Append(value, marker.coordinator_epoch);
  BatchBuilder builder({.producer_id = producer_id,
                        .producer_epoch = producer_epoch,
                        .transactional = true,
                        .control = true});
  builder.Add({.timestamp = timestamp, .key = key, .value = value});
  return std::move(builder).Finish().value();  // without compression nothing can fail
}

}  // namespace weir::log
