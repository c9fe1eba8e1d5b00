// What encoding costs: rows of lineitem's shape through ParquetWriter, per compression and option.
// Items are rows; the file lands in the temp folder and is not synced more than Close does.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "duckdb/common/types/column/column_data_collection.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/columnar/engine.h"
#include "weir/columnar/parquet_writer.h"

namespace weir::columnar {
namespace {

constexpr const char* kRows =
    "SELECT (i / 4)::BIGINT AS orderkey, hash(i) % 200000 + 1 AS k, "
    "(hash(i) % 200000)::BIGINT AS partkey, (hash(i, 1) % 10000)::BIGINT AS suppkey, "
    "(i % 7)::INTEGER AS linenumber, (hash(i, 2) % 50)::DECIMAL(15,2) AS quantity, "
    "((hash(i, 3) % 10000000) / 100)::DECIMAL(15,2) AS price, "
    "((hash(i, 4) % 11) / 100)::DECIMAL(15,2) AS discount, "
    "((hash(i, 5) % 9) / 100)::DECIMAL(15,2) AS tax, "
    "['A', 'N', 'R'][(hash(i, 6) % 3 + 1)::INTEGER] AS returnflag, ['O', 'F'][i % 2 + 1] AS "
    "linestatus, "
    "DATE '1992-01-01' + (hash(i, 7) % 2500)::INTEGER AS shipdate, "
    "DATE '1992-01-01' + (hash(i, 8) % 2500)::INTEGER AS commitdate, "
    "['AIR', 'MAIL', 'SHIP', 'RAIL', 'TRUCK', 'FOB', 'REG AIR'][(hash(i, 9) % 7 + 1)::INTEGER] AS "
    "shipmode, "
    "left(md5(i::VARCHAR) || md5(i::VARCHAR), (hash(i, 10) % 34 + 10)::INTEGER) AS comment "
    "FROM range(1000000) t(i)";

struct Source {
  std::unique_ptr<Engine> engine;
  std::unique_ptr<duckdb::Connection> connection;
  std::unique_ptr<duckdb::MaterializedQueryResult> rows;
  Schema schema;

  static Source& Get() {
    static Source* source = [] {
      auto* made = new Source;
      made->engine =
          Engine::Open(RealEnv(), {.memory_bytes = uint64_t{4} << 30, .threads = 2}).value();
      made->connection = made->engine->Connect().value();
      made->rows =
          made->engine
              ->Query(*made->connection, "SELECT * EXCLUDE (k) FROM (" + std::string(kRows) + ")")
              .value();
      for (size_t i = 0; i < made->rows->types.size(); ++i) {
        made->schema.fields.push_back({made->rows->names[i], made->rows->types[i]});
      }
      return made;
    }();
    return *source;
  }
};

void Write(benchmark::State& state, const ParquetOptions& options) {
  Source& source = Source::Get();
  duckdb::ClientContext& context = *source.connection->context;
  const std::string path =
      "/tmp/weir_parquet_bench_" + std::to_string(RealEnv().ProcessId()) + ".parquet";
  int64_t bytes = 0;
  for (auto _ : state) {
    auto writer = ParquetWriter::Create(context, path, source.schema, options).value();
    auto local = writer->NewLocal(context).value();
    for (duckdb::DataChunk& chunk : source.rows->Collection().Chunks()) {
      if (!local->Write(context, chunk).ok()) std::abort();
    }
    if (!local->Finish(context).ok()) std::abort();
    bytes = writer->Close(context).value().bytes;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(source.rows->RowCount()));
  state.counters["file_MB"] = static_cast<double>(bytes) / 1e6;
  (void)RealEnv().RemoveFile(path);
}

#define WEIR_WRITE_BENCH(name, ...) \
  BENCHMARK_CAPTURE(Write, name, __VA_ARGS__)->Unit(benchmark::kMillisecond)

WEIR_WRITE_BENCH(snappy, ParquetOptions{});
WEIR_WRITE_BENCH(snappy_no_bloom, ParquetOptions{.bloom_filters = false});
WEIR_WRITE_BENCH(none, ParquetOptions{.compression = ParquetCompression::kNone});
WEIR_WRITE_BENCH(zstd_1, ParquetOptions{.compression = ParquetCompression::kZstd, .zstd_level = 1});
WEIR_WRITE_BENCH(zstd_3, ParquetOptions{.compression = ParquetCompression::kZstd});
WEIR_WRITE_BENCH(groups_of_30k, ParquetOptions{.row_group_rows = 30'720});
WEIR_WRITE_BENCH(groups_of_500k, ParquetOptions{.row_group_rows = 491'520});

// DuckDB's own COPY of the same rows, one thread, for comparison.
void Copy(benchmark::State& state) {
  Source& source = Source::Get();
  (void)source.engine->Query(*source.connection, "SET threads = 1").value();
  (void)source.engine
      ->Query(*source.connection,
              "CREATE OR REPLACE TEMP TABLE bench AS SELECT * EXCLUDE (k) "
              "FROM (" +
                  std::string(kRows) + ")")
      .value();
  const std::string path =
      "/tmp/weir_parquet_bench_" + std::to_string(RealEnv().ProcessId()) + ".parquet";
  for (auto _ : state) {
    (void)source.engine->Query(*source.connection, "COPY bench TO " + QuoteLiteral(path)).value();
  }
  state.SetItemsProcessed(state.iterations() * 1'000'000);
  (void)RealEnv().RemoveFile(path);
  (void)source.engine->Query(*source.connection, "SET threads = 2").value();
}
BENCHMARK(Copy)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir::columnar
