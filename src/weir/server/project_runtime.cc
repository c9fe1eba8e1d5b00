#include "weir/server/project_runtime.h"

#include "duckdb/main/materialized_query_result.hpp"
#include "weir/sql/topics.h"

namespace weir::server {

namespace {

// "data/a.csv.gz" -> "csv"; "" for an ending that says nothing.
std::string FormatOf(std::string path) {
  for (const char* packed : {".gz", ".zst"}) {
    if (path.ends_with(packed)) path.resize(path.size() - std::string(packed).size());
  }
  if (path.ends_with(".csv") || path.ends_with(".tsv")) return "csv";
  if (path.ends_with(".json") || path.ends_with(".jsonl") || path.ends_with(".ndjson")) {
    return "json";
  }
  return path.ends_with(".parquet") ? "parquet" : path.ends_with(".txt") ? "text" : "";
}

// What a flow would send somewhere it writes to a table instead, where a test can look at it.
bool BecomesTable(sql::Project& project, sql::TableStatement* table) {
  bool filled = false;
  for (sql::Flow& flow : project.flows) {
    if (flow.target != table) continue;
    flow.external = false;
    filled = true;
  }
  if (!filled) return false;
  table->options.clear();
  table->option_places.clear();
  std::erase_if(table->columns, [](const auto& column) { return column.is_virtual; });
  for (sql::ColumnDefinition& column : table->columns) column.is_metadata = false;
  std::erase(project.sources, table);
  project.tables.push_back(table);
  return true;
}

// Before anything points into the options: sources read their fixtures.
Status UseFixtures(sql::Project& project, const std::map<std::string, std::string>& fixtures) {
  project.topics.clear();  // a test makes none
  for (sql::Statement& statement : project.statements) {
    auto* table = std::get_if<sql::TableStatement>(&statement.body);
    if (table == nullptr || table->materialized || table->options.count("connector") == 0) continue;
    auto fixture = fixtures.find(sql::ToLower(table->name));
    if (fixture == fixtures.end() && BecomesTable(project, table)) continue;
    if (fixture == fixtures.end()) {
      return Error::User(ErrorCode::kNotFound, "no input for source " + table->name)
          .Fix("write a file " + table->name + ".csv (or .json, .parquet) for it");
    }
    std::map<std::string, std::string>& options = table->options;
    const std::string format = FormatOf(fixture->second);
    if (!format.empty() && format != options["format"]) {
      std::erase_if(options, [](const auto& option) {
        return option.first.starts_with("csv.") || option.first.starts_with("json.");
      });
      options["format"] = format;
    }
    options["connector"] = "filesystem";
    options["path"] = fixture->second;
    options.erase("compression");
  }
  return Status::Ok();
}

}  // namespace

ProjectRuntime::~ProjectRuntime() = default;

Result<std::unique_ptr<ProjectRuntime>> ProjectRuntime::Open(Env& env,
                                                             const ProjectOptions& options) {
  std::unique_ptr<ProjectRuntime> runtime(new ProjectRuntime(env));
  runtime->now_us_ = env.NowMicros();
  WEIR_ASSIGN_OR_RETURN(runtime->project_, sql::LoadProject(env, options.path, options.contracts));
  if (!options.fixtures.empty()) {
    WEIR_RETURN_IF_ERROR(UseFixtures(*runtime->project_, options.fixtures));
  }
  const std::string& folder = runtime->project_->folder;
  runtime->warehouse_ = options.warehouse.empty() ? JoinPath(folder, "tables") : options.warehouse;
  runtime->work_folder_ = JoinPath(folder, ".weir");
  columnar::EngineOptions engine_options;
  engine_options.memory_bytes = options.memory_bytes;
  engine_options.threads = options.threads;
  engine_options.spill_dir = JoinPath(runtime->work_folder_, "spill");
  engine_options.spill_bytes_max = options.spill_bytes_max;
  WEIR_ASSIGN_OR_RETURN(runtime->engine_, columnar::Engine::Open(env, engine_options));
  runtime->catalog_ = std::make_unique<WarehouseCatalog>(*runtime->engine_, runtime->warehouse_,
                                                         options.serve_topics);
  WEIR_ASSIGN_OR_RETURN(runtime->session_, sql::Session::Open(*runtime->engine_));
  WEIR_ASSIGN_OR_RETURN(runtime->prepared_,
                        sql::PrepareProject(*runtime->session_, *runtime->project_,
                                            *runtime->catalog_, runtime->now_us_));
  return runtime;
}

// One writer to a project at a time.
Result<std::unique_ptr<FileLock>> ProjectRuntime::Lock() {
  const std::string state = JoinPath(warehouse_, "_weir");
  WEIR_RETURN_IF_ERROR(env_.CreateDirs(state));
  auto lock = env_.LockFile(JoinPath(state, "lock"));
  if (lock.ok() || lock.error().code() != ErrorCode::kConflict) return lock;
  return std::move(lock)
      .error()
      .While("another run is writing to this project")
      .Fix("wait for it to end");
}

sql::RunSettings ProjectRuntime::Complete(sql::RunSettings settings) const {
  if (!settings.backfill.empty() && prepared_.flows.size() == 1) {
    settings.backfill_tables.insert(sql::ToLower(prepared_.flows[0].flow->table));
  }
  settings.now_us = now_us_;
  settings.warehouse = warehouse_;
  settings.work_folder = work_folder_;
  return settings;
}

Result<sql::ProjectOutcome> ProjectRuntime::Run(sql::RunSettings given) {
  const sql::RunSettings settings = Complete(std::move(given));
  WEIR_RETURN_IF_ERROR(sql::CheckSettings(prepared_, settings));
  WEIR_ASSIGN_OR_RETURN(auto lock, Lock());
  ScopedSpan run(spans_, "run");
  run.Set("run", settings.run_id).Set("project", project_->name);
  WEIR_ASSIGN_OR_RETURN(std::vector<std::string> notes, sql::EnsureTopics(prepared_));
  sql::ProjectOutcome outcome =
      sql::RunProject(*session_, prepared_, *catalog_, settings, spans_, run, progress_);
  outcome.notes = std::move(notes);
  return outcome;
}

Result<sql::ReplayOutcome> ProjectRuntime::Replay(const sql::ReplayRequest& request,
                                                  const std::string& run_id) {
  sql::RunSettings settings;
  settings.run_id = run_id;
  WEIR_ASSIGN_OR_RETURN(auto lock, Lock());
  return sql::ReplayQuarantine(*session_, prepared_, *catalog_, Complete(std::move(settings)),
                               request);
}

std::string ProjectRuntime::epochs_of(const sql::Flow& flow) const {
  return JoinPath(JoinPath(warehouse_, "_weir"), flow.id);
}

std::string ProjectRuntime::PlaceOf(const std::string& relation) const {
  const sql::Relation* found = prepared_.Find(relation);
  if (found == nullptr) return catalog_->PathOf(relation);
  const auto option = [&](const char* name) {
    const auto given = found->declared->options.find(name);
    if (given == found->declared->options.end()) return std::string();
    auto expanded = sql::ExpandVariables(env_, given->second);
    return expanded.ok() ? std::move(expanded).value() : given->second;
  };
  if (option("connector") == "kafka") {
    const std::string servers = option("properties.bootstrap.servers");
    return "kafka://" + servers.substr(0, servers.find(',')) + "/" + option("topic");
  }
  if (option("connector") == "topic") {
    const std::string topic = option("topic");
    const std::string data = option("data");
    return JoinPath(JoinPath(project_->folder, data.empty() ? "data" : data),
                    topic.empty() ? relation : topic);
  }
  if (found->source == nullptr) return catalog_->PathOf(relation);
  const std::string path = option("path");
  return path.find("://") != std::string::npos ? path : JoinPath(project_->folder, path);
}

Result<epoch::Resolved> ProjectRuntime::Resolve(const std::string& flow,
                                                epoch::Resolution resolution,
                                                const std::string& why) {
  std::vector<std::string> names;
  for (const sql::PreparedFlow& prepared : prepared_.flows) {
    names.push_back(prepared.flow->id);
    names.push_back(prepared.flow->table);
    if (prepared.flow->id != flow && !sql::EqualsIgnoreCase(prepared.flow->table, flow)) continue;
    WEIR_ASSIGN_OR_RETURN(auto lock, Lock());
    epoch::EpochLog log(env_, epochs_of(*prepared.flow));
    return epoch::Resolve(
        log, resolution, [this](const std::string& sink) { return catalog_->Committer(sink); },
        why);
  }
  return Error::User(ErrorCode::kNotFound, "no flow '" + flow + "'")
      .Fix(sql::DidYouMean(flow, names));
}

Result<std::vector<sql::RefreshPlan>> ProjectRuntime::Preview() {
  const sql::RunSettings settings = Complete(sql::RunSettings{});
  sql::FlowRunner runner(*session_, prepared_, *catalog_, settings, progress_);
  std::vector<sql::RefreshPlan> plans;
  for (const sql::PreparedFlow& flow : prepared_.flows) {
    WEIR_ASSIGN_OR_RETURN(plans.emplace_back(), runner.Preview(flow));
  }
  return plans;
}

Result<std::vector<ProjectRuntime::QueryRows>> ProjectRuntime::RunQueries() {
  std::vector<QueryRows> results;
  if (project_->queries.empty()) return results;
  WEIR_RETURN_IF_ERROR(sql::DefineEverything(*session_, prepared_, *catalog_, now_us_));
  for (const sql::QueryStatement* query : project_->queries) {
    WEIR_ASSIGN_OR_RETURN(auto rows, session_->Query(query->query, now_us_));
    results.push_back({query->query.text, std::move(rows)});
  }
  return results;
}

}  // namespace weir::server
