// BrokerServer: `weir serve` in one object: the log, its broker, the listener for Kafka clients and
// the page for people and monitors, on one event loop.
//
//   WEIR_ASSIGN_OR_RETURN(auto server, BrokerServer::Open(env, options));
//   server->Run();   // until Stop, SIGINT or SIGTERM
//
// Thread rule: Run on one thread; Stop from any.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/log/event_log.h"
#include "weir/log/kafka/broker.h"
#include "weir/server/broker/kafka_listener.h"

namespace weir::server {

struct HttpOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 8080;  // 0: none
  bool tls = false;
};

// A user that is made at the start, unless there is one of this name.
struct FirstUser {
  std::string name;
  std::string password;
};

struct BrokerServerOptions {
  std::string data = "data";                                     // folder; made if absent
  std::vector<ListenerOptions> listeners = {ListenerOptions()};  // one at least
  HttpOptions http;
  TlsOptions tls;  // of whatever listens with TLS
  std::optional<FirstUser> first_user;
  bool sync = true;  // log.durability
  log::kafka::BrokerOptions broker;
  int64_t drain_us = 10'000'000;  // for what was asked before Stop
  bool catch_signals = true;      // SIGINT and SIGTERM stop it, a second one at once
};

class BrokerServer {
 public:
  // Recovers the log and listens. kConflict: another process serves this folder.
  static Result<std::unique_ptr<BrokerServer>> Open(Env& env, const BrokerServerOptions& options);
  ~BrokerServer();

  void Run();
  void Stop();

  std::vector<uint16_t> kafka_ports() const;  // in the order of the listeners
  uint16_t http_port() const;
  const log::EventLogRecovery& recovery() const;

 private:
  class Parts;
  explicit BrokerServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace weir::server
