// EndTxn (26): commits or aborts. From version 5 on the producer gets its next epoch (KIP-890), so
// that a request that was on its way can't reach the next transaction.
#include "weir/log/kafka/messages/end_txn.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

void Handle(const CallPtr& call) {
  EndTxnRequest request;
  if (!call->Decode(&request)) return;
  if (!call->AllowsTransactionalId(AclOperation::kWrite, request.transactional_id)) {
    EndTxnResponse response;
    response.error_code = CodeOf(KafkaError::kTransactionalIdAuthorizationFailed);
    return call->Respond(response);
  }
  const auto ended = call->broker().transactions().End(
      request.transactional_id, {request.producer_id, request.producer_epoch}, request.committed,
      call->version());
  EndTxnResponse response;
  response.error_code = CodeOf(ended.error);
  if (ended.error == KafkaError::kNone) {
    response.producer_id = ended.producer.id;
    response.producer_epoch = ended.producer.epoch;
  }
  call->broker().log().WhenDurable(ended.end, [call, response] { call->Respond(response); });
}

}  // namespace

const Handler kEndTxnHandler = {ApiKey::kEndTxn, 0, 5, &Handle};

}  // namespace weir::log::kafka
