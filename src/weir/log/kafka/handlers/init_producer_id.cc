// InitProducerId (22): a producer id for an idempotent producer, or the next epoch of a
// transactional one.
#include "weir/log/kafka/messages/init_producer_id.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

// Who has no transactional id must be allowed to write somewhere (KIP-679).
KafkaError Refusal(const CallPtr& call, const InitProducerIdRequest& request) {
  if (request.transactional_id) {
    return call->AllowsTransactionalId(AclOperation::kWrite, *request.transactional_id)
               ? KafkaError::kNone
               : KafkaError::kTransactionalIdAuthorizationFailed;
  }
  return call->AllowsCluster(AclOperation::kIdempotentWrite) ||
                 call->broker().authorizer().AllowsSome(call->caller(), AclOperation::kWrite,
                                                        AclResourceType::kTopic)
             ? KafkaError::kNone
             : KafkaError::kClusterAuthorizationFailed;
}

void Handle(const CallPtr& call) {
  InitProducerIdRequest request;
  if (!call->Decode(&request)) return;
  const KafkaError refused = Refusal(call, request);
  if (refused != KafkaError::kNone) {
    InitProducerIdResponse response;
    response.error_code = CodeOf(refused);
    return call->Respond(response);
  }
  const auto started = call->broker().transactions().InitProducer(
      request.transactional_id, request.transaction_timeout_ms,
      {request.producer_id, request.producer_epoch}, call->version());
  InitProducerIdResponse response;
  response.error_code = CodeOf(started.error);
  response.producer_id = started.producer.id;
  response.producer_epoch = started.producer.epoch;
  call->broker().log().WhenDurable(started.end, [call, response] { call->Respond(response); });
}

}  // namespace

const Handler kInitProducerIdHandler = {ApiKey::kInitProducerId, 0, 5, &Handle};

}  // namespace weir::log::kafka
