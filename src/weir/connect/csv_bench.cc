// Reading CSV: our source beside DuckDB's read_csv, in one process, with the same declared types
// and two threads each. The file is lineitem of TPC-H with a header:
//
//   tpchgen-cli csv -s 1 --tables=lineitem --output-dir=/tmp/sf1
//   WEIR_LINEITEM_CSV=/tmp/sf1/lineitem.csv build/dev/weir_connect_bench
//       --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true
#include <benchmark/benchmark.h>

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "duckdb/common/allocator.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/base/env.h"
#include "weir/columnar/engine.h"
#include "weir/connect/file_source.h"

namespace weir::connect {
namespace {

constexpr int kThreads = 2;

using Columns = std::vector<std::pair<std::string, duckdb::LogicalType>>;

const Columns& Lineitem() {
  using duckdb::LogicalType;
  static const Columns columns = {
      {"l_orderkey", LogicalType::BIGINT},         {"l_partkey", LogicalType::BIGINT},
      {"l_suppkey", LogicalType::BIGINT},          {"l_linenumber", LogicalType::INTEGER},
      {"l_quantity", LogicalType::DECIMAL(15, 2)}, {"l_extendedprice", LogicalType::DECIMAL(15, 2)},
      {"l_discount", LogicalType::DECIMAL(15, 2)}, {"l_tax", LogicalType::DECIMAL(15, 2)},
      {"l_returnflag", LogicalType::VARCHAR},      {"l_linestatus", LogicalType::VARCHAR},
      {"l_shipdate", LogicalType::DATE},           {"l_commitdate", LogicalType::DATE},
      {"l_receiptdate", LogicalType::DATE},        {"l_shipinstruct", LogicalType::VARCHAR},
      {"l_shipmode", LogicalType::VARCHAR},        {"l_comment", LogicalType::VARCHAR}};
  return columns;
}

class NoneExpected : public columnar::UnparsedRows {
 public:
  bool Add(columnar::UnparsedRow) override {
    ++count;
    return true;
  }
  std::atomic<int64_t> count{0};
};

std::unique_ptr<columnar::Engine> OpenEngine() {
  auto engine = columnar::Engine::Open(RealEnv(), {.threads = kThreads});
  return engine.ok() ? std::move(engine).value() : nullptr;
}

std::string Path() { return RealEnv().Variable("WEIR_LINEITEM_CSV").value_or(""); }

void Ours(benchmark::State& state, const std::vector<uint64_t>& wanted) {
  if (Path().empty()) return state.SkipWithError("WEIR_LINEITEM_CSV is not set");
  const auto engine = OpenEngine();
  FileSourceOptions options;
  options.options = {{"path", Path()}, {"format", "csv"}};
  options.declared.emplace();
  duckdb::vector<duckdb::LogicalType> types;
  for (const auto& [name, type] : Lineitem()) {
    columnar::Field field;
    field.name = name;
    field.type = type;
    options.declared->fields.push_back(field);
  }
  for (const uint64_t column : wanted) types.push_back(Lineitem()[column].second);
  const auto source = OpenFileSource(*engine, options);
  if (!source.ok()) return state.SkipWithError(source.error().message().c_str());
  int64_t rows = 0;
  for (auto _ : state) {
    NoneExpected unparsed;
    const auto scan = (*source)->Plan({});
    std::atomic<size_t> next{0};
    std::atomic<int64_t> values{0};
    std::vector<std::unique_ptr<Thread>> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.push_back(RealEnv().StartThread("reader", [&] {
        duckdb::DataChunk chunk;
        chunk.Initialize(duckdb::Allocator::DefaultAllocator(), types);
        int64_t counted = 0;
        for (size_t split = next++; split < (*scan)->splits().size(); split = next++) {
          const auto reader = (*scan)->Open(split, wanted, &unparsed);
          while ((*reader)->Next(chunk).value() > 0) {
            for (auto& column : chunk.data) {
              counted += duckdb::FlatVector::Validity(column).CountValid(chunk.size());
            }
          }
        }
        values += counted;
      }));
    }
    threads.clear();
    rows = values / static_cast<int64_t>(wanted.size());
    if (unparsed.count > 0) return state.SkipWithError("rows did not parse");
  }
  state.counters["rows"] = static_cast<double>(rows);
}

void DuckDb(benchmark::State& state, const std::vector<uint64_t>& wanted) {
  if (Path().empty()) return state.SkipWithError("WEIR_LINEITEM_CSV is not set");
  const auto engine = OpenEngine();
  const auto connection = engine->Connect();
  std::string columns;
  for (const auto& [name, type] : Lineitem()) {
    columns += (columns.empty() ? "'" : ", '") + name + "': '" + type.ToString() + "'";
  }
  std::string counts;
  for (const uint64_t column : wanted) {
    counts += (counts.empty() ? "count(" : ", count(") + Lineitem()[column].first + ")";
  }
  const std::string sql = "SELECT " + counts + " FROM read_csv(" + columnar::QuoteLiteral(Path()) +
                          ", header = true, auto_detect = false, delim = ',', quote = '\"', "
                          "columns = {" +
                          columns + "})";
  int64_t rows = 0;
  for (auto _ : state) {
    const auto result = engine->Query(**connection, sql);
    if (!result.ok()) return state.SkipWithError(result.error().message().c_str());
    rows = (*result)->GetValue(0, 0).GetValue<int64_t>();
  }
  state.counters["rows"] = static_cast<double>(rows);
}

const std::vector<uint64_t> kAll = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
const std::vector<uint64_t> kTwo = {0, 10};

BENCHMARK_CAPTURE(Ours, all_columns, kAll)
    ->UseRealTime()
    ->MeasureProcessCPUTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(DuckDb, all_columns, kAll)
    ->UseRealTime()
    ->MeasureProcessCPUTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Ours, two_columns, kTwo)
    ->UseRealTime()
    ->MeasureProcessCPUTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(DuckDb, two_columns, kTwo)
    ->UseRealTime()
    ->MeasureProcessCPUTime()
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir::connect
