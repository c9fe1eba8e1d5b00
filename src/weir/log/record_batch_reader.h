// RecordReader: the records of a batch, one after the other, decompressed where need be. Keys,
// values and headers are views: into the batch's bytes, or into the reader's buffer.
//
//   RecordReader reader;
//   WEIR_RETURN_IF_ERROR(reader.Open(batch));
//   for (Record record; reader.Next(record);) { ...record.offset, record.value... }
//   WEIR_RETURN_IF_ERROR(reader.status());
//
// Thread rule: one thread at a time. A record is valid until the next Open; the batch outlives it.
// Errors: kCorrupt, the records are not what a producer writes; kLimit, see Open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "weir/base/result.h"
#include "weir/log/record_batch.h"
#include "weir/log/record_batch_compression.h"

namespace weir::log {

struct RecordHeader {
  std::string_view key;
  std::optional<std::string_view> value;
  bool operator==(const RecordHeader&) const = default;
};

struct Record {
  int64_t offset = 0;
  int64_t timestamp = -1;  // ms; -1: none
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;  // none: a tombstone
  int32_t header_count = 0;
  std::string_view header_bytes;  // encoded, and sound
  std::string_view encoded;       // all of the record, with its length

  std::vector<RecordHeader> Headers() const;
};

class RecordReader {
 public:
  // Of decompressed records; Kafka's largest batch by default is 1 MiB compressed.
  static constexpr size_t kBytesMax = size_t{128} << 20;

  // The batch passed CheckBatch. Decompressed records beyond `bytes_max` are an error (kLimit).
  Status Open(std::string_view batch, size_t bytes_max = kBytesMax);
  // False at the end and at the first error.
  bool Next(Record& record);
  const Status& status() const { return status_; }
  const BatchHeader& header() const { return header_; }

 private:
  bool Fail(const char* what);

  Decompressor decompressor_;
  BatchHeader header_;
  const char* pos_ = nullptr;
  const char* end_ = nullptr;
  int32_t left_ = 0;
  Status status_;
};

}  // namespace weir::log
