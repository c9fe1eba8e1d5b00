#include "weir/sql/staged_rows.h"

#include <algorithm>

#include "duckdb/main/connection.hpp"

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

// Rows that no row check rejects: only they can be the first of their key.
std::string RowChecksPass(const guard::Contract& contract) {
  std::string condition;
  for (const guard::Check& check : contract.checks) {
    if (check.kind != guard::CheckKind::kRow || check.action == guard::Action::kWarn) continue;
    condition +=
        (condition.empty() ? "" : " AND ") + ("coalesce(TRY(" + check.expression) + "\n), false)";
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
  row.eligible = RowChecksPass(contract).empty() ? "" : "b.__weir_eligible";
  std::string select = "SELECT " + ColumnList(schema);
  for (size_t i = 0; i < contract.checks.size(); ++i) {
    if (!DecidesOverSets(contract.checks[i])) continue;
    WEIR_ASSIGN_OR_RETURN(std::string flag, guard::RowFlagSql(contract.checks[i], row));
    select += ", (" + flag + ") AS " + FlagName(i);
    flag_checks->push_back(i);
  }
  for (const columnar::Field& field : StagedFields()) select += ", " + field.name;
  std::string batch = relations.staged;
  if (!row.eligible.empty()) {
    batch = "(SELECT *, (" + RowChecksPass(contract) + ") AS __weir_eligible FROM " + batch + ")";
  }
  return select + " FROM " + batch + " AS b";
}

std::string PassesChecks(const guard::Contract& contract, const std::vector<size_t>& flag_checks) {
  std::string condition = RowChecksPass(contract);
  for (size_t check : flag_checks) {
    if (contract.checks[check].action == guard::Action::kWarn) continue;
    condition += (condition.empty() ? "" : " AND ") + FlagName(check);
  }
  return condition.empty() ? "true" : condition;
}

std::string FutureTable(const columnar::Schema& schema, const guard::Contract& contract,
                        const std::string& flagged_select, const std::string& existing,
                        const std::vector<size_t>& flag_checks) {
  const std::string columns = ColumnList(schema);
  std::string relation = "SELECT " + columns + " FROM (" + flagged_select + ") WHERE " +
                         PassesChecks(contract, flag_checks);
  if (!existing.empty()) relation += " UNION ALL SELECT " + columns + " FROM " + existing;
  return "(" + relation + ")";
}

}  // namespace weir::sql
