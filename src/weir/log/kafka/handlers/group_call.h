// What the handlers of group requests share.
//
// Thread rule: the log's thread.
#pragma once

#include "weir/log/groups/group_messages.h"
#include "weir/log/kafka/call.h"

namespace weir::log::kafka {

inline GroupCaller CallerOf(const CallPtr& call) {
  GroupCaller caller;
  caller.api_version = call->version();
  caller.client_id = call->session().client_id;
  caller.client_host = "/" + call->session().client_host;
  if (call->broker().authorizer().enabled()) {
    caller.may_describe = [&authorizer = call->broker().authorizer(),
                           principal = call->session().principal,
                           host = call->session().client_host](const std::string& topic) {
      return authorizer.Allows({principal, host}, AclOperation::kDescribe, AclResourceType::kTopic,
                               topic);
    };
  }
  return caller;
}

inline int16_t CodeOf(KafkaError error) { return static_cast<int16_t>(error); }

}  // namespace weir::log::kafka
