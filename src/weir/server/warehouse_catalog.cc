#include "weir/server/warehouse_catalog.h"

#include "weir/connect/file_source.h"
#include "weir/connect/kafka/kafka_sink.h"
#include "weir/connect/kafka_source.h"
#include "weir/connect/option_values.h"
#include "weir/log/topic_config.h"
#include "weir/server/topics/topic_source.h"
#include "weir/server/topics/topic_table.h"

namespace weir::server {

namespace {

// How a cluster is reached; the rest of CREATE TOPIC's options are settings of the topic.
bool IsConnection(const std::string& option) {
  return option == "connector" || option == "data" || option.starts_with("properties.");
}

// Our own topics have the settings that we know. A cluster may know more: there a name is wrong if
// it is that of a setting but for a slip.
Status CheckTopicSetting(const std::string& name, const std::string& value, bool own) {
  constexpr size_t kSlip = 2;
  if (log::FindTopicConfig(name) != nullptr) {
    const auto wrong = own ? log::WrongWithTopicConfig(name, value) : std::nullopt;
    if (!wrong) return Status::Ok();
    return Error::User(ErrorCode::kInvalid, "option '" + name + "' = '" + value + "': " + *wrong);
  }
  std::vector<std::string> names = {"partitions", "replication.factor", "connector", "data"};
  for (const log::ConfigDefinition& setting : log::TopicConfigDefinitions()) {
    names.emplace_back(setting.name);
  }
  if (!own && !connect::NearestName(name, names, kSlip)) return Status::Ok();
  return Error::User(ErrorCode::kNotFound,
                     "a topic has no setting, and CREATE TOPIC no option '" + name + "'")
      .Fix(connect::Suggest(name, names));
}

}  // namespace

WarehouseCatalog::WarehouseCatalog(columnar::Engine& engine, std::string warehouse,
                                   bool serve_topics)
    : engine_(engine),
      warehouse_(std::move(warehouse)),
      tables_(engine.env(), engine),
      embedded_logs_(engine.env(), serve_topics) {}

std::string WarehouseCatalog::PathOf(const std::string& table) const {
  return JoinPath(warehouse_, table);
}

Result<std::shared_ptr<columnar::BatchSource>> WarehouseCatalog::OpenSource(
    const columnar::SourceDeclaration& declaration) {
  auto connector = declaration.options.find("connector");
  const std::string name = connector == declaration.options.end() ? "" : connector->second;
  if (name == "filesystem") {
    return connect::OpenFileSource(engine_,
                                   {declaration.name, declaration.options, declaration.columns,
                                    declaration.base_folder, declaration.metadata});
  }
  if (name == "kafka") return connect::OpenKafkaSource(engine_.env(), declaration);
  if (name == "topic") return OpenTopicSource(engine_.env(), embedded_logs_, declaration);
  return Error::User(ErrorCode::kUnsupported, "there is no connector '" + name + "'")
      .Fix(connect::Suggest(name, {"filesystem", "kafka", "topic"}));
}

Result<std::shared_ptr<columnar::FileTable>> WarehouseCatalog::Table(const std::string& name) {
  return tables_.Table(PathOf(name));
}

Result<std::unique_ptr<columnar::BatchSink>> WarehouseCatalog::OpenSink(
    const std::string& table, const columnar::SinkOptions& options) {
  if (auto topic = FindTopic(table)) {
    return connect::OpenTopicSink(engine_.env(), std::move(topic), options);
  }
  return tables_.OpenSink(PathOf(table), options);
}

Result<std::shared_ptr<columnar::SinkCommitter>> WarehouseCatalog::Committer(
    const std::string& table) {
  if (auto topic = FindTopic(table)) {
    return std::shared_ptr<columnar::SinkCommitter>(
        std::make_shared<connect::TopicCommitter>(engine_.env(), std::move(topic)));
  }
  return tables_.Committer(PathOf(table));
}

std::shared_ptr<const connect::TopicTable> WarehouseCatalog::FindTopic(
    const std::string& table) const {
  std::lock_guard lock(mutex_);
  const auto found = topics_.find(table);
  return found == topics_.end() ? nullptr : found->second;
}

Result<columnar::Schema> WarehouseCatalog::DeclareSink(
    const columnar::SourceDeclaration& declaration) {
  const auto connector = declaration.options.find("connector");
  const std::string name = connector == declaration.options.end() ? "" : connector->second;
  std::shared_ptr<connect::TopicTable> table;
  if (name == "kafka") {
    WEIR_ASSIGN_OR_RETURN(table, connect::OpenKafkaTable(engine_.env(), declaration));
  } else if (name == "topic") {
    WEIR_ASSIGN_OR_RETURN(table, OpenTopicTable(engine_.env(), embedded_logs_, declaration));
  } else {
    return Error::User(ErrorCode::kUnsupported,
                       "option 'connector' = '" + name + "': rows can't be written with it")
        .Fix(
            "INSERT into a table with 'connector' = 'kafka' or 'topic', or into one without a "
            "connector");
  }
  table->state_folder = JoinPath(warehouse_, "_weir");
  columnar::Schema columns = table->schema;
  std::lock_guard lock(mutex_);
  topics_[declaration.name] = std::move(table);
  return columns;
}

Result<std::shared_ptr<columnar::TopicAdmin>> WarehouseCatalog::Topics(
    const columnar::SourceDeclaration& declaration) {
  const auto connector = declaration.options.find("connector");
  const bool own = connector != declaration.options.end() && connector->second == "topic";
  columnar::SourceDeclaration connection = declaration;
  for (const auto& [name, value] : declaration.options) {
    if (IsConnection(name)) continue;
    WEIR_RETURN_IF_ERROR(CheckTopicSetting(name, value, own));
    connection.options.erase(name);
  }
  if (own) return OpenTopicAdmin(engine_.env(), embedded_logs_, connection);
  return connect::OpenKafkaTopics(engine_.env(), connection.options);
}

}  // namespace weir::server
