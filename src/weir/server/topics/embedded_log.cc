#include "weir/server/topics/embedded_log.h"

#include <chrono>

#include "weir/log/kafka/cluster_id.h"
#include "weir/server/topics/serving_file.h"
#include "weir/server/topics/topic_host.h"

namespace weir::server {

EmbeddedLog::EmbeddedLog(Env& env, std::string folder) : env_(env), folder_(std::move(folder)) {}

EmbeddedLog::~EmbeddedLog() {
  std::unique_ptr<log::EventLog> log;
  {
    std::lock_guard lock(mutex_);
    log = std::move(log_);
  }
  log.reset();  // flushes what waits; the flushing thread, which may be waiting for us, has ended
}

Result<std::shared_ptr<EmbeddedLog>> EmbeddedLog::Open(Env& env, const std::string& folder) {
  WEIR_RETURN_IF_ERROR(env.CreateDirsSynced(folder));
  std::shared_ptr<EmbeddedLog> out(new EmbeddedLog(env, folder));
  auto lock = env.LockFile(JoinPath(folder, "LOCK"));
  if (!lock.ok()) {
    if (lock.error().code() != ErrorCode::kConflict) return std::move(lock).error();
    return Error::Retry(ErrorCode::kConflict,
                        "another weir has this folder of topics: " + lock.error().message())
        .At(folder);
  }
  out->lock_ = std::move(lock).value();
  RemoveServing(env, folder);
  log::EventLogOptions options;
  options.journal.folder = JoinPath(folder, "log");
  log::EventLogRecovery recovery;
  WEIR_ASSIGN_OR_RETURN(out->log_, log::EventLog::Open(env, out->metrics_, options, &recovery));
  EmbeddedLog* const self = out.get();
  out->log_->journal().StartFlushing(
      [self](log::Position durable) {
        {
          std::lock_guard guard(self->mutex_);
          if (self->log_) self->log_->Advance(durable);
        }
        self->advanced_.notify_all();
      },
      [self](const Error&) { self->advanced_.notify_all(); });  // WaitDurable finds the failure
  return out;
}

Result<std::string> EmbeddedLog::ClusterId() {
  WEIR_ASSIGN_OR_RETURN(log::kafka::ClusterId id, With([this](log::EventLog& log) {
                          return log::kafka::ClusterIdOf(env_, log);
                        }));
  WEIR_RETURN_IF_ERROR(WaitDurable(id.end));
  return std::move(id.text);
}

Status EmbeddedLog::WaitDurable(log::Position position) {
  std::unique_lock lock(mutex_);
  constexpr auto kLookAgain = std::chrono::milliseconds(200);
  while (log_->journal().durable() < position) {
    if (auto failure = log_->journal().failure()) return *failure;
    advanced_.wait_for(lock, kLookAgain);
  }
  log_->Advance(log_->journal().durable());
  return Status::Ok();
}

EmbeddedLogs::EmbeddedLogs(Env& env, bool serve) : env_(env), serve_(serve) {}
EmbeddedLogs::~EmbeddedLogs() = default;

Result<const TopicHost*> EmbeddedLogs::Serve(const std::string& folder) {
  std::lock_guard lock(mutex_);
  std::unique_ptr<TopicHost>& host = hosts_[folder];
  if (!host) {
    WEIR_ASSIGN_OR_RETURN(host, TopicHost::Open(env_, folder, {}));
  }
  return host.get();
}

Result<std::shared_ptr<EmbeddedLog>> EmbeddedLogs::Open(const std::string& folder) {
  std::lock_guard lock(mutex_);
  if (auto open = logs_[folder].lock()) return open;
  WEIR_ASSIGN_OR_RETURN(auto log, EmbeddedLog::Open(env_, folder));
  logs_[folder] = log;
  return log;
}

}  // namespace weir::server
