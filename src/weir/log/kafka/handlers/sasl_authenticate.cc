// SaslAuthenticate (36): a token of the client that logs in, answered with the broker's, the last
// one with how long the login lasts (KIP-368). A refusal comes late, so that guessing takes time,
// and ends the connection.
#include "weir/log/kafka/messages/sasl_authenticate.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

constexpr int64_t kRefusalDelayUs = 100'000;  // connection.failed.authentication.delay.ms

// `then` gets the step, a refusal after the delay.
void LogIn(Broker& broker, const std::shared_ptr<Session>& session, std::string_view token,
           std::function<void(const SaslStep&)> then) {
  session->sasl->Step(token, [&broker, session, then = std::move(then)](SaslStep step) {
    const auto count = [&](const char* result) {
      broker.metrics()
          .GetCounter("weir_kafka_logins_total", "Clients that logged in, or tried to.",
                      {{"mechanism", std::string(session->sasl->mechanism())}, {"result", result}})
          .Add();
    };
    if (step.done) {
      session->principal = "User:" + session->sasl->user();
      const int64_t lasts_us = 1000 * broker.options().max_reauth_ms;
      if (lasts_us > 0) session->login_ends_us = broker.timers().NowUs() + lasts_us;
      count("done");
    }
    if (step.refused.empty()) return then(step);
    count("refused");
    broker.timers().After(kRefusalDelayUs, [then, step = std::move(step)] { then(step); });
  });
}

void Handle(const CallPtr& call) {
  SaslAuthenticateRequest request;
  if (!call->Decode(&request)) return;
  SaslAuthenticateResponse response;
  response.error_message.reset();
  if (call->session().logged_in()) {
    response.error_code = Code(KafkaError::kIllegalSaslState);
    response.error_message = "SaslAuthenticate request received after successful authentication";
    return call->Respond(response);
  }
  if (!call->session().sasl->begun()) {
    response.error_code = Code(KafkaError::kIllegalSaslState);
    response.error_message = "SaslAuthenticate request received before SaslHandshake";
    return call->RespondAndClose(response, *response.error_message);
  }
  LogIn(call->broker(), call->shared_session(), request.auth_bytes, [call](const SaslStep& step) {
    SaslAuthenticateResponse answer;
    answer.error_message.reset();
    answer.auth_bytes = step.token;
    if (step.done) answer.session_lifetime_ms = call->broker().options().max_reauth_ms;
    if (step.refused.empty()) return call->Respond(answer);
    answer.error_code = Code(KafkaError::kSaslAuthenticationFailed);
    answer.error_message = step.refused;
    call->RespondAndClose(answer, "not logged in: " + step.reason);
  });
}

}  // namespace

void HandleRawToken(Broker& broker, const std::shared_ptr<Session>& session, std::string_view token,
                    Call::Send send) {
  LogIn(broker, session, token, [send = std::move(send)](const SaslStep& step) {
    Response response;
    if (step.refused.empty()) {
      Encoder encoder;
      encoder.Bytes(/*compact=*/false, "token", step.token);
      response.bytes = std::move(encoder).Finish();
    } else {
      response.kind = Response::Kind::kClose;
      response.why = "not logged in: " + step.reason;
    }
    send(std::move(response));
  });
}

const Handler kSaslAuthenticateHandler = {ApiKey::kSaslAuthenticate, 0, 2, &Handle,
                                          /*before_login=*/true};

}  // namespace weir::log::kafka
