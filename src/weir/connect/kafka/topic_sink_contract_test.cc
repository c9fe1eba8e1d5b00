// Topics against the suite that every sink passes, on a cluster that keeps transactions' promises
// in memory and outlives the crashes of the process. Each of its steps is one at which the process
// may die, before the cluster did it or after.
#include <map>

#include "weir/columnar/testing/batch_sink_contract.h"
#include "weir/connect/kafka/testing/topic_rows.h"
#include "weir/connect/kafka/topic_sink.h"

namespace weir::columnar::testing {

struct FakeCluster {
  struct Committed {
    std::vector<connect::StagedRecord> records;
  };
  std::vector<Committed> transactions;        // in the order of their commits
  std::map<std::string, uint64_t> notes;      // by key
  std::map<std::string, uint64_t> takeovers;  // by key: how often, for fencing
};

class FakeTransaction : public connect::TopicTransaction {
 public:
  FakeTransaction(Env& env, FakeCluster& cluster, std::string key)
      : env_(env), cluster_(cluster), key_(std::move(key)), mine_(++cluster_.takeovers[key_]) {}

  Result<uint64_t> CommittedEpoch() override {
    WEIR_RETURN_IF_ERROR(Step());
    return cluster_.notes[key_];
  }
  Status Add(const connect::StagedRecord& record) override {
    pending_.push_back(record);
    return Status::Ok();
  }
  Status Commit(uint64_t epoch) override {
    WEIR_RETURN_IF_ERROR(Step());
    if (cluster_.takeovers[key_] != mine_) {
      return Error::Operator(ErrorCode::kConflict, "another took over");
    }
    cluster_.transactions.push_back({std::move(pending_)});
    cluster_.notes[key_] = epoch;
    return Step();  // after a crash here it is committed, and nobody was told
  }

 private:
  // An operation of the simulated machine, at which it may crash.
  Status Step() { return env_.WriteFileAtomic("/cluster/step", "x"); }

  Env& env_;
  FakeCluster& cluster_;
  const std::string key_;
  const uint64_t mine_;
  std::vector<connect::StagedRecord> pending_;
};

class FakeTransactions : public connect::TopicTransactions {
 public:
  FakeTransactions(Env& env, FakeCluster& cluster) : env_(env), cluster_(cluster) {}
  Result<connect::TopicLimits> Check(const std::string&) override {
    connect::TopicLimits limits;
    limits.record_bytes_max = uint64_t{1} << 20;
    return limits;
  }
  Result<std::unique_ptr<connect::TopicTransaction>> Open(
      const connect::TransactionRequest& request) override {
    return std::unique_ptr<connect::TopicTransaction>(
        std::make_unique<FakeTransaction>(env_, cluster_, request.marker_key()));
  }

 private:
  Env& env_;
  FakeCluster& cluster_;
};

class TopicHarness : public SinkHarness {
 public:
  TopicHarness(Engine& engine, const std::string& folder, bool keyed)
      : engine_(engine), keyed_(keyed), state_(JoinPath(folder, "_weir")) {
    static std::unique_ptr<FakeCluster> cluster;  // of this world, through its crashes
    if (!engine.env().Exists("/cluster")) {
      EXPECT_TRUE(engine.env().CreateDirsSynced("/cluster").ok());
      cluster = std::make_unique<FakeCluster>();
    }
    cluster_ = cluster.get();
    SourceDeclaration declaration;
    declaration.name = "t";
    declaration.columns = connect::testing::TopicRows::SuiteSchema();
    if (keyed) declaration.primary_key = {"id"};
    connect::RecordOptions records;
    records.value.name = "json";
    auto table = connect::MakeTopicTable(declaration, "t", records);
    EXPECT_TRUE(table.ok()) << table.error().ToString();
    table->transactions = std::make_shared<FakeTransactions>(engine.env(), *cluster_);
    table->state_folder = state_;
    table_ = std::make_shared<connect::TopicTable>(*table);
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
    const auto& transactions = cluster_->transactions;
    for (size_t i = 0; i < transactions.size(); ++i) {
      for (const connect::StagedRecord& record : transactions[i].records) {
        rows.push_back({static_cast<int64_t>(i), record.key.value_or(""), record.value.value()});
      }
    }
    return std::shared_ptr<FileTable>(std::make_shared<connect::testing::TopicRows>(
        engine_, std::move(rows), static_cast<int64_t>(transactions.size()), keyed_));
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
  const bool keyed_;
  const std::string state_;
  FakeCluster* cluster_ = nullptr;
  std::shared_ptr<connect::TopicTable> table_;
};

SinkCase TopicCase(const std::string& name, bool keyed) {
  SinkCase test_case;
  test_case.name = name;
  test_case.make = [keyed](Engine& engine, const std::string& folder) {
    return std::make_unique<TopicHarness>(engine, folder, keyed);
  };
  test_case.overwrites_where = false;
  test_case.upserts = keyed;
  test_case.adds_columns = false;
  test_case.overwrites = false;
  return test_case;
}

INSTANTIATE_TEST_SUITE_P(Topic, BatchSinkContract,
                         ::testing::Values(TopicCase("Plain", false), TopicCase("Keyed", true)),
                         SinkCaseName);

}  // namespace weir::columnar::testing
