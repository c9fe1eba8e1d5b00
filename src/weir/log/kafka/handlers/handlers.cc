#include "weir/log/kafka/handlers/handlers.h"

#include <algorithm>
#include <array>

namespace weir::log::kafka {

std::span<const Handler* const> Handlers() {
  static const auto kHandlers = [] {
    std::array handlers = {
        &kApiVersionsHandler,  &kDeleteGroupsHandler,    &kDescribeGroupsHandler,
        &kFetchHandler,        &kFindCoordinatorHandler, &kHeartbeatHandler,
        &kJoinGroupHandler,    &kLeaveGroupHandler,      &kListGroupsHandler,
        &kListOffsetsHandler,  &kMetadataHandler,        &kOffsetCommitHandler,
        &kOffsetDeleteHandler, &kOffsetFetchHandler,     &kProduceHandler,
        &kSyncGroupHandler,
    };
    std::sort(handlers.begin(), handlers.end(),
              [](const Handler* a, const Handler* b) { return a->key < b->key; });
    return handlers;
  }();
  return kHandlers;
}

const Handler* FindHandler(ApiKey key) {
  for (const Handler* handler : Handlers()) {
    if (handler->key == key) return handler;
  }
  return nullptr;
}

}  // namespace weir::log::kafka
