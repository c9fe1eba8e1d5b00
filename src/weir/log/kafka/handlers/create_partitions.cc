// CreatePartitions (37): more partitions for topics; there are never fewer.
#include <map>

#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/handlers/replica_assignment.h"
#include "weir/log/kafka/messages/create_partitions.h"

namespace weir::log::kafka {
namespace {

using Wanted = CreatePartitionsRequest::CreatePartitionsTopic;

KafkaError Grow(Broker& broker, const Wanted& wanted, bool only_check, Position* end,
                std::string* message) {
  const Topic* topic = broker.log().topics().Find(wanted.name);
  if (topic == nullptr) {
    *message = "This server does not host this topic-partition.";
    return KafkaError::kUnknownTopicOrPartition;
  }
  const int64_t had = static_cast<int64_t>(topic->partitions.size());
  if (wanted.count == had) {
    *message = "Topic already has " + std::to_string(had) + " partition(s).";
    return KafkaError::kInvalidPartitions;
  }
  if (wanted.count < had) {
    *message = "The topic " + wanted.name + " currently has " + std::to_string(had) +
               " partition(s); " + std::to_string(wanted.count) + " would not be an increase.";
    return KafkaError::kInvalidPartitions;
  }
  const int64_t added = wanted.count - had;
  if (wanted.assignments) {
    if (static_cast<int64_t>(wanted.assignments->size()) != added) {
      *message = "Attempted to add " + std::to_string(added) +
                 " additional partition(s), but only " +
                 std::to_string(wanted.assignments->size()) + " assignment(s) were specified.";
      return KafkaError::kInvalidReplicaAssignment;
    }
    for (const auto& assignment : *wanted.assignments) {
      if (auto wrong = WrongWithReplicas(broker, assignment.broker_ids)) {
        *message = *wrong;
        return KafkaError::kInvalidReplicaAssignment;
      }
    }
  }
  return broker.AddPartitions(wanted.name, wanted.count, only_check, end, message);
}

void Handle(const CallPtr& call) {
  CreatePartitionsRequest request;
  if (!call->Decode(&request)) return;
  std::map<std::string, int> named;
  for (const Wanted& wanted : request.topics) named[wanted.name] += 1;
  CreatePartitionsResponse response;
  Position end = 0;
  for (const Wanted& wanted : request.topics) {
    if (named[wanted.name] == 0) continue;  // answered
    std::string message;
    KafkaError error = KafkaError::kInvalidRequest;
    if (named[wanted.name] > 1) {
      message = "Duplicate topic name.";
      named[wanted.name] = 0;
    } else if (!call->AllowsTopic(AclOperation::kAlter, wanted.name)) {
      error = KafkaError::kTopicAuthorizationFailed;
    } else {
      error = Grow(call->broker(), wanted, request.validate_only, &end, &message);
    }
    response.results.push_back({wanted.name, Code(error), MessageOrNull(message)});
  }
  call->broker().log().WhenDurable(
      end, [call, response = std::move(response)] { call->Respond(response); });
}

}  // namespace

const Handler kCreatePartitionsHandler = {ApiKey::kCreatePartitions, 0, 3, &Handle};

}  // namespace weir::log::kafka
