// Reads one range of a topic's partition as rows.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/columnar/ports.h"
#include "weir/connect/records/record_log.h"
#include "weir/connect/records/record_source.h"

namespace weir::connect {

struct RecordRange {
  int32_t partition = 0;
  int32_t ordinal = 0;  // of the partition among the scan's files
  int64_t from = 0;
  int64_t to = 0;
};

// `columns` and `unparsed` as SourceScan::Open has them; `log` outlives the reader.
Result<std::unique_ptr<columnar::SplitReader>> OpenRecordSplit(
    std::shared_ptr<const RecordSourceFacts> facts, std::shared_ptr<RecordLog> log,
    const RecordRange& range, const std::vector<uint64_t>& columns,
    columnar::UnparsedRows* unparsed);

// What splits say about their size before it is known: bytes of a record, for progress.
inline constexpr uint64_t kGuessedRecordBytes = 100;

}  // namespace weir::connect
