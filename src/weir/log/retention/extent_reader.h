// Reading the batches of a partition where an index says they lie.
//
// Thread rule: free functions; the journal's files may be read by any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/result.h"
#include "weir/log/batch_header.h"
#include "weir/log/journal.h"
#include "weir/log/partition_log.h"
#include "weir/log/segment_index.h"

namespace weir::log {

// The extents of a partition that have batches of this part: a settled segment may have more than
// one part of a partition.
std::pair<size_t, size_t> ExtentsOf(const std::vector<Extent>& extents, const SegmentPart& part);
// The offset at which the extent's batches end at the latest.
int64_t EndOf(const std::vector<Extent>& extents, size_t i, const SegmentPart& part);

// False stops.
using BatchVisitor = std::function<bool(const BatchHeader& header, std::string_view batch)>;

// The partition's batches in the bytes at this position, as far as they are durable. What is no
// frame is jumped over; `damaged` (if not null) is set then. `buffer` is used for reading.
Status ReadBatches(Journal& journal, uint32_t partition, Position position, uint64_t bytes,
                   std::string* buffer, const BatchVisitor& visit, bool* damaged = nullptr);

}  // namespace weir::log
