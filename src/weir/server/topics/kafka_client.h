// KafkaClient: questions to a Kafka cluster, of one node or many, through the generated messages of
// log/kafka. For tools: it blocks, and asks one thing at a time.
//
//   WEIR_ASSIGN_OR_RETURN(auto client, KafkaClient::Connect(env, {.servers = {"127.0.0.1:9092"}}));
//   WEIR_ASSIGN_OR_RETURN(auto answer, client->Ask<ListGroupsResponse>(node, ListGroupsRequest{}));
//
// Connections are opened when first needed and again after they broke.
//
// Thread rule: one thread at a time.
// Errors: as KafkaConnection's; error codes within answers are the caller's to look at.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/log/kafka/decoder.h"
#include "weir/log/kafka/messages/metadata.h"
#include "weir/server/topics/kafka_connection.h"

namespace weir::server {

struct KafkaClientOptions {
  std::vector<std::string> servers;  // asked in this order, until one answers
  std::string client_id = "weir";
  KafkaLogin login = {};
  int64_t connect_ms = 5'000;
  int64_t answer_ms = 30'000;
};

// How one question is asked.
struct AskOptions {
  int16_t version_max = std::numeric_limits<int16_t>::max();
  // Asked again on a new connection if the old one was closed meanwhile, as servers do after
  // minutes of silence. False for what must not happen twice.
  bool repeatable = true;
  int64_t extra_ms = 0;          // the server may wait so long on purpose
  std::string* frame = nullptr;  // gets the answer's bytes, into which its records point
};

class KafkaClient {
 public:
  static constexpr int32_t kAnyNode = -1;

  static Result<std::unique_ptr<KafkaClient>> Connect(Env& env, KafkaClientOptions options);

  Env& env() { return env_; }
  const KafkaClientOptions& options() const { return options_; }

  template <typename Response, typename Request>
  Result<Response> Ask(int32_t node, const Request& request, const AskOptions& options = {}) {
    const log::kafka::ApiInfo& api = *log::kafka::FindApi(Request::kApiKey);
    for (bool again = options.repeatable;; again = false) {
      bool fresh = false;
      WEIR_ASSIGN_OR_RETURN(KafkaConnection * connection, ConnectionTo(node, &fresh));
      WEIR_ASSIGN_OR_RETURN(const int16_t version, connection->VersionOf(api, options.version_max));
      log::kafka::Encoder encoder = connection->Begin(api, version);
      WEIR_RETURN_IF_ERROR(request.Encode(encoder, version));
      size_t body = 0;
      auto answer = connection->Finish(std::move(encoder), api, version,
                                       options_.answer_ms + options.extra_ms, &body);
      if (!answer.ok() && again && !fresh) continue;
      if (!answer.ok()) return std::move(answer).error();
      std::string own;
      std::string& frame = options.frame != nullptr ? *options.frame : own;
      frame = std::move(answer).value();
      log::kafka::Decoder decoder(std::string_view(frame).substr(body));
      Response response;
      WEIR_RETURN_IF_ERROR(response.Decode(decoder, version));
      return response;
    }
  }

  // What there is, of these topics or of all, without creating any. Learns the nodes.
  Result<log::kafka::MetadataResponse> Metadata(const std::vector<std::string>* topics);
  // The nodes of the newest Metadata.
  std::vector<int32_t> Nodes() const;
  // The one that changes topics and settings; kAnyNode if the cluster does not say.
  int32_t controller() const { return nodes_.count(controller_) > 0 ? controller_ : kAnyNode; }
  // Who keeps a group's offsets (type 0), or a transactional id's transactions (type 1).
  Result<int32_t> Coordinator(const std::string& key, int8_t type);

 private:
  KafkaClient(Env& env, KafkaClientOptions options) : env_(env), options_(std::move(options)) {}
  Result<KafkaConnection*> ConnectionTo(int32_t node, bool* fresh);

  Env& env_;
  const KafkaClientOptions options_;
  std::map<int32_t, KafkaAddress> nodes_;
  int32_t controller_ = kAnyNode;
  std::map<int32_t, std::unique_ptr<KafkaConnection>> connections_;  // kAnyNode: a bootstrap server
};

}  // namespace weir::server
