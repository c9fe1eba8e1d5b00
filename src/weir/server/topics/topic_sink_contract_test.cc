// Tables with 'connector' = 'topic' against the suite that every sink passes: with the log in the
// same simulated machine, which loses what was not synced of both when it crashes.
#include "weir/columnar/testing/batch_sink_contract.h"

#include "weir/connect/kafka/testing/topic_rows.h"
#include "weir/server/topics/embedded_topic.h"
#include "weir/server/topics/topic_table.h"

namespace weir::columnar::testing {

class EmbeddedSinkHarness : public SinkHarness {
 public:
  EmbeddedSinkHarness(Engine& engine, const std::string& folder, bool keyed)
      : engine_(engine), logs_(engine.env()), keyed_(keyed), state_(JoinPath(folder, "_weir")) {
    SourceDeclaration declaration;
    declaration.name = "t";
    declaration.base_folder = "/";
    declaration.options = {{"connector", "topic"}, {"format", "json"}, {"data", "data"}};
    declaration.columns = connect::testing::TopicRows::SuiteSchema();
    if (keyed) declaration.primary_key = {"id"};
    auto table = server::OpenTopicTable(engine.env(), logs_, declaration);
    EXPECT_TRUE(table.ok()) << table.error().ToString();
    (*table)->state_folder = state_;
    table_ = *table;
  }

  Result<std::unique_ptr<BatchSink>> OpenSink(const SinkOptions& options) override {
    return connect::OpenTopicSink(engine_.env(), table_, options);
  }
  Result<std::shared_ptr<SinkCommitter>> Committer() override {
    return std::shared_ptr<SinkCommitter>(
        std::make_shared<connect::TopicCommitter>(engine_.env(), table_));
  }
  Result<std::shared_ptr<FileTable>> Table() override {
    std::vector<connect::testing::TopicRow> rows;
    WEIR_ASSIGN_OR_RETURN(const auto log, logs_.Open("/data"));
    const auto topic = server::EmbeddedTopic(log, "t");
    WEIR_ASSIGN_OR_RETURN(const connect::TopicEnds ends, topic->Ends());
    const connect::PartitionEnds& part = ends.partitions.at(0);
    WEIR_ASSIGN_OR_RETURN(const auto reader, topic->Read(0, part.begin, part.end, false));
    while (true) {
      std::vector<connect::LogRecord> records;
      WEIR_RETURN_IF_ERROR(reader->Next(1000, &records));
      if (records.empty()) break;
      for (const connect::LogRecord& record : records) {
        rows.push_back({record.offset, std::string(record.key.value_or("")),
                        std::string(record.value.value())});
      }
    }
    return std::shared_ptr<FileTable>(
        std::make_shared<connect::testing::TopicRows>(engine_, std::move(rows), part.end, keyed_));
  }
  Result<int64_t> StagedFiles() override {
    int64_t count = 0;
    WEIR_ASSIGN_OR_RETURN(const auto flows, engine_.env().ListDir(state_));
    for (const FileInfo& flow : flows) {
      WEIR_ASSIGN_OR_RETURN(const auto files,
                            engine_.env().ListDir(JoinPath(JoinPath(state_, flow.path), "staged")));
      count += static_cast<int64_t>(files.size());
    }
    return count;
  }

 private:
  Engine& engine_;
  server::EmbeddedLogs logs_;
  const bool keyed_;
  const std::string state_;
  std::shared_ptr<connect::TopicTable> table_;
};

SinkCase EmbeddedSinkCase(const std::string& name, bool keyed) {
  SinkCase test_case;
  test_case.name = name;
  test_case.make = [keyed](Engine& engine, const std::string& folder) {
    return std::make_unique<EmbeddedSinkHarness>(engine, folder, keyed);
  };
  test_case.overwrites_where = false;
  test_case.upserts = keyed;
  test_case.adds_columns = false;
  test_case.overwrites = false;
  return test_case;
}

// With a key alone: appending to such a table is the same code.
INSTANTIATE_TEST_SUITE_P(Embedded, BatchSinkContract,
                         ::testing::Values(EmbeddedSinkCase("Keyed", true)), SinkCaseName);

}  // namespace weir::columnar::testing
