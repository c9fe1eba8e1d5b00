// ApiVersions (18): which requests this broker serves, in which versions. The first request of
// every client; on it they decide what they may use.
#include "weir/log/kafka/messages/api_versions.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

// What clients ask before they use a newer protocol.
struct Feature {
  const char* name;
  int16_t max;
};
constexpr Feature kFeatures[] = {
    {"group.version", 1},        // consumer groups (KIP-848)
    {"transaction.version", 2},  // an epoch for each transaction (KIP-890)
};

void AddFeatures(int16_t version, ApiVersionsResponse* response) {
  if (version < 3) return;
  response->finalized_features_epoch = 1;
  for (const Feature& feature : kFeatures) {
    // Clients of version 3 take a range that begins at 0 for damaged (KAFKA-17011).
    if (version >= 4) response->supported_features.push_back({feature.name, 0, feature.max});
    response->finalized_features.push_back({feature.name, feature.max, feature.max});
  }
}

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
  ApiVersionsResponse response = Supported();
  AddFeatures(call->version(), &response);
  call->Respond(response);
}

}  // namespace

void RespondUnsupportedApiVersions(const CallPtr& call) {
  ApiVersionsResponse response = Supported();
  response.error_code = static_cast<int16_t>(KafkaError::kUnsupportedVersion);
  call->Respond(response);
}

const Handler kApiVersionsHandler = {ApiKey::kApiVersions, 0, 4, &Handle, /*before_login=*/true};

}  // namespace weir::log::kafka
