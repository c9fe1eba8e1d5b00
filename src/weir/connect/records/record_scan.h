// One bounded read of a topic: planned offsets, splits, positions.
//
// Thread rule: as in ports.h.
#pragma once

#include <memory>

#include "weir/base/result.h"
#include "weir/columnar/ports.h"
#include "weir/connect/records/record_log.h"
#include "weir/connect/records/record_source.h"

namespace weir::connect {

// Errors, besides those of the log: kUser kConflict, the topic is another one than the position
// tells of, or records that were not read are gone.
Result<std::unique_ptr<columnar::SourceScan>> PlanRecordScan(
    std::shared_ptr<const RecordSourceFacts> facts, std::shared_ptr<RecordLog> log,
    const columnar::ScanRequest& request);

}  // namespace weir::connect
