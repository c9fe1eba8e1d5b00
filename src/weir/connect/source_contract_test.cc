// File sources against the suite that every source passes.
#include "weir/columnar/testing/batch_source_contract.h"

#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/connect/file_source.h"

namespace weir::columnar::testing {

class FilesHarness : public SourceHarness {
 public:
  FilesHarness(Engine& engine, std::string folder, std::string ending,
               std::map<std::string, std::string> options)
      : engine_(engine), folder_(std::move(folder)), ending_(std::move(ending)) {
    options_ = std::move(options);
    options_["connector"] = "filesystem";
    options_["path"] = "*" + ending_;
  }

  Result<std::shared_ptr<BatchSource>> Open() override {
    const Schema declared{
        {{"id", duckdb::LogicalType::BIGINT}, {"name", duckdb::LogicalType::VARCHAR}}};
    return connect::OpenFileSource(engine_, {"t", options_, declared, folder_});
  }
  Status RemoveFile(const std::string& name) override {
    return engine_.env().RemoveFile(PathOf(name));
  }

 protected:
  std::string PathOf(const std::string& name) const { return folder_ + "/" + name + ending_; }

  Engine& engine_;
  const std::string folder_;
  const std::string ending_;
  std::map<std::string, std::string> options_;
};

class LinesHarness : public FilesHarness {
 public:
  using FilesHarness::FilesHarness;

  Status WriteFile(const std::string& name, int64_t first, int64_t count) override {
    return Put(name, Head() + Lines(first, count));
  }
  Status GrowFile(const std::string& name, int64_t first, int64_t count) override {
    WEIR_ASSIGN_OR_RETURN(const std::string text, engine_.env().ReadFile(PathOf(name)));
    return Put(name, text + Lines(first, count));
  }
  Result<std::string> WriteBrokenFile(const std::string& name, int64_t first) override {
    WEIR_RETURN_IF_ERROR(
        Put(name, Head() + Lines(first, 1) + Broken() + "\n" + Lines(first + 1, 1)));
    return Broken();
  }

 private:
  virtual std::string Head() const = 0;
  virtual std::string Broken() const = 0;

  std::string Lines(int64_t first, int64_t count) {
    std::string text;
    for (int64_t id = first; id < first + count; ++id) text += RawOf(id) + "\n";
    return text;
  }
  Status Put(const std::string& name, const std::string& text) {
    return engine_.env().WriteFileAtomic(PathOf(name), text);
  }
};

class CsvHarness : public LinesHarness {
 public:
  using LinesHarness::LinesHarness;
  std::string RawOf(int64_t id) override {
    return std::to_string(id) + ",\"n" + std::to_string(id) + "\"";
  }

 private:
  std::string Head() const override { return "id,name\n"; }
  std::string Broken() const override { return "twelve,\"n12\""; }
};

class ParquetHarness : public FilesHarness {
 public:
  using FilesHarness::FilesHarness;
  Status WriteFile(const std::string& name, int64_t first, int64_t count) override {
    WEIR_ASSIGN_OR_RETURN(auto connection, engine_.Connect());
    return engine_
        .Query(*connection, "COPY (SELECT range AS id, 'n' || range AS name FROM range(" +
                                std::to_string(first) + ", " + std::to_string(first + count) +
                                ")) TO " + QuoteLiteral(PathOf(name)))
        .status();
  }
  Status GrowFile(const std::string&, int64_t, int64_t) override {
    return Error::Bug("Parquet files do not grow");
  }
  Result<std::string> WriteBrokenFile(const std::string&, int64_t) override {
    return Error::Bug("rows of Parquet files have types");
  }
  std::string RawOf(int64_t) override { return ""; }
};

template <typename Harness>
std::function<std::unique_ptr<SourceHarness>(Engine&, const std::string&)> Maker(
    const std::string& ending, const std::map<std::string, std::string>& options) {
  return [=](Engine& engine, const std::string& folder) {
    return std::make_unique<Harness>(engine, folder, ending, options);
  };
}

INSTANTIATE_TEST_SUITE_P(
    Files, BatchSourceContract,
    ::testing::Values(SourceCase{"Csv", Maker<CsvHarness>(".csv", {{"format", "csv"}})},
                      SourceCase{"CsvInSmallSplits",
                                 Maker<CsvHarness>(".csv", {{"format", "csv"},
                                                            {"source.split-bytes", "1000"}})},
                      SourceCase{.name = "Parquet",
                                 .make = Maker<ParquetHarness>(".parquet", {{"format", "parquet"}}),
                                 .grows = false,
                                 .breaks = false,
                                 .has_raw = false}),
    SourceCaseName);

}  // namespace weir::columnar::testing
