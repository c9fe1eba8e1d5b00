#include "weir/server/broker/kafka_listener.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/buffer.hpp>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "weir/base/env.h"
#include "weir/log/kafka/messages/api_versions.h"
#include "weir/log/kafka/messages/fetch.h"
#include "weir/log/kafka/messages/metadata.h"
#include "weir/log/kafka/messages/produce.h"
#include "weir/log/kafka/testing/broker_fixture.h"

namespace weir::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

constexpr uint64_t kMiB = 1 << 20;
constexpr size_t kBatchBytes = 256 << 10;
constexpr int64_t kSecondUs = 1'000'000;
// What an answer has besides records, at most.
constexpr uint64_t kHeadBytes = 200;

// Sockets are real ones of this machine, with the kernel's buffers; disk and time are not.
class KafkaListenerTest : public log::kafka::testing::BrokerFixture {
 protected:
  struct Answer {
    int32_t id = 0;
    uint64_t bytes = 0;
  };

  // A client that sends what it is told to, and reads when it is told to.
  class Client {
   public:
    // `host`: where it comes from, one of this machine's.
    explicit Client(KafkaListenerTest& test, const char* host = "127.0.0.1")
        : test_(test), socket_(test.loop_) {
      socket_.open(tcp::v4());
      socket_.bind({asio::ip::make_address_v4(host), 0});
      // Little is on its way in the kernel.
      socket_.set_option(asio::socket_base::receive_buffer_size(32 << 10));
      socket_.connect({asio::ip::address_v4::loopback(), test.listener_->port()});
      socket_.non_blocking(true);
    }

    void Send(std::string_view bytes) {
      for (int tries = 0; !bytes.empty() && tries < kTriesMax; ++tries) {
        error_code error;
        bytes.remove_prefix(socket_.write_some(asio::buffer(bytes), error));
        if (error == asio::error::would_block) {
          test_.Turn();
        } else if (error) {
          return;  // the listener closed it
        }
      }
    }
    // Up to so many bytes, if they are there.
    void Read(size_t bytes) {
      std::string into(bytes, '\0');
      error_code error;
      into.resize(socket_.read_some(asio::buffer(into), error));
      closed_ |= error && error != asio::error::would_block;
      in_ += into;
      while (in_.size() >= 8) {
        const uint64_t frame = 4 + Number(0);
        if (in_.size() < frame) break;
        answers_.push_back({static_cast<int32_t>(Number(4)), frame});
        in_.erase(0, frame);
      }
    }
    // The ids of all answers so far, once there are `count`.
    std::vector<int32_t> Ids(size_t count) {
      for (int tries = 0; answers_.size() < count && !closed_ && tries < kTriesMax; ++tries) {
        Read(kMiB);
        if (answers_.size() < count) test_.Turn();
      }
      Read(kMiB);
      std::vector<int32_t> ids;
      for (const Answer& answer : answers_) ids.push_back(answer.id);
      return ids;
    }
    const std::vector<Answer>& answers() const { return answers_; }
    bool ClosedByListener() {
      for (int tries = 0; !closed_ && tries < kTriesMax; ++tries) {
        test_.Turn();
        Read(kMiB);
      }
      return closed_;
    }
    bool open() {
      Read(kMiB);
      return !closed_;
    }
    void Close() { socket_.close(); }

   private:
    static constexpr int kTriesMax = 3000;

    uint64_t Number(size_t at) const {
      uint64_t number = 0;
      for (size_t i = at; i < at + 4; ++i) number = number << 8 | static_cast<uint8_t>(in_[i]);
      return number;
    }

    KafkaListenerTest& test_;
    tcp::socket socket_;
    std::string in_;
    std::vector<Answer> answers_;
    bool closed_ = false;
  };

  ~KafkaListenerTest() override {
    // What waits holds connections, and these the loop.
    listener_.reset();
    broker_.reset();
    timers_ = {};
  }

  void Listen() {
    options_.port = 0;
    listener_ = std::make_unique<KafkaListener>(loop_, *broker_, options_, nullptr);
    const Status status = listener_->Listen();
    ASSERT_TRUE(status.ok()) << status.error().ToString();
  }

