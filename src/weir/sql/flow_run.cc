#include "weir/sql/flow_run.h"

#include <algorithm>

#include "duckdb/main/materialized_query_result.hpp"
#include "duckdb/planner/expression/bound_reference_expression.hpp"
#include "duckdb/planner/logical_operator.hpp"
#include "weir/base/checksum.h"
#include "weir/epoch/step.h"
#include "weir/guard/gate.h"
#include "weir/guard/quarantine.h"
#include "weir/sql/flow_inputs.h"
#include "weir/sql/flow_target.h"
#include "weir/sql/quarantine_sink.h"
#include "weir/sql/replay.h"
#include "weir/sql/row_origin.h"
#include "weir/sql/staged_rows.h"

namespace weir::sql {

namespace {

std::string DiffLines(const std::string& before, const std::string& after) {
  auto lines = [](const std::string& text) {
    std::vector<std::string> out;
    size_t begin = 0;
    while (begin <= text.size()) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      out.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return out;
  };
  const auto old_lines = lines(before);
  const auto new_lines = lines(after);
  std::string out;
  for (const std::string& line : old_lines) {
    if (std::find(new_lines.begin(), new_lines.end(), line) == new_lines.end()) {
      out += "  - " + line + "\n";
    }
  }
  for (const std::string& line : new_lines) {
    if (std::find(old_lines.begin(), old_lines.end(), line) == old_lines.end()) {
      out += "  + " + line + "\n";
    }
  }
  return out;
}

}  // namespace

// Everything of one flow's epoch while it is made.
class FlowRunner::Epoch {
 public:
  Epoch(FlowRunner& runner, const PreparedFlow& flow, SpanLog& spans, ScopedSpan& span)
      : runner_(runner),
        session_(runner.session_),
        settings_(runner.settings_),
        flow_(flow),
        spans_(spans),
        span_(span),
        log_(EpochLogOf(runner.session_.engine().env(), runner.settings_, flow.flow->id)),
        committer_of_([this](const std::string& sink) { return runner_.catalog_.Committer(sink); }),
        inputs_(session_, runner.project_, runner.catalog_, flow, settings_.now_us),
        target_(session_.engine().env(), runner.project_, runner.catalog_, settings_, flow) {
    outcome_.table = flow.flow->table;
    outcome_.flow_id = flow.flow->id;
  }

  Result<FlowOutcome> Run() {
    WEIR_ASSIGN_OR_RETURN(epoch::Recovery recovery, epoch::Recover(log_, committer_of_));
    outcome_.recovered = recovery.committed_again;
    last_ = std::move(recovery.newest);
    WEIR_RETURN_IF_ERROR(target_.Find(log_, last_));
    WEIR_RETURN_IF_ERROR(CheckEdited());
    WEIR_RETURN_IF_ERROR(inputs_.Find(target_.full_refresh() ? std::nullopt : last_));
    outcome_.notes = inputs_.Notes();
    WEIR_ASSIGN_OR_RETURN(outcome_.plan, Plan());
    span_.Set("refresh", RefreshKindName(outcome_.plan.kind)).Set("reason", outcome_.plan.reason);
    if (outcome_.plan.kind == RefreshKind::kUpToDate) return std::move(outcome_);
    WEIR_ASSIGN_OR_RETURN(epoch_, target_.NextEpoch());
    if (outcome_.plan.kind == RefreshKind::kRecompute) {
      WEIR_ASSIGN_OR_RETURN(replaced_flows_, target_.FinishReplacedFlows(committer_of_));
    }
    WEIR_RETURN_IF_ERROR(Write());
    WEIR_RETURN_IF_ERROR(Judge());
    if (settings_.Interrupted()) return Cancelled();
    WEIR_RETURN_IF_ERROR(Commit());
    return std::move(outcome_);
  }

  Result<RefreshPlan> Preview() {
    WEIR_ASSIGN_OR_RETURN(last_, log_.Newest());
    WEIR_RETURN_IF_ERROR(target_.Find(log_, last_));
    WEIR_RETURN_IF_ERROR(CheckEdited());
    WEIR_RETURN_IF_ERROR(inputs_.Find(target_.full_refresh() ? std::nullopt : last_));
    return Plan();
  }

