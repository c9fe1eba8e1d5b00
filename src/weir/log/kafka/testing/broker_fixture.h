// BrokerFixture: a broker in memory, asked with encoded requests as a connection would.
//
//   auto response = Ask<MetadataRequest, MetadataResponse>(request, 12);
//
// A request that waits for the disk is answered by Flush, one that waits for time by Pass.
//
// Thread rule: one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "weir/base/sim_env.h"
#include "weir/log/kafka/broker.h"
#include "weir/log/kafka/call.h"
#include "weir/log/kafka/messages/header.h"
#include "weir/log/record_batch_builder.h"
#include "weir/log/testing/manual_timers.h"

namespace weir::log::kafka::testing {

class BrokerFixture : public ::testing::Test {
 protected:
  // An answer that may come later.
  template <typename Message>
  class Pending {
   public:
    bool done() const { return state_->response.has_value(); }
    bool closed() const { return done() && state_->response->kind == Response::Kind::kClose; }
    bool closes() const { return done() && (closed() || state_->response->then_close); }
    bool silent() const { return done() && state_->response->kind == Response::Kind::kNone; }
    std::string why() const { return done() ? state_->response->why : "no answer yet"; }
    Message Get() const {
      Message message;
      EXPECT_TRUE(done());
      if (!done()) return message;
      EXPECT_EQ(state_->response->kind, Response::Kind::kAnswer) << state_->response->why;
      state_->bytes = state_->response->bytes.ToString();
      Decoder decoder(std::string_view(state_->bytes).substr(4));
      ResponseHeader header;
      EXPECT_TRUE(header.Decode(decoder, state_->header_version).ok());
      EXPECT_EQ(header.correlation_id, kCorrelationId);
      EXPECT_TRUE(message.Decode(decoder, state_->version).ok());
      EXPECT_TRUE(decoder.Finish().ok());
      return message;
    }

   private:
    friend class BrokerFixture;
    struct State {
      int16_t version = 0;
      int16_t header_version = 0;
      std::optional<Response> response;
      std::string bytes;  // records of the message point into it
    };
    std::shared_ptr<State> state_ = std::make_shared<State>();
  };

  BrokerFixture() : env_(1) {
    broker_options_.groups.initial_rebalance_delay_ms = 0;
    Start();
  }

  // Starts the broker, again if it ran: what was not flushed is gone.
  void Start() {
    broker_.reset();
    log_.reset();
    EventLogOptions options;
    options.journal.folder = "/log";
    EventLogRecovery recovery;
    auto opened = EventLog::Open(env_, metrics_, options, &recovery);
    ASSERT_TRUE(opened.ok()) << opened.error().ToString();
    log_ = std::move(opened).value();
    broker_ = std::make_unique<Broker>(env_, metrics_, *log_, timers_, broker_options_);
  }

  void Flush() {
    ASSERT_TRUE(log_->journal().Flush().ok());
    log_->Advance(log_->journal().durable());
  }
  void Pass(int64_t ms) { timers_.Pass(ms * 1000); }

  template <typename Request, typename Answer>
  Pending<Answer> Send(const Request& request, int16_t version) {
    const ApiInfo& api = *FindApi(Request::kApiKey);
    Pending<Answer> pending;
    pending.state_->version = version;
    pending.state_->header_version = api.ResponseHeaderVersion(version);
    Encoder encoder;
    RequestHeader header;
    header.request_api_key = Request::kApiKey;
    header.request_api_version = version;
    header.correlation_id = kCorrelationId;
    header.client_id = "test";
    EXPECT_TRUE(header.Encode(encoder, api.RequestHeaderVersion(version)).ok());
    const Status encoded = request.Encode(encoder, version);
    EXPECT_TRUE(encoded.ok()) << encoded.error().ToString();
    const std::string bytes = std::move(encoder).Finish().ToString();
    Dispatch(*broker_, session_, bytes, [state = pending.state_](Response response) {
      EXPECT_FALSE(state->response.has_value()) << "answered twice";
      state->response = std::move(response);
    });
    return pending;
  }
  // With what is needed for the answer: the disk.
  template <typename Request, typename Answer>
  Answer Ask(const Request& request, int16_t version) {
    const auto pending = Send<Request, Answer>(request, version);
    if (!pending.done()) Flush();
    return pending.Get();
  }

  // A topic, durable.
  void MakeTopic(const std::string& name, int32_t partitions = 1,
                 const std::map<std::string, std::string>& configs = {}) {
    Position end = 0;
    std::string message;
    ASSERT_EQ(broker_->CreateTopic(name, partitions, configs, &end, &message), KafkaError::kNone)
        << message;
    Flush();
  }
  static std::string Batch(const std::vector<std::string>& values, BatchOptions options = {},
                           int64_t timestamp = 1'767'225'600'000) {
    BatchBuilder builder(options);
    for (const std::string& value : values) builder.Add({.timestamp = timestamp, .value = value});
    auto batch = std::move(builder).Finish();
    EXPECT_TRUE(batch.ok());
    return *batch;
  }

  static constexpr int32_t kCorrelationId = 4711;
  SimEnv env_;
  MetricRegistry metrics_;
  log::testing::ManualTimers timers_;
  BrokerOptions broker_options_;
  std::unique_ptr<EventLog> log_;
  std::unique_ptr<Broker> broker_;
  std::shared_ptr<Session> session_ = std::make_shared<Session>();
};

}  // namespace weir::log::kafka::testing
