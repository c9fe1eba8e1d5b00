// EmbeddedLog: the event log of a data folder that nobody serves, opened in this process, for
// tables with 'connector' = 'topic'. No clients, no retention, no timeouts of transactions: those
// are the work of `weir serve`.
//
//   WEIR_ASSIGN_OR_RETURN(auto log, logs.Open("shop/data"));
//   const bool there = log->With([](log::EventLog& l) { return l.topics().Find("orders") !=
//   nullptr; });
//
// Thread rule: thread-safe; With gives the log to one thread at a time.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "weir/base/env.h"
#include "weir/base/metrics.h"
#include "weir/base/result.h"
#include "weir/log/event_log.h"

namespace weir::server {

class EmbeddedLog {
 public:
  // Takes the folder's lock and recovers the log; makes both if absent. kConflict: another process
  // has the folder.
  static Result<std::shared_ptr<EmbeddedLog>> Open(Env& env, const std::string& folder);
  ~EmbeddedLog();

  template <typename F>
  auto With(F&& f) {
    std::lock_guard lock(mutex_);
    return f(*log_);
  }
  // Returns when everything before the position is durable, or the journal has failed.
  Status WaitDurable(log::Position position);

  // As Kafka's clients of the folder see it; made, durably, when it is first asked for.
  Result<std::string> ClusterId();

  const std::string& folder() const { return folder_; }

 private:
  EmbeddedLog(Env& env, std::string folder);

  Env& env_;
  const std::string folder_;
  MetricRegistry metrics_;
  std::unique_ptr<FileLock> lock_;
  std::mutex mutex_;  // guards log_
  std::condition_variable advanced_;
  std::unique_ptr<log::EventLog> log_;
};

class TopicHost;

// The embedded logs of this process, one for each folder: a folder's lock is had once.
//
// Thread rule: thread-safe.
class EmbeddedLogs {
 public:
  // `serve`: folders are not opened but served while this lives, so that others can use them too:
  // topic() of the same session, and other programs.
  explicit EmbeddedLogs(Env& env, bool serve = false);
  ~EmbeddedLogs();

  bool serve() const { return serve_; }
  Result<std::shared_ptr<EmbeddedLog>> Open(const std::string& folder);
  // Whoever serves the folder; a broker of our own if nobody does.
  Result<const TopicHost*> Serve(const std::string& folder);

 private:
  Env& env_;
  const bool serve_;
  std::mutex mutex_;  // guards what follows
  std::map<std::string, std::weak_ptr<EmbeddedLog>> logs_;
  std::map<std::string, std::unique_ptr<TopicHost>> hosts_;
};

}  // namespace weir::server
