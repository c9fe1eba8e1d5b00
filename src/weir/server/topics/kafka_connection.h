// KafkaConnection: one connection to a Kafka server: a request out, its answer in, each within a
// time. Knows the versions that the server speaks.
//
// Thread rule: one thread at a time.
// Errors: kIo (kRetry) when the server does not answer or goes away, which ends the connection;
// kUnsupported when it does not speak a request.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "weir/base/result.h"
#include "weir/log/kafka/api.h"
#include "weir/log/kafka/encoder.h"
#include "weir/server/topics/kafka_login.h"

namespace weir::server {

struct KafkaAddress {
  std::string host;
  uint16_t port = 0;

  std::string ToString() const;
};

// "127.0.0.1:9092", "[::1]:9092", "broker.internal" (then port 9092).
Result<KafkaAddress> ParseKafkaAddress(const std::string& text);

class KafkaConnection {
 public:
  static constexpr int64_t kAnswerBytesMax = int64_t{256} << 20;

  // kPermission: the server does not let us in.
  static Result<std::unique_ptr<KafkaConnection>> Open(const KafkaAddress& address,
                                                       const std::string& client_id,
                                                       const KafkaLogin& login, int64_t timeout_ms);
  ~KafkaConnection();

  const KafkaAddress& address() const { return address_; }
  bool alive() const { return alive_; }

  // The newest version of a request that both sides have, at most `version_max`.
  Result<int16_t> VersionOf(const log::kafka::ApiInfo& api, int16_t version_max) const;

  // A frame with room for its length and the request's header in it.
  log::kafka::Encoder Begin(const log::kafka::ApiInfo& api, int16_t version);
  // Sends it; the answer's bytes behind its header begin at *body.
  Result<std::string> Finish(log::kafka::Encoder encoder, const log::kafka::ApiInfo& api,
                             int16_t version, int64_t timeout_ms, size_t* body);

 private:
  class Socket;
  struct Versions {
    int16_t min = 0;
    int16_t max = 0;
  };

  KafkaConnection(KafkaAddress address, std::string client_id);
  Status Greet(int64_t timeout_ms);
  Status Authenticate(const KafkaLogin& login, int64_t timeout_ms);
  // A request and its answer within Greet and Authenticate.
  template <typename Response, typename Request>
  Result<Response> Exchange(const Request& request, int16_t version, int64_t timeout_ms);
  Error Lost(const std::string& why);

  const KafkaAddress address_;
  const std::string client_id_;
  std::unique_ptr<Socket> socket_;
  bool alive_ = true;
  int32_t correlation_id_ = 0;
  std::map<int16_t, Versions> versions_;  // by key, as the server tells them
};

}  // namespace weir::server
