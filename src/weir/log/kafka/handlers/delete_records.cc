// DeleteRecords (21): moves the start of partitions up; -1 means to their end. What lies below is
// not served any more once the answer is there; its space comes back with retention.
#include "weir/log/kafka/messages/delete_records.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

constexpr int64_t kEnd = -1;

KafkaError DeleteBefore(Broker& broker, const Topic* topic, int32_t index, int64_t offset,
                        std::vector<StateChange>* changes, int64_t* low_watermark) {
  const PartitionLog* partition = broker.FindPartition(topic, index);
  if (partition == nullptr) return KafkaError::kUnknownTopicOrPartition;
  // Consumers of a compacted topic count on its newest record of each key.
  if (topic->settings.compacts && !topic->settings.deletes) return KafkaError::kPolicyViolation;
  const int64_t before = offset == kEnd ? partition->durable_end() : offset;
  if (before < 0 || before > partition->durable_end()) return KafkaError::kOffsetOutOfRange;
  *low_watermark = std::max(before, partition->start_offset());
  if (before > partition->start_offset()) {
    changes->push_back(EventLog::StartOffset(partition->number(), before));
  }
  return KafkaError::kNone;
}

void Handle(const CallPtr& call) {
  DeleteRecordsRequest request;
  if (!call->Decode(&request)) return;
  Broker& broker = call->broker();
  DeleteRecordsResponse response;
  std::vector<StateChange> changes;
  for (const auto& wanted : request.topics) {
    const Topic* topic = broker.log().topics().Find(wanted.name);
    DeleteRecordsResponse::DeleteRecordsTopicResult result;
    result.name = wanted.name;
    const bool allowed = call->AllowsTopic(AclOperation::kDelete, wanted.name);
    for (const auto& partition : wanted.partitions) {
      int64_t low_watermark = -1;
      const KafkaError error = allowed ? DeleteBefore(broker, topic, partition.partition_index,
                                                      partition.offset, &changes, &low_watermark)
                                       : KafkaError::kTopicAuthorizationFailed;
      result.partitions.push_back({partition.partition_index, low_watermark, Code(error)});
    }
    response.topics.push_back(std::move(result));
  }
  Position end = 0;
  std::string message;
  const KafkaError error =
      changes.empty() ? KafkaError::kNone : broker.Write(changes, &end, &message);
  if (error != KafkaError::kNone) {
    broker.Report("deleting records: " + message);
    for (auto& topic : response.topics) {
      for (auto& partition : topic.partitions) {
        if (partition.error_code != 0) continue;
        partition.error_code = Code(error);
        partition.low_watermark = -1;
      }
    }
  }
  broker.log().WhenDurable(end,
                           [call, response = std::move(response)] { call->Respond(response); });
}

}  // namespace

const Handler kDeleteRecordsHandler = {ApiKey::kDeleteRecords, 0, 2, &Handle};

}  // namespace weir::log::kafka