 private:
  const std::string& table() const { return flow_.flow->table; }
  Error Cancelled() const {
    return Error::Operator(ErrorCode::kCancelled,
                           "interrupted; nothing of " + table() + " was committed");
  }
  bool Whole() const {
    return outcome_.plan.kind == RefreshKind::kRecompute ||
           outcome_.plan.kind == RefreshKind::kCreate ||
           outcome_.plan.kind == RefreshKind::kBackfill;
  }

  // Rows that are in the table stay, beside those of this epoch.
  bool KeepsRows() const {
    const bool added = !Whole() || outcome_.plan.kind == RefreshKind::kCreate;
    return added && target_.before() != nullptr;
  }

  // --- what is asked, of what is there ---
  // Decided by the hash of the definition in the manifest; a changed contract applies to new rows.
  Status CheckEdited() {
    query_hash_ = Xxh3Hex128(flow_.definition);
    if (!last_ || last_->query_hash == query_hash_ || target_.full_refresh()) return Status::Ok();
    if (settings_.from_now_tables.count(ToLower(table())) > 0) return Status::Ok();
    return flow_.flow->text
        .ErrorHere(0, ErrorCode::kConflict,
                   "the definition of " + table() + " changed since its rows were computed:\n" +
                       DiffLines(last_->definition, flow_.definition))
        .Fix(flow_.flow->external
                 ? "run with --from-now " + table() +
                       " to apply the new definition to new rows; what was sent stays sent"
                 : "run with --full-refresh " + table() +
                       " to compute it again, or with --from-now " + table() +
                       " to apply the new definition to new rows only");
  }

  Result<RefreshPlan> Plan() {
    return target_.Plan(
        inputs_, [this](const std::set<std::string>& changed) { return RowWiseIn(changed); });
  }

  // Rows that were rejected before go: those of the table do, or it is gone with them.
  bool ReplacesQuarantine() const {
    return !flow_.flow->external &&
           (outcome_.plan.kind == RefreshKind::kRecompute ||
            (outcome_.plan.kind == RefreshKind::kCreate && !target_.before()));
  }

  Result<std::optional<std::string>> RowWiseIn(const std::set<std::string>& changed) {
    WEIR_RETURN_IF_ERROR(inputs_.Define(/*incremental=*/true, nullptr));
    WEIR_ASSIGN_OR_RETURN(BoundQuery bound, session_.Bind(flow_.flow->query, settings_.now_us));
    const RowWiseVerdict verdict = ClassifyRowWise(*bound.plan, session_.scans(), changed);
    if (verdict.verdict == RowWise::kRowWise) return std::optional<std::string>();
    return std::optional<std::string>(
        verdict.verdict == RowWise::kNot ? verdict.reason : "the changed input is only looked up");
  }

  // --- write ---
  columnar::WriteMode Mode() const {
    columnar::WriteMode mode;
    mode.keys = flow_.primary_key;
    switch (outcome_.plan.kind) {
      case RefreshKind::kRecompute:
        mode.kind = columnar::WriteMode::Kind::kOverwrite;
        break;
      case RefreshKind::kBackfill:
        mode.kind = columnar::WriteMode::Kind::kOverwrite;
        mode.overwrite_where = settings_.backfill;
        break;
      default:
        mode.kind = mode.keys.empty() ? columnar::WriteMode::Kind::kAppend
                                      : columnar::WriteMode::Kind::kUpsert;
    }
    return mode;
  }

  columnar::SinkOptions TableOptions() const {
    columnar::SinkOptions options;
    options.flow_id = flow_.flow->id;
    options.epoch = epoch_;
    options.mode = Mode();
    options.schema = flow_.schema;
    options.partition_columns = flow_.partition_columns;
    options.allow_new_columns = true;
    options.replace_schema = true;
    options.replaced_flows = replaced_flows_;
    options.keep_order = flow_.keep_order;
    for (const auto& [key, value] : flow_.flow->target->options) {
      if (key.rfind("delta.", 0) == 0) options.properties[key] = value;
    }
    options.now_us = settings_.now_us;
    options.memory_bytes = session_.engine().options().memory_bytes / 5;
    return options;
  }

