// WarehouseCatalog: what names mean in a project with a warehouse folder. Sources come from their
// connector (connect/), tables are Delta tables in <warehouse>/<name> (lake/), unless they were
// declared as sinks: then INSERT goes where their connector says.
//
// Thread rule: thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "weir/columnar/engine.h"
#include "weir/columnar/ports.h"
#include "weir/connect/kafka/topic_sink.h"
#include "weir/lake/tables.h"
#include "weir/server/topics/embedded_log.h"

namespace weir::server {

class WarehouseCatalog final : public columnar::Catalog {
 public:
  // Both must outlive the object and everything it hands out. `serve_topics`: folders of topics
  // that nobody serves are served while a table reads them, not opened for it alone.
  WarehouseCatalog(columnar::Engine& engine, std::string warehouse, bool serve_topics = false);

  Result<std::shared_ptr<columnar::BatchSource>> OpenSource(
      const columnar::SourceDeclaration& declaration) override;
  Result<std::shared_ptr<columnar::FileTable>> Table(const std::string& name) override;
  Result<std::unique_ptr<columnar::BatchSink>> OpenSink(
      const std::string& table, const columnar::SinkOptions& options) override;
  Result<std::shared_ptr<columnar::SinkCommitter>> Committer(const std::string& table) override;
  Result<columnar::Schema> DeclareSink(const columnar::SourceDeclaration& declaration) override;
  Result<std::shared_ptr<columnar::TopicAdmin>> Topics(
      const columnar::SourceDeclaration& declaration) override;

  std::string PathOf(const std::string& table) const;
  lake::DeltaTables& tables() { return tables_; }

 private:
  // Null: a table of the warehouse.
  std::shared_ptr<const connect::TopicTable> FindTopic(const std::string& table) const;

  columnar::Engine& engine_;
  const std::string warehouse_;
  lake::DeltaTables tables_;
  EmbeddedLogs embedded_logs_;
  mutable std::mutex mutex_;  // protects what follows
  std::map<std::string, std::shared_ptr<const connect::TopicTable>> topics_;  // by table
};

}  // namespace weir::server
