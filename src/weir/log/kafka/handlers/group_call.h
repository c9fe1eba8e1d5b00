// What the handlers of group requests share.
//
// Thread rule: the log's thread.
#pragma once

#include "weir/log/groups/group_messages.h"
#include "weir/log/kafka/call.h"

namespace weir::log::kafka {

inline GroupCaller CallerOf(const CallPtr& call) {
  return {call->version(), call->session().client_id, "/" + call->session().client_host};
}

inline int16_t CodeOf(KafkaError error) { return static_cast<int16_t>(error); }

}  // namespace weir::log::kafka