  columnar::SinkOptions QuarantineOptions() const {
    columnar::SinkOptions options;
    options.flow_id = flow_.flow->id;
    options.epoch = epoch_;
    options.schema = guard::QuarantineSchema();
    if (ReplacesQuarantine()) options.mode.kind = columnar::WriteMode::Kind::kOverwrite;
    options.now_us = settings_.now_us;
    options.memory_bytes = session_.engine().options().memory_bytes / 50;
    return options;
  }

  Status Write() {
    WEIR_RETURN_IF_ERROR(OpenChecks());
    // The quarantine's table is known before inputs are defined: their bad rows go there.
    // A backfill leaves rows that do not parse where they are: no predicate speaks of them.
    WEIR_RETURN_IF_ERROR(inputs_.Define(
        !Whole(), outcome_.plan.kind == RefreshKind::kBackfill ? nullptr : unparsed_.get()));
    NoteNewColumns();
    NoteRowsWithoutOrder();
    WEIR_ASSIGN_OR_RETURN(sink_, runner_.catalog_.OpenSink(table(), TableOptions()));
    WEIR_ASSIGN_OR_RETURN(RewrittenQuery query, RewriteQuery(flow_.flow->query, settings_.now_us));
    std::string select = flow_.SelectSql(query.text);
    const bool backfill = outcome_.plan.kind == RefreshKind::kBackfill;
    // Which row of a key is the last one, and which row passes a set check, all rows decide.
    const bool stage_all = backfill && (!flow_.primary_key.empty() || NeedsStaging(flow_.contract));
    if (backfill && !stage_all) {
      select = "SELECT * FROM (" + select + ") WHERE " + Backfilled();
    }
    if (settings_.trace_lineage) {
      WEIR_ASSIGN_OR_RETURN(BoundQuery bound, session_.Bind(flow_.flow->query, settings_.now_us));
      outcome_.lineage = TraceLineage(*bound.plan, session_.scans());
    }
    auto write = NewWrite(sink_.get());
    if (!flow_.primary_key.empty() || flow_.keep_order) {
      write->behind = FlowWrite::Behind::kOrder;
    }
    if (stage_all || NeedsStaging(flow_.contract)) {
      WEIR_ASSIGN_OR_RETURN(select, Stage(select));
      if (stage_all) {
        WEIR_ASSIGN_OR_RETURN(select, PartOf(select));
      }
      write->flag_columns = flag_checks_.size();
      write->brings_origin = true;
    }
    write->open_gate = [this](int origin_column) { return OpenGate(origin_column); };
    write->quarantine_spec = quarantine_spec_;
    write->emit_quarantine = [this](duckdb::DataChunk& chunk) { return quarantine_->Write(chunk); };
    WEIR_RETURN_IF_ERROR(Copy("write", select, write));
    WEIR_RETURN_IF_ERROR(session_.scans().ReadRest());
    WEIR_RETURN_IF_ERROR(unparsed_->Finish());
    staged_.reset();
    outcome_.rows_in = write->rows_in;
    outcome_.rows_out = write->rows_out;
    return Status::Ok();
  }

  // Columns that the table gets with this epoch, as its sources have them now.
  void NoteNewColumns() {
    const auto& before = target_.before();
    if (!before) return;
    for (const columnar::Field& field : flow_.schema.fields) {
      if (before->schema().Find(field.name) >= 0) continue;
      outcome_.notes.push_back("new column '" + field.name + "' " + field.type.ToString());
    }
  }

  // Written before this flow was there, or by another program.
  void NoteRowsWithoutOrder() {
    if (!flow_.needs_order && !flow_.keep_order) return;
    for (const auto& entry : inputs_.unordered_files()) {
      const std::string& name = entry.first;
      const size_t files = entry.second;
      const auto& flows = runner_.project_.flows;
      const bool kept = std::any_of(flows.begin(), flows.end(), [&](const PreparedFlow& other) {
        return other.keep_order && other.flow->target->name == name;
      });
      if (!kept || flow_.origins.count(name) == 0) continue;
      outcome_.notes.push_back(
          std::to_string(files) + (files == 1 ? " file of " : " files of ") + name +
          (files == 1 ? " does" : " do") +
          " not keep the order of rows: of equal keys that one run wrote there, which counts as "
          "the last is chance; --full-refresh " +
          name + " writes it with its order");
    }
  }

