// ApiVersions (18): which requests this broker serves, in which versions. The first request of
// every client; on it they decide what they may use.
#include "weir/log/kafka/messages/api_versions.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

// What clients ask before they use a newer protocol: transactions with an epoch each (KIP-890).
constexpr const char* kTransactionVersion = "transaction.version";
constexpr int16_t kTransactionVersionMax = 2;

void AddFeatures(int16_t version, ApiVersionsResponse* response) {
  if (version < 3) return;
  // Clients of version 3 take a range that begins at 0 for damaged (KAFKA-17011).
  if (version >= 4) {
    response->supported_features.push_back({kTransactionVersion, 0, kTransactionVersionMax});
  }
  response->finalized_features_epoch = 1;
  response->finalized_features.push_back(
      {kTransactionVersion, kTransactionVersionMax, kTransactionVersionMax});
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

const Handler kApiVersionsHandler = {ApiKey::kApiVersions, 0, 4, &Handle};

}  // namespace weir::log::kafka
