#include "weir/server/lineage_events.h"

#include "weir/base/version.h"
#include "weir/connect/http_post.h"
#include "weir/guard/lineage.h"

namespace weir::server {

namespace {

constexpr int kPostTimeoutMs = 10'000;

bool IsUrl(const std::string& target) {
  return target.rfind("http://", 0) == 0 || target.rfind("https://", 0) == 0;
}

class EventWriter {
 public:
  EventWriter(ProjectRuntime& runtime, const std::string& run_id)
      : runtime_(runtime), run_id_(run_id) {}

  void Flow(const sql::PreparedFlow& flow, const sql::FlowResult& result) {
    if (!result.error && (!result.outcome || result.outcome->epoch == 0)) return;
    guard::LineageRun run;
    run.run_id = guard::RunUuid(run_id_ + "/" + flow.flow->id);
    run.event_time_us = runtime_.now_us();
    run.job_space = runtime_.project().name;
    run.job_name = flow.flow->id;
    run.sql = flow.flow->query.text;
    run.engine_version = std::string(base::Version());
    for (const std::string& input : flow.inputs) run.inputs.push_back(Input(input));
    run.outputs.push_back(Output(flow, result));
    events.push_back(guard::RunEventJson(guard::RunEvent::kStart, run));
    run.event_time_us = runtime_.engine().env().NowMicros();
    if (result.error) run.error = result.error->ToString();
    events.push_back(guard::RunEventJson(
        result.error ? guard::RunEvent::kFail : guard::RunEvent::kComplete, run));
  }

  std::vector<std::string> events;

 private:
  guard::DatasetName NameOf(const std::string& relation) const {
    const std::string place = runtime_.PlaceOf(relation);
    return guard::NameOfPath(place.find("://") != std::string::npos ? place : Absolute(place));
  }

  // OpenLineage joins the events of many programs by these names: "./data" would be another folder
  // for each of them.
  std::string Absolute(std::string path) const {
    while (path.starts_with("./")) path = path.substr(2);
    return JoinPath(runtime_.engine().env().Variable("PWD").value_or(""), path);
  }

  static std::vector<guard::LineageColumn> ColumnsOf(const columnar::Schema& schema) {
    std::vector<guard::LineageColumn> columns;
    for (const columnar::Field& field : schema.fields) {
      columns.push_back({field.name, field.type.ToString(), "", {}});
    }
    return columns;
  }

  guard::LineageDataset Input(const std::string& name) const {
    guard::LineageDataset dataset;
    dataset.name = NameOf(name);
    if (const sql::Relation* relation = runtime_.prepared().Find(name)) {
      dataset.columns = ColumnsOf(relation->schema);
    }
    return dataset;
  }

  guard::ColumnSource SourceOf(const sql::ColumnEdge& edge) const {
    return {NameOf(edge.input), edge.column, edge.dependence};
  }

  guard::LineageDataset Output(const sql::PreparedFlow& flow, const sql::FlowResult& result) const {
    guard::LineageDataset dataset;
    dataset.name = NameOf(flow.flow->table);
    dataset.columns = ColumnsOf(flow.schema);
    if (!result.outcome) return dataset;
    const sql::FlowOutcome& outcome = *result.outcome;
    dataset.version = std::to_string(outcome.commit.version);
    dataset.rows = outcome.rows_out;
    dataset.bytes = outcome.written.bytes;
    dataset.files = outcome.written.files;
    dataset.checks = outcome.checks;
    if (!outcome.lineage) return dataset;
    for (guard::LineageColumn& column : dataset.columns) {
      const int from = flow.query_schema.Find(column.name);
      if (from < 0) continue;
      for (const sql::ColumnEdge& edge : outcome.lineage->columns[static_cast<size_t>(from)]) {
        column.sources.push_back(SourceOf(edge));
      }
    }
    for (const sql::ColumnEdge& edge : outcome.lineage->rows) {
      dataset.sources.push_back(SourceOf(edge));
    }
    return dataset;
  }

  ProjectRuntime& runtime_;
  const std::string& run_id_;
};

}  // namespace

std::vector<std::string> LineageEvents(ProjectRuntime& runtime, const std::string& run_id,
                                       const sql::ProjectOutcome& outcome) {
  EventWriter writer(runtime, run_id);
  const auto& flows = runtime.prepared().flows;
  for (size_t i = 0; i < flows.size() && i < outcome.flows.size(); ++i) {
    writer.Flow(flows[i], outcome.flows[i]);
  }
  return std::move(writer.events);
}

Status SendLineage(Env& env, const std::string& target, const std::vector<std::string>& events) {
  if (IsUrl(target)) {
    for (const std::string& event : events) {
      WEIR_RETURN_IF_ERROR(connect::HttpPost(target, "application/json", event, kPostTimeoutMs));
    }
    return Status::Ok();
  }
  WEIR_ASSIGN_OR_RETURN(auto file, env.OpenFile(target, OpenMode::kReadWrite));
  WEIR_ASSIGN_OR_RETURN(uint64_t end, file->Size());
  std::string lines;
  for (const std::string& event : events) lines += event + "\n";
  return file->WriteAt(end, lines.data(), lines.size());
}

}  // namespace weir::server
