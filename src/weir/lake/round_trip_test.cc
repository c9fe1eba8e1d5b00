// Random schemas and values of every type: what is written is read back the same, and statistics
// hold for every row.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "duckdb/common/types/data_chunk.hpp"
#include "weir/base/sim_env.h"
#include "weir/columnar/testing/random_values.h"
#include "weir/lake/paths.h"
#include "weir/lake/test_tables.h"

namespace weir::lake {
namespace {

using columnar::testing::RandomValues;
using duckdb::LogicalTypeId;
using duckdb::Value;

constexpr const char* kTable = "/w/t";
constexpr const char* kRowColumn = "row number";

// Notes what statistics a file has; every file may match.
class Bounds : public columnar::Predicate {
 public:
  using MinMax = std::map<std::string, std::pair<std::string, std::string>>;
  bool MayMatch(const std::map<std::string, std::optional<std::string>>&,
                const MinMax& min_max) const override {
    files.push_back(min_max);
    return true;
  }
  mutable std::vector<MinMax> files;
};

class RoundTrip {
 public:
  explicit RoundTrip(uint64_t seed) : env_(seed), random_(env_) {
    EXPECT_TRUE(env_.CreateDirsSynced("/w").ok());
    tables_ = std::make_unique<TestTables>(env_);
  }

  void Run() {
    schema_ = random_.RandomSchema(6);
    schema_.fields.push_back({kRowColumn, duckdb::LogicalType::BIGINT, true});
    columnar::SinkOptions options;
    options.flow_id = "f";
    options.schema = schema_;
    options.memory_bytes = 4 << 20;
    for (size_t i = 0; i + 1 < schema_.fields.size() && options.partition_columns.size() < 2; ++i) {
      const auto& field = schema_.fields[i];
      if (!CheckPartitionType(field.name, field.type).ok() || random_.Below(3) != 0) continue;
      options.partition_columns.push_back(field.name);
      partitions_.insert(field.name);
    }
    const uint64_t epochs = 1 + random_.Below(3);
    for (uint64_t epoch = 1; epoch <= epochs; ++epoch) {
      const Status written = Write(options, epoch);
      ASSERT_TRUE(written.ok()) << written.error().ToString() << "\n" << schema_.ToString();
    }
    Compare();
    CheckStatistics();
  }

 private:
  // NULL where Delta or its readers have no text for the value.
  Value Draw(const columnar::Field& field) {
    Value value = random_.Value(field.type, field.nullable);
    if (!partitions_.contains(field.name)) return value;
    const auto text = PartitionText(value);
    if (text.ok() && (*text || field.nullable)) return *text ? value : Value(field.type);
    return field.nullable ? Value(field.type) : Draw(field);
  }

  Status Write(const columnar::SinkOptions& options, uint64_t epoch) {
    WEIR_ASSIGN_OR_RETURN(auto sink, tables_->tables().OpenSink(kTable, options));
    auto& context = *tables_->connection().context;
    WEIR_ASSIGN_OR_RETURN(auto writer, sink->OpenWriter(context));
    const size_t count = random_.Below(40);
    duckdb::DataChunk chunk;
    chunk.Initialize(duckdb::Allocator::DefaultAllocator(), schema_.Types());
    for (size_t row = 0; row < count; ++row) {
      std::vector<Value> values;
      for (size_t i = 0; i + 1 < schema_.fields.size(); ++i) {
        values.push_back(Draw(schema_.fields[i]));
      }
      values.push_back(Value::BIGINT(static_cast<int64_t>(rows_.size())));
      for (size_t i = 0; i < values.size(); ++i) chunk.SetValue(i, row, values[i]);
      rows_.push_back(std::move(values));
    }
    chunk.SetCardinality(count);
    WEIR_RETURN_IF_ERROR(writer->Write(context, chunk));
    WEIR_RETURN_IF_ERROR(writer->Finish(context));
    WEIR_ASSIGN_OR_RETURN(const std::string token, sink->Prepare(epoch));
    return tables_->Commit(kTable, token).status();
  }

  void Compare() {
    auto snapshot = tables_->tables().LoadSnapshot(kTable);
    ASSERT_TRUE(snapshot.ok()) << snapshot.error().ToString();
    EXPECT_EQ((*snapshot)->schema(), schema_);
    std::vector<ScanFile> files;
    for (const auto& add : (*snapshot)->files()) {
      files.push_back({(*snapshot)->FilePath(add), add.partition_values});
    }
    auto result = tables_->engine().Query(
        tables_->connection(),
        "SELECT " + ColumnListSql(schema_) + " FROM " +
            ScanSql(schema_, (*snapshot)->metadata().partition_columns, files) + " ORDER BY " +
            columnar::QuoteName(kRowColumn));
    ASSERT_TRUE(result.ok()) << result.error().ToString();
    ASSERT_EQ((*result)->RowCount(), rows_.size());
    for (size_t row = 0; row < rows_.size(); ++row) {
      for (size_t i = 0; i < schema_.fields.size(); ++i) {
        const Value read = (*result)->GetValue(i, row);
        EXPECT_TRUE(Value::NotDistinctFrom(read, rows_[row][i]))
            << schema_.fields[i].name << " " << schema_.fields[i].type.ToString() << ": wrote "
            << rows_[row][i].ToString() << ", read " << read.ToString();
      }
    }
  }

  void CheckStatistics() {
    auto table = tables_->tables().Table(kTable);
    ASSERT_TRUE(table.ok());
    const Bounds bounds;
    auto files = (*table)->Files(&bounds);
    ASSERT_TRUE(files.ok());
    for (size_t i = 0; i < files->size(); ++i) {
      for (const auto& [name, min_max] : bounds.files[i]) {
        const auto& type = schema_.fields[static_cast<size_t>(schema_.Find(name))].type.ToString();
        const auto cast = [&](const std::string& text) {
          return "CAST(" + columnar::QuoteLiteral(text) + " AS " + type + ")";
        };
        auto outside = tables_->engine().Query(
            tables_->connection(),
            "SELECT count(*) FROM read_parquet(" + columnar::QuoteLiteral((*files)[i].path) +
                ", hive_partitioning = false) WHERE NOT (" + columnar::QuoteName(name) +
                " BETWEEN " + cast(min_max.first) + " AND " + cast(min_max.second) + ")");
        ASSERT_TRUE(outside.ok()) << outside.error().ToString();
        EXPECT_EQ((*outside)->GetValue(0, 0).GetValue<int64_t>(), 0)
            << name << " " << type << ": [" << min_max.first << ", " << min_max.second << "]";
      }
    }
  }

  SimEnv env_;
  RandomValues random_;
  std::unique_ptr<TestTables> tables_;
  columnar::Schema schema_;
  std::set<std::string> partitions_;
  std::vector<std::vector<Value>> rows_;
};

TEST(RoundTripTest, RandomTablesReadBackTheSame) {
  const SimSeeds seeds(12);
  for (uint64_t seed = seeds.first; seed < seeds.end; ++seed) {
    SCOPED_TRACE("WEIR_SIM_SEED=" + std::to_string(seed));
    RoundTrip(seed).Run();
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace weir::lake