  std::shared_ptr<FlowWrite> NewWrite(columnar::BatchSink* sink) const {
    auto write = std::make_shared<FlowWrite>();
    write->flow_id = flow_.flow->id;
    write->table_columns = flow_.schema.fields.size();
    write->table = sink;
    write->order_bases = inputs_.order_bases();
    return write;
  }

  // Checks over sets of rows: the query's rows are put aside; what reads them, with its flags.
  Result<std::string> Stage(const std::string& select) {
    const std::string name = flow_.flow->id + "-" + std::to_string(epoch_) + ".parquet";
    WEIR_ASSIGN_OR_RETURN(
        staged_,
        StagedRows::Open(session_.engine(),
                         JoinPath(JoinPath(settings_.work_folder, "staged"), name), flow_.schema));
    auto write = NewWrite(staged_.get());
    write->behind = FlowWrite::Behind::kStaged;
    write->open_gate = [](int) { return std::shared_ptr<const guard::GatePlan>(); };
    WEIR_RETURN_IF_ERROR(Copy("stage", select, write));
    ScopedSpan span(spans_, "set checks", span_);
    StageRelations relations;
    WEIR_ASSIGN_OR_RETURN(relations.staged, staged_->Prepare(epoch_));
    relations.now_us = settings_.now_us;
    if (KeepsRows()) {
      WEIR_ASSIGN_OR_RETURN(relations.existing, inputs_.WholeRelation(table()));
    }
    for (const guard::Check& check : flow_.contract.checks) {
      if (check.kind != guard::CheckKind::kReferences) continue;
      WEIR_ASSIGN_OR_RETURN(relations.references[check.reference_table],
                            inputs_.WholeRelation(check.reference_table));
    }
    WEIR_ASSIGN_OR_RETURN(std::string flagged,
                          FlaggedSelect(flow_.contract, flow_.schema, relations, &flag_checks_));
    WEIR_ASSIGN_OR_RETURN(passes_, PassesChecks(flow_.contract, flag_checks_, settings_.now_us));
    WEIR_RETURN_IF_ERROR(
        JudgeTableChecks(FutureTable(flow_.schema, flagged, passes_, relations.existing)));
    return flagged;
  }

  std::string Backfilled() const { return "(" + settings_.backfill + "\n)"; }

  // Of all rows that the query gives, with their flags: those that a backfill writes or rejects.
  Result<std::string> PartOf(const std::string& flagged) {
    std::string keys;
    for (const std::string& key : flow_.primary_key) {
      keys += (keys.empty() ? "" : ", ") + columnar::QuoteName(key);
    }
    std::string rows = "SELECT *, (" + passes_ + ") AS __weir_passes FROM (" + flagged + ")";
    if (keys.empty()) {
      return "SELECT * EXCLUDE (__weir_passes) FROM (" + rows + ") WHERE " + Backfilled();
    }
    rows = "SELECT * FROM (" + rows + ") QUALIFY NOT __weir_passes OR row_number() OVER (" +
           "PARTITION BY " + keys + ", __weir_passes ORDER BY " + columnar::kOrderColumn +
           " DESC, " + columnar::kSuborderColumn + " DESC) = 1";
    rows = "SELECT * FROM (" + rows + ") WHERE " + Backfilled();
    WEIR_RETURN_IF_ERROR(CheckKeysStand(keys, rows));
    return "SELECT * EXCLUDE (__weir_passes) FROM (" + rows + ")";
  }

