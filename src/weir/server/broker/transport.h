// Transport: a connection's bytes, plain or under TLS.
//
// Thread rule: the event loop's thread. What is read into and written from, and the Transport
// itself, must live until the operation's end.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

namespace weir::server {

class Transport {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  // `tls`: null for plain bytes.
  Transport(Socket socket, std::shared_ptr<boost::asio::ssl::context> tls)
      : socket_(std::move(socket)), context_(std::move(tls)) {
    if (context_) tls_ = std::make_unique<Tls>(socket_, *context_);
  }

  bool encrypted() const { return tls_ != nullptr; }
  Socket& socket() { return socket_; }

  // Once, before anything else, where it is encrypted. `then(error)`.
  template <typename Then>
  void Handshake(Then&& then) {
    tls_->async_handshake(boost::asio::ssl::stream_base::server, std::forward<Then>(then));
  }
  // `then(error, bytes)`.
  template <typename Then>
  void ReadSome(boost::asio::mutable_buffer into, Then&& then) {
    if (tls_) {
      tls_->async_read_some(into, std::forward<Then>(then));
    } else {
      socket_.async_read_some(into, std::forward<Then>(then));
    }
  }
  // All of it; `until` as Asio's completion conditions, asked after each piece. How much it says is
  // handed on at a time only where it is plain: TLS makes records of 16 KiB anyway.
  template <typename Buffers, typename Until, typename Then>
  void Write(const Buffers& from, Until&& until, Then&& then) {
    if (tls_) {
      boost::asio::async_write(
          *tls_, from,
          [until](const boost::system::error_code& error, size_t bytes) {
            return std::min<size_t>(until(error, bytes), 64 << 10);
          },
          std::forward<Then>(then));
    } else {
      boost::asio::async_write(socket_, from, std::forward<Until>(until), std::forward<Then>(then));
    }
  }

  // Whom the client's certificate names, as RFC 2253 writes it ("CN=alice,O=Weir"); "" if it
  // showed none.
  std::string ClientName();

 private:
  using Tls = boost::asio::ssl::stream<Socket&>;

  Socket socket_;
  std::shared_ptr<boost::asio::ssl::context> context_;
  std::unique_ptr<Tls> tls_;
};

}  // namespace weir::server
