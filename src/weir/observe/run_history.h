// RunHistory: the records of past runs, <project>/.weir/runs/<time>-<run id>.json, newest 1000.
// They may be deleted at any time: nothing but comparisons depends on them.
//
// Thread rule: one thread at a time; several processes may save at once.
// Errors: those of Env; an unreadable record is passed over in lists and an error when asked for.
#pragma once

#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/observe/run_report.h"

namespace weir::observe {

class RunHistory {
 public:
  static constexpr size_t kRunsMax = 1000;

  RunHistory(Env& env, std::string folder) : env_(env), folder_(std::move(folder)) {}

  Status Save(const RunReport& report);
  // The newest `count`, newest first.
  Result<std::vector<RunReport>> Newest(size_t count);
  // A run id or the beginning of one, "last", "last~2". kNotFound, or kInvalid if several match.
  Result<RunReport> Find(const std::string& name);

 private:
  Result<std::vector<std::string>> Files();  // newest first
  Result<RunReport> Read(const std::string& file);

  Env& env_;
  const std::string folder_;
};

}  // namespace weir::observe
