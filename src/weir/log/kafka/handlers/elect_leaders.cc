// ElectLeaders (43): makes the preferred replica the leader. The only one is.
#include "weir/log/kafka/messages/elect_leaders.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

void Handle(const CallPtr& call) {
  ElectLeadersRequest request;
  if (!call->Decode(&request)) return;
  Broker& broker = call->broker();
  ElectLeadersResponse response;
  const bool allowed = call->AllowsCluster(AclOperation::kAlter);
  if (!allowed && call->version() >= 1) {
    response.error_code = Code(KafkaError::kClusterAuthorizationFailed);
  }
  if (!allowed && !request.topic_partitions) return call->Respond(response);
  if (!request.topic_partitions) {
    // Of all partitions, those are told that got another leader: none.
    for (const auto& [name, topic] : broker.log().topics().all()) {
      response.replica_election_results.push_back({name, {}});
    }
    return call->Respond(response);
  }
  for (const auto& asked : *request.topic_partitions) {
    const Topic* topic = broker.log().topics().Find(asked.topic);
    ElectLeadersResponse::ReplicaElectionResult result;
    result.topic = asked.topic;
    for (const int32_t index : asked.partitions) {
      KafkaError error = KafkaError::kElectionNotNeeded;
      std::string message = "Leader election not needed for topic partition.";
      if (!allowed) {
        error = KafkaError::kClusterAuthorizationFailed;
        message = "Cluster authorization failed.";
      } else if (topic == nullptr) {
        error = KafkaError::kUnknownTopicOrPartition;
        message = "No such topic as " + asked.topic;
      } else if (broker.FindPartition(topic, index) == nullptr) {
        error = KafkaError::kUnknownTopicOrPartition;
        message = "No such partition as " + asked.topic + "-" + std::to_string(index);
      }
      result.partition_result.push_back({index, Code(error), message});
    }
    response.replica_election_results.push_back(std::move(result));
  }
  call->Respond(response);
}

}  // namespace

const Handler kElectLeadersHandler = {ApiKey::kElectLeaders, 0, 2, &Handle};

}  // namespace weir::log::kafka
