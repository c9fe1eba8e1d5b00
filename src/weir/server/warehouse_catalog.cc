#include "weir/server/warehouse_catalog.h"

#include "weir/connect/file_source.h"

namespace weir::server {

WarehouseCatalog::WarehouseCatalog(columnar::Engine& engine, std::string warehouse)
    : engine_(engine), warehouse_(std::move(warehouse)), tables_(engine.env(), engine) {}

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
  return Error::User(ErrorCode::kUnsupported, "there is no connector '" + name + "'")
      .Fix("'filesystem' is the one that exists");
}

Result<std::shared_ptr<columnar::FileTable>> WarehouseCatalog::Table(const std::string& name) {
  return tables_.Table(PathOf(name));
}

Result<std::unique_ptr<columnar::BatchSink>> WarehouseCatalog::OpenSink(
    const std::string& table, const columnar::SinkOptions& options) {
  return tables_.OpenSink(PathOf(table), options);
}

Result<std::shared_ptr<columnar::SinkCommitter>> WarehouseCatalog::Committer(
    const std::string& table) {
  return tables_.Committer(PathOf(table));
}

}  // namespace weir::server