  // What is to be done, or a moment.
  bool Turn() { return loop_.run_one_for(std::chrono::milliseconds(1)) > 0; }
  // All there is to be done.
  void Settle() {
    for (int quiet = 0; quiet < 3;) quiet = Turn() ? 0 : quiet + 1;
  }

  template <typename Request>
  static std::string Frame(const Request& request, int16_t version, int32_t id) {
    log::kafka::Encoder encoder = log::kafka::Encoder::ForFrame();
    log::kafka::RequestHeader header;
    header.request_api_key = Request::kApiKey;
    header.request_api_version = version;
    header.correlation_id = id;
    const auto& api = *log::kafka::FindApi(Request::kApiKey);
    EXPECT_TRUE(header.Encode(encoder, api.RequestHeaderVersion(version)).ok());
    EXPECT_TRUE(request.Encode(encoder, version).ok());
    return std::move(encoder).Finish().ToString();
  }
  // Answered at once.
  static std::string Ping(int32_t id) { return Frame(log::kafka::ApiVersionsRequest(), 0, id); }
  static std::string Fetch(int32_t id, int64_t offset = 0, int32_t wait_ms = 0) {
    log::kafka::FetchRequest request;
    request.max_wait_ms = wait_ms;
    request.min_bytes = 1;
    request.max_bytes = 16 << 20;
    request.topics.resize(1);
    request.topics[0].topic = "t";
    request.topics[0].partitions.resize(1);
    request.topics[0].partitions[0].fetch_offset = offset;
    request.topics[0].partitions[0].partition_max_bytes = 16 << 20;
    return Frame(request, 11, id);
  }
  // About all topics.
  static std::string Metadata(int32_t id) {
    log::kafka::MetadataRequest request;
    request.topics.reset();
    return Frame(request, 5, id);
  }
  // Answered when it is on disk.
  static std::string Produce(int32_t id) {
    const std::string batch = Batch({"v"});
    log::kafka::ProduceRequest request;
    request.acks = -1;
    request.topic_data.resize(1);
    request.topic_data[0].name = "t";
    request.topic_data[0].partition_data.resize(1);
    request.topic_data[0].partition_data[0].records = log::kafka::Records(batch);
    return Frame(request, 7, id);
  }
  // Waits for records that do not come, for a minute.
  static std::string Wait(int32_t id) { return Fetch(id, 0, 60'000); }

  void Append(int batches) {
    const uint32_t number = log_->topics().Find("t")->partitions[0];
    const std::string batch = Batch({std::string(kBatchBytes, 'x')});
    for (int i = 0; i < batches; ++i) {
      ASSERT_TRUE(
          log_->Commit({{number, batch, *log::ReadBatchHeader(batch), {}}}, {}, nullptr).ok());
    }
    Flush();
  }

  static std::vector<int32_t> UpTo(int32_t count) {
    std::vector<int32_t> ids;
    for (int32_t i = 0; i < count; ++i) ids.push_back(i);
    return ids;
  }
  uint64_t Count(const std::string& metric) { return metrics_.GetCounter(metric, "").value(); }
  uint64_t Requests() { return Count("weir_kafka_requests_total"); }
  uint64_t Unsent() {
    return static_cast<uint64_t>(metrics_.GetGauge("weir_kafka_unsent_bytes", "").value());
  }

  asio::io_context loop_;
  ListenerOptions options_;
  std::unique_ptr<KafkaListener> listener_;
};

TEST_F(KafkaListenerTest, AnswersComeInTheOrderOfRequests) {
  MakeTopic("t");
  Listen();
  Client client(*this);
  Client other(*this);
  client.Send(Produce(0) + Ping(1) + Fetch(2, 0, 5000) + Ping(3) + Produce(4) + Ping(5));
  other.Send(Ping(7));
  EXPECT_THAT(other.Ids(1), ElementsAre(7));
  EXPECT_EQ(Requests(), 7u);
  Settle();
  EXPECT_THAT(client.Ids(0), IsEmpty());
  Flush();
  EXPECT_THAT(client.Ids(6), ElementsAreArray(UpTo(6)));
}

TEST_F(KafkaListenerTest, WhatWaitsHoldsUpWhatCameBehindItAndNobodyElse) {
  MakeTopic("t");
  Listen();
  Client client(*this);
  client.Send(Ping(0) + Wait(1) + Ping(2));
  EXPECT_THAT(client.Ids(1), ElementsAre(0));
  Settle();
  EXPECT_THAT(client.Ids(1), ElementsAre(0));
  Client other(*this);
  other.Send(Ping(7));
  EXPECT_THAT(other.Ids(1), ElementsAre(7));
  Pass(60'000);
  EXPECT_THAT(client.Ids(3), ElementsAreArray(UpTo(3)));
}

TEST_F(KafkaListenerTest, OnlySoManyRequestsOfAConnectionAreTaken) {
  options_.requests_max = 3;
  MakeTopic("t");
  Listen();
  Client client(*this);
  std::string requests = Wait(0);
  for (int32_t id = 1; id < 50; ++id) requests += Ping(id);
  client.Send(requests);
  Settle();
  EXPECT_EQ(Requests(), 3u);
  Pass(60'000);
  EXPECT_THAT(client.Ids(50), ElementsAreArray(UpTo(50)));
}

TEST_F(KafkaListenerTest, OnlySoManyConnectionsAreTaken) {
  options_.connections_max = 2;
  Listen();
  Client first(*this);
  Client second(*this);
  first.Send(Ping(0));
  EXPECT_THAT(first.Ids(1), ElementsAre(0));
  Client third(*this);
  EXPECT_TRUE(third.ClosedByListener());
  EXPECT_EQ(Count("weir_kafka_connections_refused_total"), 1u);
  EXPECT_EQ(listener_->connections(), 2u);
  second.Send(Ping(1));
  EXPECT_THAT(second.Ids(1), ElementsAre(1));
  first.Close();
  Settle();
  Client next(*this);
  next.Send(Ping(2));
  EXPECT_THAT(next.Ids(1), ElementsAre(2));
}

TEST_F(KafkaListenerTest, WhoDoesNotLogInKeepsNoOtherHostOut) {
  options_.sasl = {log::SaslMechanism::kPlain};
  options_.logins_of_host_max = 2;
  options_.logins_max = 3;
  Listen();
  Client first(*this, "127.0.0.5");
  Client second(*this, "127.0.0.5");
  Client third(*this, "127.0.0.5");
  EXPECT_TRUE(third.ClosedByListener());
  Client other(*this, "127.0.0.6");
  other.Send(Ping(1));
  EXPECT_THAT(other.Ids(1), ElementsAre(1));
  EXPECT_TRUE(Client(*this, "127.0.0.7").ClosedByListener());  // there are three
  first.Close();
  Settle();
  Client next(*this, "127.0.0.5");
  next.Send(Ping(2));
  EXPECT_THAT(next.Ids(1), ElementsAre(2));
}

TEST_F(KafkaListenerTest, AClientThatDoesNotReadHoldsWhatItAskedForAndNoMore) {
  options_.unsent_bytes_max = kMiB;
  MakeTopic("t");
  Append(1);
  Listen();
  Client slow(*this);
  for (int32_t id = 0; id < 100; ++id) slow.Send(Fetch(id));
  Settle();
  EXPECT_GE(Unsent(), kMiB);
  EXPECT_LE(Unsent(), kMiB + kBatchBytes + kHeadBytes);
  EXPECT_LT(Requests(), 80u);
  Client other(*this);
  other.Send(Fetch(7));
  EXPECT_THAT(other.Ids(1), ElementsAre(7));
  EXPECT_GE(other.answers().at(0).bytes, kBatchBytes);
  // All of it is there, once it reads.
  EXPECT_THAT(slow.Ids(100), ElementsAreArray(UpTo(100)));
  for (const Answer& answer : slow.answers()) EXPECT_GE(answer.bytes, kBatchBytes);
  Settle();
  EXPECT_EQ(Unsent(), 0u);
}

TEST_F(KafkaListenerTest, WhoTakesNothingIsClosedAndWhoTakesLittleIsNot) {
  options_.unsent_bytes_max = kMiB;
  options_.stalled_us = 60 * kSecondUs;
  options_.stalled_when_full_us = 10 * kSecondUs;
  MakeTopic("t");
  Append(1);
  Listen();
  Client silent(*this);
  Client slow(*this);
  for (int32_t id = 0; id < 60; ++id) {
    silent.Send(Fetch(id));
    slow.Send(Fetch(id));
  }
  Settle();
  timers_.Pass(59 * kSecondUs);
  EXPECT_EQ(listener_->connections(), 2u);
  for (int i = 0; i < 8; ++i) {
    // As much as makes room in the kernel's buffers.
    for (int reads = 0; reads < 200; ++reads) slow.Read(16 << 10);
    silent.Send(Ping(99));  // asking is not reading
    Settle();
    timers_.Pass(10 * kSecondUs);
  }
  EXPECT_EQ(listener_->connections(), 1u);
  EXPECT_EQ(Count("weir_kafka_connections_stalled_total"), 1u);
  EXPECT_TRUE(silent.ClosedByListener());
  EXPECT_THAT(slow.Ids(60), ElementsAreArray(UpTo(60)));
}

TEST_F(KafkaListenerTest, FetchesThatWaitedAreNotAllAnsweredWithAllThereIs) {
  options_.unsent_bytes_max = kMiB;
  MakeTopic("t");
  Listen();
  Client client(*this);
  for (int32_t id = 0; id < 100; ++id) client.Send(Wait(id));
  Settle();
  EXPECT_EQ(Requests(), 100u);
  Append(20);
  EXPECT_GE(Unsent(), kMiB - kBatchBytes);
  EXPECT_LE(Unsent(), kMiB + kBatchBytes + 100 * kHeadBytes);
  EXPECT_THAT(client.Ids(100), ElementsAreArray(UpTo(100)));
  EXPECT_GE(client.answers().front().bytes, 3 * kBatchBytes);
  // Others are answered with nothing, and may ask again.
  EXPECT_LE(client.answers().back().bytes, kHeadBytes);
  client.Send(Wait(100));
  client.Ids(101);
  EXPECT_GE(client.answers().back().bytes, 3 * kBatchBytes);
}

TEST_F(KafkaListenerTest, AllConnectionsTogetherHoldNoMoreThanTheyMay) {
  options_.unsent_bytes_max = kMiB;
  options_.all_unsent_bytes_max = kMiB;
  MakeTopic("t");
  Append(1);
  Listen();
  std::vector<std::unique_ptr<Client>> silent;
  for (int i = 0; i < 4; ++i) {
    silent.push_back(std::make_unique<Client>(*this));
    for (int32_t id = 0; id < 40; ++id) silent.back()->Send(Fetch(id));
    Settle();
  }
  EXPECT_GE(Unsent(), kMiB);
  // A batch each, to go on.
  EXPECT_LE(Unsent(), kMiB + 4 * (kBatchBytes + 40 * kHeadBytes));
  Client other(*this);
  other.Send(Fetch(7));
  EXPECT_THAT(other.Ids(1), ElementsAre(7));
  EXPECT_GE(other.answers().at(0).bytes, kBatchBytes);
  // While there is no room they are not waited for as long.
  timers_.Pass(2 * options_.stalled_when_full_us);
  EXPECT_LT(listener_->connections(), 5u);
  EXPECT_LT(Unsent(), kMiB);
  EXPECT_TRUE(other.open());
}

// Not fetches only: an answer about all topics may be large, too.
TEST_F(KafkaListenerTest, WhileThereIsTooMuchWhoHasSomethingToTakeAsksForNoMore) {
  options_.all_unsent_bytes_max = kMiB;
  MakeTopic("t", 5000);
  Listen();
  std::vector<std::unique_ptr<Client>> silent;
  constexpr int32_t kRequests = 50;
  for (int i = 0; i < 4; ++i) {
    silent.push_back(std::make_unique<Client>(*this));
    std::string requests;
    for (int32_t id = 0; id < kRequests; ++id) requests += Metadata(id);
    silent.back()->Send(requests);
    Settle();
  }
  EXPECT_GE(Unsent(), kMiB);
  EXPECT_LE(Unsent(), 3 * kMiB);  // and an answer each
  Client other(*this);
  other.Send(Ping(7));
  EXPECT_THAT(other.Ids(1), ElementsAre(7));
  for (const auto& client : silent) {
    EXPECT_THAT(client->Ids(kRequests), ElementsAreArray(UpTo(kRequests)));
  }
}

TEST_F(KafkaListenerTest, WhatIsOnlyAnnouncedHasNoMemory) {
  Listen();
  std::vector<std::unique_ptr<Client>> clients;
  const uint64_t before = RealEnv().Usage().resident_bytes;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<Client>(*this));
    clients.back()->Send(std::string_view("\x00\x0f\xff\xff", 4));
  }
  Settle();
  EXPECT_EQ(listener_->connections(), 200u);
  EXPECT_LT(RealEnv().Usage().resident_bytes, before + 100 * kMiB);
}

TEST_F(KafkaListenerTest, RequestsThatAreHalfThereCountAsLargeOnes) {
  options_.large_request_bytes_max = 2 * kMiB;
  Listen();
  const std::string half = std::string("\x00\x0f\xff\x00", 4) + std::string(600 << 10, '\0');
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<Client>(*this));
    clients.back()->Send(half);
    Settle();
  }
  EXPECT_EQ(listener_->connections(), 2u);
  EXPECT_TRUE(clients.back()->ClosedByListener());
  clients[0]->Close();
  clients[1]->Close();
  Settle();
  Client next(*this);
  next.Send(half);
  Settle();
  EXPECT_EQ(listener_->connections(), 1u);
}

