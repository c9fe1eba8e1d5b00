// ApiVersions (18): which requests this broker serves, in which versions. The first request of
// every client; on it they decide what they may use.
#include "weir/log/kafka/messages/api_versions.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

ApiVersionsResponse Supported() {
  ApiVersionsResponse response;
  for (const Handler* handler : Handlers()) {
    ApiVersionsResponse::ApiVersion version;
    version.api_key = static_cast<int16_t>(handler->key);
    const ApiInfo* api = FindApi(version.api_key);
    version.min_version =
        handler->min_version == api->min_version ? api->listed_min_version : handler->min_version;
    version.max_version = handler->max_version;
    response.api_keys.push_back(version);
  }
  return response;
}

void Handle(const CallPtr& call) {
  ApiVersionsRequest request;
  if (!call->Decode(&request)) return;
  call->session().software_name = request.client_software_name;
  call->session().software_version = request.client_software_version;
  call->Respond(Supported());
}

}  // namespace

void RespondUnsupportedApiVersions(const CallPtr& call) {
  ApiVersionsResponse response = Supported();
  response.error_code = static_cast<int16_t>(KafkaError::kUnsupportedVersion);
  call->Respond(response);
}

const Handler kApiVersionsHandler = {ApiKey::kApiVersions, 0, 4, &Handle};

}  // namespace weir::log::kafka
