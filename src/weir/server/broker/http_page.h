// HttpPage: what monitors ask for: GET /health (200 "ok", or 503 with what is wrong) and
// GET /metrics (Prometheus text).
//
// Plain or under TLS. Limits: kConnectionsMax at a time, 8 KiB a request, kTimeoutSeconds for one.
// Thread rule: the event loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "weir/base/metrics.h"
#include "weir/base/result.h"
#include "weir/server/broker/tls_context.h"

namespace weir::server {

class HttpPage {
 public:
  static constexpr size_t kConnectionsMax = 100;
  static constexpr int kTimeoutSeconds = 10;

  // `wrong`: "" while all is well. `tls`: null for plain HTTP; outlives the page.
  HttpPage(boost::asio::io_context& loop, const MetricRegistry& metrics,
           std::function<std::string()> wrong, const TlsContext* tls)
      : acceptor_(loop), again_(loop), metrics_(metrics), wrong_(std::move(wrong)), tls_(tls) {}

  Status Listen(const std::string& host, uint16_t port);
  // Further text for /metrics, made when it is asked for.
  void AddMetrics(std::function<std::string()> text) { more_metrics_ = std::move(text); }
  uint16_t port() const { return port_; }
  void Close();

 private:
  template <typename Stream>
  class Connection;
  void Accept();

  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer again_;  // after a connection that could not be taken
  const MetricRegistry& metrics_;
  const std::function<std::string()> wrong_;
  const TlsContext* const tls_;
  std::function<std::string()> more_metrics_;
  uint16_t port_ = 0;
  const std::shared_ptr<size_t> connections_ = std::make_shared<size_t>(0);
};

}  // namespace weir::server
