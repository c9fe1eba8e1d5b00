// ProjectRuntime: a project put together and ready to run: engine, catalog, session and prepared
// flows, in the right order of life. The one place where the layers are wired.
//
// Thread rule: one thread at a time, but for progress().
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/span.h"
#include "weir/columnar/engine.h"
#include "weir/epoch/step.h"
#include "weir/server/warehouse_catalog.h"
#include "weir/sql/project_run.h"
#include "weir/sql/replay.h"

namespace weir::server {

struct ProjectOptions {
  std::string path;                    // .sql file or folder
  std::string warehouse;               // empty: <project folder>/tables
  std::vector<std::string> contracts;  // data contract files for the tables they name
  // Files that sources read instead of their own, by lower-case name of the source, relative to the
  // project's folder. A project's tests bring their fixtures so; every source must be named then.
  std::map<std::string, std::string> fixtures;
  uint64_t memory_bytes = 0;  // 0: 70 % of the machine
  int threads = 0;            // 0: as many as the machine has
  uint64_t spill_bytes_max = 0;
  bool serve_topics = false;  // a folder of topics is shared with topic() and other programs
};

class ProjectRuntime {
 public:
  // Loads, opens and binds everything; reads no row.
  static Result<std::unique_ptr<ProjectRuntime>> Open(Env& env, const ProjectOptions& options);
  ~ProjectRuntime();

  // Runs the flows under the project's lock: one writer at a time.
  Result<sql::ProjectOutcome> Run(sql::RunSettings settings);
  // Sends rows of a quarantine back into their table, under the same lock.
  Result<sql::ReplayOutcome> Replay(const sql::ReplayRequest& request, const std::string& run_id);
  // Decides a flow's epoch that is in doubt, under the same lock. The flow's id or its table.
  Result<epoch::Resolved> Resolve(const std::string& flow, epoch::Resolution resolution,
                                  const std::string& why);
  // What the next run would do with each flow, in their order; reads no row and writes nothing.
  // A flow below one that would do something may do more than it seems now.
  Result<std::vector<sql::RefreshPlan>> Preview();
  // The project's own SELECT statements, in order, over the tables as they are now.
  struct QueryRows {
    std::string text;
    std::unique_ptr<duckdb::MaterializedQueryResult> rows;
  };
  Result<std::vector<QueryRows>> RunQueries();

  const sql::Project& project() const { return *project_; }
  const sql::PreparedProject& prepared() const { return prepared_; }
  sql::Session& session() { return *session_; }
  columnar::Engine& engine() { return *engine_; }
  WarehouseCatalog& catalog() { return *catalog_; }
  SpanLog& spans() { return spans_; }
  sql::RunProgress& progress() { return progress_; }
  const std::string& warehouse() const { return warehouse_; }
  std::string epochs_of(const sql::Flow& flow) const;  // the folder of its epoch log
  // Where the rows of a source or table are: a path, a URL, "kafka://host:port/topic".
  std::string PlaceOf(const std::string& relation) const;
  const std::string& work_folder() const { return work_folder_; }
  int64_t now_us() const { return now_us_; }

 private:
  Result<std::unique_ptr<FileLock>> Lock();
  sql::RunSettings Complete(sql::RunSettings settings) const;

  explicit ProjectRuntime(Env& env) : env_(env), spans_(env) {}

  Env& env_;
  SpanLog spans_;
  sql::RunProgress progress_;
  int64_t now_us_ = 0;
  std::string warehouse_;
  std::string work_folder_;
  std::unique_ptr<sql::Project> project_;
  std::unique_ptr<columnar::Engine> engine_;
  std::unique_ptr<WarehouseCatalog> catalog_;
  std::unique_ptr<sql::Session> session_;
  sql::PreparedProject prepared_;
};

}  // namespace weir::server
