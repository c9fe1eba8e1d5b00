// KafkaListener: connections of Kafka clients. Reads requests, gives each to log::kafka::Dispatch,
// sends the answers in the order of the requests.
//
// Back-pressure: a connection is read from only while it has fewer than requests_max unanswered
// requests and fewer than unsent_bytes_max bytes that its client did not take; so a slow reader
// holds what it asked for and no more. Fetches that waited find out how much room is left when they
// read (Session::answer_room): what woke a hundred of them is brought by the first. All connections
// together have all_unsent_bytes_max; then each new answer brings little, who has any to take is
// not read from, and who takes nothing is not waited for as long.
//
// A listener with TLS shakes hands first, one with SASL serves nothing but logging in until a
// client did. Both together have login_us, few connections may be about it at a time, and what they
// send is small: whoever is unknown costs little.
//
// Limits: ListenerOptions. A request larger than the broker's request_bytes_max, or bytes that are
// no request, close the connection; so does silence for idle_us, and a client that takes nothing of
// its answers for stalled_us.
// Thread rule: the event loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "weir/base/metrics.h"
#include "weir/base/result.h"
#include "weir/log/kafka/broker.h"
#include "weir/log/security/sasl_session.h"
#include "weir/server/broker/tls_context.h"

namespace weir::server {

struct ListenerOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 9092;        // 0: any
  std::string advertise_host;  // told to clients
  bool tls = false;
  std::vector<log::SaslMechanism> sasl;  // ways to log in; none: clients need not
  size_t connections_max = 10'000;
  size_t requests_max = 100;
  uint64_t unsent_bytes_max = 32 << 20;
  uint64_t all_unsent_bytes_max = 512 << 20;  // of all connections
  // Of all requests above kReadBytes that are on their way. One that finds no room closes its
  // connection: it may come again.
  uint64_t large_request_bytes_max = 1 << 30;
  int64_t idle_us = 600'000'000;
  int64_t stalled_us = 300'000'000;
  int64_t stalled_when_full_us = 20'000'000;  // while all_unsent_bytes_max is reached
  int64_t login_us = 20'000'000;              // for the handshake of TLS and for logging in
  size_t logins_max = 500;                    // at a time
  size_t logins_of_host_max = 250;            // and of one host, so that none keeps all others out
  uint64_t login_request_bytes_max = 32 << 10;
};

class KafkaListener {
 public:
  // `tls`: for a listener with TLS; outlives it.
  KafkaListener(boost::asio::io_context& loop, log::kafka::Broker& broker, ListenerOptions options,
                const TlsContext* tls);
  ~KafkaListener();

  // Bound on return. kUser errors: the address is not this machine's, or taken.
  Status Listen();
  uint16_t port() const { return port_; }
  const ListenerOptions& options() const { return options_; }
  // No new connections and no new requests; what was asked is answered, then connections end.
  void Drain();
  // Ends the connections that there are, with what is unanswered on them; clients may come again.
  void EndConnections();
  // Ends all connections now, and takes no more.
  void Close();
  size_t connections() const { return connections_.size(); }

 private:
  class Connection;
  void Accept();
  bool MayCome(const std::string& host) const;
  // A client that is not known yet came, or is not one any more.
  void CountLogin(const std::string& host, bool came);
  void Remove(const std::shared_ptr<Connection>& connection);
  // A line about a connection that ended badly: some a second are said, of others how many.
  void Report(const std::string& line);

  static constexpr uint64_t kReportsPerSecond = 20;
  static constexpr size_t kReadBytes = 64 << 10;
  // A connection keeps a buffer of so much for its next request.
  static constexpr uint64_t kKeptBytes = 1 << 20;

  bool full() const { return unsent_bytes_ >= options_.all_unsent_bytes_max; }
  void AddUnsent(int64_t bytes);

  log::kafka::Broker& broker_;
  const ListenerOptions options_;
  const TlsContext* const tls_;
  boost::asio::ip::tcp::acceptor acceptor_;
  uint16_t port_ = 0;
  bool draining_ = false;
  int64_t report_second_ = 0;
  uint64_t reports_ = 0;  // in this second
  size_t logins_ = 0;     // connections whose client is not known yet
  std::unordered_map<std::string, size_t> logins_of_host_;
  uint64_t unsent_bytes_ = 0;
  uint64_t large_request_bytes_ = 0;
  std::unordered_set<std::shared_ptr<Connection>> connections_;

  Counter& requests_;
  Counter& received_bytes_;
  Counter& sent_bytes_;
  Counter& refused_;
  Counter& broken_;
  Counter& stalled_;
  Counter& failed_handshakes_;
  Gauge& open_;
  Gauge& unsent_;
};

}  // namespace weir::server
