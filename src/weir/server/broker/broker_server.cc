#include "weir/server/broker/broker_server.h"

#include <atomic>
#include <csignal>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>

#include "weir/server/broker/asio_timers.h"
#include "weir/server/broker/http_page.h"

namespace weir::server {

namespace asio = boost::asio;

class BrokerServer::Parts {
 public:
  Parts(Env& env, BrokerServerOptions options)
      : env_(env),
        options_(std::move(options)),
        work_(asio::make_work_guard(loop_)),
        disk_work_(asio::make_work_guard(disk_loop_)),
        timers_(env, loop_) {}

  ~Parts() {
    if (listener_) listener_->Close();
    timers_.Stop();
    disk_work_.reset();
    disk_thread_.reset();  // finishes what it was given
    broker_.reset();
    log_.reset();  // flushes what waits
  }

  Status Open() {
    WEIR_RETURN_IF_ERROR(env_.CreateDirsSynced(options_.data));
    auto lock = env_.LockFile(JoinPath(options_.data, "LOCK"));
    if (!lock.ok()) {
      return Error::User(ErrorCode::kConflict, "another weir serves this folder")
          .At(options_.data)
          .Fix("stop it, or give another --data");
    }
    lock_ = std::move(lock).value();
    log::EventLogOptions log_options;
    log_options.journal.folder = JoinPath(options_.data, "log");
    log_options.journal.sync = options_.sync;
    log_options.background = [this](std::function<void()> task) {
      asio::post(disk_loop_, std::move(task));
    };
    disk_thread_ = env_.StartThread("log-disk", [this] { disk_loop_.run(); });
    WEIR_ASSIGN_OR_RETURN(log_, log::EventLog::Open(env_, metrics_, log_options, &recovery_));
    broker_ = std::make_unique<log::kafka::Broker>(env_, metrics_, *log_, timers_, options_.broker);
    listener_ = std::make_unique<KafkaListener>(loop_, *broker_, options_.listener);
    WEIR_RETURN_IF_ERROR(listener_->Listen());
    broker_->SetAddress(
        options_.advertise_host.empty() ? options_.listener.host : options_.advertise_host,
        listener_->port());
    if (options_.http_port != 0) {
      page_ = std::make_unique<HttpPage>(loop_, metrics_, [this] {
        const auto failure = log_->journal().failure();
        return failure ? failure->ToString() : std::string();
      });
      WEIR_RETURN_IF_ERROR(page_->Listen(options_.listener.host, options_.http_port));
    }
    log_->journal().StartFlushing([this](log::Position durable) {
      // One task at a time in the loop's queue, with the newest position.
      if (durable_.exchange(durable) != 0) return;
      asio::post(loop_, [this] { log_->Advance(durable_.exchange(0)); });
    });
    return Status::Ok();
  }

  void Run() {
    asio::signal_set signals(loop_, SIGINT, SIGTERM);
    signals.async_wait([this](const boost::system::error_code& error, int) {
      if (!error) Stop();
    });
    loop_.run();
  }

  void Stop() {
    asio::post(loop_, [this] {
      if (stopping_) return;
      stopping_ = true;
      listener_->Drain();
      if (page_) page_->Close();
      WaitForConnections(timers_.NowUs() + options_.drain_us);
    });
  }

  KafkaListener& listener() { return *listener_; }
  uint16_t http_port() const { return page_ ? page_->port() : 0; }
  const log::EventLogRecovery& recovery() const { return recovery_; }

 private:
  static constexpr int64_t kDrainPollUs = 10'000;

  void WaitForConnections(int64_t deadline_us) {
    if (listener_->connections() == 0 || timers_.NowUs() >= deadline_us) return loop_.stop();
    timers_.After(kDrainPollUs, [this, deadline_us] { WaitForConnections(deadline_us); });
  }

  Env& env_;
  const BrokerServerOptions options_;
  MetricRegistry metrics_;
  std::unique_ptr<FileLock> lock_;
  asio::io_context loop_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::io_context disk_loop_;  // writes that may wait
  asio::executor_work_guard<asio::io_context::executor_type> disk_work_;
  std::unique_ptr<Thread> disk_thread_;
  AsioTimers timers_;
  log::EventLogRecovery recovery_;
  std::unique_ptr<log::EventLog> log_;
  std::unique_ptr<log::kafka::Broker> broker_;
  std::unique_ptr<KafkaListener> listener_;
  std::unique_ptr<HttpPage> page_;
  std::atomic<log::Position> durable_{0};
  bool stopping_ = false;
};

BrokerServer::BrokerServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
BrokerServer::~BrokerServer() = default;

Result<std::unique_ptr<BrokerServer>> BrokerServer::Open(Env& env,
                                                         const BrokerServerOptions& options) {
  auto parts = std::make_unique<Parts>(env, options);
  WEIR_RETURN_IF_ERROR(parts->Open());
  return std::unique_ptr<BrokerServer>(new BrokerServer(std::move(parts)));
}

void BrokerServer::Run() { parts_->Run(); }
void BrokerServer::Stop() { parts_->Stop(); }
uint16_t BrokerServer::kafka_port() const { return parts_->listener().port(); }
uint16_t BrokerServer::http_port() const { return parts_->http_port(); }
const log::EventLogRecovery& BrokerServer::recovery() const { return parts_->recovery(); }

}  // namespace weir::server
