// ListPartitionReassignments (46): partitions on their way to another node. There is no other node.
#include "weir/log/kafka/messages/list_partition_reassignments.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

void Handle(const CallPtr& call) {
  ListPartitionReassignmentsRequest request;
  if (!call->Decode(&request)) return;
  if (!call->AllowsCluster(AclOperation::kDescribe)) {
    ListPartitionReassignmentsResponse refused;
    refused.error_code = Code(KafkaError::kClusterAuthorizationFailed);
    refused.error_message = "Cluster authorization failed.";
    return call->Respond(refused);
  }
  ListPartitionReassignmentsResponse response;
  response.error_message.reset();
  call->Respond(response);
}

}  // namespace

const Handler kListPartitionReassignmentsHandler = {ApiKey::kListPartitionReassignments, 0, 0,
                                                    &Handle};

}  // namespace weir::log::kafka
