// MB/s of uncompressed record bytes: checking batches, reading their records, validating a Produce.
#include <benchmark/benchmark.h>

#include "weir/log/record_batch.h"
#include "weir/log/record_batch_builder.h"
#include "weir/log/record_batch_reader.h"
#include "weir/log/record_batch_validation.h"

namespace weir::log {
namespace {

std::string BatchOf(int64_t records, int64_t value_bytes, Codec codec) {
  BatchBuilder builder({.codec = codec});
  std::string value;
  for (int64_t i = 0; i < records; ++i) {
    value.clear();
    while (value.size() < static_cast<size_t>(value_bytes)) {
      value +=
          std::to_string((i * 2654435761 + static_cast<int64_t>(value.size())) % 1000003) + " ";
    }
    value.resize(static_cast<size_t>(value_bytes));
    builder.Add({.timestamp = i, .value = value});
  }
  return std::move(builder).Finish().value();
}

void Count(benchmark::State& state, size_t bytes, int64_t records) {
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
  state.SetItemsProcessed(state.iterations() * records);
}

// records, bytes a value
void BM_CheckBatch(benchmark::State& state) {
  const std::string batch = BatchOf(state.range(0), state.range(1), Codec::kNone);
  for (auto _ : state) {
    if (!CheckBatch(batch).ok()) abort();
  }
  Count(state, batch.size(), state.range(0));
}
BENCHMARK(BM_CheckBatch)->Args({1, 100})->Args({10, 100})->Args({1000, 100})->Args({1000, 1024});

void BM_ValidateProduce(benchmark::State& state) {
  const std::string batch = BatchOf(state.range(0), state.range(1), Codec::kNone);
  RecordReader reader;
  for (auto _ : state) {
    if (ValidateProduce(batch, {.batch_bytes_max = 2 << 20}, reader).error !=
        kafka::KafkaError::kNone) {
      abort();
    }
  }
  Count(state, batch.size(), state.range(0));
}
BENCHMARK(BM_ValidateProduce)
    ->Args({1, 100})
    ->Args({10, 100})
    ->Args({1000, 100})
    ->Args({1000, 1024});

// codec, bytes a value
void BM_ReadRecords(benchmark::State& state) {
  constexpr int64_t kRecords = 1000;
  const auto codec = static_cast<Codec>(state.range(0));
  const size_t bytes = BatchOf(kRecords, state.range(1), Codec::kNone).size();
  const std::string batch = BatchOf(kRecords, state.range(1), codec);
  RecordReader reader;
  for (auto _ : state) {
    if (!reader.Open(batch).ok()) abort();
    size_t total = 0;
    for (Record record; reader.Next(record);) total += record.value->size();
    if (!reader.status().ok()) abort();
    benchmark::DoNotOptimize(total);
  }
  Count(state, bytes, kRecords);
}
BENCHMARK(BM_ReadRecords)->ArgsProduct({{0, 1, 2, 3, 4}, {100, 1024}});

}  // namespace
}  // namespace weir::log
