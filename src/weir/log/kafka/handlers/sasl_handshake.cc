// SaslHandshake (17): how the client wants to log in. After version 0 tokens follow without
// headers, after version 1 in SaslAuthenticate (KIP-152). Where logins end, it may log in again
// before or after the end (KIP-368), once a second, and is served nothing else meanwhile.
#include "weir/log/kafka/messages/sasl_handshake.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

constexpr int64_t kRenewalUs = 1'000'000;

bool MayLogInAgain(const Session& session, int64_t now_us) {
  return session.login_ends_us != 0 &&
         (session.login_renewed_us == 0 || now_us - session.login_renewed_us >= kRenewalUs);
}

void Handle(const CallPtr& call) {
  SaslHandshakeRequest request;
  if (!call->Decode(&request)) return;
  Session& session = call->session();
  SaslHandshakeResponse response;
  if (session.logged_in()) {
    const int64_t now_us = call->broker().timers().NowUs();
    if (!MayLogInAgain(session, now_us)) {
      response.error_code = Code(KafkaError::kIllegalSaslState);
      return call->Respond(response);
    }
    session.login_renewed_us = now_us;
  }
  for (const SaslMechanism mechanism : session.sasl->mechanisms()) {
    response.mechanisms.emplace_back(SaslMechanismName(mechanism));
  }
  const KafkaError error = session.sasl->Begin(request.mechanism);
  response.error_code = Code(error);
  if (error != KafkaError::kNone) {
    return call->RespondAndClose(response, "SASL mechanism '" + request.mechanism +
                                               "': " + std::string(KafkaErrorName(error)));
  }
  session.raw_tokens = call->version() == 0;
  call->Respond(response);
}

}  // namespace

const Handler kSaslHandshakeHandler = {ApiKey::kSaslHandshake, 0, 1, &Handle,
                                       /*before_login=*/true};

}  // namespace weir::log::kafka
