#include "weir/server/topics/kafka_connection.h"

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <chrono>
#include <optional>
#include <vector>

#include "weir/log/kafka/decoder.h"
#include "weir/log/kafka/messages/api_versions.h"
#include "weir/log/kafka/messages/header.h"
#include "weir/log/kafka/messages/sasl_authenticate.h"
#include "weir/log/kafka/messages/sasl_handshake.h"

namespace weir::server {

namespace asio = boost::asio;
namespace kafka = log::kafka;

namespace {

constexpr uint16_t kDefaultPort = 9092;

}  // namespace

std::string KafkaAddress::ToString() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<KafkaAddress> ParseKafkaAddress(const std::string& text) {
  KafkaAddress address;
  address.host = text;
  address.port = kDefaultPort;
  const size_t colon = text.rfind(':');
  const bool has_port = colon != std::string::npos && text.back() != ']' &&
                        (text.find(':') == colon || text.front() == '[');
  const char* const end = text.data() + text.size();
  bool good = !text.empty() && text.find_first_of(" \t/") == std::string::npos;
  if (good && has_port) {
    address.host = text.substr(0, colon);
    const auto parsed = std::from_chars(text.data() + colon + 1, end, address.port);
    good = parsed.ec == std::errc() && parsed.ptr == end && address.port != 0;
  }
  if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']') {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  if (!good || address.host.empty()) {
    return Error::User(ErrorCode::kInvalid, "no address of a server: '" + text + "'")
        .Fix("write host and port, as 127.0.0.1:9092");
  }
  return address;
}

// Each operation is the only work of its own event loop, which runs until it is done or the time is
// up: blocking calls with a limit of time.
class KafkaConnection::Socket {
 public:
  using ErrorCode = boost::system::error_code;

  Socket() : socket_(loop_) {}

  ErrorCode Connect(const KafkaAddress& address, int64_t timeout_ms) {
    asio::ip::tcp::resolver resolver(loop_);
    ErrorCode error;
    const auto endpoints = resolver.resolve(address.host, std::to_string(address.port), error);
    if (error) return error;
    error = Wait(timeout_ms, [&](auto done) {
      asio::async_connect(
          socket_, endpoints,
          [done](const ErrorCode& result, const asio::ip::tcp::endpoint&) { done(result); });
    });
    if (!error) socket_.set_option(asio::ip::tcp::no_delay(true), error);
    return error;
  }
  // All that is written and read from now on is under TLS.
  ErrorCode Encrypt(const KafkaAddress& address, const KafkaLogin& login, int64_t timeout_ms) {
    ErrorCode error;
    context_.emplace(asio::ssl::context::tls_client);
    if (login.ca_file.empty()) {
      context_->set_default_verify_paths(error);
    } else {
      context_->load_verify_file(login.ca_file, error);
    }
    if (!error && !login.key_password.empty()) {
      context_->set_password_callback([&login](size_t, auto) { return login.key_password; }, error);
    }
    if (!error && !login.certificate_file.empty()) {
      context_->use_certificate_chain_file(login.certificate_file, error);
      const std::string& key = login.key_file.empty() ? login.certificate_file : login.key_file;
      if (!error) context_->use_private_key_file(key, asio::ssl::context::pem, error);
    }
    if (error) return error;
    tls_.emplace(socket_, *context_);
    tls_->set_verify_mode(login.verify ? asio::ssl::verify_peer : asio::ssl::verify_none);
    if (login.verify && login.verify_host) {
      tls_->set_verify_callback(asio::ssl::host_name_verification(address.host));
    }
    // Which certificate the server shows may depend on the name.
    ErrorCode no_address;
    asio::ip::make_address(address.host, no_address);
    if (no_address) SSL_set_tlsext_host_name(tls_->native_handle(), address.host.c_str());
    return Wait(timeout_ms, [&](auto done) {
      tls_->async_handshake(asio::ssl::stream_base::client,
                            [done](const ErrorCode& result) { done(result); });
    });
  }
  ErrorCode Write(const std::vector<asio::const_buffer>& pieces, int64_t timeout_ms) {
    const auto then = [](auto done) {
      return [done](const ErrorCode& result, size_t) { done(result); };
    };
    return Wait(timeout_ms, [&](auto done) {
      tls_ ? asio::async_write(*tls_, pieces, then(done))
           : asio::async_write(socket_, pieces, then(done));
    });
  }
  ErrorCode Read(char* bytes, size_t size, int64_t timeout_ms) {
    const auto then = [](auto done) {
      return [done](const ErrorCode& result, size_t) { done(result); };
    };
    return Wait(timeout_ms, [&](auto done) {
      tls_ ? asio::async_read(*tls_, asio::buffer(bytes, size), then(done))
           : asio::async_read(socket_, asio::buffer(bytes, size), then(done));
    });
  }

