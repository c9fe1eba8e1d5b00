// The requests that are served: one handler file each, with the versions it serves.
//
// Thread rule: the log's thread.
#pragma once

#include <span>

#include "weir/log/kafka/api.h"
#include "weir/log/kafka/call.h"

namespace weir::log::kafka {

struct Handler {
  ApiKey key;
  int16_t min_version;
  int16_t max_version;
  void (*handle)(const CallPtr& call);
  bool before_login = false;  // served to clients that did not log in yet
};

// Ascending by key.
std::span<const Handler* const> Handlers();
const Handler* FindHandler(ApiKey key);

extern const Handler kAddOffsetsToTxnHandler;
extern const Handler kAddPartitionsToTxnHandler;
extern const Handler kAlterClientQuotasHandler;
extern const Handler kAlterConfigsHandler;
extern const Handler kAlterPartitionReassignmentsHandler;
extern const Handler kAlterReplicaLogDirsHandler;
extern const Handler kAlterUserScramCredentialsHandler;
extern const Handler kApiVersionsHandler;
extern const Handler kConsumerGroupDescribeHandler;
extern const Handler kConsumerGroupHeartbeatHandler;
extern const Handler kCreateAclsHandler;
extern const Handler kCreatePartitionsHandler;
extern const Handler kCreateTopicsHandler;
extern const Handler kDeleteAclsHandler;
extern const Handler kDeleteGroupsHandler;
extern const Handler kDeleteRecordsHandler;
extern const Handler kDeleteTopicsHandler;
extern const Handler kDescribeAclsHandler;
extern const Handler kDescribeClientQuotasHandler;
extern const Handler kDescribeClusterHandler;
extern const Handler kDescribeConfigsHandler;
extern const Handler kDescribeGroupsHandler;
extern const Handler kDescribeLogDirsHandler;
extern const Handler kDescribeProducersHandler;
extern const Handler kDescribeQuorumHandler;
extern const Handler kDescribeTopicPartitionsHandler;
extern const Handler kDescribeTransactionsHandler;
extern const Handler kDescribeUserScramCredentialsHandler;
extern const Handler kElectLeadersHandler;
extern const Handler kEndTxnHandler;
extern const Handler kFetchHandler;
extern const Handler kFindCoordinatorHandler;
extern const Handler kHeartbeatHandler;
extern const Handler kIncrementalAlterConfigsHandler;
extern const Handler kInitProducerIdHandler;
extern const Handler kJoinGroupHandler;
extern const Handler kLeaveGroupHandler;
extern const Handler kListConfigResourcesHandler;
extern const Handler kListGroupsHandler;
extern const Handler kListOffsetsHandler;
extern const Handler kListPartitionReassignmentsHandler;
extern const Handler kListTransactionsHandler;
extern const Handler kMetadataHandler;
extern const Handler kOffsetCommitHandler;
extern const Handler kOffsetDeleteHandler;
extern const Handler kOffsetFetchHandler;
extern const Handler kOffsetForLeaderEpochHandler;
extern const Handler kProduceHandler;
extern const Handler kSaslAuthenticateHandler;
extern const Handler kSaslHandshakeHandler;
extern const Handler kSyncGroupHandler;
extern const Handler kTxnOffsetCommitHandler;
extern const Handler kWriteTxnMarkersHandler;

// Answers a version of ApiVersions that is not served.
void RespondUnsupportedApiVersions(const CallPtr& call);
// A token of a client that began with SaslHandshake v0: neither it nor the answer has a header.
void HandleRawToken(Broker& broker, const std::shared_ptr<Session>& session, std::string_view token,
                    Call::Send send);

}  // namespace weir::log::kafka
