// Topics against the suite that every sink passes, on a cluster that keeps transactions' promises
// in memory and outlives the crashes of the process. Each of its steps is one at which the process
// may die, before the cluster did it or after.
#include <map>

#include "weir/base/json.h"
#include "weir/columnar/testing/batch_sink_contract.h"
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
  Result<uint64_t> Check(const std::string&) override { return uint64_t{1} << 20; }
  Result<std::unique_ptr<connect::TopicTransaction>> Open(
      const connect::TransactionRequest& request) override {
    return std::unique_ptr<connect::TopicTransaction>(
        std::make_unique<FakeTransaction>(env_, cluster_, request.marker_key()));
  }

 private:
  Env& env_;
  FakeCluster& cluster_;
};

// What a reader of the topic has after some transaction, as a file of rows.
class TopicVersion : public FileTable {
 public:
  TopicVersion(Engine& engine, const FakeCluster& cluster, bool keyed)
      : engine_(engine),
        transactions_(cluster.transactions),
        keyed_(keyed),
        schema_{{{"id", duckdb::LogicalType::BIGINT},
                 {"name", duckdb::LogicalType::VARCHAR},
                 {"part", duckdb::LogicalType::INTEGER}}} {}

  const Schema& schema() const override { return schema_; }
  std::vector<std::string> partition_columns() const override { return {}; }
  int64_t version() const override { return static_cast<int64_t>(transactions_.size()); }
  Result<std::vector<ParquetFile>> Files(const Predicate*) const override { return RowsFrom(0); }
  Result<std::optional<std::vector<ParquetFile>>> AppendedSince(int64_t version) const override {
    WEIR_ASSIGN_OR_RETURN(auto files, RowsFrom(static_cast<size_t>(version)));
    return std::optional<std::vector<ParquetFile>>(std::move(files));
  }

 private:
  Result<std::vector<ParquetFile>> RowsFrom(size_t first) const {
    std::vector<std::string> rows;
    std::map<std::string, std::string> newest;  // as compaction leaves them
    for (size_t i = first; i < transactions_.size(); ++i) {
      for (const connect::StagedRecord& record : transactions_[i].records) {
        WEIR_ASSIGN_OR_RETURN(const Json json, ParseJson(record.value.value()));
        const std::string row =
            "(" + ToText(json["id"]) + ", " +
            (json["name"].is_null() ? "NULL" : QuoteLiteral(json["name"].get<std::string>())) +
            ", " + ToText(json["part"]) + ")";
        if (keyed_) {
          newest[record.key.value()] = row;
        } else {
          rows.push_back(row);
        }
      }
    }
    for (const auto& [key, row] : newest) rows.push_back(row);
    if (rows.empty()) return std::vector<ParquetFile>();
    std::string sql =
        "COPY (SELECT id::BIGINT AS id, name::VARCHAR AS name, part::INTEGER AS part "
        "FROM (VALUES ";
    for (size_t i = 0; i < rows.size(); ++i) sql += (i ? ", " : "") + rows[i];
    const std::string path = "/cluster/" + std::to_string(engine_.env().RandomU64()) + ".parquet";
    sql += ") AS v(id, name, part)) TO " + QuoteLiteral(path);
    WEIR_ASSIGN_OR_RETURN(auto connection, engine_.Connect());
    WEIR_RETURN_IF_ERROR(engine_.Query(*connection, sql).status());
    ParquetFile file;
    file.path = path;
    return std::vector<ParquetFile>{file};
  }

  Engine& engine_;
  const std::vector<FakeCluster::Committed> transactions_;
  const bool keyed_;
  const Schema schema_;
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
    declaration.columns = TopicVersion(engine, *cluster_, keyed).schema();
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
    return std::shared_ptr<FileTable>(std::make_shared<TopicVersion>(engine_, *cluster_, keyed_));
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
