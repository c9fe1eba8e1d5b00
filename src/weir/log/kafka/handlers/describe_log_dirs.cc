// DescribeLogDirs (35): how many bytes each partition has. There is one folder.
#include "weir/log/kafka/messages/describe_log_dirs.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

using DescribedTopic = DescribeLogDirsResponse::DescribeLogDirsTopic;

void Add(Broker& broker, const Topic& topic, int32_t index, DescribedTopic* described) {
  const PartitionLog* partition = broker.FindPartition(&topic, index);
  if (partition == nullptr) return;
  described->partitions.push_back({index, static_cast<int64_t>(partition->bytes()), 0, false});
}

void Handle(const CallPtr& call) {
  DescribeLogDirsRequest request;
  if (!call->Decode(&request)) return;
  Broker& broker = call->broker();
  DescribeLogDirsResponse response;
  if (!call->AllowsCluster(AclOperation::kDescribe)) {
    if (call->version() >= 3) response.error_code = Code(KafkaError::kClusterAuthorizationFailed);
    return call->Respond(response);
  }
  DescribeLogDirsResponse::DescribeLogDirsResult result;
  result.log_dir = broker.log().folder();
  const auto add = [&](DescribedTopic described) {
    if (!described.partitions.empty()) result.topics.push_back(std::move(described));
  };
  if (!request.topics) {
    for (const auto& [name, topic] : broker.log().topics().all()) {
      DescribedTopic described{name, {}};
      for (size_t i = 0; i < topic.partitions.size(); ++i) {
        Add(broker, topic, static_cast<int32_t>(i), &described);
      }
      add(std::move(described));
    }
  } else {
    for (const auto& asked : *request.topics) {
      const Topic* topic = broker.log().topics().Find(asked.topic);
      if (topic == nullptr) continue;
      DescribedTopic described{asked.topic, {}};
      for (const int32_t index : asked.partitions) Add(broker, *topic, index, &described);
      add(std::move(described));
    }
  }
  if (const auto free = broker.env().FreeDiskBytes(broker.log().folder()); free.ok()) {
    result.usable_bytes = static_cast<int64_t>(*free);
    // Of what the log could have: the disk's other files are nobody's business here.
    result.total_bytes = static_cast<int64_t>(*free + broker.log().journal().bytes());
  }
  response.results.push_back(std::move(result));
  call->Respond(response);
}

}  // namespace

const Handler kDescribeLogDirsHandler = {ApiKey::kDescribeLogDirs, 1, 4, &Handle};

}  // namespace weir::log::kafka
