// AlterPartitionReassignments (45): moves partitions between nodes. To this node, where they are,
// is done at once; there is no other.
#include "weir/log/kafka/messages/alter_partition_reassignments.h"
#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/handlers/replica_assignment.h"

namespace weir::log::kafka {
namespace {

KafkaError Reassign(Broker& broker, const Topic* topic, const std::string& name,
                    const AlterPartitionReassignmentsRequest::ReassignablePartition& wanted,
                    bool may_change_factor, std::string* message) {
  if (topic == nullptr) {
    *message = "Unable to find a topic named " + name + ".";
    return KafkaError::kUnknownTopicOrPartition;
  }
  if (broker.FindPartition(topic, wanted.partition_index) == nullptr) {
    *message =
        "Unable to find partition " + name + ":" + std::to_string(wanted.partition_index) + ".";
    return KafkaError::kUnknownTopicOrPartition;
  }
  if (!wanted.replicas) return KafkaError::kNoReassignmentInProgress;
  if (auto wrong = WrongWithReplicas(broker, *wanted.replicas)) {
    *message = *wrong;
    const bool other_factor = !may_change_factor && wanted.replicas->size() != 1;
    return other_factor ? KafkaError::kInvalidReplicationFactor
                        : KafkaError::kInvalidReplicaAssignment;
  }
  return KafkaError::kNone;
}

void Handle(const CallPtr& call) {
  AlterPartitionReassignmentsRequest request;
  if (!call->Decode(&request)) return;
  Broker& broker = call->broker();
  AlterPartitionReassignmentsResponse response;
  response.error_message.reset();
  response.allow_replication_factor_change = request.allow_replication_factor_change;
  const bool allowed = call->AllowsCluster(AclOperation::kAlter);
  if (!allowed) {
    response.error_code = Code(KafkaError::kClusterAuthorizationFailed);
    response.error_message = "Cluster authorization failed.";
  }
  for (const auto& wanted : request.topics) {
    const Topic* topic = broker.log().topics().Find(wanted.name);
    AlterPartitionReassignmentsResponse::ReassignableTopicResponse result;
    result.name = wanted.name;
    for (const auto& partition : wanted.partitions) {
      std::string message;
      const KafkaError error = allowed ? Reassign(broker, topic, wanted.name, partition,
                                                  request.allow_replication_factor_change, &message)
                                       : KafkaError::kClusterAuthorizationFailed;
      result.partitions.push_back({partition.partition_index, Code(error), MessageOrNull(message)});
    }
    response.responses.push_back(std::move(result));
  }
  call->Respond(response);
}

}  // namespace

const Handler kAlterPartitionReassignmentsHandler = {ApiKey::kAlterPartitionReassignments, 0, 1,
                                                     &Handle};

}  // namespace weir::log::kafka