  // The rows that a backfill leaves alone must have none of the keys that it writes.
  Status CheckKeysStand(const std::string& keys, const std::string& rows) {
    WEIR_ASSIGN_OR_RETURN(const std::string existing, inputs_.WholeRelation(table()));
    if (existing.empty()) return Status::Ok();
    WEIR_ASSIGN_OR_RETURN(
        auto twice,
        session_.engine().Query(
            session_.connection(),
            "SELECT count(*), any_value(CAST(k AS VARCHAR)) FROM (SELECT DISTINCT " + keys +
                " FROM (" + rows + ") WHERE __weir_passes) AS k SEMI JOIN (SELECT " + keys +
                " FROM " + existing + " WHERE " + Backfilled() + " IS NOT TRUE) USING (" + keys +
                ")"));
    const auto count = twice->GetValue(0, 0).GetValue<int64_t>();
    if (count == 0) return Status::Ok();
    return Error::User(ErrorCode::kConflict,
                       "of the rows that --backfill \"" + settings_.backfill + "\" computes, " +
                           std::to_string(count) + (count == 1 ? " has a key" : " have keys") +
                           " that " + table() + " has outside of that predicate, as " +
                           twice->GetValue(1, 0).ToString())
        .Fix(
            "choose the rows by columns of the key, or so that both are among them; or run with "
            "--full-refresh " +
            table());
  }

  Status JudgeTableChecks(const std::string& future_table) {
    for (size_t i = 0; i < flow_.contract.checks.size(); ++i) {
      const guard::Check& check = flow_.contract.checks[i];
      if (guard::Contract::DecidesRows(check.kind)) continue;
      WEIR_ASSIGN_OR_RETURN(
          std::string sql,
          guard::TableCheckSql(check, {future_table, future_table, settings_.now_us}));
      auto rows = session_.engine().Query(session_.connection(), sql);
      if (!rows.ok()) return std::move(rows).error().While("constraint '" + check.name + "'");
      const auto value = [&](size_t column) { return (*rows)->GetValue(column, 0); };
      std::optional<int64_t> broken;
      if (!value(1).IsNull()) broken = value(1).GetValue<int64_t>();
      std::optional<double> measured;
      if (!value(2).IsNull()) measured = value(2).GetValue<double>();
      totals_->AddTable(i,
                        guard::JudgeTable(check, value(0).GetValue<int64_t>(), broken, measured));
    }
    return Status::Ok();
  }

  Status Copy(const char* step, const std::string& select, std::shared_ptr<FlowWrite> write) {
    if (settings_.Interrupted()) return Cancelled();
    ScopedSpan span(spans_, step, span_);
    session_.writes().Set(write);
    ShowProgress(write);
    Status status = session_.ExecuteAround(
        "COPY (" + select + ") TO " + columnar::QuoteLiteral(flow_.flow->id) +
            " (FORMAT weir_write, USE_TMP_FILE false)",
        flow_.flow->query, settings_.now_us, runner_.project_.views.empty());
    ShowProgress(nullptr);
    session_.writes().Remove(flow_.flow->id);
    int64_t bytes = 0;
    int64_t rows = 0;
    for (const auto& scan : session_.scans().All()) {
      bytes += static_cast<int64_t>(scan->bytes_read.load());
      rows += scan->rows_read.load();
    }
    span.Set("bytes_read", bytes).Set("rows_read", rows).Set("origin", write->origin_column >= 0);
    span_.Set("bytes_read", bytes).Set("rows_read", rows);
    return status;
  }

  void ShowProgress(std::shared_ptr<FlowWrite> write) {
    std::lock_guard lock(runner_.progress_.mutex);
    runner_.progress_.table = write ? table() : "";
    runner_.progress_.scans =
        write ? session_.scans().All() : std::vector<std::shared_ptr<ActiveScan>>();
    runner_.progress_.write = std::move(write);
  }

