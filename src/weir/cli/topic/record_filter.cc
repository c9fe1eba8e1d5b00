#include "weir/cli/topic/record_filter.h"

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/selection_vector.hpp"
#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/planner/expression.hpp"
#include "duckdb/planner/expression/bound_reference_expression.hpp"
#include "duckdb/planner/expression_iterator.hpp"
#include "weir/columnar/duckdb_error.h"
#include "weir/columnar/engine.h"
#include "weir/server/topics/record_columns.h"
#include "weir/sql/session.h"

namespace weir::cli {

static_assert(RecordFilter::kBatch == STANDARD_VECTOR_SIZE);

namespace {

constexpr uint64_t kNotUsed = ~uint64_t{0};  // no RecordColumn

}  // namespace

struct RecordFilter::Parts {
  std::unique_ptr<columnar::Engine> engine;
  std::unique_ptr<sql::Session> session;
  std::vector<uint64_t> columns;
  std::unique_ptr<duckdb::Expression> condition;
  std::unique_ptr<duckdb::ExpressionExecutor> executor;
  duckdb::DataChunk chunk;
};

RecordFilter::RecordFilter(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
RecordFilter::~RecordFilter() = default;

Result<std::unique_ptr<RecordFilter>> RecordFilter::Open(const std::string& condition) {
  auto parts = std::make_unique<Parts>();
  WEIR_ASSIGN_OR_RETURN(parts->engine, columnar::Engine::Open(RealEnv(), {.threads = 1}));
  WEIR_ASSIGN_OR_RETURN(parts->session, sql::Session::Open(*parts->engine));
  const columnar::Schema schema = server::RecordSchema(false);
  auto text = std::make_shared<sql::SourceText>();
  text->file = "--where";
  text->text = condition;
  auto bound = parts->session->BindConditions(schema, {{text, 0, condition}}, std::nullopt);
  if (!bound.ok()) {
    return std::move(bound).error().Fix(
        "it may use partition, \"offset\", timestamp, key, value, headers, e.g. "
        "value->>'$.amount' > '10' or headers['k'] = 'v'");
  }
  std::vector<std::unique_ptr<duckdb::Expression>> conditions = std::move(bound).value();
  parts->condition = std::move(conditions.front());
  // Only what the condition looks at is written.
  parts->columns.assign(schema.fields.size(), kNotUsed);
  duckdb::ExpressionIterator::VisitExpression<duckdb::BoundReferenceExpression>(
      *parts->condition, [&](const duckdb::BoundReferenceExpression& column) {
        parts->columns[column.index] = column.index;
      });
  parts->executor = std::make_unique<duckdb::ExpressionExecutor>(
      *parts->session->connection().context, *parts->condition);
  parts->chunk.Initialize(duckdb::Allocator::DefaultAllocator(), schema.Types());
  return std::unique_ptr<RecordFilter>(new RecordFilter(std::move(parts)));
}

void RecordFilter::Add(const server::TopicRecord& record) {
  server::WriteRecord(record, parts_->columns, false, parts_->chunk, size_++);
}

Result<std::vector<size_t>> RecordFilter::Take() {
  duckdb::DataChunk& chunk = parts_->chunk;
  chunk.SetCardinality(size_);
  size_ = 0;
  auto kept = columnar::CatchDuckDB([&]() -> Result<std::vector<size_t>> {
    duckdb::SelectionVector selected(STANDARD_VECTOR_SIZE);
    duckdb::idx_t count = 0;
    // Functions as now() look at the transaction.
    parts_->session->connection().context->RunFunctionInTransaction(
        [&] { count = parts_->executor->SelectExpression(chunk, selected); });
    std::vector<size_t> places;
    for (duckdb::idx_t i = 0; i < count; ++i) places.push_back(selected.get_index(i));
    return places;
  });
  chunk.Reset();
  if (kept.ok() || kept.error().actor() != Actor::kUser) return kept;
  const std::string& message = kept.error().message();
  // One record that is no JSON is enough.
  const bool no_json = message.find("Malformed JSON") != std::string::npos;
  return Error::User(ErrorCode::kInvalid, message.substr(0, message.find('\n')))
      .At("--where")
      .Fix(no_json ? "pass over what is no JSON: CASE WHEN json_valid(value) THEN ... END"
                   : "try_cast gives NULL where a value does not fit");
}

}  // namespace weir::cli
