// Topics as sources, against the suite that every source passes: in process, and through a broker
// as any Kafka client reads.
#include "weir/columnar/testing/batch_source_contract.h"

#include "weir/connect/kafka/testing/test_topic.h"
#include "weir/connect/kafka_source.h"
#include "weir/log/record_batch_builder.h"
#include "weir/server/broker/broker_server.h"
#include "weir/server/topics/topic_source.h"

namespace weir::columnar::testing {

constexpr int kPartitions = 8;

// A "file" is a partition: "b" and "f1" the second one.
class TopicHarness : public SourceHarness {
 public:
  Status WriteFile(const std::string& name, int64_t first, int64_t count) override {
    std::vector<std::string> values;
    for (int64_t id = first; id < first + count; ++id) values.push_back(RawOf(id));
    return Produce(PartitionOf(name), values);
  }
  Status GrowFile(const std::string& name, int64_t first, int64_t count) override {
    return WriteFile(name, first, count);
  }
  Result<std::string> WriteBrokenFile(const std::string& name, int64_t first) override {
    const std::string broken = R"({"id": "twelve", "name": "n12"})";
    WEIR_RETURN_IF_ERROR(Produce(PartitionOf(name), {RawOf(first), broken, RawOf(first + 1)}));
    return broken;
  }
  Status RemoveFile(const std::string&) override { return Error::Bug("partitions stay"); }
  std::string RawOf(int64_t id) override {
    return R"({"id": )" + std::to_string(id) + R"(, "name": "n)" + std::to_string(id) + "\"}";
  }

 protected:
  virtual Status Produce(int32_t partition, const std::vector<std::string>& values) = 0;

  static SourceDeclaration Declaration(std::map<std::string, std::string> options) {
    options["format"] = "json";
    SourceDeclaration declaration;
    declaration.name = "t";
    declaration.options = std::move(options);
    declaration.columns =
        Schema{{{"id", duckdb::LogicalType::BIGINT}, {"name", duckdb::LogicalType::VARCHAR}}};
    declaration.base_folder = "/data";
    return declaration;
  }

 private:
  static int32_t PartitionOf(const std::string& name) {
    return name.size() > 1 ? name[1] - '0' : name[0] - 'a';
  }
};

class EmbeddedHarness : public TopicHarness {
 public:
  explicit EmbeddedHarness(Engine& engine) : env_(engine.env()), logs_(env_) {}

  Result<std::shared_ptr<BatchSource>> Open() override {
    WEIR_RETURN_IF_ERROR(OpenLog());
    return server::OpenTopicSource(env_, logs_,
                                   Declaration({{"connector", "topic"}, {"data", "topics"}}));
  }

 private:
  Status OpenLog() {
    if (log_) return Status::Ok();
    WEIR_ASSIGN_OR_RETURN(log_, logs_.Open("/data/topics"));
    return log_->With([](log::EventLog& log) {
      std::vector<log::StateChange> changes;
      log::Topic topic;
      topic.name = "t";
      topic.id.bytes[0] = 1;
      topic.partitions = log.NewPartitionNumbers(kPartitions, &changes);
      changes.push_back(log::Topics::Put(topic));
      return log.Commit({}, changes, nullptr).status();
    });
  }

  Status Produce(int32_t partition, const std::vector<std::string>& values) override {
    WEIR_RETURN_IF_ERROR(OpenLog());
    const size_t kInBatch = 100;
    for (size_t i = 0; i < values.size(); i += kInBatch) {
      log::BatchBuilder builder({.codec = i % 200 == 0 ? log::Codec::kNone : log::Codec::kLz4});
      for (size_t j = i; j < std::min(values.size(), i + kInBatch); ++j) {
        builder.Add({.timestamp = 1000, .value = values[j]});
      }
      WEIR_ASSIGN_OR_RETURN(const std::string batch, std::move(builder).Finish());
      WEIR_ASSIGN_OR_RETURN(const log::Position end, log_->With([&](log::EventLog& log) {
        log::NewBatch added;
        added.partition = log.topics().Find("t")->partitions[static_cast<size_t>(partition)];
        added.bytes = batch;
        added.header = *log::ReadBatchHeader(batch);
        return log.Commit({added}, {}, nullptr);
      }));
      WEIR_RETURN_IF_ERROR(log_->WaitDurable(end));
    }
    return Status::Ok();
  }