TEST_F(KafkaListenerTest, LargeRequestsTogetherHaveALimit) {
  options_.large_request_bytes_max = 3 * kMiB;
  Listen();
  // What stands behind a request does not matter.
  std::string large = Ping(5) + std::string(1900 << 10, '\0');
  const auto length = static_cast<uint32_t>(large.size() - 4);
  for (int i = 0; i < 4; ++i) large[i] = static_cast<char>(length >> (24 - 8 * i));
  const std::string_view some = std::string_view(large).substr(0, 1500 << 10);
  Client first(*this);
  first.Send(some);
  Settle();
  Client second(*this);
  second.Send(some);
  EXPECT_TRUE(second.ClosedByListener());
  first.Send(std::string_view(large).substr(some.size()));
  EXPECT_THAT(first.Ids(1), ElementsAre(5));
  Client third(*this);
  third.Send(large);
  EXPECT_THAT(third.Ids(1), ElementsAre(5));
}

TEST_F(KafkaListenerTest, SilenceEndsAConnectionThatWaitsForNothing) {
  options_.idle_us = 50 * kSecondUs;
  MakeTopic("t");
  Listen();
  Client idle(*this);
  Client waiting(*this);
  idle.Send(Ping(0));
  waiting.Send(Wait(0));
  EXPECT_THAT(idle.Ids(1), ElementsAre(0));
  Settle();
  timers_.Pass(50 * kSecondUs);
  EXPECT_EQ(listener_->connections(), 2u);  // it spoke since one looked
  timers_.Pass(9 * kSecondUs);
  idle.Send(Ping(1));
  EXPECT_THAT(idle.Ids(2), ElementsAre(0, 1));
  Settle();
  timers_.Pass(60 * kSecondUs);
  EXPECT_THAT(waiting.Ids(1), ElementsAre(0));
  timers_.Pass(30 * kSecondUs);
  EXPECT_TRUE(idle.ClosedByListener());
  EXPECT_TRUE(waiting.open());
}

}  // namespace
}  // namespace weir::server
