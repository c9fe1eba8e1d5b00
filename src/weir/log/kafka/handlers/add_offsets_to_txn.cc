// AddOffsetsToTxn (25): the transaction is about to commit offsets of a group.
#include "weir/log/kafka/messages/add_offsets_to_txn.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

void Handle(const CallPtr& call) {
  AddOffsetsToTxnRequest request;
  if (!call->Decode(&request)) return;
  KafkaError refused = KafkaError::kNone;
  if (!call->AllowsTransactionalId(AclOperation::kWrite, request.transactional_id)) {
    refused = KafkaError::kTransactionalIdAuthorizationFailed;
  } else if (!call->AllowsGroup(AclOperation::kRead, request.group_id)) {
    refused = KafkaError::kGroupAuthorizationFailed;
  }
  if (refused != KafkaError::kNone) {
    AddOffsetsToTxnResponse response;
    response.error_code = CodeOf(refused);
    return call->Respond(response);
  }
  const auto added = call->broker().transactions().AddGroup(
      request.transactional_id, {request.producer_id, request.producer_epoch}, request.group_id);
  AddOffsetsToTxnResponse response;
  // The older name of the error, for clients of that age.
  const bool old = call->version() < 2 && added.error == KafkaError::kProducerFenced;
  response.error_code = CodeOf(old ? KafkaError::kInvalidProducerEpoch : added.error);
  call->broker().log().WhenDurable(added.end, [call, response] { call->Respond(response); });
}

}  // namespace

const Handler kAddOffsetsToTxnHandler = {ApiKey::kAddOffsetsToTxn, 0, 4, &Handle};

}  // namespace weir::log::kafka
