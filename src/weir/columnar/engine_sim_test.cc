// DuckDB under simulation: what it reads and writes goes through Env, so that the same seed gives
// the same bytes, and what a crash leaves can be looked at.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/base/sim_env.h"
#include "weir/columnar/engine.h"
#include "weir/columnar/parquet_writer.h"

namespace weir::columnar {
namespace {

struct Running {
  std::unique_ptr<Engine> engine;
  std::unique_ptr<duckdb::Connection> connection;
};

Result<Running> Start(SimEnv& env) {
  Running running;
  WEIR_ASSIGN_OR_RETURN(running.engine,
                        Engine::Open(env, {.memory_bytes = uint64_t{256} << 20, .threads = 1}));
  WEIR_ASSIGN_OR_RETURN(running.connection, running.engine->Connect());
  return running;
}

void WriteInput(SimEnv& env) {
  std::string csv = "id,name,amount\n";
  for (int i = 0; i < 5000; ++i) {
    csv += std::to_string(i) + ",n" + std::to_string(i * 7919 % 100) + "," +
           std::to_string(i % 1000) + ".25\n";
  }
  ASSERT_TRUE(env.CreateDirsSynced("/data/out").ok());
  ASSERT_TRUE(env.WriteFileAtomic("/data/in.csv", csv).ok());
}

// CSV -> ParquetWriter, synced whole. Returns the rows written.
Result<int64_t> Convert(SimEnv& env) {
  WEIR_ASSIGN_OR_RETURN(Running running, Start(env));
  WEIR_ASSIGN_OR_RETURN(
      auto rows, running.engine->Query(*running.connection,
                                       "SELECT name, count(*) AS n, sum(amount) AS total FROM "
                                       "read_csv('/data/in.csv') GROUP BY ALL"));
  Schema schema;
  for (size_t i = 0; i < rows->types.size(); ++i) {
    schema.fields.push_back({rows->names[i], rows->types[i]});
  }
  duckdb::ClientContext& context = *running.connection->context;
  WEIR_ASSIGN_OR_RETURN(auto writer,
                        ParquetWriter::Create(context, "/data/out/t.parquet", schema, {}));
  WEIR_ASSIGN_OR_RETURN(auto local, writer->NewLocal(context));
  while (auto chunk = rows->Fetch()) {
    if (chunk->size() == 0) break;
    WEIR_RETURN_IF_ERROR(local->Write(context, *chunk));
  }
  WEIR_RETURN_IF_ERROR(local->Finish(context));
  WEIR_ASSIGN_OR_RETURN(const ParquetFileStats stats, writer->Close(context));
  WEIR_RETURN_IF_ERROR(env.SyncDir("/data/out"));
  return stats.rows;
}

Result<std::string> TotalOf(SimEnv& env) {
  WEIR_ASSIGN_OR_RETURN(Running running, Start(env));
  WEIR_ASSIGN_OR_RETURN(
      auto rows,
      running.engine->Query(*running.connection, "SELECT sum(n) FROM '/data/out/t.parquet'"));
  return rows->GetValue(0, 0).ToString();
}

TEST(DuckDBSimulation, SameSeedSameBytes) {
  uint64_t fingerprints[2];
  uint64_t operations[2];
  for (int run = 0; run < 2; ++run) {
    SimEnv env(7);
    WriteInput(env);
    const Result<int64_t> rows = Convert(env);
    ASSERT_TRUE(rows.ok()) << rows.error().ToString();
    EXPECT_EQ(*rows, 100);
    // DuckDB's own COPY, with two row groups, as well.
    Result<Running> running = Start(env);
    ASSERT_TRUE(running.ok());
    const auto copied =
        running->engine->Query(*running->connection,
                               "COPY (FROM '/data/in.csv') TO '/data/out/c.parquet' "
                               "(ROW_GROUP_SIZE 2048, COMPRESSION zstd)");
    ASSERT_TRUE(copied.ok()) << copied.error().ToString();
    fingerprints[run] = env.Fingerprint();
    operations[run] = env.operations();
  }
  EXPECT_EQ(fingerprints[0], fingerprints[1]);
  EXPECT_EQ(operations[0], operations[1]);
}

// A crash at any operation: the conversion fails with the crash's error, and once a run went
// through, no power loss takes the file away.
TEST(DuckDBSimulation, ACrashAtAnyOperation) {
  uint64_t operations = 0;
  {
    SimEnv env(1);
    WriteInput(env);
    const uint64_t before = env.operations();
    ASSERT_TRUE(Convert(env).ok());
    operations = env.operations() - before;
  }
  ASSERT_GE(operations, 4u);
  for (uint64_t at = 1; at <= operations; ++at) {
    SCOPED_TRACE("crash at operation " + std::to_string(at));
    SimEnv env(at);
    WriteInput(env);
    env.CrashAtOperation(at);
    const Result<int64_t> crashed = Convert(env);
    ASSERT_FALSE(crashed.ok());
    EXPECT_EQ(crashed.error().code(), ErrorCode::kCancelled) << crashed.error().ToString();
    env.Restart(SimEnv::CrashKind::kPowerLost);
    const Result<int64_t> again = Convert(env);
    ASSERT_TRUE(again.ok()) << again.error().ToString();
    env.Crash();
    env.Restart(SimEnv::CrashKind::kPowerLost);
    const Result<std::string> total = TotalOf(env);
    ASSERT_TRUE(total.ok()) << total.error().ToString();
    EXPECT_EQ(*total, "5000");
  }
}

TEST(DuckDBSimulation, AFullDiskIsTheOperatorsBusinessAndLeavesNoFile) {
  SimEnv env(1);
  WriteInput(env);
  env.SetCapacity(env.Stat("/data/in.csv")->size + 600);
  const Result<int64_t> full = Convert(env);
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code(), ErrorCode::kNoSpace) << full.error().ToString();
  EXPECT_EQ(full.error().actor(), Actor::kOperator);
  EXPECT_FALSE(full.error().fix().empty());
  EXPECT_FALSE(env.Exists("/data/out/t.parquet"));
}

TEST(DuckDBSimulation, AFullDiskUnderTheSpillFiles) {
  SimOptions options;
  options.capacity_bytes = 8 << 20;
  SimEnv env(1, options);
  auto engine = Engine::Open(env, {.memory_bytes = uint64_t{30} << 20,
                                   .threads = 1,
                                   .spill_dir = "/spill",
                                   .spill_bytes_max = uint64_t{1} << 30});
  ASSERT_TRUE(engine.ok()) << engine.error().ToString();
  auto connection = (*engine)->Connect();
  ASSERT_TRUE(connection.ok());
  const auto made = (*engine)->Query(
      **connection,
      "CREATE TEMP TABLE big AS SELECT i, hash(i)::VARCHAR AS s FROM range(2000000) t(i)");
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code(), ErrorCode::kNoSpace) << made.error().ToString();
  EXPECT_EQ(made.error().actor(), Actor::kOperator);
  EXPECT_NE(made.error().ToString().find("/spill"), std::string::npos) << made.error().ToString();
}

