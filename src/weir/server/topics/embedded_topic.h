// A topic of an embedded log as a RecordLog. Records are views into the batches as they lie in the
// journal; aborted and open transactions are left out.
//
// Thread rule: as record_log.h.
#pragma once

#include <memory>
#include <string>

#include "weir/connect/records/record_log.h"
#include "weir/log/topics.h"
#include "weir/server/topics/embedded_log.h"

namespace weir::server {

// As positions keep it.
std::string TopicIdText(const log::TopicId& id);

std::shared_ptr<connect::RecordLog> EmbeddedTopic(std::shared_ptr<EmbeddedLog> log,
                                                  std::string topic);

}  // namespace weir::server
