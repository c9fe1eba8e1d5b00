#include "weir/server/topics/kafka_client.h"

#include <algorithm>

#include "weir/log/kafka/messages/find_coordinator.h"
#include "weir/server/topics/kafka_failure.h"

namespace weir::server {

namespace kafka = log::kafka;

namespace {

// FindCoordinator in the form that asks for one key.
constexpr int16_t kOneCoordinatorVersion = 3;
constexpr int kCoordinatorTries = 50;  // a cluster makes its offsets topic at the first question
constexpr int64_t kCoordinatorPauseUs = 100'000;

}  // namespace

Result<std::unique_ptr<KafkaClient>> KafkaClient::Connect(Env& env, KafkaClientOptions options) {
  std::unique_ptr<KafkaClient> client(new KafkaClient(env, std::move(options)));
  // Asks for no topic: who is there, and that it answers.
  const std::vector<std::string> none;
  WEIR_RETURN_IF_ERROR(client->Metadata(&none).status());
  return client;
}

Result<KafkaConnection*> KafkaClient::ConnectionTo(int32_t node, bool* fresh) {
  std::unique_ptr<KafkaConnection>& connection = connections_[node];
  if (connection && connection->alive()) return connection.get();
  connection.reset();
  *fresh = true;
  if (node != kAnyNode) {
    const auto known = nodes_.find(node);
    if (known == nodes_.end()) {
      return Error::Retry(ErrorCode::kNotFound,
                          "the cluster has no node " + std::to_string(node) + " now")
          .Fix("try again");
    }
    WEIR_ASSIGN_OR_RETURN(connection, KafkaConnection::Open(known->second, options_.client_id,
                                                            options_.login, options_.connect_ms));
    return connection.get();
  }
  Status failure = Error::User(ErrorCode::kInvalid, "no server was named");
  for (const std::string& server : options_.servers) {
    WEIR_ASSIGN_OR_RETURN(const KafkaAddress address, ParseKafkaAddress(server));
    auto opened =
        KafkaConnection::Open(address, options_.client_id, options_.login, options_.connect_ms);
    if (opened.ok()) {
      connection = std::move(opened).value();
      return connection.get();
    }
    failure = opened.status();
  }
  return std::move(failure).error();
}

Result<kafka::MetadataResponse> KafkaClient::Metadata(const std::vector<std::string>* topics) {
  kafka::MetadataRequest request;
  request.allow_auto_topic_creation = false;
  if (topics == nullptr) {
    request.topics.reset();
  } else {
    for (const std::string& name : *topics) {
      request.topics->emplace_back();
      request.topics->back().name = name;
    }
  }
  WEIR_ASSIGN_OR_RETURN(kafka::MetadataResponse response,
                        Ask<kafka::MetadataResponse>(kAnyNode, request));
  WEIR_RETURN_IF_ERROR(KafkaStatus("asking for topics", response.error_code));
  std::map<int32_t, KafkaAddress> nodes;
  for (const auto& broker : response.brokers) {
    nodes[broker.node_id] = {broker.host, static_cast<uint16_t>(broker.port)};
  }
  for (const auto& [node, address] : nodes) {
    const auto old = nodes_.find(node);
    const bool moved = old != nodes_.end() && old->second.ToString() != address.ToString();
    if (moved) connections_.erase(node);
  }
  nodes_ = std::move(nodes);
  controller_ = response.controller_id;
  return response;
}

std::vector<int32_t> KafkaClient::Nodes() const {
  std::vector<int32_t> nodes;
  for (const auto& [node, address] : nodes_) nodes.push_back(node);
  return nodes;
}

Result<int32_t> KafkaClient::Coordinator(const std::string& key, int8_t type) {
  kafka::FindCoordinatorRequest request;
  request.key = key;
  request.key_type = type;
  for (int tries = 1;; ++tries) {
    WEIR_ASSIGN_OR_RETURN(const auto response,
                          Ask<kafka::FindCoordinatorResponse>(
                              kAnyNode, request, {.version_max = kOneCoordinatorVersion}));
    const auto error = static_cast<kafka::KafkaError>(response.error_code);
    if (error == kafka::KafkaError::kNone) return response.node_id;
    if (!kafka::IsRetriable(error) || tries == kCoordinatorTries) {
      return KafkaFailure("finding who keeps '" + key + "'", response.error_code,
                          response.error_message);
    }
    env_.SleepMicros(kCoordinatorPauseUs);
  }
}

}  // namespace weir::server