TEST(DuckDBSimulation, BrokenReadsAreReported) {
  SimEnv env(3);
  WriteInput(env);
  ASSERT_TRUE(Convert(env).ok());
  env.SetIoErrorProbability(1);
  const Result<std::string> total = TotalOf(env);
  ASSERT_FALSE(total.ok());
  EXPECT_EQ(total.error().code(), ErrorCode::kIo) << total.error().ToString();
}

// Calls fail now and then: a conversion succeeds with all rows, or fails as the machine's fault,
// and leaves nothing that stands in the way of the next one.
TEST(DuckDBSimulation, FailuresNowAndThen) {
  const SimSeeds seeds(12);
  int failed = 0;
  for (uint64_t seed = seeds.first; seed < seeds.end; ++seed) {
    SCOPED_TRACE("WEIR_SIM_SEED=" + std::to_string(seed));
    SimEnv env(seed);
    WriteInput(env);
    env.SetIoErrorProbability(0.05);
    const Result<int64_t> rows = Convert(env);
    env.SetIoErrorProbability(0);
    if (rows.ok()) {
      EXPECT_EQ(*rows, 100);
    } else {
      ++failed;
      EXPECT_EQ(rows.error().ExitCode(), 3) << rows.error().ToString();
      EXPECT_EQ(rows.error().code(), ErrorCode::kIo) << rows.error().ToString();
      ASSERT_TRUE(Convert(env).ok());
    }
    const Result<std::string> total = TotalOf(env);
    ASSERT_TRUE(total.ok()) << total.error().ToString();
    EXPECT_EQ(*total, "5000");
  }
  if (seeds.end - seeds.first >= 12) {
    EXPECT_GT(failed, 0);
  }
}

}  // namespace
}  // namespace weir::columnar
