// RecordLog: a topic as something to read ranges of records from. What the connectors `kafka`
// (connect/kafka/) and `topic` (server/topics/) have in common; OpenRecordSource makes a
// BatchSource of one.
//
// Thread rule: a RecordLog is thread-safe; a RecordRangeReader belongs to one thread at a time.
// Errors: kNotFound, there is no such topic; else as the log has them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/result.h"

namespace weir::connect {

enum class TimestampType : int8_t { kNone, kCreateTime, kLogAppendTime };

// One record. The views are valid until the reader's next call.
struct LogRecord {
  int64_t offset = 0;
  int64_t timestamp_ms = -1;
  TimestampType timestamp_type = TimestampType::kNone;
  int32_t leader_epoch = -1;  // -1: not known
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;  // nullopt: a tombstone
  std::vector<std::pair<std::string_view, std::optional<std::string_view>>> headers;
};

struct PartitionEnds {
  int32_t partition = 0;
  int64_t begin = 0;  // the first offset that is kept
  int64_t end = 0;    // behind the last record that may be read now
};

struct TopicEnds {
  std::string cluster;                    // the id of the cluster
  std::string id;                         // "" if the log tells none
  std::vector<PartitionEnds> partitions;  // ascending
};

class RecordRangeReader {
 public:
  virtual ~RecordRangeReader() = default;
  // Fills `out` with the next records of the range, ascending, at most `most`. None: the range has
  // ended. Offsets may have gaps (compaction, aborted transactions).
  virtual Status Next(size_t most, std::vector<LogRecord>* out) = 0;
};

class RecordLog {
 public:
  virtual ~RecordLog() = default;
  virtual const std::string& topic() const = 0;
  virtual Result<TopicEnds> Ends() = 0;
  // By partition: the first offset whose record is of this time or later; absent if there is none.
  virtual Result<std::map<int32_t, int64_t>> OffsetsAt(const std::vector<int32_t>& partitions,
                                                       int64_t timestamp_ms) = 0;
  // What a consumer group has committed; partitions without are absent.
  virtual Result<std::map<int32_t, int64_t>> GroupOffsets(const std::vector<int32_t>& partitions,
                                                          const std::string& group) = 0;
  // Records with from <= offset < to; `to` is not above an end that Ends() told.
  virtual Result<std::unique_ptr<RecordRangeReader>> Read(int32_t partition, int64_t from,
                                                          int64_t to, bool with_headers) = 0;
  // Another topic of the same log.
  virtual Result<std::shared_ptr<RecordLog>> Other(const std::string& topic) = 0;
};

}  // namespace weir::connect
