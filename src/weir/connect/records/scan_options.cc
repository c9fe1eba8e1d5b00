#include "weir/connect/records/scan_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace weir::connect {

namespace {

// "partition:0,offset:42;partition:1,offset:300"
Status SpecificOffsets(const std::string& key, const std::string& value,
                       std::map<int32_t, int64_t>* out) {
  const auto wrong = [&] {
    return WrongValue(key, value, "write it as 'partition:0,offset:42;partition:1,offset:300'");
  };
  size_t from = 0;
  while (from < value.size()) {
    const size_t end = std::min(value.find(';', from), value.size());
    std::string pair = value.substr(from, end - from);
    std::erase(pair, ' ');
    from = end + 1;
    if (pair.empty()) continue;
    const size_t comma = pair.find(",offset:");
    if (!pair.starts_with("partition:") || comma == std::string::npos) return wrong();
    int64_t partition = 0;
    int64_t offset = 0;
    if (!IntegerValue(key, pair.substr(10, comma - 10), 0, INT32_MAX, &partition).ok() ||
        !IntegerValue(key, pair.substr(comma + 8), 0, INT64_MAX, &offset).ok()) {
      return wrong();
    }
    out->insert_or_assign(static_cast<int32_t>(partition), offset);
  }
  return out->empty() ? Status(wrong()) : Status::Ok();
}

Status Needs(const char* mode_key, const char* mode, const char* key) {
  return Error::User(ErrorCode::kInvalid,
                     fmt::format("'{}' = '{}' needs '{}'", mode_key, mode, key))
      .Fix(fmt::format("add '{}'", key));
}

}  // namespace

Result<RecordScanOptions> ParseRecordScanOptions(OptionReader& reader) {
  RecordScanOptions out;
  WEIR_RETURN_IF_ERROR(reader.Choose<ScanStart>("scan.startup.mode",
                                                {{"earliest-offset", ScanStart::kEarliest},
                                                 {"latest-offset", ScanStart::kLatest},
                                                 {"timestamp", ScanStart::kTimestamp},
                                                 {"specific-offsets", ScanStart::kOffsets},
                                                 {"group-offsets", ScanStart::kGroup}},
                                                &out.start));
  // A batch read is bounded: 'unbounded', Flink's default, means its end here too.
  WEIR_RETURN_IF_ERROR(reader.Choose<ScanEnd>("scan.bounded.mode",
                                              {{"unbounded", ScanEnd::kLatest},
                                               {"latest-offset", ScanEnd::kLatest},
                                               {"timestamp", ScanEnd::kTimestamp},
                                               {"specific-offsets", ScanEnd::kOffsets}},
                                              &out.end));
  WEIR_RETURN_IF_ERROR(reader.Choose<bool>("scan.offset-out-of-range",
                                           {{"fail", false}, {"earliest", true}}, &out.skip_lost));
  WEIR_RETURN_IF_ERROR(reader.Integer("scan.split-records", 1, INT64_MAX, &out.split_records));
  const struct {
    const char* mode_key;
    const char* time_key;
    const char* offsets_key;
    bool by_time;
    bool by_offsets;
    int64_t* time;
    std::map<int32_t, int64_t>* offsets;
  } ends[] = {{"scan.startup.mode", "scan.startup.timestamp-millis",
               "scan.startup.specific-offsets", out.start == ScanStart::kTimestamp,
               out.start == ScanStart::kOffsets, &out.start_timestamp_ms, &out.start_offsets},
              {"scan.bounded.mode", "scan.bounded.timestamp-millis",
               "scan.bounded.specific-offsets", out.end == ScanEnd::kTimestamp,
               out.end == ScanEnd::kOffsets, &out.end_timestamp_ms, &out.end_offsets}};
  for (const auto& end : ends) {
    const auto time = reader.Take(end.time_key);
    const auto offsets = reader.Take(end.offsets_key);
    if (time) {
      WEIR_RETURN_IF_ERROR(IntegerValue(end.time_key, *time, 0, INT64_MAX, end.time));
    } else if (end.by_time) {
      return Needs(end.mode_key, "timestamp", end.time_key);
    }
    if (offsets) {
      WEIR_RETURN_IF_ERROR(SpecificOffsets(end.offsets_key, *offsets, end.offsets));
    } else if (end.by_offsets) {
      return Needs(end.mode_key, "specific-offsets", end.offsets_key);
    }
  }
  return out;
}

}  // namespace weir::connect
