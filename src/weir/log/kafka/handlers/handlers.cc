#include "weir/log/kafka/handlers/handlers.h"

#include <algorithm>
#include <array>

namespace weir::log::kafka {

std::span<const Handler* const> Handlers() {
  static const auto kHandlers = [] {
    // clang-format off: one a line
    std::array handlers = {
        &kAddOffsetsToTxnHandler,
        &kAddPartitionsToTxnHandler,
        &kAlterClientQuotasHandler,
        &kAlterConfigsHandler,
        &kAlterPartitionReassignmentsHandler,
        &kAlterReplicaLogDirsHandler,
        &kAlterUserScramCredentialsHandler,
        &kApiVersionsHandler,
        &kConsumerGroupDescribeHandler,
        &kConsumerGroupHeartbeatHandler,
        &kCreateAclsHandler,
        &kCreatePartitionsHandler,
        &kCreateTopicsHandler,
        &kDeleteAclsHandler,
        &kDeleteGroupsHandler,
        &kDeleteRecordsHandler,
        &kDeleteTopicsHandler,
        &kDescribeAclsHandler,
        &kDescribeClientQuotasHandler,
        &kDescribeClusterHandler,
        &kDescribeConfigsHandler,
        &kDescribeGroupsHandler,
        &kDescribeLogDirsHandler,
        &kDescribeProducersHandler,
        &kDescribeQuorumHandler,
        &kDescribeTopicPartitionsHandler,
        &kDescribeTransactionsHandler,
        &kDescribeUserScramCredentialsHandler,
        &kElectLeadersHandler,
        &kEndTxnHandler,
        &kFetchHandler,
        &kFindCoordinatorHandler,
        &kHeartbeatHandler,
        &kIncrementalAlterConfigsHandler,
        &kInitProducerIdHandler,
        &kJoinGroupHandler,
        &kLeaveGroupHandler,
        &kListConfigResourcesHandler,
        &kListGroupsHandler,
        &kListOffsetsHandler,
        &kListPartitionReassignmentsHandler,
        &kListTransactionsHandler,
        &kMetadataHandler,
        &kOffsetCommitHandler,
        &kOffsetDeleteHandler,
        &kOffsetFetchHandler,
        &kOffsetForLeaderEpochHandler,
        &kProduceHandler,
        &kSaslAuthenticateHandler,
        &kSaslHandshakeHandler,
        &kSyncGroupHandler,
        &kTxnOffsetCommitHandler,
        &kWriteTxnMarkersHandler,
    };
    // clang-format on
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