  // --- checks ---
  Status OpenChecks() {
    totals_ = std::make_shared<guard::CheckTotals>(flow_.contract, session_.engine().env());
    std::vector<Fragment> conditions;
    for (size_t i = 0; i < flow_.contract.checks.size(); ++i) {
      if (flow_.contract.checks[i].kind != guard::CheckKind::kRow) continue;
      bound_checks_.push_back(i);
      conditions.push_back(flow_.flow->target->check_places[i]);
      conditions.back().text = flow_.contract.checks[i].expression;
    }
    WEIR_ASSIGN_OR_RETURN(bound_conditions_,
                          session_.BindConditions(flow_.schema, conditions, settings_.now_us));
    columnar::SinkOptions quarantine_options = QuarantineOptions();
    if (outcome_.plan.kind == RefreshKind::kBackfill) {
      // Rows of the part that is computed again were rejected before: they are judged anew.
      WEIR_ASSIGN_OR_RETURN(quarantine_options.mode,
                            ReplaceQuarantinedWhere(session_, log_, epoch_, runner_.catalog_, flow_,
                                                    settings_.backfill));
    }
    const bool replaces = !quarantine_options.mode.overwrite_where.empty();
    quarantine_ = std::make_unique<QuarantineSink>(runner_.catalog_, session_.engine(),
                                                   guard::QuarantineTableName(table()),
                                                   std::move(quarantine_options));
    if (replaces) WEIR_RETURN_IF_ERROR(quarantine_->Open());
    if (ReplacesQuarantine()) {
      // Also without a row that is rejected now, those of before have to go.
      WEIR_ASSIGN_OR_RETURN(const auto rejected_before, target_.TableOrNull(quarantine_->table()));
      if (rejected_before) WEIR_RETURN_IF_ERROR(quarantine_->Open());
    }
    auto spec = std::make_shared<guard::QuarantineSpec>();
    spec->flow_id = flow_.flow->id;
    spec->epoch = epoch_;
    spec->run = settings_.run_id;
    spec->ingest_time_us = settings_.now_us;
    if (!flow_.event_time_column.empty()) {
      spec->event_time_column = flow_.schema.Find(flow_.event_time_column);
    }
    spec->source_name = [this](int32_t file) { return inputs_.FileName(file); };
    spec->read_raw = [this](const columnar::Origin& origin, size_t max_bytes) {
      return inputs_.ReadRaw(origin, max_bytes);
    };
    quarantine_spec_ = std::move(spec);
    unparsed_ = std::make_unique<guard::UnparsedQuarantine>(
        totals_, quarantine_spec_,
        [this](duckdb::DataChunk& chunk) { return quarantine_->Write(chunk); });
    return Status::Ok();
  }

  Result<std::shared_ptr<const guard::GatePlan>> OpenGate(int origin_column) {
    std::vector<guard::BoundPredicate> predicates;
    for (size_t i = 0; i < bound_checks_.size(); ++i) {
      predicates.push_back({bound_checks_[i], std::unique_ptr<duckdb::Expression>(
                                                  bound_conditions_[i]->Copy().release())});
    }
    // The flags of set checks stand behind the table's columns.
    for (size_t i = 0; i < flag_checks_.size(); ++i) {
      predicates.push_back(
          {flag_checks_[i], std::make_unique<duckdb::BoundReferenceExpression>(
                                duckdb::LogicalType::BOOLEAN, flow_.schema.fields.size() + i)});
    }
    std::sort(predicates.begin(), predicates.end(),
              [](const auto& a, const auto& b) { return a.check < b.check; });
    guard::ChunkLayout layout;
    layout.schema = flow_.schema;
    layout.origin_column = origin_column;
    return guard::GatePlan::Make(totals_, std::move(predicates), std::move(layout));
  }

  Status Judge() {
    const guard::OriginNames names{
        [this](int32_t file) { return inputs_.FileName(file); },
        [this](const columnar::Origin& origin) { return inputs_.LineOf(origin); }};
    outcome_.rows = totals_->rows();
    outcome_.checks = totals_->Results();
    outcome_.score = totals_->Score();
    outcome_.checks_json = totals_->ToJson(names);
    Status verdict = totals_->Verdict(names);
    if (verdict.ok()) return verdict;
    return std::move(verdict).error().While("table " + table());
  }

