// What the tests of this layer share: an engine over an Env, rows written through a sink from a
// query, and rows read back through the snapshot.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/base/env.h"
#include "weir/columnar/engine.h"
#include "weir/columnar/ports.h"
#include "weir/lake/scan_sql.h"
#include "weir/lake/snapshot.h"
#include "weir/lake/tables.h"

namespace weir::lake {

class TestTables {
 public:
  explicit TestTables(Env& env, int threads = 1) : env_(env) {
    auto engine =
        columnar::Engine::Open(env, {.memory_bytes = uint64_t{1} << 30, .threads = threads});
    if (!engine.ok()) {
      ADD_FAILURE() << engine.error().ToString();
      return;
    }
    engine_ = std::move(engine).value();
    connection_ = std::move(engine_->Connect()).value();
    tables_ = std::make_unique<DeltaTables>(env, *engine_);
  }

  DeltaTables& tables() { return *tables_; }
  columnar::Engine& engine() { return *engine_; }
  duckdb::Connection& connection() { return *connection_; }

  // The schema of a query.
  Result<columnar::Schema> SchemaOf(const std::string& sql) {
    WEIR_ASSIGN_OR_RETURN(auto result,
                          engine_->Query(*connection_, "SELECT * FROM (" + sql + ") LIMIT 0"));
    columnar::Schema schema;
    for (size_t i = 0; i < result->names.size(); ++i) {
      const std::string& name = result->names[i];
      if (name == columnar::kOrderMajorColumn || name == columnar::kOrderMinorColumn) continue;
      schema.fields.push_back({name, result->types[i], true});
    }
    return schema;
  }

  // Writes the rows of the query as an epoch and prepares it; the token.
  Result<std::string> Prepare(const std::string& path, columnar::SinkOptions options,
                              uint64_t epoch, const std::string& sql) {
    if (options.schema.fields.empty()) {
      WEIR_ASSIGN_OR_RETURN(options.schema, SchemaOf(sql));
    }
    if (options.flow_id.empty()) options.flow_id = "flow";
    WEIR_ASSIGN_OR_RETURN(auto sink, tables_->OpenSink(path, options));
    WEIR_ASSIGN_OR_RETURN(auto result, engine_->Query(*connection_, sql));
    WEIR_ASSIGN_OR_RETURN(auto writing, engine_->Connect());
    WEIR_ASSIGN_OR_RETURN(auto writer, sink->OpenWriter(*writing->context));
    while (auto chunk = result->Fetch()) {
      if (chunk->size() == 0) break;
      WEIR_RETURN_IF_ERROR(writer->Write(*writing->context, *chunk));
    }
    WEIR_RETURN_IF_ERROR(writer->Finish(*writing->context));
    return sink->Prepare(epoch);
  }

  Result<columnar::CommitResult> Commit(const std::string& path, const std::string& token) {
    WEIR_ASSIGN_OR_RETURN(auto committer, tables_->Committer(path));
    return committer->Commit(token);
  }

  Result<columnar::CommitResult> Write(const std::string& path, columnar::SinkOptions options,
                                       uint64_t epoch, const std::string& sql) {
    WEIR_ASSIGN_OR_RETURN(const auto token, Prepare(path, std::move(options), epoch, sql));
    return Commit(path, token);
  }

  // "SELECT ... FROM {t}" over the table at the path, as "a|b\nc|d"; errors as "error: ...".
  std::string Ask(const std::string& path, const std::string& sql,
                  std::optional<int64_t> version = {}) {
    auto snapshot = tables_->LoadSnapshot(path, version);
    if (!snapshot.ok()) return "error: " + snapshot.error().ToString();
    std::vector<ScanFile> files;
    for (const auto& add : (*snapshot)->files()) {
      files.push_back({(*snapshot)->FilePath(add), add.partition_values});
    }
    const std::string scan =
        ScanSql((*snapshot)->schema(), (*snapshot)->metadata().partition_columns, files);
    std::string text = sql;
    const size_t place = text.find("{t}");
    text.replace(place, 3, scan + " AS t");
    auto result = engine_->Query(*connection_, text);
    if (!result.ok()) return "error: " + result.error().ToString();
    std::string out;
    for (size_t row = 0; row < (*result)->RowCount(); ++row) {
      if (row > 0) out += "\n";
      for (size_t column = 0; column < (*result)->ColumnCount(); ++column) {
        if (column > 0) out += "|";
        out += (*result)->GetValue(column, row).ToString();
      }
    }
    return out;
  }

  // Data files below the folder, whatever the log says.
  std::vector<std::string> DataFilesOnDisk(const std::string& folder) {
    std::vector<std::string> out;
    auto entries = env_.ListDir(folder);
    if (!entries.ok()) return out;
    for (const auto& entry : *entries) {
      const std::string path = JoinPath(folder, entry.path);
      if (entry.path == "_delta_log") continue;
      if (entry.is_directory) {
        for (auto& inner : DataFilesOnDisk(path)) out.push_back(std::move(inner));
      } else {
        out.push_back(path);
      }
    }
    return out;
  }

 private:
  Env& env_;
  std::unique_ptr<columnar::Engine> engine_;
  std::unique_ptr<duckdb::Connection> connection_;
  std::unique_ptr<DeltaTables> tables_;
};

}  // namespace weir::lake
