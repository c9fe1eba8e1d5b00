#include "weir/connect/file_source.h"

#include <fmt/format.h>

#include <utility>

#include "duckdb/common/string_util.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/connect/files/file_metadata.h"
#include "weir/connect/files/file_scan.h"
#include "weir/connect/files/file_schema.h"

namespace weir::connect {

namespace {

class FileSource : public columnar::BatchSource {
 public:
  FileSource(columnar::Engine& engine, std::shared_ptr<const FileSourceFacts> facts)
      : engine_(engine), facts_(std::move(facts)) {}

  const columnar::Schema& schema() const override { return facts_->schema; }
  Result<std::unique_ptr<columnar::SourceScan>> Plan(
      const columnar::ScanRequest& request) override {
    return PlanFileScan(engine_, facts_, request);
  }

 private:
  columnar::Engine& engine_;
  const std::shared_ptr<const FileSourceFacts> facts_;
};

}  // namespace

Result<std::shared_ptr<columnar::BatchSource>> OpenFileSource(columnar::Engine& engine,
                                                              const FileSourceOptions& options) {
  auto facts = std::make_shared<FileSourceFacts>();
  facts->name = options.name;
  facts->base_folder = options.base_folder;
  auto parsed = ParseFileOptions(options.options);
  if (!parsed.ok()) return std::move(parsed).error().At(options.name);
  facts->options = std::move(parsed).value();
  for (const columnar::MetadataColumn& column : options.metadata) {
    auto checked = CheckMetadataKey(column);
    if (!checked.ok()) return std::move(checked).error().At(options.name);
  }
  facts->metadata = options.metadata;
  WEIR_RETURN_IF_ERROR(FindSchema(engine, options.declared, facts.get()));
  return std::make_shared<FileSource>(engine, std::move(facts));
}

}  // namespace weir::connect
