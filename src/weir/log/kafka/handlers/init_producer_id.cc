// InitProducerId (22): a producer id for an idempotent producer, or the next epoch of a
// transactional one.
#include "weir/log/kafka/messages/init_producer_id.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

void Handle(const CallPtr& call) {
  InitProducerIdRequest request;
  if (!call->Decode(&request)) return;
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
