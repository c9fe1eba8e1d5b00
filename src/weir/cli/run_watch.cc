#include "weir/cli/run_watch.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "duckdb/main/connection.hpp"
#include "weir/cli/terminal.h"
#include "weir/observe/quantity.h"
#include "weir/observe/text_table.h"

namespace weir::cli {

namespace {

constexpr auto kInterval = std::chrono::milliseconds(100);
constexpr double kEtaFromSeconds = 1;  // a guess from less is worth nothing
constexpr const char* kWipeLine = "\r\033[K";

}  // namespace

RunWatch::RunWatch(Env& env, server::ProjectRuntime& runtime, const std::atomic<bool>& interrupted,
                   bool draw)
    : env_(env), runtime_(runtime), interrupted_(interrupted), draw_(draw) {
  thread_ = env_.StartThread("weir-watch", [this] { Loop(); });
}

RunWatch::~RunWatch() { Stop(); }

void RunWatch::Stop() {
  if (!thread_) return;
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stop_asked_.notify_all();
  thread_.reset();
  if (drawn_) fmt::print(stderr, "{}", kWipeLine);
}

void RunWatch::Loop() {
  std::unique_lock lock(mutex_);
  while (!stop_asked_.wait_for(lock, kInterval, [this] { return stop_; })) {
    lock.unlock();
    if (interrupted_.load()) runtime_.session().connection().Interrupt();
    Sample();
    if (draw_) {
      const std::string line = Line();
      if (!line.empty()) {
        fmt::print(stderr, "{}{}", kWipeLine, line);
        std::fflush(stderr);
        drawn_ = true;
      }
    }
    lock.lock();
  }
}

void RunWatch::Sample() {
  std::string table;
  {
    std::lock_guard lock(runtime_.progress().mutex);
    table = runtime_.progress().table;
  }
  if (table != table_) {
    table_ = table;
    table_since_ns_ = env_.MonotonicNanos();
  }
  if (table.empty()) return;
  observe::Sampled& peak = sampled_[table];
  peak.peak_memory_bytes =
      std::max(peak.peak_memory_bytes, static_cast<int64_t>(env_.Usage().resident_bytes));
  peak.spill_bytes =
      std::max(peak.spill_bytes, static_cast<int64_t>(runtime_.engine().usage().spill_bytes));
}

std::string RunWatch::Line() {
  std::shared_ptr<sql::FlowWrite> write;
  uint64_t read = 0;
  uint64_t total = 0;
  {
    sql::RunProgress& progress = runtime_.progress();
    std::lock_guard lock(progress.mutex);
    write = progress.write;
    for (const auto& scan : progress.scans) {
      read += scan->bytes_read.load();
      total += scan->total_bytes;
    }
  }
  if (!write) return "";
  const double seconds = static_cast<double>(env_.MonotonicNanos() - table_since_ns_) / 1e9;
  std::string line = interrupted_.load() ? "stopping: " : "";
  line += table_ + "  " + observe::Counted(write->rows_in.load(), "row");
  if (read > 0) line += "  " + observe::BytesPerSecond(static_cast<double>(read), seconds);
  if (const int64_t rejected = write->rows_rejected.load(); rejected > 0) {
    line += "  " + observe::Count(rejected) + " rejected";
  }
  // Text sources know their bytes; of Parquet, DuckDB knows how far it is.
  double done = total > 0 ? static_cast<double>(read) / static_cast<double>(total)
                          : runtime_.session().ProgressPercent() / 100;
  if (done > 0) {
    done = std::min(done, 1.0);
    line += "  " + observe::Percent(done);
    if (seconds >= kEtaFromSeconds && done < 1) {
      const double left = std::max(1.0, seconds * (1 - done) / done);
      line += "  about " + (left < 100 ? fmt::format("{:.0f} s", left) : observe::Seconds(left));
      line += " left";
    }
  }
  const size_t width = TerminalWidth(2);
  return width == 0 ? line : observe::CutTo(line, width - 1);
}

}  // namespace weir::cli
