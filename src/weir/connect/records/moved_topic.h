// A topic that was copied from another cluster (`weir topic copy`): where reading goes on in the
// copy, by the notes that the copy left in __weir_copies (kafka/copy_map.h).
//
// Thread rule: free functions.
#pragma once

#include "weir/base/result.h"
#include "weir/connect/records/record_log.h"
#include "weir/connect/records/record_position.h"

namespace weir::connect {

// `before` was read in another cluster; the answer is the same place in `log`. User errors
// (kConflict): this cluster has no copy of that topic, or one that lacks records that were read.
Result<RecordPosition> PositionInCopy(RecordLog& log, const RecordPosition& before,
                                      const TopicEnds& ends);

}  // namespace weir::connect
