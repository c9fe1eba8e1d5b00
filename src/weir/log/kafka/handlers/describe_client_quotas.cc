// DescribeClientQuotas (48): there are none.
#include "weir/log/kafka/messages/describe_client_quotas.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

void Handle(const CallPtr& call) {
  DescribeClientQuotasRequest request;
  if (!call->Decode(&request)) return;
  if (!call->AllowsCluster(AclOperation::kDescribeConfigs)) {
    DescribeClientQuotasResponse refused;
    refused.error_code = Code(KafkaError::kClusterAuthorizationFailed);
    refused.error_message = "Cluster authorization failed.";
    return call->Respond(refused);
  }
  DescribeClientQuotasResponse response;
  response.error_message.reset();
  response.entries.emplace();
  call->Respond(response);
}

}  // namespace

const Handler kDescribeClientQuotasHandler = {ApiKey::kDescribeClientQuotas, 0, 1, &Handle};

}  // namespace weir::log::kafka
