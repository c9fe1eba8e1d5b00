// AlterReplicaLogDirs (34): moves partitions to another folder. There is one folder.
#include <map>

#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/messages/alter_replica_log_dirs.h"

namespace weir::log::kafka {
namespace {

void Handle(const CallPtr& call) {
  AlterReplicaLogDirsRequest request;
  if (!call->Decode(&request)) return;
  Broker& broker = call->broker();
  const bool allowed = call->AllowsCluster(AclOperation::kAlter);
  std::map<std::string, AlterReplicaLogDirsResponse::AlterReplicaLogDirTopicResult> results;
  for (const auto& dir : request.dirs) {
    for (const auto& wanted : dir.topics) {
      const Topic* topic = broker.log().topics().Find(wanted.name);
      auto& result = results[wanted.name];
      result.topic_name = wanted.name;
      for (const int32_t index : wanted.partitions) {
        KafkaError error = KafkaError::kNone;
        if (!allowed) {
          error = KafkaError::kClusterAuthorizationFailed;
        } else if (dir.path != broker.log().folder()) {
          error = KafkaError::kLogDirNotFound;
        } else if (broker.FindPartition(topic, index) == nullptr) {
          error = KafkaError::kUnknownTopicOrPartition;
        }
        result.partitions.push_back({index, Code(error)});
      }
    }
  }
  AlterReplicaLogDirsResponse response;
  for (auto& [name, result] : results) response.results.push_back(std::move(result));
  call->Respond(response);
}

}  // namespace

const Handler kAlterReplicaLogDirsHandler = {ApiKey::kAlterReplicaLogDirs, 1, 2, &Handle};

}  // namespace weir::log::kafka
