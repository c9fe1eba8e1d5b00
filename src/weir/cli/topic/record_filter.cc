#include "weir/cli/topic/record_filter.h"

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/main/appender.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/columnar/duckdb_error.h"
#include "weir/columnar/engine.h"
#include "weir/server/topics/record_columns.h"

namespace weir::cli {

namespace {

constexpr const char* kTable = "records";
constexpr const char* kPlace = "__place";  // of a record in its batch
constexpr uint64_t kNoColumn = ~uint64_t{0};

}  // namespace

struct RecordFilter::Parts {
  std::unique_ptr<columnar::Engine> engine;
  std::unique_ptr<duckdb::Connection> connection;
  columnar::Schema schema;
  std::vector<uint64_t> columns;
  duckdb::DataChunk chunk;
};

RecordFilter::RecordFilter(std::string condition, std::unique_ptr<Parts> parts)
    : condition_(std::move(condition)), parts_(std::move(parts)) {}
RecordFilter::~RecordFilter() = default;

Result<std::unique_ptr<RecordFilter>> RecordFilter::Open(const std::string& condition) {
  auto parts = std::make_unique<Parts>();
  WEIR_ASSIGN_OR_RETURN(parts->engine, columnar::Engine::Open(RealEnv(), {.threads = 1}));
  WEIR_ASSIGN_OR_RETURN(parts->connection, parts->engine->Connect());
  parts->schema = server::RecordSchema(false);
  for (size_t i = 0; i < parts->schema.fields.size(); ++i) parts->columns.push_back(i);
  parts->schema.fields.push_back({kPlace, duckdb::LogicalType::BIGINT});
  parts->columns.push_back(kNoColumn);
  parts->chunk.Initialize(duckdb::Allocator::DefaultAllocator(), parts->schema.Types());
  std::unique_ptr<RecordFilter> filter(new RecordFilter(condition, std::move(parts)));
  WEIR_RETURN_IF_ERROR(filter->Take().status());
  return filter;
}

void RecordFilter::Add(const server::TopicRecord& record) {
  duckdb::DataChunk& chunk = parts_->chunk;
  server::WriteRecord(record, parts_->columns, false, chunk, size_);
  duckdb::FlatVector::GetData<int64_t>(chunk.data.back())[size_] = static_cast<int64_t>(size_);
  ++size_;
}

Result<std::vector<size_t>> RecordFilter::Take() {
  duckdb::Connection& connection = *parts_->connection;
  std::string columns;
  for (const columnar::Field& field : parts_->schema.fields) {
    columns += (columns.empty() ? "" : ", ") + columnar::QuoteName(field.name) + " " +
               field.type.ToString();
  }
  // A new table each time: what is deleted from one keeps its memory for a while.
  WEIR_RETURN_IF_ERROR(parts_->engine
                           ->Query(connection, "CREATE OR REPLACE TEMP TABLE " +
                                                   std::string(kTable) + " (" + columns + ")")
                           .status());
  parts_->chunk.SetCardinality(size_);
  WEIR_RETURN_IF_ERROR(columnar::CatchDuckDB([&]() -> Status {
    duckdb::Appender appender(connection, "temp", "main", kTable);
    appender.AppendDataChunk(parts_->chunk);
    appender.Close();
    return Status::Ok();
  }));
  parts_->chunk.Reset();
  size_ = 0;
  const auto rows =
      parts_->engine->Query(connection, "SELECT " + std::string(kPlace) + " FROM " + kTable +
                                            " WHERE (" + condition_ + "\n) ORDER BY " + kPlace);
  if (!rows.ok()) {
    if (rows.error().actor() != Actor::kUser) return rows.error();
    const std::string& message = rows.error().message();
    return Error::User(ErrorCode::kInvalid, "--where: " + message.substr(0, message.find('\n')))
        .Fix(
            "it may use partition, \"offset\", timestamp, key, value, headers, e.g. "
            "value->>'$.amount' > '10' or headers['k'] = 'v'");
  }
  std::vector<size_t> kept;
  for (const auto& row : **rows) kept.push_back(static_cast<size_t>(row.GetValue<int64_t>(0)));
  return kept;
}

}  // namespace weir::cli
