// Staged rows: where the rows of a flow wait when a check needs to see all of them (UNIQUE,
// REFERENCES, FRESH, ratios). The query writes them, with their origin, to a Parquet file in the
// work folder; a second pass reads them, adds one BOOLEAN column a set check, and goes on through
// the gate to the table. A contract of row checks only never comes here.
//
// Thread rule: StagedRows as a BatchSink is thread-safe; the SQL functions are pure.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "weir/columnar/engine.h"
#include "weir/columnar/parquet_writer.h"
#include "weir/columnar/ports.h"
#include "weir/guard/contract.h"
#include "weir/guard/set_checks.h"

namespace weir::sql {

class StagedRows final : public columnar::BatchSink {
 public:
  // `schema` without StagedFields. The file is removed with the object.
  static Result<std::unique_ptr<StagedRows>> Open(columnar::Engine& engine, std::string path,
                                                  const columnar::Schema& schema);
  ~StagedRows() override;

  Result<std::unique_ptr<columnar::SinkWriter>> OpenWriter(duckdb::ClientContext& context) override;
  // Ends the file; the token is the relation to read it by: read_parquet('...').
  Result<std::string> Prepare(uint64_t epoch) override;
  columnar::WriteTotals totals() const override { return totals_; }

 private:
  StagedRows(columnar::Engine& engine, std::string path);

  columnar::Engine& engine_;
  const std::string path_;
  std::unique_ptr<duckdb::Connection> connection_;
  std::unique_ptr<columnar::ParquetWriter> writer_;
  columnar::WriteTotals totals_;
};

// The BIGINT columns at the end of staged rows: their origin, and their place among the rows of
// this run (two).
std::vector<columnar::Field> StagedFields();
inline constexpr int kStagedColumnCount =
    columnar::kOriginColumnCount + columnar::kOrderColumnCount;

// True if a check of the contract needs all rows at once.
bool NeedsStaging(const guard::Contract& contract);

struct StageRelations {
  std::string staged;    // relation of the staged rows
  std::string existing;  // relation of the rows the table holds and keeps; empty: none
  std::map<std::string, std::string> references;  // reference table -> relation
  int64_t now_us = 0;
};

// SELECT of the staged rows: the table's columns, a BOOLEAN column for each check that decides rows
// over sets (in the contract's order; their indexes are in `flag_checks`), StagedFields.
Result<std::string> FlaggedSelect(const guard::Contract& contract, const columnar::Schema& schema,
                                  const StageRelations& relations,
                                  std::vector<size_t>* flag_checks);

// The condition over FlaggedSelect's columns under which no check of the contract rejects a row, at
// the run's fixed now(); "true" for a contract that rejects none.
Result<std::string> PassesChecks(const guard::Contract& contract,
                                 const std::vector<size_t>& flag_checks, int64_t now_us);

// A relation of the table as it will be: the staged rows that no check rejects (`passes`), and the
// existing.
std::string FutureTable(const columnar::Schema& schema, const std::string& flagged_select,
                        const std::string& passes, const std::string& existing);

}  // namespace weir::sql
