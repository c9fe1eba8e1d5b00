// AlterClientQuotas (49): there are no quotas; removing one is done, setting one is refused, so
// that nobody believes in a limit that is not kept.
#include <algorithm>

#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/messages/alter_client_quotas.h"

namespace weir::log::kafka {
namespace {

void Handle(const CallPtr& call) {
  AlterClientQuotasRequest request;
  if (!call->Decode(&request)) return;
  AlterClientQuotasResponse response;
  const bool allowed = call->AllowsCluster(AclOperation::kAlterConfigs);
  for (const auto& entry : request.entries) {
    AlterClientQuotasResponse::EntryData result;
    result.error_message.reset();
    for (const auto& entity : entry.entity) {
      result.entity.push_back({entity.entity_type, entity.entity_name});
    }
    if (!allowed) {
      result.error_code = Code(KafkaError::kClusterAuthorizationFailed);
      result.error_message = "Cluster authorization failed.";
    } else if (std::any_of(entry.ops.begin(), entry.ops.end(),
                           [](const auto& operation) { return !operation.remove; })) {
      result.error_code = Code(KafkaError::kInvalidRequest);
      result.error_message = "This broker has no quotas.";
    }
    response.entries.push_back(std::move(result));
  }
  call->Respond(response);
}

}  // namespace

const Handler kAlterClientQuotasHandler = {ApiKey::kAlterClientQuotas, 0, 1, &Handle};

}  // namespace weir::log::kafka
