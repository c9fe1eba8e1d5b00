// What checks cost beside the write they guard: rows like TPC-H lineitem, zero, one and ten checks,
// against DuckDB's Parquet writer on the same rows. One thread.
//
//   weir_guard_bench --benchmark_filter=Gate      items_per_second = rows/s
//
// Overhead of ten checks = time of Gate/10 / time of WriteParquet.
#include <benchmark/benchmark.h>

#include "duckdb/common/types/column/column_data_collection.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "weir/guard/gate.h"
#include "weir/guard/testing/bind.h"

namespace weir::guard {
namespace {

using duckdb::LogicalType;

constexpr int64_t kRows = 500'000;

columnar::Schema LineItem() {
  const LogicalType money = LogicalType::DECIMAL(15, 2);
  return {{{"l_orderkey", LogicalType::BIGINT},
           {"l_partkey", LogicalType::BIGINT},
           {"l_linenumber", LogicalType::INTEGER},
           {"l_quantity", money},
           {"l_extendedprice", money},
           {"l_discount", money},
           {"l_tax", money},
           {"l_returnflag", LogicalType::VARCHAR},
           {"l_shipdate", LogicalType::DATE},
           {"l_commitdate", LogicalType::DATE},
           {"l_shipmode", LogicalType::VARCHAR},
           {"l_comment", LogicalType::VARCHAR}}};
}

const std::vector<std::string>& Conditions() {
  static const std::vector<std::string> conditions = {
      "l_orderkey > 0",
      "l_partkey IS NOT NULL",
      "l_linenumber BETWEEN 1 AND 7",
      "l_quantity BETWEEN 1 AND 50",
      "l_extendedprice > 0",
      "l_discount <= 0.10",
      "l_returnflag IN ('A', 'N', 'R')",
      "l_shipdate >= DATE '1992-01-01'",
      "l_commitdate < DATE '1999-01-01'",
      "length(l_comment) < 44",
  };
  return conditions;
}

class Data {
 public:
  Data() : binder(LineItem()) {
    binder.Run("SET threads = 1");
    binder.Run(
        "CREATE TABLE data AS SELECT i::BIGINT + 1 AS l_orderkey, (hash(i) % 200000)::BIGINT AS "
        "l_partkey, (i % 7 + 1)::INTEGER AS l_linenumber, (hash(i, 1) % 50 + 1)::DECIMAL(15,2) AS "
        "l_quantity, (hash(i, 2) % 10000000 / 100 + 1)::DECIMAL(15,2) AS l_extendedprice, "
        "(hash(i, 3) % 11 / 100)::DECIMAL(15,2) AS l_discount, (hash(i, 4) % 9 / "
        "100)::DECIMAL(15,2) AS l_tax, ['A', 'N', 'R'][(hash(i, 5) % 3 + 1)::INT] AS "
        "l_returnflag, DATE '1992-01-02' + (hash(i, 6) % 2500)::INT AS l_shipdate, DATE "
        "'1992-01-31' + (hash(i, 7) % 2400)::INT AS l_commitdate, ['AIR', 'MAIL', 'RAIL', "
        "'SHIP', 'TRUCK'][(hash(i, 8) % 5 + 1)::INT] AS l_shipmode, md5(i::VARCHAR)[:(hash(i, 9) "
        "% 30 + 10)::INT] AS l_comment FROM range(" +
        std::to_string(kRows) + ") t(i)");
    rows = binder.Run("SELECT * FROM data");
  }

  testing::Binder binder;
  std::unique_ptr<duckdb::MaterializedQueryResult> rows;
};

Data& SharedData() {
  static Data data;
  return data;
}

// state.range(0): number of checks. state.range(1): one row in this many is broken; 0: none.
void BM_Gate(benchmark::State& state) {
  Data& data = SharedData();
  Contract contract;
  std::vector<BoundPredicate> predicates;
  for (int64_t i = 0; i < state.range(0); ++i) {
    Check check;
    check.name = "check_" + std::to_string(i);
    check.expression = Conditions()[static_cast<size_t>(i)];
    if (i == 0 && state.range(1) > 0) {
      check.expression = "l_orderkey % " + std::to_string(state.range(1)) + " <> 0";
    }
    check.action = Action::kDropRow;
    contract.checks.push_back(check);
    predicates.push_back({static_cast<size_t>(i), data.binder.Predicate(check.expression)});
  }
  auto totals = std::make_shared<CheckTotals>(contract, RealEnv());
  auto plan = GatePlan::Make(totals, std::move(predicates), {LineItem(), -1}).value();
  auto gate = plan->OpenGate(data.binder.context()).value();
  duckdb::SelectionVector accepted;
  duckdb::SelectionVector rejected;
  std::vector<uint64_t> verdicts;
  size_t kept = 0;
  for (auto _ : state) {
    for (auto& chunk : data.rows->Collection().Chunks()) {
      kept += gate->Check(chunk, accepted, rejected, verdicts)->accepted;
    }
  }
  benchmark::DoNotOptimize(kept);
  state.SetItemsProcessed(state.iterations() * kRows);
}
BENCHMARK(BM_Gate)
    ->Args({0, 0})
    ->Args({1, 0})
    ->Args({10, 0})
    ->Args({10, 1000})
    ->Args({10, 10})
    ->Unit(benchmark::kMillisecond);

// One of the conditions alone.
void BM_GateCondition(benchmark::State& state) {
  Data& data = SharedData();
  const std::string& condition = Conditions()[static_cast<size_t>(state.range(0))];
  Contract contract;
  contract.checks.resize(1);
  contract.checks[0].name = "check";
  contract.checks[0].expression = condition;
  auto totals = std::make_shared<CheckTotals>(contract, RealEnv());
  std::vector<BoundPredicate> predicates;
  predicates.push_back({0, data.binder.Predicate(condition)});
  auto plan = GatePlan::Make(totals, std::move(predicates), {LineItem(), -1}).value();
  auto gate = plan->OpenGate(data.binder.context()).value();
  duckdb::SelectionVector accepted;
  duckdb::SelectionVector rejected;
  std::vector<uint64_t> verdicts;
  for (auto _ : state) {
    for (auto& chunk : data.rows->Collection().Chunks()) {
      benchmark::DoNotOptimize(gate->Check(chunk, accepted, rejected, verdicts)->accepted);
    }
  }
  state.SetItemsProcessed(state.iterations() * kRows);
  state.SetLabel(condition);
}
BENCHMARK(BM_GateCondition)->DenseRange(0, 9)->Unit(benchmark::kMillisecond);

void BM_WriteParquet(benchmark::State& state) {
  Data& data = SharedData();
  for (auto _ : state) {
    data.binder.Run("COPY data TO 'gate_bench.parquet' (FORMAT parquet)");
  }
  state.SetItemsProcessed(state.iterations() * kRows);
}
BENCHMARK(BM_WriteParquet)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir::guard
