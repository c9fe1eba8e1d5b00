// BatchBuilder writes record batches: what a producer sends (for tools, sinks and tests), and the
// control batches that end transactions.
//
//   BatchBuilder builder({.codec = Codec::kLz4});
//   builder.Add({.timestamp = 1700000000000, .key = "k", .value = "v"});
//   WEIR_ASSIGN_OR_RETURN(std::string batch, std::move(builder).Finish());
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"
#include "weir/log/control_batch.h"
#include "weir/log/record_batch.h"
#include "weir/log/record_batch_reader.h"

namespace weir::log {

struct BatchOptions {
  Codec codec = Codec::kNone;
  int64_t base_offset = 0;  // a producer sends 0
  int64_t producer_id = kNoProducerId;
  int16_t producer_epoch = -1;
  int32_t base_sequence = kNoSequence;
  bool transactional = false;
  bool control = false;
};

struct NewRecord {
  int64_t timestamp = -1;  // ms
  // With initialisers, so that a designated one may leave them out.
  std::optional<std::string_view> key = std::nullopt;
  std::optional<std::string_view> value = std::nullopt;
  std::vector<RecordHeader> headers = {};
};

class BatchBuilder {
 public:
  explicit BatchBuilder(const BatchOptions& options = {}) : options_(options) {}

  void Add(const NewRecord& record);
  int32_t record_count() const { return count_; }
  // Before compression.
  size_t records_bytes() const { return records_.size(); }
  // Call once, with at least one record.
  Result<std::string> Finish() &&;

 private:
  BatchOptions options_;
  std::string records_;
  std::string record_;  // one record, kept for its memory
  int32_t count_ = 0;
  int64_t base_timestamp_ = -1;
  int64_t max_timestamp_ = -1;
};

// The batch of one record that ends the producer's transaction in a partition (KIP-98).
std::string MarkerBatch(const Marker& marker, int64_t producer_id, int16_t producer_epoch,
                        int64_t timestamp);

}  // namespace weir::log
