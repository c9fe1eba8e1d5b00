#include "weir/server/broker/broker_server.h"

#include <algorithm>
#include <atomic>
#include <csignal>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/host_name.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>

#include "weir/log/security/users.h"
#include "weir/server/broker/asio_timers.h"
#include "weir/server/broker/disk_watch.h"
#include "weir/server/broker/http_page.h"
#include "weir/server/broker/lag_metrics.h"
#include "weir/server/topics/serving_file.h"

namespace weir::server {

namespace asio = boost::asio;

namespace {

// What clients are told who are told nothing else: an address that means "every one" is nobody's.
std::string AdvertisedHost(const ListenerOptions& listener) {
  if (!listener.advertise_host.empty()) return listener.advertise_host;
  boost::system::error_code error;
  const auto address = asio::ip::make_address(listener.host, error);
  if (error || !address.is_unspecified()) return listener.host;
  const std::string name = asio::ip::host_name(error);
  return error || name.empty() ? listener.host : name;
}

}  // namespace

class BrokerServer::Parts {
 public:
  Parts(Env& env, BrokerServerOptions options)
      : env_(env),
        options_(std::move(options)),
        work_(asio::make_work_guard(loop_)),
        disk_work_(asio::make_work_guard(disk_loop_)),
        timers_(env, loop_) {}

  ~Parts() {
    for (const auto& listener : listeners_) listener->Close();
    if (serving_) RemoveServing(env_, options_.data);
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
      if (lock.error().code() != ErrorCode::kConflict) return std::move(lock).error();
      return Error::User(ErrorCode::kConflict,
                         "another weir has this folder of topics: " + lock.error().message())
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
    lag_metrics_ = std::make_unique<LagMetrics>(*broker_);
    disk_watch_ = std::make_unique<DiskWatch>(*broker_, metrics_, timers_);
    WEIR_RETURN_IF_ERROR(MakeFirstUser());
    MakeNobodysSecret();
    if (options_.broker.acls.enabled && options_.broker.acls.super_users.empty() &&
        broker_->authorizer().all().empty()) {
      broker_->Report(
          "nobody may do anything: there are no ACLs, and no super user to make some "
          "(security.super-users)");
    }
    if (options_.tls.given()) {
      WEIR_ASSIGN_OR_RETURN(tls_, TlsContext::Load(options_.tls));
    }
    for (ListenerOptions listener : options_.listeners) {
      listener.advertise_host = AdvertisedHost(listener);
      if (listener.tls && !tls_) return NoCertificate();
      listeners_.push_back(std::make_unique<KafkaListener>(loop_, *broker_, listener,
                                                           listener.tls ? tls_.get() : nullptr));
      WEIR_RETURN_IF_ERROR(listeners_.back()->Listen());
    }
    broker_->SetAddress(listeners_.front()->options().advertise_host, listeners_.front()->port());
    if (options_.http.port != 0) {
      if (options_.http.tls && !tls_) return NoCertificate();
      page_ = std::make_unique<HttpPage>(
          loop_, metrics_,
          [this] {
            const auto failure = log_->journal().failure();
            return failure ? failure->ToString() : std::string();
          },
          options_.http.tls ? tls_.get() : nullptr);
      page_->AddMetrics([this] { return lag_metrics_->PrometheusText(); });
      WEIR_RETURN_IF_ERROR(page_->Listen(options_.http.host, options_.http.port));
    }
    log_->journal().StartFlushing(
        [this](log::Position durable) {
          // One task at a time in the loop's queue, with the newest position.
          if (durable_.exchange(durable) != 0) return;
          asio::post(loop_, [this] { log_->Advance(durable_.exchange(0)); });
        },
        [this](const Error& failure) {
          asio::post(loop_, [this, failure] { OnlyReadFromNowOn(failure); });
        });
    disk_watch_->Begin();
    TellServing();
    return Status::Ok();
  }

  void Run() {
    asio::signal_set signals(loop_);
    if (options_.catch_signals) {
      signals.add(SIGINT);
      signals.add(SIGTERM);
    }
    AwaitStop(signals, /*asked_before=*/false);
    asio::signal_set renewals(loop_);
    if (tls_) {
      renewals.add(SIGHUP);
      AwaitRenewal(renewals);
    }
    loop_.run();
  }

  void Stop() {
    asio::post(loop_, [this] {
      if (stopping_) return;
      stopping_ = true;
      RemoveServing(env_, options_.data);
      for (const auto& listener : listeners_) listener->Drain();
      if (page_) page_->Close();
      WaitForConnections(timers_.NowUs() + options_.drain_us);
    });
  }

