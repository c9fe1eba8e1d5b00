// Delta tables against the suite that every sink passes.
#include "weir/columnar/testing/batch_sink_contract.h"

#include "weir/lake/tables.h"

namespace weir::columnar::testing {

class DeltaHarness : public SinkHarness {
 public:
  DeltaHarness(Engine& engine, std::string folder)
      : env_(engine.env()), tables_(engine.env(), engine), folder_(std::move(folder)) {}

  Result<std::unique_ptr<BatchSink>> OpenSink(const SinkOptions& options) override {
    return tables_.OpenSink(folder_, options);
  }
  Result<std::shared_ptr<SinkCommitter>> Committer() override { return tables_.Committer(folder_); }
  Result<std::shared_ptr<FileTable>> Table() override { return tables_.Table(folder_); }

  // Data files that no log entry names, and what is noted as staged.
  Result<int64_t> StagedFiles() override {
    std::string log;
    WEIR_ASSIGN_OR_RETURN(const auto entries, env_.ListDir(JoinPath(folder_, "_delta_log")));
    for (const FileInfo& entry : entries) {
      WEIR_ASSIGN_OR_RETURN(const std::string text,
                            env_.ReadFile(JoinPath(folder_, "_delta_log/" + entry.path)));
      log += text;
    }
    return Count(folder_, log);
  }

 private:
  Result<int64_t> Count(const std::string& folder, const std::string& log) {
    int64_t count = 0;
    WEIR_ASSIGN_OR_RETURN(const auto entries, env_.ListDir(folder));
    for (const FileInfo& entry : entries) {
      const std::string path = JoinPath(folder, entry.path);
      if (entry.path == "_delta_log") continue;
      if (BaseName(folder) == "_staging" ||
          (!entry.is_directory && log.find(entry.path) == std::string::npos)) {
        ++count;
      } else if (entry.is_directory) {
        WEIR_ASSIGN_OR_RETURN(const int64_t below, Count(path, log));
        count += below;
      }
    }
    return count;
  }

  Env& env_;
  lake::DeltaTables tables_;
  const std::string folder_;
};

std::unique_ptr<SinkHarness> MakeDelta(Engine& engine, const std::string& folder) {
  return std::make_unique<DeltaHarness>(engine, folder);
}

INSTANTIATE_TEST_SUITE_P(Delta, BatchSinkContract,
                         ::testing::Values(SinkCase{"Whole", MakeDelta},
                                           SinkCase{"Partitioned", MakeDelta, {"part"}}),
                         SinkCaseName);

}  // namespace weir::columnar::testing
