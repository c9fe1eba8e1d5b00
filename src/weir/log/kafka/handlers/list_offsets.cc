// ListOffsets (2): the offset of a timestamp, or of one of the special ones: -1 the end (for
// read_committed: of the last stable record), -2 the start, -3 the record with the greatest
// timestamp, -4 the start of what is on local disk, -5 the end of what is in tiered storage.
#include "weir/log/kafka/messages/list_offsets.h"

#include <set>
#include <string_view>
#include <utility>

#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/record_batch_reader.h"

namespace weir::log::kafka {
namespace {

constexpr int64_t kLatest = -1;
constexpr int64_t kEarliest = -2;
constexpr int64_t kMaxTimestamp = -3;
constexpr int64_t kEarliestLocal = -4;
constexpr int64_t kLatestTiered = -5;
constexpr int64_t kEarliestPendingUpload = -6;
constexpr int8_t kReadCommitted = 1;

struct Found {
  int64_t offset = -1;
  int64_t timestamp = -1;
};

// The first record with this timestamp or a later one.
Result<Found> RecordAt(Broker& broker, const PartitionLog& partition, int64_t timestamp,
                       int64_t end) {
  WEIR_ASSIGN_OR_RETURN(const auto base,
                        broker.log().BatchAtTimestamp(partition.number(), timestamp));
  if (!base || *base >= end) return Found();
  ReadOptions options;
  options.max_bytes = 1;
  options.end_offset = end;
  const FetchedBatches read = broker.log().Read(partition.number(), *base, options);
  Found found;
  if (read.batches.empty()) return found;
  RecordReader& reader = broker.record_reader();
  WEIR_RETURN_IF_ERROR(reader.Open(read.batches[0]));
  for (Record record; reader.Next(record);) {
    if (record.timestamp < timestamp || record.offset < partition.start_offset()) continue;
    found = {record.offset, record.timestamp};
    break;
  }
  WEIR_RETURN_IF_ERROR(reader.status());
  return found;
}

// The first record with the greatest timestamp of those that may be read.
Result<Found> NewestRecord(Broker& broker, const PartitionLog& partition, int64_t end) {
  WEIR_ASSIGN_OR_RETURN(const int64_t greatest, broker.log().MaxTimestamp(partition.number(), end));
  if (greatest < 0) return Found();
  return RecordAt(broker, partition, greatest, end);
}

using Named = std::pair<std::string_view, int32_t>;

// Partitions that are asked for more than once, which Kafka refuses: to look up a timestamp reads
// records, and a small request could ask for one a hundred thousand times.
std::set<Named> NamedAgain(const ListOffsetsRequest& request) {
  std::set<Named> named;
  std::set<Named> again;
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) {
      const Named one{topic.name, partition.partition_index};
      if (!named.insert(one).second) again.insert(one);
    }
  }
  return again;
}

void Handle(const CallPtr& call) {
  ListOffsetsRequest request;
  if (!call->Decode(&request)) return;
  Broker& broker = call->broker();
  const std::set<Named> named_again = NamedAgain(request);
  ListOffsetsResponse response;
  for (const auto& topic_request : request.topics) {
    ListOffsetsResponse::ListOffsetsTopicResponse topic_response;
    topic_response.name = topic_request.name;
    const Topic* topic = broker.log().topics().Find(topic_request.name);
    const bool allowed = call->AllowsTopic(AclOperation::kDescribe, topic_request.name);
    for (const auto& asked : topic_request.partitions) {
      ListOffsetsResponse::ListOffsetsPartitionResponse answer;
      answer.partition_index = asked.partition_index;
      if (!allowed) {
        answer.error_code = Code(KafkaError::kTopicAuthorizationFailed);
        topic_response.partitions.push_back(answer);
        continue;
      }
      if (named_again.count({topic_request.name, asked.partition_index}) > 0) {
        answer.error_code = Code(KafkaError::kInvalidRequest);
        topic_response.partitions.push_back(answer);
        continue;
      }
      const PartitionLog* partition = broker.FindPartition(topic, asked.partition_index);
      if (partition == nullptr) {
        answer.error_code = static_cast<int16_t>(KafkaError::kUnknownTopicOrPartition);
        topic_response.partitions.push_back(answer);
        continue;
      }
      const int64_t end = request.isolation_level == kReadCommitted
                              ? partition->last_stable_offset()
                              : partition->durable_end();
      const bool tells_epoch = call->version() >= 4;
      if (tells_epoch) answer.leader_epoch = 0;
      if (asked.timestamp == kLatest) {
        answer.offset = end;
      } else if (asked.timestamp == kEarliest || asked.timestamp == kEarliestLocal) {
        answer.offset = partition->start_offset();
      } else if (asked.timestamp == kLatestTiered || asked.timestamp == kEarliestPendingUpload) {
        answer.offset = -1;
        answer.leader_epoch = -1;
      } else {
        const auto found = asked.timestamp == kMaxTimestamp
                               ? NewestRecord(broker, *partition, end)
                               : RecordAt(broker, *partition, asked.timestamp, end);
        if (!found.ok()) {
          answer.error_code = static_cast<int16_t>(KafkaError::kKafkaStorageError);
        } else {
          answer.offset = found->offset;
          answer.timestamp = found->timestamp;
          if (found->offset < 0) answer.leader_epoch = -1;
        }
      }
      topic_response.partitions.push_back(answer);
    }
    response.topics.push_back(std::move(topic_response));
  }
  call->Respond(response);
}

}  // namespace

const Handler kListOffsetsHandler = {ApiKey::kListOffsets, 1, 11, &Handle};

}  // namespace weir::log::kafka
