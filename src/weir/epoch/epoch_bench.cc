// What the commit point costs: a manifest whose position lists many files.
#include <benchmark/benchmark.h>

#include "weir/epoch/epoch_log.h"

namespace weir::epoch {
namespace {

// As a file source keeps it: path, size and two hashes for each file read.
Manifest WithFiles(int64_t files) {
  Manifest manifest;
  manifest.flow_id = "flow";
  manifest.epoch = 1;
  std::string& position = manifest.positions["raw"];
  for (int64_t i = 0; i < files; ++i) {
    position += "[\"data/2026/01/part-" + std::to_string(100'000'000 + i) +
                ".csv.gz\",1048576,\"0123456789abcdef\",\"fedcba9876543210\"],\n";
  }
  return manifest;
}

void BM_WriteManifest(benchmark::State& state) {
  const std::string folder = "/tmp/weir_epoch_bench_" + std::to_string(RealEnv().RandomU64());
  EpochLog log(RealEnv(), folder);
  Manifest manifest = WithFiles(state.range(0));
  for (auto _ : state) {
    if (!log.Write(manifest).ok()) state.SkipWithError("write failed");
    state.PauseTiming();
    (void)log.MarkDone(manifest.epoch, "", false);
    (void)log.Forget(1);
    ++manifest.epoch;
    state.ResumeTiming();
  }
  state.counters["bytes"] = static_cast<double>(manifest.positions["raw"].size());
  (void)RealEnv().RemoveTree(folder);
}
BENCHMARK(BM_WriteManifest)
    ->Arg(1)
    ->Arg(1'000)
    ->Arg(100'000)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void BM_ReadNewest(benchmark::State& state) {
  const std::string folder = "/tmp/weir_epoch_bench_" + std::to_string(RealEnv().RandomU64());
  EpochLog log(RealEnv(), folder);
  if (!log.Write(WithFiles(state.range(0))).ok()) state.SkipWithError("write failed");
  for (auto _ : state) benchmark::DoNotOptimize(log.Newest());
  (void)RealEnv().RemoveTree(folder);
}
BENCHMARK(BM_ReadNewest)->Arg(1)->Arg(100'000)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir::epoch
