// Call: one request on its way through a handler, and the way back. A handler decodes it, works,
// and responds once, now or later; the connection puts answers in the order of the requests.
//
//   void HandleDescribeCluster(const CallPtr& call) {
//     DescribeClusterRequest request;
//     if (!call->Decode(&request)) return;
//     DescribeClusterResponse response;
//     ...
//     call->Respond(response);
//   }
//
// Dispatch finds the handler of a request's bytes. Every request of a key and version that the
// table of handlers (handlers.h) has gets an answer; others close the connection, but for
// ApiVersions, which is always answered. So does a request that comes before its client logged in,
// and one that comes when a login's time is over and is not SaslHandshake, which renews it.
//
// Thread rule: the log's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/log/kafka/api.h"
#include "weir/log/kafka/broker.h"
#include "weir/log/kafka/decoder.h"
#include "weir/log/kafka/encoder.h"
#include "weir/log/security/authorizer.h"
#include "weir/log/security/sasl_session.h"

namespace weir::log::kafka {

// Where clients find this broker.
struct Endpoint {
  std::string host;
  int32_t port = 0;
};

// What the broker knows of a connection, for as long as it lives.
struct Session {
  std::string client_host;
  std::string client_id;
  std::string software_name;
  std::string software_version;
  Endpoint endpoint;  // of the listener that it came to; port 0: the broker's own
  std::string principal = "User:ANONYMOUS";  // who it is, as Kafka writes it
  // How it logs in; null: it need not. Until then it is served nothing but that.
  std::shared_ptr<SaslSession> sasl;
  bool raw_tokens = false;  // what comes are tokens without headers (SaslHandshake v0)
  // On the clock of the broker's timers; 0: never.
  int64_t login_ends_us = 0;
  int64_t login_renewed_us = 0;
  // How many bytes of records an answer may bring now, for what was answered before may still wait
  // for the client to take it; not set: any.
  std::function<uint64_t()> answer_room;

  bool logged_in() const { return sasl == nullptr || sasl->done(); }
};

struct Response {
  enum class Kind {
    kAnswer,
    kNone,   // the request wants no answer
    kClose,  // the connection ends here; `why` for the broker's log
  };
  Kind kind = Kind::kAnswer;
  bool then_close = false;                         // with `why`, once the answer is sent
  Encoded bytes;                                   // with the frame's length
  std::vector<std::shared_ptr<std::string>> kept;  // what `bytes` refers to
  std::string why;
};

class Call;
using CallPtr = std::shared_ptr<Call>;

class Call {
 public:
  using Send = std::function<void(Response)>;

  Call(Broker& broker, std::shared_ptr<Session> session, const ApiInfo& api, int16_t version,
       int32_t correlation_id, std::string_view body, Send send)
      : broker_(broker),
        session_(std::move(session)),
        api_(api),
        version_(version),
        correlation_id_(correlation_id),
        body_(body),
        send_(std::move(send)) {}

  Broker& broker() { return broker_; }
  Session& session() { return *session_; }
  const std::shared_ptr<Session>& shared_session() const { return session_; }
  int16_t version() const { return version_; }
  // What this client is told of where the broker is.
  Endpoint endpoint() const {
    if (session_->endpoint.port != 0) return session_->endpoint;
    return {broker_.options().host, broker_.options().port};
  }

  // --- whether this client may; yes to everything while access is not controlled ---
  bool Allows(AclOperation operation, AclResourceType type, std::string_view name) {
    return broker_.authorizer().Allows(caller(), operation, type, name);
  }
  bool AllowsTopic(AclOperation operation, std::string_view name) {
    return Allows(operation, AclResourceType::kTopic, name);
  }
  bool AllowsGroup(AclOperation operation, std::string_view name) {
    return Allows(operation, AclResourceType::kGroup, name);
  }
  bool AllowsTransactionalId(AclOperation operation, std::string_view id) {
    return Allows(operation, AclResourceType::kTransactionalId, id);
  }
  bool AllowsCluster(AclOperation operation) {
    return Allows(operation, AclResourceType::kCluster, kAclCluster);
  }
  // The bits of all that it may.
  int32_t AllowedOperations(AclResourceType type, std::string_view name) {
    return broker_.authorizer().AllowedOperations(caller(), type, name);
  }
  Caller caller() const { return {session_->principal, session_->client_host}; }
  // Bytes of records that its answer may bring now; 0: none at all.
  uint64_t AnswerRoom() const {
    return session_->answer_room ? session_->answer_room() : std::numeric_limits<uint64_t>::max();
  }

  // The request; records in it live until the handler returns. False: the connection was closed.
  template <typename Request>
  bool Decode(Request* request) {
    Decoder decoder(body_);
    const Status status = request->Decode(decoder, version_);
    // What stands behind the request doesn't matter, as it doesn't to Kafka: librdkafka leaves
    // three bytes behind a Metadata request for all topics.
    if (status.ok()) return true;
    Close(status.error().ToString());
    return false;
  }

  // `kept`: what records in the message point into.
  template <typename Message>
  void Respond(const Message& message, std::vector<std::shared_ptr<std::string>> kept = {}) {
    Encoder encoder = Begin();
    const Status status = message.Encode(encoder, version_);
    End(std::move(encoder), status, std::move(kept));
  }
  // The connection ends with this answer.
  template <typename Message>
  void RespondAndClose(const Message& message, const std::string& why) {
    last_words_ = why;
    Respond(message);
  }
  void RespondNothing();
  void Close(const std::string& why);

 private:
  Encoder Begin();
  void End(Encoder encoder, const Status& status, std::vector<std::shared_ptr<std::string>> kept);

  Broker& broker_;
  std::shared_ptr<Session> session_;
  const ApiInfo& api_;
  int16_t version_;
  int32_t correlation_id_;
  std::string_view body_;
  Send send_;
  std::string last_words_;
};

// One request without the length before it. `send` is called exactly once.
void Dispatch(Broker& broker, const std::shared_ptr<Session>& session, std::string_view request,
              Call::Send send);

}  // namespace weir::log::kafka