  // --- commit ---
  Status Commit() {
    epoch::Manifest manifest;
    manifest.flow_id = flow_.flow->id;
    manifest.epoch = epoch_;
    manifest.now_us = settings_.now_us;
    manifest.run_id = settings_.run_id;
    manifest.definition = flow_.definition;
    manifest.query_hash = query_hash_;
    manifest.contract_hash = Xxh3Hex128(guard::Fingerprint(flow_.contract));
    manifest.facts = outcome_.checks_json;
    manifest.positions = inputs_.Positions(outcome_.plan.kind == RefreshKind::kBackfill);
    {
      ScopedSpan span(spans_, "prepare", span_);
      WEIR_ASSIGN_OR_RETURN(std::string token, sink_->Prepare(epoch_));
      manifest.tokens.push_back({table(), std::move(token)});
      WEIR_ASSIGN_OR_RETURN(std::optional<std::string> rejected, quarantine_->Prepare(epoch_));
      if (rejected) manifest.tokens.push_back({quarantine_->table(), std::move(*rejected)});
    }
    ScopedSpan span(spans_, "commit", span_);
    auto results = epoch::CommitEpoch(log_, manifest, committer_of_);
    if (!results.ok()) {
      if (results.error().code() != ErrorCode::kInDoubt) Abort(manifest);
      return std::move(results).error().While("table " + table());
    }
    if (outcome_.plan.kind == RefreshKind::kBackfill) {
      RemoveRows(session_.engine().env(), log_, epoch_);
    }
    // What could not be forgotten is forgotten with the next epoch.
    (void)log_.Forget(kEpochsKept).ok();
    outcome_.epoch = epoch_;
    outcome_.commit = results->front();
    outcome_.written = sink_->totals();
    return Status::Ok();
  }

  void Abort(const epoch::Manifest& manifest) {
    for (const epoch::SinkToken& token : manifest.tokens) {
      auto committer = committer_of_(token.sink);
      // What stays behind is removed when the flow opens its sinks again.
      if (committer.ok()) (void)(*committer)->Abort(token.token).ok();
    }
  }

  static constexpr uint64_t kEpochsKept = 10;

  FlowRunner& runner_;
  Session& session_;
  const RunSettings& settings_;
  const PreparedFlow& flow_;
  SpanLog& spans_;
  ScopedSpan& span_;
  epoch::EpochLog log_;
  epoch::CommitterOf committer_of_;

  std::optional<epoch::Manifest> last_;
  std::vector<std::string> replaced_flows_;
  std::string query_hash_;
  uint64_t epoch_ = 0;
  FlowInputs inputs_;
  FlowTarget target_;

  std::shared_ptr<guard::CheckTotals> totals_;
  // The row checks, bound before the query runs: index in the contract, and condition.
  std::vector<size_t> bound_checks_;
  std::vector<std::unique_ptr<duckdb::Expression>> bound_conditions_;
  std::vector<size_t> flag_checks_;  // set checks, by index in the contract
  std::string passes_;               // of staged rows: no check rejects it
  std::unique_ptr<StagedRows> staged_;
  std::unique_ptr<QuarantineSink> quarantine_;
  std::shared_ptr<const guard::QuarantineSpec> quarantine_spec_;
  std::unique_ptr<guard::UnparsedQuarantine> unparsed_;
  std::unique_ptr<columnar::BatchSink> sink_;
  FlowOutcome outcome_;
};

Result<FlowOutcome> FlowRunner::Run(const PreparedFlow& flow, SpanLog& spans, ScopedSpan& span) {
  Result<FlowOutcome> outcome = Epoch(*this, flow, spans, span).Run();
  const int threads = session_.engine().options().threads;
  const bool memory_full = !outcome.ok() && outcome.error().code() == ErrorCode::kLimit;
  if (!memory_full || threads == 1 || settings_.Interrupted()) return outcome;
  // Every thread holds pages of its own that can't be put on disk. Nothing was committed: once more
  // with one thread, slower, before the user has to act.
  WEIR_RETURN_IF_ERROR(session_.Execute("SET threads = 1"));
  outcome = Epoch(*this, flow, spans, span).Run();
  WEIR_RETURN_IF_ERROR(session_.Execute("SET threads = " + std::to_string(threads)));
  if (outcome.ok()) {
    outcome->notes.push_back("memory was full with " + std::to_string(threads) +
                             " threads: computed again with one");
  }
  return outcome;
}

Result<RefreshPlan> FlowRunner::Preview(const PreparedFlow& flow) {
  SpanLog unused(session_.engine().env());
  ScopedSpan span(unused, "preview");
  return Epoch(*this, flow, unused, span).Preview();
}

}  // namespace weir::sql
