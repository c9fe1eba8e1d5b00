#include "weir/server/topics/topic_host.h"

#include "weir/server/broker/broker_server.h"
#include "weir/server/topics/serving_file.h"

namespace weir::server {

namespace {

// A server that starts writes its address a little later, and a run may end.
constexpr int kServingTries = 100;
constexpr int64_t kServingPauseUs = 20'000;

// What the process that serves the folder wrote there; `taken`: whose it is.
Result<std::string> AddressOfServer(Env& env, const std::string& data, const Error& taken) {
  for (int tries = 1;; ++tries) {
    if (const auto serving = ReadServing(env, data)) return serving->address;
    if (tries == kServingTries) {
      return Error::Retry(ErrorCode::kConflict, taken.message())
          .At(data)
          .Fix("wait for it to end; with `weir serve` on the folder several can use it");
    }
    env.SleepMicros(kServingPauseUs);
  }
}

}  // namespace

Result<std::unique_ptr<TopicHost>> TopicHost::Open(Env& env, const std::string& data,
                                                   Options options) {
  if (!options.make_folder && !env.Exists(data)) {
    return Error::User(ErrorCode::kNotFound, "there are no topics: no such folder")
        .At(data)
        .Fix("start `weir serve`, or name a folder with --data or a server with --server");
  }
  std::unique_ptr<TopicHost> host(new TopicHost());
  BrokerServerOptions broker;
  broker.data = data;
  broker.listeners.front().port = 0;
  broker.http.port = 0;
  broker.catch_signals = false;
  broker.broker.auto_create_topics = false;
  auto opened = BrokerServer::Open(env, broker);
  if (opened.ok()) {
    host->broker_ = std::move(opened).value();
    host->thread_ = env.StartThread("topics", [broker = host->broker_.get()] { broker->Run(); });
    host->address_ = "127.0.0.1:" + std::to_string(host->broker_->kafka_ports().front());
    return host;
  }
  if (opened.error().code() != ErrorCode::kConflict) return std::move(opened).error();
  WEIR_ASSIGN_OR_RETURN(host->address_, AddressOfServer(env, data, opened.error()));
  return host;
}

TopicHost::~TopicHost() {
  if (!broker_) return;
  broker_->Stop();
  thread_.reset();  // joins
}

}  // namespace weir::server
