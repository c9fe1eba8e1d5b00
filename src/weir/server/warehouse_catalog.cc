#include "weir/server/warehouse_catalog.h"

#include "weir/connect/file_source.h"
#include "weir/connect/kafka/kafka_sink.h"
#include "weir/connect/kafka_source.h"
#include "weir/connect/option_values.h"
#include "weir/server/topics/topic_source.h"
#include "weir/server/topics/topic_table.h"

namespace weir::server {

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
  if (connector != declaration.options.end() && connector->second == "topic") {
    return OpenTopicAdmin(engine_.env(), embedded_logs_, declaration);
  }
  return connect::OpenKafkaTopics(engine_.env(), declaration.options);
}

}  // namespace weir::server
