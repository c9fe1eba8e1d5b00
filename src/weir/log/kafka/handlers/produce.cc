// Produce (0): appends one batch a partition. Answered when the batches are durable, whatever acks
// says but 0, which wants no answer.
#include "weir/log/kafka/messages/produce.h"
#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/record_batch.h"
#include "weir/log/record_batch_validation.h"

namespace weir::log::kafka {
namespace {

using PartitionResponse = ProduceResponse::PartitionProduceResponse;

// Access is controlled by the transactional id that the request names, and the batch joins the
// transaction of its producer: it must be the same, or who may use one id could write to the
// transactions of all.
bool IsProducerOf(Broker& broker, const ProduceRequest& request, const BatchHeader& header) {
  if (!broker.authorizer().enabled()) return true;
  const Transaction* own =
      request.transactional_id ? broker.transactions().Find(*request.transactional_id) : nullptr;
  return own != nullptr && own->producer.id == header.producer_id;
}

// Appends and fills in what to answer. Returns where it is durable.
Position AppendOne(const CallPtr& call, const ProduceRequest& request, const Topic* topic,
                   const ProduceRequest::PartitionProduceData& data, PartitionResponse* response) {
  Broker& broker = call->broker();
  const auto refuse = [&](KafkaError error, const std::string& why) {
    response->error_code = static_cast<int16_t>(error);
    response->base_offset = -1;
    if (!why.empty()) response->error_message = why;
    return Position{0};
  };
  PartitionLog* partition = broker.FindPartition(topic, data.index);
  if (partition == nullptr) return refuse(KafkaError::kUnknownTopicOrPartition, "");
  if (IsInternalTopic(topic->name)) {
    return refuse(KafkaError::kInvalidTopicException,
                  "Cannot append to internal topic " + topic->name);
  }
  response->log_start_offset = partition->start_offset();
  const std::string_view bytes = data.records ? data.records->first() : std::string_view();
  ProduceRules rules;
  rules.request_version = call->version();
  rules.batch_bytes_max = static_cast<size_t>(topic->settings.max_message_bytes);
  rules.compacted = topic->settings.compacts;
  rules.log_append_time = topic->settings.log_append_time;
  rules.now_ms = broker.NowMs();
  rules.before_ms_max = topic->settings.timestamp_before_max_ms;
  rules.after_ms_max = topic->settings.timestamp_after_max_ms;
  const ProduceVerdict verdict = ValidateProduce(bytes, rules, broker.record_reader());
  if (verdict.error != KafkaError::kNone) {
    for (const RecordError& wrong : verdict.record_errors) {
      response->record_errors.push_back({wrong.index, wrong.message});
    }
    return refuse(verdict.error, verdict.message);
  }
  if (verdict.header.transactional() && !IsProducerOf(broker, request, verdict.header)) {
    return refuse(KafkaError::kInvalidProducerIdMapping, "");
  }
  NewBatch batch;
  batch.partition = partition->number();
  batch.bytes = bytes;
  batch.header = verdict.header;
  std::string changed;  // where the broker's clock counts
  if (rules.log_append_time || verdict.max_timestamp != verdict.header.max_timestamp) {
    changed = bytes;
    SetMaxTimestamp(changed, rules.log_append_time, verdict.max_timestamp);
    batch.bytes = changed;
    batch.header = *ReadBatchHeader(changed);
  }
  const AppendResult appended =
      batch.header.transactional() ? broker.transactions().Append(batch, {topic->id, data.index},
                                                                  /*may_add=*/call->version() >= 12)
                                   : broker.log().Append(batch);
  if (appended.error != KafkaError::kNone) return refuse(appended.error, appended.message);
  response->base_offset = appended.base_offset;
  if (rules.log_append_time) response->log_append_time_ms = verdict.max_timestamp;
  return appended.end;
}

// As in Kafka, what a transactional id may not write is refused whole.
bool AllowsTransaction(const CallPtr& call, const ProduceRequest& request) {
  if (!call->broker().authorizer().enabled()) return true;
  for (const auto& topic : request.topic_data) {
    for (const auto& data : topic.partition_data) {
      const auto header = ReadBatchHeader(data.records ? data.records->first() : "");
      if (!header || !header->transactional()) continue;
      return request.transactional_id &&
             call->AllowsTransactionalId(AclOperation::kWrite, *request.transactional_id);
    }
  }
  return true;
}

void Handle(const CallPtr& call) {
  ProduceRequest request;
  if (!call->Decode(&request)) return;
  ProduceResponse response;
  const bool transaction_allowed = AllowsTransaction(call, request);
  Position end = 0;
  const bool acks_known = request.acks >= -1 && request.acks <= 1;
  for (const auto& topic_data : request.topic_data) {
    ProduceResponse::TopicProduceResponse topic_response;
    topic_response.name = topic_data.name;
    topic_response.topic_id = topic_data.topic_id;
    const Topics& topics = call->broker().log().topics();
    const bool by_id = call->version() >= 13;
    const Topic* topic = by_id ? topics.Find(topic_data.topic_id) : topics.Find(topic_data.name);
    const bool unknown_id = by_id && topic == nullptr;
    const bool allowed =
        unknown_id ||
        call->AllowsTopic(AclOperation::kWrite, topic != nullptr ? topic->name : topic_data.name);
    for (const auto& data : topic_data.partition_data) {
      PartitionResponse partition_response;
      partition_response.index = data.index;
      if (!transaction_allowed || !allowed) {
        partition_response.error_code =
            Code(transaction_allowed ? KafkaError::kTopicAuthorizationFailed
                                     : KafkaError::kTransactionalIdAuthorizationFailed);
        partition_response.base_offset = -1;
      } else if (!acks_known) {
        partition_response.error_code = static_cast<int16_t>(KafkaError::kInvalidRequiredAcks);
        partition_response.base_offset = -1;
      } else if (unknown_id) {
        partition_response.error_code = static_cast<int16_t>(KafkaError::kUnknownTopicId);
        partition_response.base_offset = -1;
      } else {
        end = std::max(end, AppendOne(call, request, topic, data, &partition_response));
      }
      topic_response.partition_responses.push_back(std::move(partition_response));
    }
    response.responses.push_back(std::move(topic_response));
  }
  if (request.acks == 0) return call->RespondNothing();
  call->broker().log().WhenDurable(
      end, [call, response = std::move(response)] { call->Respond(response); });
}

}  // namespace

const Handler kProduceHandler = {ApiKey::kProduce, 3, 13, &Handle};

}  // namespace weir::log::kafka
