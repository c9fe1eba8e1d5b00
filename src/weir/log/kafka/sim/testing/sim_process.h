// SimProcess: a client's process: a connection that is made anew when it is lost, requests with
// time-outs, answers by correlation id. And what all clients of a world share.
//
// Thread rule: one thread.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/log/kafka/errors.h"
#include "weir/log/kafka/messages/header.h"
#include "weir/log/kafka/sim/testing/history.h"
#include "weir/log/kafka/sim/testing/sim_network.h"

namespace weir::log::kafka::sim {

// Defects that the simulation must find out.
enum class Wrong {
  kNothing,
  kSegmentsNotSynced,       // the machine says synced and forgets
  kAnswersBeforeDurable,    // the broker does not wait for the disk
  kNoIdempotence,           // producers send again without sequence numbers
  kReadsAborted,            // consumers of committed records overlook the list of aborted ones
  kReadsUncommitted,        // consumers of committed records ask for all
  kForgetsPositions,        // a consumer goes back by itself
  kSkipsRecords,            // a consumer loses a record of an answer
  kSkipsPositions,          // a consumer jumps ahead by itself
  kDropsEndTxn,             // commits are answered and not done
  kAbortsInsteadOfCommits,  // commits are answered and aborted
  kTearsTransactions,       // a commit aborts one of its partitions
  kAnyEpochEnds,            // EndTxn counts whatever its epoch
  kLateEndCounts,           // Kafka's own flaw of protocol 1 is not excused
  kSharesIdentity,          // a new producer gets the identity of the one before
  kOffsetsOutside,          // offsets of transactions are committed at once
  kForgetsOffsets,          // offsets of transactions are answered and dropped
};

struct SimTopic {
  std::string name;
  Uuid id;
  int32_t partitions = 0;
  int first = 0;  // its partition 0 in the history
};

struct SimContext {
  SimContext(SimLoop& loop, SimNetwork& network, History& history)
      : loop(loop), network(network), history(history) {}

  SimLoop& loop;
  SimNetwork& network;
  History& history;
  Wrong wrong = Wrong::kNothing;
  std::vector<SimTopic> topics;
  bool quiet = false;    // nothing goes wrong any more
  bool crowded = false;  // batches are refused for passing reasons, also before others
  bool strange = false;  // bits were flipped: refusals need no other reason
  int64_t think_us = 200'000;
  int64_t timeout_us = 3'000'000;  // of a request
  uint64_t next_session = 1;
  uint64_t next_writer = 1;
  std::map<std::string, uint64_t> newest;  // transaction of the history by transactional id

  const SimTopic& TopicOf(int partition) const {
    size_t topic = 0;
    while (partition >= topics[topic].first + topics[topic].partitions) ++topic;
    return topics[topic];
  }
};

template <typename Message>
struct Reply {
  std::shared_ptr<std::string> bytes;  // records of the message point into it
  std::optional<Message> message;      // nothing: no answer came
};

class SimProcess {
 public:
  using Raw = std::shared_ptr<std::string>;  // null: lost

  SimProcess(SimContext& context, int number, std::string name)
      : context_(context), number_(number), name_(std::move(name)) {}
  ~SimProcess() { Disconnect(); }
  SimProcess(const SimProcess&) = delete;
  SimProcess& operator=(const SimProcess&) = delete;

  SimContext& context() { return context_; }
  SimLoop& loop() { return context_.loop; }
  History& history() { return context_.history; }
  int number() const { return number_; }
  const std::string& name() const { return name_; }
  void Tell(const std::string& what) { loop().Tell(name_, what); }

