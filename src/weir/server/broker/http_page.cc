#include "weir/server/broker/http_page.h"

#include <chrono>
#include <memory>
#include <utility>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

namespace weir::server {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::chrono::milliseconds kAgainAfter(100);

}  // namespace

// `Stream`: beast::tcp_stream, or beast::ssl_stream of one.
template <typename Stream>
class HttpPage::Connection : public std::enable_shared_from_this<Connection<Stream>> {
 public:
  template <typename... Arguments>
  explicit Connection(HttpPage& page, Arguments&&... arguments)
      : page_(page),
        connections_(page.connections_),
        stream_(std::forward<Arguments>(arguments)...) {
    *connections_ += 1;
  }
  // The event loop may hold one that waits for a request longer than the page lives.
  ~Connection() { *connections_ -= 1; }

  // Under TLS, before the first Read.
  void Handshake(std::shared_ptr<asio::ssl::context> context) {
    context_ = std::move(context);
    ExpireLater();
    stream_.async_handshake(asio::ssl::stream_base::server,
                            [self = this->shared_from_this()](const error_code& error) {
                              if (!error) self->Read();
                            });
  }

  void Read() {
    parser_.emplace();
    parser_->header_limit(8 << 10);
    parser_->body_limit(8 << 10);
    ExpireLater();
    http::async_read(stream_, buffer_, *parser_,
                     [self = this->shared_from_this()](const error_code& error, size_t) {
                       if (!error) self->Answer();
                     });
  }

 private:
  void ExpireLater() {
    beast::get_lowest_layer(stream_).expires_after(std::chrono::seconds(kTimeoutSeconds));
  }

  void Answer() {
    const auto& request = parser_->get();
    response_ = {};
    response_.version(request.version());
    response_.keep_alive(request.keep_alive());
    response_.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
    const std::string_view target(request.target().data(), request.target().size());
    const bool reads = request.method() == http::verb::get || request.method() == http::verb::head;
    if (!reads) {
      response_.result(http::status::method_not_allowed);
      response_.body() = "only GET is answered here\n";
    } else if (target == "/metrics") {
      response_.body() = page_.metrics_.PrometheusText();
      if (page_.more_metrics_) response_.body() += page_.more_metrics_();
    } else if (target == "/health") {
      const std::string wrong = page_.wrong_();
      if (!wrong.empty()) response_.result(http::status::service_unavailable);
      response_.body() = wrong.empty() ? "ok\n" : wrong + "\n";
    } else {
      response_.result(http::status::not_found);
      response_.body() = "there is /health and /metrics\n";
    }
    response_.prepare_payload();
    if (request.method() == http::verb::head) response_.body().clear();
    http::async_write(stream_, response_,
                      [self = this->shared_from_this()](const error_code& error, size_t) {
                        if (!error && self->response_.keep_alive()) self->Read();
                      });
  }

  HttpPage& page_;
  const std::shared_ptr<size_t> connections_;
  std::shared_ptr<asio::ssl::context> context_;  // of the stream, which ends before it
  Stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
};

Status HttpPage::Listen(const std::string& host, uint16_t port) {
  error_code error;
  const tcp::endpoint endpoint(asio::ip::make_address(host, error), port);
  if (!error) acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return Error::User(ErrorCode::kConflict, "can't listen for HTTP: " + error.message())
        .At(host + ":" + std::to_string(port))
        .Fix("stop what listens there, or give another --http");
  }
  port_ = acceptor_.local_endpoint().port();
  Accept();
  return Status::Ok();
}

void HttpPage::Accept() {
  acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted || !acceptor_.is_open()) return;
    if (error) {
      // Out of file descriptors, most likely: not in a tight loop.
      again_.expires_after(kAgainAfter);
      again_.async_wait([this](const error_code& stopped) {
        if (!stopped) Accept();
      });
      return;
    }
    if (*connections_ < kConnectionsMax) {
      if (tls_ != nullptr) {
        const auto& context = tls_->current();
        std::make_shared<Connection<beast::ssl_stream<beast::tcp_stream>>>(*this, std::move(socket),
                                                                           *context)
            ->Handshake(context);
      } else {
        std::make_shared<Connection<beast::tcp_stream>>(*this, std::move(socket))->Read();
      }
    }
    Accept();
  });
}

void HttpPage::Close() {
  error_code ignored;
  acceptor_.close(ignored);
  again_.cancel();
}

}  // namespace weir::server
