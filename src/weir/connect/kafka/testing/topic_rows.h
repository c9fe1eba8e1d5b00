// TopicRows: what a reader of a topic has at some moment, as the FileTable that the sink contract
// looks at: records in JSON with the suite's columns, written to a Parquet file.
//
// Thread rule: the test's own thread.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/json.h"
#include "weir/columnar/engine.h"
#include "weir/columnar/ports.h"

namespace weir::connect::testing {

struct TopicRow {
  int64_t place = 0;  // grows along the topic
  std::string key;    // empty: none
  std::string value;
};

class TopicRows : public columnar::FileTable {
 public:
  // Keyed: of equal keys the last one counts, as compaction leaves them.
  TopicRows(columnar::Engine& engine, std::vector<TopicRow> rows, int64_t version, bool keyed)
      : engine_(engine), rows_(std::move(rows)), version_(version), keyed_(keyed) {}

  static columnar::Schema SuiteSchema() {
    return {{{"id", duckdb::LogicalType::BIGINT},
             {"name", duckdb::LogicalType::VARCHAR},
             {"part", duckdb::LogicalType::INTEGER}}};
  }

  const columnar::Schema& schema() const override { return schema_; }
  std::vector<std::string> partition_columns() const override { return {}; }
  int64_t version() const override { return version_; }
  std::string id() const override { return ""; }
  std::optional<uint64_t> CommittedEpoch(const std::string&) const override { return {}; }
  Result<std::vector<columnar::ParquetFile>> Files(const columnar::Predicate*) const override {
    return RowsFrom(0);
  }
  Result<std::optional<std::vector<columnar::ParquetFile>>> AppendedSince(
      int64_t version) const override {
    WEIR_ASSIGN_OR_RETURN(auto files, RowsFrom(version));
    return std::optional<std::vector<columnar::ParquetFile>>(std::move(files));
  }

 private:
  Result<std::vector<columnar::ParquetFile>> RowsFrom(int64_t first) const {
    std::vector<std::string> rows;
    std::map<std::string, std::string> newest;
    for (const TopicRow& row : rows_) {
      if (row.place < first) continue;
      WEIR_ASSIGN_OR_RETURN(const Json json, ParseJson(row.value));
      const std::string name =
          json["name"].is_null() ? "NULL" : columnar::QuoteLiteral(json["name"].get<std::string>());
      const std::string text =
          "(" + ToText(json["id"]) + ", " + name + ", " + ToText(json["part"]) + ")";
      if (keyed_) {
        newest[row.key] = text;
      } else {
        rows.push_back(text);
      }
    }
    for (const auto& [key, text] : newest) rows.push_back(text);
    if (rows.empty()) return std::vector<columnar::ParquetFile>();
    std::string sql =
        "COPY (SELECT id::BIGINT AS id, name::VARCHAR AS name, part::INTEGER AS part "
        "FROM (VALUES ";
    for (size_t i = 0; i < rows.size(); ++i) sql += (i ? ", " : "") + rows[i];
    const std::string path = "/rows" + std::to_string(engine_.env().RandomU64()) + ".parquet";
    sql += ") AS v(id, name, part)) TO " + columnar::QuoteLiteral(path);
    WEIR_ASSIGN_OR_RETURN(auto connection, engine_.Connect());
    WEIR_RETURN_IF_ERROR(engine_.Query(*connection, sql).status());
    columnar::ParquetFile file;
    file.path = path;
    return std::vector<columnar::ParquetFile>{file};
  }

  columnar::Engine& engine_;
  const std::vector<TopicRow> rows_;
  const int64_t version_;
  const bool keyed_;
  const columnar::Schema schema_ = SuiteSchema();
};

}  // namespace weir::connect::testing
