// TableObserver: reads Delta tables of a simulated machine from outside, as text. It looks at one
// machine after another, for opening DuckDB costs more than everything else that a look does; what
// runs on the machines themselves shares nothing.
//
// Thread rule: one thread.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/base/sim_env.h"
#include "weir/base/testing/passing_env.h"
#include "weir/columnar/engine.h"
#include "weir/lake/scan_sql.h"
#include "weir/lake/snapshot.h"
#include "weir/lake/tables.h"

namespace weir::server::testing {

class TableObserver {
 public:
  static Result<std::unique_ptr<TableObserver>> Open() {
    std::unique_ptr<TableObserver> observer(new TableObserver());
    WEIR_ASSIGN_OR_RETURN(observer->engine_,
                          columnar::Engine::Open(
                              observer->env_, {.memory_bytes = uint64_t{256} << 20, .threads = 1}));
    WEIR_ASSIGN_OR_RETURN(observer->connection_, observer->engine_->Connect());
    observer->tables_ = std::make_unique<lake::DeltaTables>(observer->env_, *observer->engine_);
    return observer;
  }

  void LookAt(Env& machine) { env_.PassTo(machine); }
  Env& env() { return env_; }
  lake::DeltaTables& tables() { return *tables_; }

  // Rows as text, in order; none if there is no table.
  Result<std::vector<std::string>> Rows(const std::string& path, const std::string& columns) {
    auto snapshot = tables_->LoadSnapshot(path);
    std::vector<std::string> rows;
    if (!snapshot.ok()) {
      if (snapshot.error().code() == ErrorCode::kNotFound) return rows;
      return std::move(snapshot).error();
    }
    std::vector<lake::ScanFile> files;
    for (const lake::AddFile& file : (*snapshot)->files()) {
      files.push_back({(*snapshot)->FilePath(file), file.partition_values});
    }
    WEIR_ASSIGN_OR_RETURN(
        auto result,
        engine_->Query(*connection_,
                       "SELECT " + columns + " FROM " +
                           lake::ScanSql((*snapshot)->schema(),
                                         (*snapshot)->metadata().partition_columns, files)));
    for (size_t row = 0; row < result->RowCount(); ++row) {
      std::string text;
      for (size_t column = 0; column < result->ColumnCount(); ++column) {
        text += (column > 0 ? "|" : "") + result->GetValue(column, row).ToString();
      }
      rows.push_back(std::move(text));
    }
    std::sort(rows.begin(), rows.end());
    return rows;
  }

 private:
  TableObserver() : nowhere_(0), env_(nowhere_) {}

  SimEnv nowhere_;
  weir::testing::PassingEnv env_;
  std::unique_ptr<columnar::Engine> engine_;
  std::unique_ptr<duckdb::Connection> connection_;
  std::unique_ptr<lake::DeltaTables> tables_;
};

}  // namespace weir::server::testing
