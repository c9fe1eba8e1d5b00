// What Kafka's broker demands of the records in a Produce request, with the error codes and
// messages that its clients know (Kafka 4.2: ProduceRequest, UnifiedLog and LogValidator for
// appends of clients).
//
//   ProduceVerdict verdict = ValidateProduce(records, rules, reader);
//   if (verdict.error != KafkaError::kNone) ...error, message, record_errors go into the
//   response... if (verdict.max_timestamp != verdict.header.max_timestamp) SetMaxTimestamp(...)
//
// Thread rule: as the RecordReader it is given.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "weir/log/batch_header.h"
#include "weir/log/kafka/errors.h"
#include "weir/log/record_batch_reader.h"

namespace weir::log {

struct ProduceRules {
  int16_t request_version = 13;                        // of the Produce request: zstd from 7 on
  size_t batch_bytes_max = 1048588;                    // max.message.bytes
  size_t records_bytes_max = RecordReader::kBytesMax;  // decompressed
  bool compacted = false;                              // every record needs a key
  bool log_append_time = false;                        // message.timestamp.type
  int64_t now_ms = 0;
  int64_t before_ms_max = std::numeric_limits<int64_t>::max();  // message.timestamp.before.max.ms
  int64_t after_ms_max = 3600000;                               // message.timestamp.after.max.ms
};

struct RecordError {
  int32_t index = 0;  // in the batch
  std::string message;
};

struct ProduceVerdict {
  kafka::KafkaError error = kafka::KafkaError::kNone;
  std::string message;
  std::vector<RecordError> record_errors;  // the first ones
  BatchHeader header;                      // of the one batch, where there is one
  // The greatest of the records (now, for LogAppendTime): what the header has to say.
  int64_t max_timestamp = -1;
};

// `records` is what one partition of the request holds: exactly one sound batch.
ProduceVerdict ValidateProduce(std::string_view records, const ProduceRules& rules,
                               RecordReader& reader);

}  // namespace weir::log
