// SimulatedEngine: an engine on a SimEnv that can be crashed and started again, for contract tests.
//
// Thread rule: the test's own thread.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "duckdb/main/client_context.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/base/sim_env.h"
#include "weir/columnar/engine.h"
#include "weir/columnar/ports.h"

namespace weir::columnar::testing {

class SimulatedEngine {
 public:
  explicit SimulatedEngine(uint64_t seed) : env_(seed) { Start(); }
  ~SimulatedEngine() { Stop(); }

  SimEnv& env() { return env_; }
  Engine& engine() { return *engine_; }
  duckdb::ClientContext& context() { return *connection_->context; }

  void Stop() {
    connection_.reset();
    engine_.reset();
  }
  void Start() {
    auto engine = Engine::Open(env_, {.memory_bytes = uint64_t{256} << 20, .threads = 1});
    if (!engine.ok()) {
      ADD_FAILURE() << engine.error().ToString();
      return;
    }
    engine_ = std::move(engine).value();
    connection_ = engine_->Connect().value();
  }
  // Whatever was made from the engine must be gone before.
  void CrashAndStart(SimEnv::CrashKind kind) {
    Stop();
    if (!env_.crashed()) env_.Crash();
    env_.Restart(kind);
    Start();
  }

  // Rows as "a|b|c", sorted.
  Result<std::vector<std::string>> Query(const std::string& sql) {
    WEIR_ASSIGN_OR_RETURN(auto result, engine_->Query(*connection_, sql));
    std::vector<std::string> rows;
    for (size_t row = 0; row < result->RowCount(); ++row) {
      std::string text;
      for (size_t column = 0; column < result->ColumnCount(); ++column) {
        if (column > 0) text += "|";
        text += result->GetValue(column, row).ToString();
      }
      rows.push_back(std::move(text));
    }
    std::sort(rows.begin(), rows.end());
    return rows;
  }

  // The rows of these files, with the columns of the schema; a column that a file lacks is its
  // constant, or NULL.
  Result<std::vector<std::string>> Rows(const std::vector<ParquetFile>& files,
                                        const Schema& schema) {
    std::string sql;
    for (const ParquetFile& file : files) {
      std::string columns, constants;
      for (const Field& field : schema.fields) {
        columns += (columns.empty() ? "" : ", ") + QuoteName(field.name);
        const auto constant = file.constants.find(field.name);
        if (constant == file.constants.end()) continue;
        const std::string text =
            constant->second ? QuoteLiteral(*constant->second) : std::string("NULL");
        constants +=
            ", CAST(" + text + " AS " + field.type.ToString() + ") AS " + QuoteName(field.name);
      }
      // An empty relation of the whole schema adds the columns that the file lacks.
      std::string all;
      for (const Field& field : schema.fields) {
        all += (all.empty() ? "" : ", ") + ("CAST(NULL AS " + field.type.ToString() + ") AS ") +
               QuoteName(field.name);
      }
      sql += (sql.empty() ? "" : " UNION ALL ") + ("SELECT " + columns + " FROM (SELECT " + all) +
             " WHERE false UNION ALL BY NAME SELECT *" + constants + " FROM read_parquet(" +
             QuoteLiteral(file.path) + ", hive_partitioning = false))";
    }
    if (sql.empty()) return std::vector<std::string>();
    return Query(sql);
  }

 private:
  SimEnv env_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<duckdb::Connection> connection_;
};

}  // namespace weir::columnar::testing