  std::vector<uint16_t> kafka_ports() const {
    std::vector<uint16_t> ports;
    for (const auto& listener : listeners_) ports.push_back(listener->port());
    return ports;
  }
  uint16_t http_port() const { return page_ ? page_->port() : 0; }
  const log::EventLogRecovery& recovery() const { return recovery_; }

 private:
  static constexpr int64_t kDrainPollUs = 10'000;
  static constexpr int64_t kTellServingUs = 500'000;

  static Status NoCertificate() {
    return Error::User(ErrorCode::kInvalid, "a listener with TLS, and no certificate")
        .Fix("name the files of the certificate and its key in [tls] of weir.toml");
  }

  Status MakeFirstUser() {
    if (!options_.first_user) return Status::Ok();
    const auto& [name, password] = *options_.first_user;
    for (const log::ScramMechanism mechanism : log::kScramMechanisms) {
      if (log::FindUser(log_->state(), mechanism, name)) return Status::Ok();
    }
    return Commit(log::NewUser(name, password));
  }

  // Once for a folder, where clients log in. On a full disk one of this process does.
  void MakeNobodysSecret() {
    const bool asks =
        std::any_of(options_.listeners.begin(), options_.listeners.end(),
                    [](const ListenerOptions& listener) { return !listener.sasl.empty(); });
    if (asks && log::FindNobodysSecret(log_->state()) == nullptr) {
      (void)Commit({log::NewNobodysSecret()});
    }
  }

  Status Commit(const std::vector<log::StateChange>& changes) {
    WEIR_ASSIGN_OR_RETURN(const log::Position end, log_->Commit({}, changes, nullptr));
    WEIR_RETURN_IF_ERROR(log_->journal().Flush());
    log_->Advance(end);
    return Status::Ok();
  }

  // What waits for the disk will never be answered: its connections end, so that clients ask again
  // and are refused at once. Reading goes on.
  void OnlyReadFromNowOn(const Error& failure) {
    broker_->Report("only reading from now on, until a restart: " + failure.ToString());
    for (const auto& listener : listeners_) listener->EndConnections();
  }

  // Asked once more it waits for nobody.
  void AwaitStop(asio::signal_set& signals, bool asked_before) {
    signals.async_wait([this, &signals, asked_before](const boost::system::error_code& error, int) {
      if (error) return;
      if (asked_before) return loop_.stop();
      Stop();
      AwaitStop(signals, /*asked_before=*/true);
    });
  }

  // SIGHUP: the files of TLS are read again.
  void AwaitRenewal(asio::signal_set& signals) {
    signals.async_wait([this, &signals](const boost::system::error_code& error, int) {
      if (error) return;
      const Status status = tls_->Reload();
      broker_->Report(status.ok() ? "certificates read again"
                                  : "certificates stay as they were: " + status.error().ToString());
      AwaitRenewal(signals);
    });
  }

  // For other programs of Weir on this machine, which find the folder taken: the listener that asks
  // least of its clients. They need it only to find the server: on a full disk it serves all
  // others, and tries again until there is room.
  void TellServing() {
    const auto asks = [](const std::unique_ptr<KafkaListener>& listener) {
      return listener->options().tls + !listener->options().sasl.empty();
    };
    const auto& easiest =
        **std::min_element(listeners_.begin(), listeners_.end(),
                           [&](const auto& a, const auto& b) { return asks(a) < asks(b); });
    const Status told = WriteServing(env_, options_.data, easiest.options().host, easiest.port());
    serving_ |= told.ok();
    if (!told.ok() && !said_not_serving_) {
      said_not_serving_ = true;
      broker_->Report("other programs of weir on this machine don't find this server: " +
                      told.error().ToString());
    }
    if (!told.ok() && !stopping_) timers_.After(kTellServingUs, [this] { TellServing(); });
  }

  void WaitForConnections(int64_t deadline_us) {
    size_t connections = 0;
    for (const auto& listener : listeners_) connections += listener->connections();
    if (connections == 0 || timers_.NowUs() >= deadline_us) return loop_.stop();
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
  std::unique_ptr<LagMetrics> lag_metrics_;
  std::unique_ptr<DiskWatch> disk_watch_;
  std::unique_ptr<TlsContext> tls_;
  std::vector<std::unique_ptr<KafkaListener>> listeners_;
  std::unique_ptr<HttpPage> page_;
  std::atomic<log::Position> durable_{0};
  bool stopping_ = false;
  bool serving_ = false;  // serving.json says so
  bool said_not_serving_ = false;
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
std::vector<uint16_t> BrokerServer::kafka_ports() const { return parts_->kafka_ports(); }
uint16_t BrokerServer::http_port() const { return parts_->http_port(); }
const log::EventLogRecovery& BrokerServer::recovery() const { return parts_->recovery(); }

}  // namespace weir::server
