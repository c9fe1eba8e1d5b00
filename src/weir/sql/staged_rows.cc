#include "weir/sql/staged_rows.h"

#include <algorithm>

#include "duckdb/main/connection.hpp"
#include "weir/sql/rewrite.h"

namespace weir::sql {

using columnar::QuoteName;

namespace {

class StageWriter final : public columnar::SinkWriter {
 public:
  explicit StageWriter(std::unique_ptr<columnar::ParquetWriter::Local> local)
      : local_(std::move(local)) {}
  Status Write(duckdb::ClientContext& context, duckdb::DataChunk& chunk) override {
    return local_->Write(context, chunk);
  }
  Status Finish(duckdb::ClientContext& context) override { return local_->Finish(context); }

 private:
  std::unique_ptr<columnar::ParquetWriter::Local> local_;
};

bool DecidesOverSets(const guard::Check& check) {
  return check.kind == guard::CheckKind::kUnique || check.kind == guard::CheckKind::kReferences;
}

std::string FlagName(size_t check) { return QuoteName("__weir_check_" + std::to_string(check)); }

std::string ColumnList(const columnar::Schema& schema) {
  std::string list;
  for (const columnar::Field& field : schema.fields) {
    list += (list.empty() ? "" : ", ") + QuoteName(field.name);
  }
  return list;
}

// Rows that no row check rejects; "" if none can.
Result<std::string> RowChecksPass(const guard::Contract& contract, int64_t now_us) {
  std::string condition;
  for (const guard::Check& check : contract.checks) {
    if (check.kind != guard::CheckKind::kRow || check.action == guard::Action::kWarn) continue;
    Fragment expression;
    expression.source =
        std::make_shared<const SourceText>(SourceText{check.where, check.expression});
    expression.text = check.expression;
    WEIR_ASSIGN_OR_RETURN(const RewrittenQuery rewritten, RewriteQuery(expression, now_us));
    condition +=
        (condition.empty() ? "" : " AND ") + ("coalesce(TRY(" + rewritten.text) + "\n), false)";
  }
  return condition;
}

}  // namespace

Result<std::unique_ptr<StagedRows>> StagedRows::Open(columnar::Engine& engine, std::string path,
                                                     const columnar::Schema& schema) {
  WEIR_RETURN_IF_ERROR(engine.env().CreateDirs(ParentPath(path)));
  std::unique_ptr<StagedRows> staged(new StagedRows(engine, std::move(path)));
  WEIR_ASSIGN_OR_RETURN(staged->connection_, engine.Connect());
  staged->connection_->BeginTransaction();
  columnar::Schema wide = schema;
  for (columnar::Field& field : StagedFields()) wide.fields.push_back(std::move(field));
  WEIR_ASSIGN_OR_RETURN(
      staged->writer_,
      columnar::ParquetWriter::Create(*staged->connection_->context, staged->path_, wide, {}));
  return staged;
}

StagedRows::StagedRows(columnar::Engine& engine, std::string path)
    : engine_(engine), path_(std::move(path)) {}

StagedRows::~StagedRows() {
  if (!writer_) {
    // What is left behind lies in the work folder, which may be deleted at any time.
    (void)engine_.env().RemoveFile(path_).ok();
  }
}

Result<std::unique_ptr<columnar::SinkWriter>> StagedRows::OpenWriter(
    duckdb::ClientContext& context) {
  WEIR_ASSIGN_OR_RETURN(auto local, writer_->NewLocal(context));
  return std::make_unique<StageWriter>(std::move(local));
}

Result<std::string> StagedRows::Prepare(uint64_t) {
  WEIR_ASSIGN_OR_RETURN(columnar::ParquetFileStats stats, writer_->Close(*connection_->context));
  writer_.reset();
  connection_->Commit();
  totals_ = {stats.rows, stats.bytes, 1};
  return "read_parquet(" + columnar::QuoteLiteral(path_) + ")";
}

std::vector<columnar::Field> StagedFields() {
  return {{columnar::kOriginFileColumn, duckdb::LogicalType::BIGINT, true},
          {columnar::kOriginOffsetColumn, duckdb::LogicalType::BIGINT, true},
          {columnar::kOriginLengthColumn, duckdb::LogicalType::BIGINT, true},
          {columnar::kOrderColumn, duckdb::LogicalType::BIGINT, true},
          {columnar::kSuborderColumn, duckdb::LogicalType::BIGINT, true}};
}

bool NeedsStaging(const guard::Contract& contract) {
  return std::any_of(contract.checks.begin(), contract.checks.end(), [](const guard::Check& check) {
    return check.kind != guard::CheckKind::kRow;
  });
}

Result<std::string> FlaggedSelect(const guard::Contract& contract, const columnar::Schema& schema,
                                  const StageRelations& relations,
                                  std::vector<size_t>* flag_checks) {
  guard::RowRelations row;
  for (const char* name : {columnar::kOrderColumn, columnar::kSuborderColumn}) {
    row.order_by.emplace_back("b.").append(name);
  }
  row.existing = relations.existing;
  row.references = relations.references;

  // Only rows that no other check rejects can be the first of their key: each UNIQUE looks at the
  // flags of REFERENCES and of those before it.
  WEIR_ASSIGN_OR_RETURN(std::string eligible, RowChecksPass(contract, relations.now_us));
  const auto require = [&](size_t check) {
    if (contract.checks[check].action == guard::Action::kWarn) return;
    eligible += (eligible.empty() ? "" : " AND ") + FlagName(check);
  };
  std::string rows = relations.staged;
  std::string references;
  for (size_t i = 0; i < contract.checks.size(); ++i) {
    if (contract.checks[i].kind != guard::CheckKind::kReferences) continue;
    WEIR_ASSIGN_OR_RETURN(std::string flag, guard::RowFlagSql(contract.checks[i], row));
    references += ", (" + flag + ") AS " + FlagName(i);
    require(i);
  }
  if (!references.empty()) rows = "(SELECT *" + references + " FROM " + rows + " AS b)";
  for (size_t i = 0; i < contract.checks.size(); ++i) {
    if (contract.checks[i].kind != guard::CheckKind::kUnique) continue;
    const std::string name = QuoteName("__weir_eligible_" + std::to_string(i));
    row.eligible = eligible.empty() ? "" : "b." + name;
    if (!eligible.empty())
      rows = "(SELECT *, (" + eligible + ") AS " + name + " FROM " + rows + ")";
    WEIR_ASSIGN_OR_RETURN(std::string flag, guard::RowFlagSql(contract.checks[i], row));
    rows = "(SELECT *, (" + flag + ") AS " + FlagName(i) + " FROM " + rows + " AS b)";
    require(i);
  }

  std::string select = "SELECT " + ColumnList(schema);
  for (size_t i = 0; i < contract.checks.size(); ++i) {
    if (!DecidesOverSets(contract.checks[i])) continue;
    select += ", " + FlagName(i);
    flag_checks->push_back(i);
  }
  for (const columnar::Field& field : StagedFields()) select += ", " + field.name;
  return select + " FROM " + rows;
}

Result<std::string> PassesChecks(const guard::Contract& contract,
                                 const std::vector<size_t>& flag_checks, int64_t now_us) {
  WEIR_ASSIGN_OR_RETURN(std::string condition, RowChecksPass(contract, now_us));
  for (size_t check : flag_checks) {
    if (contract.checks[check].action == guard::Action::kWarn) continue;
    condition += (condition.empty() ? "" : " AND ") + FlagName(check);
  }
  return condition.empty() ? "true" : condition;
}

std::string FutureTable(const columnar::Schema& schema, const std::string& flagged_select,
                        const std::string& passes, const std::string& existing) {
  const std::string columns = ColumnList(schema);
  std::string relation = "SELECT " + columns + " FROM (" + flagged_select + ") WHERE " + passes;
  if (!existing.empty()) relation += " UNION ALL SELECT " + columns + " FROM " + existing;
  return "(" + relation + ")";
}

}  // namespace weir::sql
