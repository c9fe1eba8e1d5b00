#include "weir/log/kafka/call.h"

#include <limits>

#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/messages/header.h"

namespace weir::log::kafka {
namespace {

// Its length stands before it in 32 bits.
constexpr size_t kAnswerBytesMax = std::numeric_limits<int32_t>::max();

// It may log in again, but is served nothing else.
bool LoginIsOver(Broker& broker, const Session& session) {
  return session.login_ends_us != 0 && session.logged_in() &&
         broker.timers().NowUs() >= session.login_ends_us;
}

void CloseWith(const Call::Send& send, const std::string& why) {
  Response response;
  response.kind = Response::Kind::kClose;
  response.why = why;
  send(std::move(response));
}

}  // namespace

void Call::RespondNothing() {
  Response response;
  response.kind = Response::Kind::kNone;
  send_(std::move(response));
}

void Call::Close(const std::string& why) {
  CloseWith(send_, std::string(api_.name) + " v" + std::to_string(version_) + ": " + why);
}

Encoder Call::Begin() {
  Encoder encoder = Encoder::ForFrame();
  ResponseHeader header;
  header.correlation_id = correlation_id_;
  // Its only error is a version that does not exist.
  (void)header.Encode(encoder, api_.ResponseHeaderVersion(version_));
  return encoder;
}

void Call::End(Encoder encoder, const Status& status,
               std::vector<std::shared_ptr<std::string>> kept) {
  if (!status.ok()) return Close(status.error().ToString());
  Response response;
  response.bytes = std::move(encoder).Finish();
  if (response.bytes.size() > kAnswerBytesMax) {
    return Close("an answer of " + std::to_string(response.bytes.size()) + " bytes");
  }
  response.kept = std::move(kept);
  response.then_close = !last_words_.empty();
  response.why = last_words_;
  send_(std::move(response));
}

void Dispatch(Broker& broker, const std::shared_ptr<Session>& session, std::string_view request,
              Call::Send send) {
  if (session->raw_tokens && !session->logged_in()) {
    return HandleRawToken(broker, session, request, std::move(send));
  }
  Decoder first(request);
  const int16_t key = first.Int16("request_api_key");
  const int16_t version = first.Int16("request_api_version");
  const int32_t correlation_id = first.Int32("correlation_id");
  if (!first.ok())
    return CloseWith(send, "a request of " + std::to_string(request.size()) + " bytes");
  if (LoginIsOver(broker, *session) && key != static_cast<int16_t>(ApiKey::kSaslHandshake)) {
    broker.metrics()
        .GetCounter("weir_kafka_connections_expired_total",
                    "Connections closed because their client did not log in again in time.")
        .Add();
    return CloseWith(send, "its login is over, and it did not log in again");
  }
  const ApiInfo* api = FindApi(key);
  const Handler* handler = api != nullptr ? FindHandler(api->key) : nullptr;
  if (handler == nullptr) {
    return CloseWith(send, "a request with key " + std::to_string(key) + ", which is not served");
  }
  if (version < handler->min_version || version > handler->max_version) {
    if (api->key != ApiKey::kApiVersions) {
      return CloseWith(
          send, std::string(api->name) + " v" + std::to_string(version) + ", which is not served");
    }
    // The answer's oldest form says which versions there are (KIP-511).
    return RespondUnsupportedApiVersions(std::make_shared<Call>(
        broker, session, *api, int16_t{0}, correlation_id, std::string_view(), std::move(send)));
  }
  if (!session->logged_in() && !handler->before_login) {
    return CloseWith(send, std::string(api->name) + " before the client logged in");
  }
  Decoder decoder(request);
  RequestHeader header;
  const Status status = header.Decode(decoder, api->RequestHeaderVersion(version));
  if (!status.ok()) return CloseWith(send, status.error().ToString());
  if (header.client_id) session->client_id = *header.client_id;
  handler->handle(std::make_shared<Call>(broker, session, *api, version, correlation_id,
                                         request.substr(decoder.position()), std::move(send)));
}

}  // namespace weir::log::kafka
