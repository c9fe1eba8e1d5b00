#include "weir/server/project_runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weir/base/sim_env.h"
#include "weir/epoch/epoch_log.h"

namespace weir::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ProjectRuntimeTest : public ::testing::Test {
 protected:
  void Put(const std::string& path, const std::string& bytes) {
    ASSERT_TRUE(env_.CreateDirs(ParentPath(path)).ok());
    ASSERT_TRUE(env_.WriteFileAtomic(path, bytes).ok());
  }

  Result<std::unique_ptr<ProjectRuntime>> Open() {
    ProjectOptions options;
    options.path = "/p";
    options.memory_bytes = uint64_t{256} << 20;
    options.threads = 1;
    return ProjectRuntime::Open(env_, options);
  }

  void MustRun(ProjectRuntime& runtime) {
    sql::RunSettings settings;
    settings.run_id = "r";
    auto outcome = runtime.Run(settings);
    ASSERT_TRUE(outcome.ok()) << outcome.error().ToString();
    for (const auto& flow : outcome->flows) {
      ASSERT_FALSE(flow.error) << flow.error->ToString();
    }
  }

  // "table/write" for a step of a table, in the order in which they began.
  static std::vector<std::string> Steps(ProjectRuntime& runtime) {
    std::map<SpanId, std::string> names;
    std::vector<std::string> steps;
    for (const Span& span : runtime.spans().Spans()) {
      names[span.id] = span.name;
      steps.push_back(span.parent == 0 ? span.name : names[span.parent] + "/" + span.name);
    }
    return steps;
  }

  SimEnv env_{7};
};

TEST_F(ProjectRuntimeTest, AFlowIsReadCheckedWrittenPreparedAndCommittedInThisOrder) {
  Put("/p/project.sql",
      "CREATE TABLE raw (a INT) WITH ('connector' = 'filesystem', 'path' = 'in/*.csv');"
      "CREATE MATERIALIZED TABLE plain AS SELECT a FROM raw;"
      "CREATE MATERIALIZED TABLE checked (CONSTRAINT once EXPECT UNIQUE (a)) AS SELECT a FROM raw");
  Put("/p/in/a.csv", "a\n1\n1\n");
  auto runtime = Open();
  ASSERT_TRUE(runtime.ok()) << runtime.error().ToString();
  MustRun(**runtime);
  EXPECT_THAT(Steps(**runtime),
              ElementsAre("run", "run/table", "table/write", "table/prepare", "table/commit",
                          "run/table", "table/stage", "table/set checks", "table/write",
                          "table/prepare", "table/commit"));
}

TEST_F(ProjectRuntimeTest, TheManifestNamesTheVersionOfATableThatRowsWereComparedWith) {
  Put("/p/project.sql",
      "CREATE TABLE shops_raw (s VARCHAR) WITH ('connector' = 'filesystem', 'path' = 's.csv');"
      "CREATE TABLE raw (s VARCHAR) WITH ('connector' = 'filesystem', 'path' = 'in/*.csv');"
      "CREATE MATERIALIZED TABLE shops AS SELECT s FROM shops_raw;"
      "CREATE MATERIALIZED TABLE sales (CONSTRAINT known EXPECT (s) REFERENCES shops (s))"
      " AS SELECT s FROM raw");
  Put("/p/s.csv", "s\na\n");
  Put("/p/in/1.csv", "s\na\nb\n");
  auto runtime = Open();
  ASSERT_TRUE(runtime.ok()) << runtime.error().ToString();
  MustRun(**runtime);
  epoch::EpochLog log(env_, "/p/tables/_weir/sales");
  auto last = log.Newest();
  ASSERT_TRUE(last.ok() && *last);
  EXPECT_EQ((*last)->positions.at("references shops"), "{\"version\":0}");
}

TEST_F(ProjectRuntimeTest, OneWriterAtATime) {
  Put("/p/project.sql",
      "CREATE TABLE raw (a INT) WITH ('connector' = 'filesystem', 'path' = 'in/*.csv');"
      "CREATE MATERIALIZED TABLE t AS SELECT a FROM raw");
  Put("/p/in/a.csv", "a\n1\n");
  auto runtime = Open();
  ASSERT_TRUE(runtime.ok()) << runtime.error().ToString();
  MustRun(**runtime);
  auto other = env_.LockFile("/p/tables/_weir/lock");
  ASSERT_TRUE(other.ok()) << other.error().ToString();
  sql::RunSettings settings;
  settings.run_id = "second";
  auto refused = (*runtime)->Run(settings);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().ExitCode(), 3);
  EXPECT_THAT(refused.error().ToString(), HasSubstr("lock"));
}

}  // namespace
}  // namespace weir::server