 private:
  template <typename Start>
  ErrorCode Wait(int64_t timeout_ms, Start&& start) {
    std::optional<ErrorCode> result;
    start([&result](const ErrorCode& error) { result = error; });
    loop_.restart();
    loop_.run_for(std::chrono::milliseconds(timeout_ms));
    if (result) return *result;
    ErrorCode ignored;
    socket_.close(ignored);
    loop_.run();  // what was started says that it was cancelled
    return asio::error::timed_out;
  }

  asio::io_context loop_;
  asio::ip::tcp::socket socket_;
  std::optional<asio::ssl::context> context_;
  std::optional<asio::ssl::stream<asio::ip::tcp::socket&>> tls_;  // none: plain bytes
};

KafkaConnection::KafkaConnection(KafkaAddress address, std::string client_id)
    : address_(std::move(address)),
      client_id_(std::move(client_id)),
      socket_(std::make_unique<Socket>()) {}

KafkaConnection::~KafkaConnection() = default;

Result<std::unique_ptr<KafkaConnection>> KafkaConnection::Open(const KafkaAddress& address,
                                                               const std::string& client_id,
                                                               const KafkaLogin& login,
                                                               int64_t timeout_ms) {
  std::unique_ptr<KafkaConnection> connection(new KafkaConnection(address, client_id));
  if (const auto error = connection->socket_->Connect(address, timeout_ms)) {
    return Error::Retry(ErrorCode::kIo, "no Kafka server answers: " + error.message())
        .At(address.ToString())
        .Fix("start one with `weir serve`, or name another with --server HOST:PORT");
  }
  if (login.tls) {
    if (const auto error = connection->socket_->Encrypt(address, login, timeout_ms)) {
      return Error::Operator(ErrorCode::kPermission, "no TLS: " + error.message())
          .At(address.ToString())
          .Fix("check ssl.ca.location and the server's certificate; is this its TLS port?");
    }
  }
  WEIR_RETURN_IF_ERROR(connection->Greet(timeout_ms));
  if (!login.mechanism.empty()) {
    Status status = connection->Authenticate(login, timeout_ms);
    if (!status.ok()) return std::move(status).error().At(address.ToString());
  }
  return connection;
}

template <typename Response, typename Request>
Result<Response> KafkaConnection::Exchange(const Request& request, int16_t version,
                                           int64_t timeout_ms) {
  const kafka::ApiInfo& api = *kafka::FindApi(Request::kApiKey);
  kafka::Encoder encoder = Begin(api, version);
  WEIR_RETURN_IF_ERROR(request.Encode(encoder, version));
  size_t body = 0;
  WEIR_ASSIGN_OR_RETURN(const std::string frame,
                        Finish(std::move(encoder), api, version, timeout_ms, &body));
  kafka::Decoder decoder(std::string_view(frame).substr(body));
  Response response;
  WEIR_RETURN_IF_ERROR(response.Decode(decoder, version));
  return response;
}

// Which requests and versions there are. Asked in the oldest form, which every server answers.
Status KafkaConnection::Greet(int64_t timeout_ms) {
  const auto response =
      Exchange<kafka::ApiVersionsResponse>(kafka::ApiVersionsRequest{}, 0, timeout_ms);
  if (!response.ok()) {
    const Error& lost = response.error();
    return Error(lost.actor(), lost.code(), lost.message())
        .At(address_.ToString())
        .Fix("is it a Kafka server? if it wants TLS, give --client-config");
  }
  for (const auto& key : response->api_keys) {
    versions_[key.api_key] = {key.min_version, key.max_version};
  }
  return Status::Ok();
}

Status KafkaConnection::Authenticate(const KafkaLogin& login, int64_t timeout_ms) {
  constexpr int16_t kVersion = 1;  // of both requests: SASL within Kafka's own messages
  kafka::SaslHandshakeRequest handshake;
  handshake.mechanism = login.mechanism;
  WEIR_ASSIGN_OR_RETURN(const auto agreed,
                        Exchange<kafka::SaslHandshakeResponse>(handshake, kVersion, timeout_ms));
  if (agreed.error_code != 0) {
    std::string offered;
    for (const std::string& mechanism : agreed.mechanisms) {
      offered += (offered.empty() ? "" : ", ") + mechanism;
    }
    return Error::User(ErrorCode::kUnsupported, "the server takes no " + login.mechanism)
        .Fix(offered.empty() ? "it takes no login on this port"
                             : "sasl.mechanism may be " + offered);
  }
  return LogIn(login, [&](const std::string& message) -> Result<std::string> {
    kafka::SaslAuthenticateRequest request;
    request.auth_bytes = message;
    WEIR_ASSIGN_OR_RETURN(auto answer,
                          Exchange<kafka::SaslAuthenticateResponse>(request, kVersion, timeout_ms));
    if (answer.error_code == 0) return std::move(answer.auth_bytes);
    return Error::Operator(ErrorCode::kPermission, "the server does not let us in: " +
                                                       answer.error_message.value_or("no reason"))
        .Fix("check sasl.mechanism, user and password");
  });
}

Result<int16_t> KafkaConnection::VersionOf(const kafka::ApiInfo& api, int16_t version_max) const {
  const auto served = versions_.find(static_cast<int16_t>(api.key));
  if (served != versions_.end()) {
    const int16_t version = std::min({api.max_version, version_max, served->second.max});
    if (version >= std::max(api.min_version, served->second.min)) return version;
  }
  return Error::User(ErrorCode::kUnsupported,
                     "this server does not answer " + std::string(api.name) +
                         (served == versions_.end() ? "" : " in a version that weir speaks"))
      .At(address_.ToString())
      .Fix("ask a newer server: `weir serve`, or Apache Kafka 3.0 or later");
}

kafka::Encoder KafkaConnection::Begin(const kafka::ApiInfo& api, int16_t version) {
  kafka::Encoder encoder = kafka::Encoder::ForFrame();
  kafka::RequestHeader header;
  header.request_api_key = static_cast<int16_t>(api.key);
  header.request_api_version = version;
  header.correlation_id = ++correlation_id_;
  header.client_id = client_id_;
  // Its only error is a version that does not exist.
  (void)header.Encode(encoder, api.RequestHeaderVersion(version));
  return encoder;
}

Error KafkaConnection::Lost(const std::string& why) {
  alive_ = false;
  return Error::Retry(ErrorCode::kIo, why).At(address_.ToString()).Fix("try again");
}

Result<std::string> KafkaConnection::Finish(kafka::Encoder encoder, const kafka::ApiInfo& api,
                                            int16_t version, int64_t timeout_ms, size_t* body) {
  WEIR_RETURN_IF_ERROR(encoder.status());
  const std::string what(api.name);
  const kafka::Encoded request = std::move(encoder).Finish();
  std::vector<asio::const_buffer> pieces;
  request.ForEachPiece(
      [&](std::string_view piece) { pieces.emplace_back(piece.data(), piece.size()); });
  if (const auto error = socket_->Write(pieces, timeout_ms)) {
    return Lost("the server did not take " + what + ": " + error.message());
  }
  char length_bytes[4];
  if (const auto error = socket_->Read(length_bytes, sizeof(length_bytes), timeout_ms)) {
    return Lost(error == asio::error::timed_out
                    ? what + " was not answered within " + std::to_string(timeout_ms / 1000) + " s"
                    : "the server ended the connection at " + what + ": " + error.message());
  }
  const int64_t length =
      kafka::Decoder(std::string_view(length_bytes, sizeof(length_bytes))).Int32("length");
  if (length < 4 || length > kAnswerBytesMax) {
    return Lost("what answers is no Kafka server: an answer of " + std::to_string(length) +
                " bytes");
  }
  std::string frame(static_cast<size_t>(length), '\0');
  if (const auto error = socket_->Read(frame.data(), frame.size(), timeout_ms)) {
    return Lost("the answer to " + what + " broke off: " + error.message());
  }
  kafka::Decoder decoder(frame);
  kafka::ResponseHeader header;
  WEIR_RETURN_IF_ERROR(header.Decode(decoder, api.ResponseHeaderVersion(version)));
  if (!decoder.ok() || header.correlation_id != correlation_id_) {
    return Lost("what answers is no Kafka server: an answer to another request than " + what);
  }
  *body = decoder.position();
  return frame;
}

}  // namespace weir::server