  Env& env_;
  server::EmbeddedLogs logs_;
  std::shared_ptr<server::EmbeddedLog> log_;
};

// One broker for all tests of the suite; each has a topic of its own.
class TestBroker {
 public:
  static TestBroker& Get() {
    static TestBroker broker;
    return broker;
  }
  ~TestBroker() {
    if (!server_) return;
    server_->Stop();
    thread_.reset();
    server_.reset();
    EXPECT_TRUE(RealEnv().RemoveTree(folder_).ok());
  }
  Result<std::string> Address() const {
    if (error_) return *error_;
    return "127.0.0.1:" + std::to_string(server_->kafka_ports()[0]);
  }
  std::string NewTopic() { return "t" + std::to_string(topics_++); }

 private:
  TestBroker() {
    folder_ =
        JoinPath(::testing::TempDir(), "weir_topics_" + std::to_string(RealEnv().ProcessId()));
    server::BrokerServerOptions options;
    options.data = folder_;
    options.listeners[0].port = 0;
    options.http.port = 0;
    options.sync = false;
    options.drain_us = 100'000;
    auto server = server::BrokerServer::Open(RealEnv(), options);
    if (!server.ok()) {
      error_ = server.error();
      return;
    }
    server_ = std::move(server).value();
    thread_ = RealEnv().StartThread("test-broker", [this] { server_->Run(); });
  }

  std::string folder_;
  std::optional<Error> error_;
  std::unique_ptr<server::BrokerServer> server_;
  std::unique_ptr<Thread> thread_;
  int topics_ = 0;
};

class KafkaHarness : public TopicHarness {
 public:
  explicit KafkaHarness(int64_t split_records) : split_records_(split_records) {}

  Result<std::shared_ptr<BatchSource>> Open() override {
    WEIR_RETURN_IF_ERROR(MakeTopic());
    WEIR_ASSIGN_OR_RETURN(const std::string address, TestBroker::Get().Address());
    return connect::OpenKafkaSource(
        RealEnv(), Declaration({{"connector", "kafka"},
                                {"topic", name_},
                                {"properties.bootstrap.servers", address},
                                {"scan.split-records", std::to_string(split_records_)}}));
  }

 private:
  Status MakeTopic() {
    if (topic_) return Status::Ok();
    WEIR_ASSIGN_OR_RETURN(const std::string address, TestBroker::Get().Address());
    name_ = TestBroker::Get().NewTopic();
    WEIR_ASSIGN_OR_RETURN(topic_, connect::testing::TestTopic::Make(address, name_, kPartitions));
    return Status::Ok();
  }
  Status Produce(int32_t partition, const std::vector<std::string>& values) override {
    WEIR_RETURN_IF_ERROR(MakeTopic());
    return topic_->Produce(partition, values);
  }

  const int64_t split_records_;
  std::string name_;
  std::unique_ptr<connect::testing::TestTopic> topic_;
};

SourceCase TopicCase(const std::string& name,
                     std::function<std::unique_ptr<SourceHarness>(Engine&)> make) {
  SourceCase test_case;
  test_case.name = name;
  test_case.make = [make = std::move(make)](Engine& engine, const std::string&) {
    return make(engine);
  };
  test_case.has_files = false;
  test_case.on_env = false;
  return test_case;
}

INSTANTIATE_TEST_SUITE_P(
    Topics, BatchSourceContract,
    ::testing::Values(
        TopicCase("Embedded",
                  [](Engine& engine) { return std::make_unique<EmbeddedHarness>(engine); }),
        TopicCase("Kafka", [](Engine&) { return std::make_unique<KafkaHarness>(1'000'000); }),
        TopicCase("KafkaInSmallSplits",
                  [](Engine&) { return std::make_unique<KafkaHarness>(999); })),
    SourceCaseName);

}  // namespace weir::columnar::testing
