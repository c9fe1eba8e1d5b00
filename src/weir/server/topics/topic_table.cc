#include "weir/server/topics/topic_table.h"

#include <utility>

#include "weir/connect/kafka/kafka_sink.h"
#include "weir/connect/kafka/kafka_transaction.h"
#include "weir/connect/option_values.h"
#include "weir/server/topics/embedded_transactions.h"
#include "weir/server/topics/topic_options.h"
#include "weir/server/topics/topic_source.h"

namespace weir::server {

namespace {

using Properties = std::map<std::string, std::string>;

Result<connect::KafkaProperties> ClientOf(const std::string& address, Properties properties) {
  properties["bootstrap.servers"] = address;
  return connect::ParseKafkaProperties(properties);
}

// Asks each time who has the folder: a broker may have come or gone since.
class TopicTransactions final : public connect::TopicTransactions {
 public:
  TopicTransactions(Env& env, EmbeddedLogs& logs, TopicOptions options,
                    connect::KafkaSinkOptions sink)
      : env_(env), logs_(logs), options_(std::move(options)), sink_(std::move(sink)) {}

  Result<connect::TopicLimits> Check(const std::string& topic) override {
    WEIR_ASSIGN_OR_RETURN(const TopicPlace place, FindTopics(env_, logs_, options_.data));
    if (place.log) return CheckEmbeddedTopic(env_, place.log, topic);
    WEIR_ASSIGN_OR_RETURN(connect::KafkaTransactions served, Served(place.address));
    return served.Check(topic);
  }

  Result<std::unique_ptr<connect::TopicTransaction>> Open(
      const connect::TransactionRequest& request) override {
    WEIR_ASSIGN_OR_RETURN(const TopicPlace place, FindTopics(env_, logs_, options_.data));
    if (place.log) {
      return OpenEmbeddedTransaction(env_, place.log, request, sink_.transactional_id_prefix,
                                     sink_.partitioner);
    }
    WEIR_ASSIGN_OR_RETURN(connect::KafkaTransactions served, Served(place.address));
    return served.Open(request);
  }

 private:
  Result<connect::KafkaTransactions> Served(const std::string& address) const {
    connect::KafkaSinkOptions sink = sink_;
    WEIR_ASSIGN_OR_RETURN(sink.properties, ClientOf(address, options_.properties));
    return connect::KafkaTransactions(env_, std::move(sink));
  }

  Env& env_;
  EmbeddedLogs& logs_;
  const TopicOptions options_;
  const connect::KafkaSinkOptions sink_;
};

class FolderTopics final : public columnar::TopicAdmin {
 public:
  FolderTopics(Env& env, EmbeddedLogs& logs, std::string data, Properties properties)
      : env_(env), logs_(logs), data_(std::move(data)), properties_(std::move(properties)) {}

  Result<std::optional<columnar::TopicSpec>> Describe(const std::string& name) override {
    WEIR_ASSIGN_OR_RETURN(const auto topics, Find());
    return topics->Describe(name);
  }
  Status Create(const columnar::TopicSpec& topic) override {
    WEIR_ASSIGN_OR_RETURN(const auto topics, Find());
    return topics->Create(topic);
  }
  Status SetConfigs(const std::string& name,
                    const std::map<std::string, std::string>& configs) override {
    WEIR_ASSIGN_OR_RETURN(const auto topics, Find());
    return topics->SetConfigs(name, configs);
  }
  Status AddPartitions(const std::string& name, int new_total) override {
    WEIR_ASSIGN_OR_RETURN(const auto topics, Find());
    return topics->AddPartitions(name, new_total);
  }
  std::string cluster() const override { return data_; }

 private:
  Result<std::shared_ptr<columnar::TopicAdmin>> Find() {
    WEIR_ASSIGN_OR_RETURN(const TopicPlace place, FindTopics(env_, logs_, data_));
    if (place.log) return EmbeddedTopics(env_, place.log);
    WEIR_ASSIGN_OR_RETURN(const connect::KafkaProperties client,
                          ClientOf(place.address, properties_));
    return connect::OpenKafkaTopics(env_, client);
  }

  Env& env_;
  EmbeddedLogs& logs_;
  const std::string data_;
  const Properties properties_;
};

}  // namespace

Result<std::shared_ptr<connect::TopicTable>> OpenTopicTable(
    Env& env, EmbeddedLogs& logs, const columnar::SourceDeclaration& declaration) {
  WEIR_ASSIGN_OR_RETURN(
      TopicOptions options,
      ParseTopicOptions(env, declaration.options, declaration.name, declaration.base_folder));
  WEIR_ASSIGN_OR_RETURN(connect::KafkaSinkOptions sink, connect::ParseSinkOptions(options.sink));
  WEIR_ASSIGN_OR_RETURN(connect::TopicTable table,
                        connect::MakeTopicTable(declaration, options.topic, options.records));
  table.transactions =
      std::make_shared<TopicTransactions>(env, logs, std::move(options), std::move(sink));
  return std::make_shared<connect::TopicTable>(std::move(table));
}

Result<std::shared_ptr<columnar::TopicAdmin>> OpenTopicAdmin(
    Env& env, EmbeddedLogs& logs, const columnar::SourceDeclaration& declaration) {
  connect::OptionReader reader("topic", declaration.options);
  reader.Take("connector");
  WEIR_ASSIGN_OR_RETURN(const std::string data,
                        TopicsFolder(env, reader.Take("data"), declaration.base_folder));
  Properties properties = reader.TakePrefix("properties.");
  WEIR_RETURN_IF_ERROR(reader.Finish());
  return std::shared_ptr<columnar::TopicAdmin>(
      std::make_shared<FolderTopics>(env, logs, data, std::move(properties)));
}

}  // namespace weir::server
