// The id of the cluster that a log is for Kafka's clients, and ids in general.
//
// Thread rule: the log's thread.
#pragma once

#include <string>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/log/event_log.h"
#include "weir/log/topics.h"

namespace weir::log::kafka {

TopicId NewUuid(Env& env);

struct ClusterId {
  std::string text;
  Position end = 0;  // durable when the journal is durable up to here
};
// Made when it is first asked for.
Result<ClusterId> ClusterIdOf(Env& env, EventLog& log);

}  // namespace weir::log::kafka