  template <typename Request>
  Promise<Raw> Start(const Request& request, int16_t version, const RequestNote& note,
                     int64_t timeout_us = 0) {
    const ApiInfo& api = *FindApi(Request::kApiKey);
    const int32_t correlation = next_correlation_++;
    Encoder encoder;
    RequestHeader header;
    header.request_api_key = Request::kApiKey;
    header.request_api_version = version;
    header.correlation_id = correlation;
    header.client_id = name_;
    const Status headed = header.Encode(encoder, api.RequestHeaderVersion(version));
    const Status encoded = request.Encode(encoder, version);
    if (!headed.ok() || !encoded.ok()) {
      history().Wrong("simulation", encoded.ok() ? "header" : encoded.error().ToString());
    }
    Connect();
    Pending& pending = pending_[correlation];
    pending.timer = loop().After(timeout_us > 0 ? timeout_us : context_.timeout_us, [this] {
      Tell("a request timed out");
      Disconnect();
    });
    const Promise<Raw> promise = pending.promise;
    context_.network.Send(connection_, std::move(encoder).Finish().ToString(), note);
    // The moment at which it hurts: asked, and not answered.
    const uint64_t seldom = context_.wrong == Wrong::kLateEndCounts ? 15 : 100;
    if (!context_.quiet && loop().OneIn(seldom)) {
      const SimNetwork::ConnectionId connection = connection_;
      loop().After(loop().Between(0, 5'000),
                   [&network = context_.network, connection] { network.Reset(connection); });
    }
    return promise;
  }

  template <typename Message>
  Reply<Message> Decode(Raw raw, int16_t version) {
    Reply<Message> reply;
    if (!raw) return reply;
    reply.bytes = std::move(raw);
    Decoder decoder(*reply.bytes);
    ResponseHeader header;
    reply.message.emplace();
    const bool good =
        header.Decode(decoder, FindApi(Message::kApiKey)->ResponseHeaderVersion(version)).ok() &&
        reply.message->Decode(decoder, version).ok() && decoder.Finish().ok();
    if (!good) history().Wrong("simulation", "an answer that can't be decoded");
    return reply;
  }

  // `note` is no temporary: GCC 12 destroys those of a co_await's arguments twice.
  template <typename Request, typename Message>
  Task<Reply<Message>> Ask(const Request& request, int16_t version, const RequestNote& note,
                           int64_t timeout_us = 0) {
    const Promise<Raw> answer = Start(request, version, note, timeout_us);
    Raw raw = co_await answer;
    co_return Decode<Message>(std::move(raw), version);
  }

  template <typename Request, typename Message>
  Task<Reply<Message>> Ask(const Request& request, int16_t version) {
    return Ask<Request, Message>(request, version, no_note_);
  }

  // A while until the next deed; sometimes the process is asleep.
  Promise<bool> Think() {
    int64_t us = loop().Between(1, 2 * context_.think_us);
    if (!context_.quiet && loop().OneIn(60)) us += loop().Between(1'000'000, 20'000'000);
    return loop().Sleep(us);
  }
  Promise<bool> BackOff() { return loop().Sleep(loop().Between(10'000, 300'000)); }

  // The network loses its connection.
  void Reset() {
    if (connection_ != 0) context_.network.Reset(connection_);
  }
  // It gives the connection up: whatever was asked is in doubt.
  void Disconnect() {
    if (connection_ == 0) return;
    context_.network.Close(connection_);
    connection_ = 0;
    std::map<int32_t, Pending> lost;
    lost.swap(pending_);
    for (auto& [correlation, pending] : lost) loop().Cancel(pending.timer);
    for (auto& [correlation, pending] : lost) pending.promise.Set(nullptr);
  }

 private:
  struct Pending {
    Promise<Raw> promise;
    Timers::Id timer = 0;
  };

  void Connect() {
    if (connection_ != 0) return;
    const auto id = std::make_shared<SimNetwork::ConnectionId>(0);
    // The network may have something to say when this process is gone.
    const std::weak_ptr<char> alive = alive_;
    connection_ = *id =
        context_.network.Connect(name_, {[this, alive](std::string answer) {
                                           if (!alive.expired()) Answered(std::move(answer));
                                         },
                                         [this, alive, id] {
                                           if (!alive.expired() && connection_ == *id) Disconnect();
                                         }});
  }
  void Answered(std::string answer) {
    Decoder decoder(answer);
    const int32_t correlation = decoder.Int32("correlation_id");
    const auto found = pending_.find(correlation);
    if (found == pending_.end()) return;
    const Promise<Raw> promise = found->second.promise;
    loop().Cancel(found->second.timer);
    pending_.erase(found);
    promise.Set(std::make_shared<std::string>(std::move(answer)));
  }

  SimContext& context_;
  const int number_;
  const std::string name_;
  const RequestNote no_note_;
  SimNetwork::ConnectionId connection_ = 0;
  int32_t next_correlation_ = 1;
  std::map<int32_t, Pending> pending_;
  const std::shared_ptr<char> alive_ = std::make_shared<char>('\0');
};

}  // namespace weir::log::kafka::sim
