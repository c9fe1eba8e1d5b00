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
#include <string>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/log/event_log.h"
#include "weir/log/kafka/broker.h"
#include "weir/server/broker/kafka_listener.h"

namespace weir::server {

struct BrokerServerOptions {
  std::string data = "data";  // folder; made if absent
  ListenerOptions listener;
  std::string advertise_host;  // told to clients; "": the listener's
  uint16_t http_port = 8080;   // on the listener's address; 0: none
  bool sync = true;            // log.durability
  log::kafka::BrokerOptions broker;
  int64_t drain_us = 10'000'000;  // for what was asked before Stop
};

class BrokerServer {
 public:
  // Recovers the log and listens. kConflict: another process serves this folder.
  static Result<std::unique_ptr<BrokerServer>> Open(Env& env, const BrokerServerOptions& options);
  ~BrokerServer();

  void Run();
  void Stop();

  uint16_t kafka_port() const;
  uint16_t http_port() const;
  const log::EventLogRecovery& recovery() const;

 private:
  class Parts;
  explicit BrokerServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace weir::server
