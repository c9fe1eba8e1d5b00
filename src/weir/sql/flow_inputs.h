// Flow inputs: what the names that a flow reads give in this run: new rows only, everything, or
// everything of an input that stands still; and the way back from a row's origin to its file.
//
// Thread rule: one thread defines; FileName and ReadRaw are called from DuckDB's worker threads
// while a query runs, and nothing is defined then.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/columnar/ports.h"
#include "weir/epoch/manifest.h"
#include "weir/sql/flow_plan.h"
#include "weir/sql/prepared.h"

namespace weir::sql {

class FlowInputs {
 public:
  FlowInputs(Session& session, const PreparedProject& project, columnar::Catalog& catalog,
             const PreparedFlow& flow, int64_t now_us)
      : session_(session), project_(project), catalog_(catalog), flow_(flow), now_us_(now_us) {}

  // Looks what is there, from the positions of the last epoch.
  Status Find(const std::optional<epoch::Manifest>& last);
  const std::vector<FlowInput>& all() const { return inputs_; }
  // 'source.rewritten' = 'reprocess' on one of the sources.
  bool reprocess_rewritten() const { return reprocess_rewritten_; }
  // What the sources say of themselves: schema changes, bytes left for the next run.
  std::vector<std::string> Notes() const;

  // Makes the names read. Incremental: changed inputs give their new rows, the others everything;
  // else all give everything. Rows that do not parse go to `unparsed`, if it is not null and the
  // input is not one that stands still (its bad rows were reported when it changed).
  Status Define(bool incremental, columnar::UnparsedRows* unparsed);
  // A relation of all rows of a table or source as they are now, whatever its name reads in this
  // run; "" for a table that does not exist yet.
  Result<std::string> WholeRelation(const std::string& name);

  // To be committed with what was read. `keep_known`: those of the last epoch stay (backfill).
  // "references T" is the version of a table that rows were only compared with.
  std::map<std::string, columnar::Position> Positions(bool keep_known) const;

  // Where the rows of each file stand among all that Define gave: what to add to their offsets, by
  // file ordinal.
  const std::vector<int64_t>& order_bases() const { return order_bases_; }
  // Tables of which Define gave files that do not say how their rows stand, and how many.
  const std::map<std::string, size_t>& unordered_files() const { return unordered_files_; }

  std::string FileName(int32_t file) const;  // "" if unknown
  Result<std::string> ReadRaw(columnar::Origin origin, size_t max_bytes) const;
  std::optional<int64_t> LineOf(columnar::Origin origin) const;

 private:
  // The scan that the origin is of, and the origin's file as that scan numbers it; nullptr: none.
  std::shared_ptr<columnar::SourceScan> ScanOf(columnar::Origin* origin) const;
  class IgnoreUnparsed final : public columnar::UnparsedRows {
   public:
    bool Add(columnar::UnparsedRow) override { return true; }
  };

  bool Reads(const std::string& name) const;
  Status FindSource(const Relation& relation, FlowInput& input);
  Status FindTable(FlowInput& input);
  Status DefineSource(const Relation& relation, FlowInput& input, bool incremental,
                      columnar::UnparsedRows* unparsed);
  Status DefineTable(const Relation& relation, FlowInput& input, bool new_rows_only);

  Session& session_;
  const PreparedProject& project_;
  columnar::Catalog& catalog_;
  const PreparedFlow& flow_;
  const int64_t now_us_;
  std::vector<FlowInput> inputs_;
  bool reprocess_rewritten_ = false;
  std::map<std::string, int64_t> referred_;  // tables that WholeRelation gave, and their versions
  // By the file ordinals that rows carry: name of the file (or table), and the scan that has it.
  std::vector<std::string> file_names_;
  std::vector<std::shared_ptr<columnar::SourceScan>> file_scans_;
  std::vector<int64_t> order_bases_;
  int64_t order_end_ = 1;
  std::map<std::string, size_t> unordered_files_;
  IgnoreUnparsed ignore_unparsed_;
};

}  // namespace weir::sql
