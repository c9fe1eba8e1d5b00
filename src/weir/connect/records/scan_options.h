// Where a bounded read of a topic begins and ends: the 'scan.*' options, in Flink's words.
//
//   'scan.startup.mode' = 'specific-offsets',
//   'scan.startup.specific-offsets' = 'partition:0,offset:42;partition:1,offset:300'
//
// The beginning counts for the first run alone; later ones go on where the last one ended.
//
// Thread rule: values.
#pragma once

#include <cstdint>
#include <map>

#include "weir/base/result.h"
#include "weir/connect/option_values.h"

namespace weir::connect {

enum class ScanStart { kEarliest, kLatest, kTimestamp, kOffsets, kGroup };
enum class ScanEnd { kLatest, kTimestamp, kOffsets };

struct RecordScanOptions {
  ScanStart start = ScanStart::kEarliest;
  int64_t start_timestamp_ms = 0;
  std::map<int32_t, int64_t> start_offsets;  // by partition; others begin with the earliest
  ScanEnd end = ScanEnd::kLatest;
  int64_t end_timestamp_ms = 0;
  std::map<int32_t, int64_t> end_offsets;  // by partition, exclusive
  bool skip_lost = false;                  // 'scan.offset-out-of-range' = 'earliest'
  int64_t split_records = 0;               // 0: chosen by the size of the range
};

// Takes the 'scan.*' options. User errors as OptionReader's.
Result<RecordScanOptions> ParseRecordScanOptions(OptionReader& reader);

}  // namespace weir::connect
