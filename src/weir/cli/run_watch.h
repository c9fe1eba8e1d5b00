// RunWatch: what goes on beside a run, in a thread of its own: samples memory and spill for the
// report, draws the progress line of the flow that runs, and carries Ctrl-C to the queries.
//
// Thread rule: made and destroyed by the thread that runs the project.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "weir/base/env.h"
#include "weir/observe/run_report.h"
#include "weir/server/project_runtime.h"

namespace weir::cli {

class RunWatch {
 public:
  // `draw`: the progress line goes to stderr. `interrupted` is looked at ten times a second.
  RunWatch(Env& env, server::ProjectRuntime& runtime, const std::atomic<bool>& interrupted,
           bool draw);
  ~RunWatch();  // ends the thread and wipes the line

  // By table. After Stop.
  const std::map<std::string, observe::Sampled>& sampled() const { return sampled_; }
  void Stop();

 private:
  void Loop();
  void Sample();
  std::string Line();

  Env& env_;
  server::ProjectRuntime& runtime_;
  const std::atomic<bool>& interrupted_;
  const bool draw_;

  std::mutex mutex_;
  std::condition_variable stop_asked_;
  bool stop_ = false;  // guarded by mutex_

  // Of the thread alone until Stop.
  std::map<std::string, observe::Sampled> sampled_;
  std::string table_;
  int64_t table_since_ns_ = 0;
  bool drawn_ = false;

  std::unique_ptr<Thread> thread_;
};

}  // namespace weir::cli
