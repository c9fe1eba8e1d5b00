// SimNetwork: connections between clients and one broker. Bytes of a connection arrive in order and
// late; between connections there is no order. A connection may be reset at any moment: what was on
// its way to the broker arrives up to some request, perhaps much later, and no answer comes back.
//
// Thread rule: one thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/log/kafka/call.h"
#include "weir/log/kafka/sim/testing/sim_loop.h"

namespace weir::log::kafka::sim {

// What the simulation knows of a request beyond its bytes.
struct RequestNote {
  RequestNote() = default;
  RequestNote(uint64_t transaction, std::string name)
      : transaction(transaction), name(std::move(name)) {}

  uint64_t transaction = 0;  // of the history; 0: none
  std::string name;          // the transactional id, or the group
};

struct NetworkOptions {
  int64_t delay_us_max = 2'000;  // one way
  // Requests of a connection that was reset may arrive this much later.
  int64_t linger_us_max = 0;
};

class SimNetwork {
 public:
  using ConnectionId = uint64_t;
  // `orphan`: the client gave the connection up.
  using Serve =
      std::function<void(const std::shared_ptr<Session>& session, std::string_view request,
                         const RequestNote& note, bool orphan, Call::Send send)>;
  struct ClientEnd {
    std::function<void(std::string answer)> answered;  // without the frame's length
    std::function<void()> closed;
  };

  SimNetwork(SimLoop& loop, const NetworkOptions& options, Serve serve)
      : loop_(loop), options_(options), serve_(std::move(serve)) {}

  ConnectionId Connect(const std::string& who, ClientEnd client) {
    const ConnectionId id = next_++;
    auto connection = std::make_shared<Connection>();
    connection->client = std::move(client);
    connection->session->client_host = "sim";
    connection->session->client_id = who;
    connection->life = broker_life_;
    connections_[id] = connection;
    return id;
  }

  void Send(ConnectionId id, std::string request, RequestNote note) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    Connection& connection = *found->second;
    if (!connection.client) return;  // it was reset, and its client does not know yet
    connection.arrives_us = std::max(connection.arrives_us, loop_.NowUs() + Delay());
    connection.requests.push_back({connection.arrives_us, std::move(request), std::move(note)});
    if (connection.requests.size() == 1) Await(id);
  }

  // The client gives up: it hears no more of this connection.
  void Close(ConnectionId id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    Connection& connection = *found->second;
    if (!connection.client) return;
    connection.client.reset();
    const size_t arrive = loop_.Below(connection.requests.size() + 1);
    connection.requests.resize(arrive);
    if (options_.linger_us_max > 0 && loop_.OneIn(2)) {
      const int64_t linger = loop_.Between(0, options_.linger_us_max);
      for (Request& request : connection.requests) request.at_us += linger;
    }
    loop_.Cancel(connection.pump);
    Await(id);
  }

  // The network loses it: both sides hear so.
  void Reset(ConnectionId id) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || !found->second->client) return;
    const ClientEnd client = *found->second->client;
    Close(id);
    loop_.After(Delay(), client.closed);
  }
  void ResetAll() {
    std::vector<ConnectionId> ids;
    for (const auto& [id, connection] : connections_) ids.push_back(id);
    for (const ConnectionId id : ids) Reset(id);
  }

  // All its connections are gone, with what had arrived.
  void BrokerDied() {
    broker_up_ = false;
    broker_life_ += 1;
    std::map<ConnectionId, std::shared_ptr<Connection>> all;
    all.swap(connections_);
    for (auto& entry : all) {
      const std::shared_ptr<Connection> connection = std::move(entry.second);
      loop_.Cancel(connection->pump);
      // Answers that were on their way may arrive before the client hears of it.
      loop_.After(Delay(), [connection] {
        if (connection->client) ClientEnd(*connection->client).closed();
      });
    }
  }
  void BrokerStarted() { broker_up_ = true; }

  void SetOptions(const NetworkOptions& options) { options_ = options; }
  const NetworkOptions& options() const { return options_; }
  uint64_t refused() const { return refused_; }  // connections that the broker closed

 private:
  struct Request {
    int64_t at_us = 0;
    std::string bytes;
    RequestNote note;
  };
  struct Answer {
    bool ready = false;
    std::optional<std::string> bytes;  // or none is wanted
  };
  struct Connection {
    std::optional<ClientEnd> client;  // until it gives up
    std::shared_ptr<Session> session = std::make_shared<Session>();
    uint64_t life = 0;  // of the broker
    std::deque<Request> requests;
    int64_t arrives_us = 0;  // the newest of them
    Timers::Id pump = 0;
    std::deque<std::shared_ptr<Answer>> answers;  // in the order of the requests
    int64_t answered_us = 0;                      // the newest answer's arrival
  };

  int64_t Delay() { return loop_.Between(1, options_.delay_us_max); }

  void Await(ConnectionId id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    Connection& connection = *found->second;
    if (connection.requests.empty()) {
      if (!connection.client) connections_.erase(found);
      return;
    }
    connection.pump =
        loop_.After(connection.requests.front().at_us - loop_.NowUs(), [this, id] { Deliver(id); });
  }

  void Deliver(ConnectionId id) {
    const std::shared_ptr<Connection> connection = connections_.at(id);
    if (!broker_up_) {
      connections_.erase(id);
      if (connection->client) loop_.After(Delay(), connection->client->closed);
      return;
    }
    const Request request = std::move(connection->requests.front());
    connection->requests.pop_front();
    const auto answer = std::make_shared<Answer>();
    connection->answers.push_back(answer);
    // Before it is served: that may end the broker and all connections.
    Await(id);
    serve_(connection->session, request.bytes, request.note, !connection->client,
           [this, id, answer](Response response) {
             answer->ready = true;
             if (response.kind == Response::Kind::kAnswer)
               answer->bytes = response.bytes.ToString();
             if (response.kind == Response::Kind::kClose) {
               loop_.Tell("network", "closed by the broker: " + response.why);
               refused_ += 1;
               return Reset(id);
             }
             SendAnswers(id);
           });
  }

  void SendAnswers(ConnectionId id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    Connection& connection = *found->second;
    while (!connection.answers.empty() && connection.answers.front()->ready) {
      const std::shared_ptr<Answer> answer = connection.answers.front();
      connection.answers.pop_front();
      if (!answer->bytes || !connection.client) continue;
      connection.answered_us = std::max(connection.answered_us, loop_.NowUs() + Delay());
      loop_.After(
          connection.answered_us - loop_.NowUs(),
          [weak = std::weak_ptr<Connection>(found->second), bytes = std::move(*answer->bytes)] {
            const auto connection = weak.lock();
            if (!connection || !connection->client) return;
            // The client may connect anew, or give up, meanwhile.
            const ClientEnd client = *connection->client;
            client.answered(bytes.substr(4));
          });
    }
  }

  SimLoop& loop_;
  NetworkOptions options_;
  const Serve serve_;
  std::map<ConnectionId, std::shared_ptr<Connection>> connections_;
  ConnectionId next_ = 1;
  bool broker_up_ = false;
  uint64_t broker_life_ = 0;
  uint64_t refused_ = 0;
};

}  // namespace weir::log::kafka::sim
