// Tables with 'connector' = 'topic' as INSERT fills them, and CREATE TOPIC without a cluster: one
// of Weir's own topics. If nobody serves the data folder it is opened here, in process, when there
// is something to do; if a `weir serve` does, that is asked as any Kafka client would.
//
// Thread rule: free functions; what they return as the ports say.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/columnar/ports.h"
#include "weir/connect/kafka/topic_sink.h"
#include "weir/server/topics/embedded_log.h"

namespace weir::server {

// `logs` outlives the table. The caller sets state_folder.
Result<std::shared_ptr<connect::TopicTable>> OpenTopicTable(
    Env& env, EmbeddedLogs& logs, const columnar::SourceDeclaration& declaration);

// Options: 'connector', 'data', 'properties.*'.
Result<std::shared_ptr<columnar::TopicAdmin>> OpenTopicAdmin(
    Env& env, EmbeddedLogs& logs, const columnar::SourceDeclaration& declaration);

}  // namespace weir::server
