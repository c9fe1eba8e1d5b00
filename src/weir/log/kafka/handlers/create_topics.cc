// CreateTopics (19): new topics, each or none. Partitions and replication factor -1 mean the
// broker's own (KIP-464); there is one replica, whatever factor is asked for, unless the broker
// refuses others.
#include <map>
#include <set>

#include "weir/log/kafka/config_resources.h"
#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/handlers/replica_assignment.h"
#include "weir/log/kafka/messages/create_topics.h"

namespace weir::log::kafka {
namespace {

using Wanted = CreateTopicsRequest::CreatableTopic;
using Created = CreateTopicsResponse::CreatableTopicResult;

// As Kafka: of all topics of a request.
constexpr int64_t kPartitionsPerRequestMax = 10'000;
constexpr const char* kClusterMetadata = "__cluster_metadata";

int32_t PartitionsOf(const Broker& broker, const Wanted& wanted) {
  if (!wanted.assignments.empty()) return static_cast<int32_t>(wanted.assignments.size());
  return wanted.num_partitions == -1 ? broker.options().default_partitions : wanted.num_partitions;
}

KafkaError CheckAssignments(const Broker& broker, const Wanted& wanted, std::string* message) {
  if (wanted.replication_factor != -1) {
    *message =
        "A manual partition assignment was specified, but replication factor was not set to -1.";
    return KafkaError::kInvalidRequest;
  }
  if (wanted.num_partitions != -1) {
    *message = "A manual partition assignment was specified, but numPartitions was not set to -1.";
    return KafkaError::kInvalidRequest;
  }
  std::set<int32_t> partitions;
  for (const auto& assignment : wanted.assignments) {
    if (!partitions.insert(assignment.partition_index).second) {
      *message = "Found multiple manual partition assignments for partition " +
                 std::to_string(assignment.partition_index);
      return KafkaError::kInvalidReplicaAssignment;
    }
    if (auto wrong = WrongWithReplicas(broker, assignment.broker_ids)) {
      *message = *wrong;
      return KafkaError::kInvalidReplicaAssignment;
    }
  }
  if (*partitions.begin() != 0 ||
      *partitions.rbegin() != static_cast<int32_t>(partitions.size()) - 1) {
    *message = "partitions should be a consecutive 0-based integer sequence";
    return KafkaError::kInvalidReplicaAssignment;
  }
  return KafkaError::kNone;
}

KafkaError CheckReplicationFactor(const Broker& broker, int16_t factor, std::string* message) {
  if (factor == -1 || factor == 1) return KafkaError::kNone;
  if (factor < 1) {
    *message = "Replication factor must be larger than 0, or -1 to use the default value.";
    return KafkaError::kInvalidReplicationFactor;
  }
  if (broker.options().clamp_replication) return KafkaError::kNone;
  *message = "Unable to replicate the partition " + std::to_string(factor) +
             " time(s): The target replication factor of " + std::to_string(factor) +
             " cannot be reached because only 1 broker(s) are registered.";
  return KafkaError::kInvalidReplicationFactor;
}

KafkaError ReadConfigs(const Wanted& wanted, Configs* configs, std::string* message) {
  std::string nulls;
  for (const auto& config : wanted.configs) {
    if (config.value) {
      (*configs)[config.name] = *config.value;
    } else {
      nulls += (nulls.empty() ? "" : ",") + config.name;
    }
  }
  if (!nulls.empty()) {
    *message = "Null value not supported for topic configs: " + nulls;
    return KafkaError::kInvalidConfig;
  }
  for (const auto& [name, value] : *configs) {
    if (const auto wrong = WrongWithTopicConfig(name, value)) {
      *message = *wrong;
      return KafkaError::kInvalidConfig;
    }
  }
  return KafkaError::kNone;
}

KafkaError CreateOne(const CallPtr& call, const Wanted& wanted, bool only_check, Created* created,
                     Position* end, std::string* message) {
  Broker& broker = call->broker();
  if (wanted.name == kClusterMetadata) return KafkaError::kTopicAuthorizationFailed;
  if (!call->AllowsCluster(AclOperation::kCreate) &&
      !call->AllowsTopic(AclOperation::kCreate, wanted.name)) {
    return KafkaError::kTopicAuthorizationFailed;
  }
  // The name first, as Kafka does.
  KafkaError error = broker.CheckNewTopic(wanted.name, 1, message);
  if (error != KafkaError::kNone) return error;
  Configs configs;
  error = ReadConfigs(wanted, &configs, message);
  if (error != KafkaError::kNone) return error;
  error = wanted.assignments.empty()
              ? CheckReplicationFactor(broker, wanted.replication_factor, message)
              : CheckAssignments(broker, wanted, message);
  if (error != KafkaError::kNone) return error;
  const int32_t partitions = PartitionsOf(broker, wanted);
  error = only_check ? broker.CheckNewTopic(wanted.name, partitions, message)
                     : broker.CreateTopic(wanted.name, partitions, configs, end, message);
  if (error != KafkaError::kNone) return error;
  if (const Topic* topic = broker.log().topics().Find(wanted.name)) created->topic_id = topic->id;
  if (!call->AllowsTopic(AclOperation::kDescribeConfigs, wanted.name)) {
    created->topic_config_error_code = Code(KafkaError::kTopicAuthorizationFailed);
    created->configs.reset();
    return KafkaError::kNone;
  }
  created->num_partitions = partitions;
  created->replication_factor = 1;
  for (const ConfigEntry& entry : TopicConfigEntries(configs)) {
    created->configs->push_back(
        {entry.name, entry.value, entry.read_only, static_cast<int8_t>(entry.source), false});
  }
  return KafkaError::kNone;
}

void Handle(const CallPtr& call) {
  CreateTopicsRequest request;
  if (!call->Decode(&request)) return;
  Broker& broker = call->broker();
  std::map<std::string, int> named;
  int64_t partitions = 0;
  for (const Wanted& wanted : request.topics) {
    named[wanted.name] += 1;
    partitions += std::max(0, PartitionsOf(broker, wanted));
  }
  CreateTopicsResponse response;
  Position end = 0;
  for (const Wanted& wanted : request.topics) {
    Created created;
    created.name = wanted.name;
    std::string message;
    KafkaError error = KafkaError::kNone;
    if (named[wanted.name] > 1) {
      continue;
    } else if (partitions > kPartitionsPerRequestMax) {
      error = KafkaError::kPolicyViolation;
      message = "Excessively large number of partitions per request.";
    } else {
      error = CreateOne(call, wanted, request.validate_only, &created, &end, &message);
    }
    created.error_code = Code(error);
    created.error_message = MessageOrNull(message);
    response.topics.push_back(std::move(created));
  }
  for (const auto& [name, times] : named) {
    if (times == 1) continue;
    Created created;
    created.name = name;
    created.error_code = Code(KafkaError::kInvalidRequest);
    created.error_message = "Duplicate topic name.";
    response.topics.push_back(std::move(created));
  }
  broker.log().WhenDurable(end,
                           [call, response = std::move(response)] { call->Respond(response); });
}

}  // namespace

const Handler kCreateTopicsHandler = {ApiKey::kCreateTopics, 2, 7, &Handle};

}  // namespace weir::log::kafka
