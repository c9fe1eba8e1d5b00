// What writing data files costs, beside DuckDB's own COPY of the same rows: in one file, and
// partitioned by year (7 partitions) and by month (84). Two threads each. Items are rows; the time
// is the CPU time of the process.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "duckdb/common/types/column/column_data_collection.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/columnar/engine.h"
#include "weir/lake/data_files.h"

namespace weir::lake {
namespace {

// Of lineitem's shape.
constexpr const char* kRows =
    "SELECT (i / 4)::BIGINT AS orderkey, (hash(i) % 200000)::BIGINT AS partkey, "
    "(hash(i, 1) % 10000)::BIGINT AS suppkey, (i % 7)::INTEGER AS linenumber, "
    "(hash(i, 2) % 50)::DECIMAL(15,2) AS quantity, "
    "((hash(i, 3) % 10000000) / 100)::DECIMAL(15,2) AS price, "
    "((hash(i, 4) % 11) / 100)::DECIMAL(15,2) AS discount, "
    "((hash(i, 5) % 9) / 100)::DECIMAL(15,2) AS tax, "
    "['A', 'N', 'R'][(hash(i, 6) % 3 + 1)::INTEGER] AS returnflag, "
    "['O', 'F'][i % 2 + 1] AS linestatus, "
    "DATE '1992-01-01' + (hash(i, 7) % 2500)::INTEGER AS shipdate, "
    "DATE '1992-01-01' + (hash(i, 8) % 2500)::INTEGER AS commitdate, "
    "['AIR', 'MAIL', 'SHIP', 'RAIL', 'TRUCK', 'FOB', 'REG AIR'][(hash(i, 9) % 7 + 1)::INTEGER] AS "
    "shipmode, "
    "left(md5(i::VARCHAR) || md5(i::VARCHAR), (hash(i, 10) % 34 + 10)::INTEGER) AS comment, "
    "(hash(i, 7) % 84)::INTEGER AS month, (hash(i, 7) % 7)::INTEGER AS year FROM range(3000000) "
    "t(i)";
constexpr const char* kFolder = "/tmp/weir_data_files_bench";

struct Source {
  std::unique_ptr<columnar::Engine> engine;
  std::unique_ptr<duckdb::Connection> connection;
  std::unique_ptr<duckdb::MaterializedQueryResult> rows;
  columnar::Schema schema;

  static Source& Get() {
    static Source* source = [] {
      auto* made = new Source;
      made->engine =
          columnar::Engine::Open(RealEnv(), {.memory_bytes = uint64_t{8} << 30, .threads = 2})
              .value();
      made->connection = made->engine->Connect().value();
      made->Ask("SET preserve_insertion_order = false");
      std::string create = "CREATE TABLE lines AS ";
      create += kRows;
      made->Ask(create);
      made->rows = made->Ask("SELECT * FROM lines");
      for (size_t i = 0; i < made->rows->types.size(); ++i) {
        made->schema.fields.push_back({made->rows->names[i], made->rows->types[i]});
      }
      return made;
    }();
    return *source;
  }

  std::unique_ptr<duckdb::MaterializedQueryResult> Ask(const std::string& sql) {
    auto result = engine->Query(*connection, sql);
    if (!result.ok()) std::abort();
    return std::move(result).value();
  }
};

void Clear() {
  if (!RealEnv().RemoveTree(kFolder).ok() || !RealEnv().CreateDirs(kFolder).ok()) std::abort();
}

void DuckDBCopy(benchmark::State& state) {
  Source& source = Source::Get();
  std::string copy = "COPY lines TO '";
  copy += kFolder;
  copy += state.range(0) == 0   ? "/f.parquet' (FORMAT parquet)"
          : state.range(0) == 7 ? "/p' (FORMAT parquet, PARTITION_BY (year))"
                                : "/p' (FORMAT parquet, PARTITION_BY (month))";
  for (auto _ : state) {
    state.PauseTiming();
    Clear();
    state.ResumeTiming();
    source.Ask(copy);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(source.rows->RowCount()));
}

void WeirFiles(benchmark::State& state) {
  Source& source = Source::Get();
  const auto& rows = source.rows->Collection();
  for (auto _ : state) {
    state.PauseTiming();
    Clear();
    state.ResumeTiming();
    DataFilesOptions options;
    options.table = kFolder;
    options.name = "bench";
    options.schema = source.schema;
    if (state.range(0) != 0) options.partition_columns = {state.range(0) == 7 ? "year" : "month"};
    options.memory_bytes = static_cast<uint64_t>(state.range(1)) << 20;
    DataFiles files(*source.engine, options);
    duckdb::ColumnDataParallelScanState scan;
    rows.InitializeScan(scan);
    const auto body = [&] {
      auto writer = files.OpenWriter().value();
      duckdb::ColumnDataLocalScanState local;
      duckdb::DataChunk chunk;
      rows.InitializeScanChunk(scan.scan_state, chunk);
      while (rows.Scan(scan, local, chunk)) {
        if (!writer->Write(chunk).ok()) std::abort();
      }
      if (!writer->Finish().ok()) std::abort();
    };
    {
      auto other = RealEnv().StartThread("bench", body);
      body();
    }
    const auto adds = files.Close();
    if (!adds.ok()) std::abort();
    state.counters["files"] = static_cast<double>(adds->size());
    state.counters["MB"] = static_cast<double>(files.bytes()) / 1e6;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(source.rows->RowCount()));
}

BENCHMARK(DuckDBCopy)
    ->Arg(0)
    ->Arg(7)
    ->Arg(84)
    ->MeasureProcessCPUTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(WeirFiles)
    ->Args({0, 1024})
    ->Args({7, 1024})
    ->Args({84, 1024})
    ->Args({84, 64})
    ->MeasureProcessCPUTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir::lake
