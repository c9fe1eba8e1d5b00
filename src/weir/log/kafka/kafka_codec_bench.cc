// Time to decode and encode the two messages of the hot paths: a Produce request and a Fetch
// response of one record batch, and of many partitions.
#include <benchmark/benchmark.h>

#include "weir/log/kafka/decoder.h"
#include "weir/log/kafka/encoder.h"
#include "weir/log/kafka/messages/fetch.h"
#include "weir/log/kafka/messages/produce.h"

namespace weir::log::kafka {
namespace {

constexpr int16_t kProduceVersion = 12;
constexpr int16_t kFetchVersion = 16;

std::string ProduceFrame(int64_t partitions, const std::string& records) {
  ProduceRequest request;
  request.acks = -1;
  request.timeout_ms = 30000;
  auto& topic = request.topic_data.emplace_back();
  topic.name = "orders";
  for (int32_t i = 0; i < partitions; ++i) {
    auto& partition = topic.partition_data.emplace_back();
    partition.index = i;
    partition.records = Records(records);
  }
  Encoder e;
  if (!request.Encode(e, kProduceVersion).ok()) abort();
  return std::move(e).Finish().ToString();
}

void BM_DecodeProduce(benchmark::State& state) {
  const std::string records(static_cast<size_t>(state.range(1)), 'r');
  const std::string frame = ProduceFrame(state.range(0), records);
  ProduceRequest request;
  for (auto _ : state) {
    Decoder d(frame);
    if (!request.Decode(d, kProduceVersion).ok()) abort();
    benchmark::DoNotOptimize(request);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_DecodeProduce)->Args({1, 200})->Args({1, 1 << 20})->Args({100, 200});

void BM_EncodeProduceResponse(benchmark::State& state) {
  ProduceResponse response;
  auto& topic = response.responses.emplace_back();
  topic.name = "orders";
  topic.partition_responses.resize(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    Encoder e = Encoder::ForFrame();
    if (!response.Encode(e, kProduceVersion).ok()) abort();
    benchmark::DoNotOptimize(std::move(e).Finish());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_EncodeProduceResponse)->Arg(1)->Arg(100);

FetchRequest FetchOf(int64_t partitions) {
  FetchRequest request;
  request.topics.resize(1);
  request.topics[0].partitions.resize(static_cast<size_t>(partitions));
  return request;
}

void BM_DecodeFetch(benchmark::State& state) {
  Encoder e;
  if (!FetchOf(state.range(0)).Encode(e, kFetchVersion).ok()) abort();
  const std::string frame = std::move(e).Finish().ToString();
  FetchRequest request;
  for (auto _ : state) {
    Decoder d(frame);
    if (!request.Decode(d, kFetchVersion).ok()) abort();
    benchmark::DoNotOptimize(request);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_DecodeFetch)->Arg(1)->Arg(100);

void BM_EncodeFetchResponse(benchmark::State& state) {
  const std::string records(static_cast<size_t>(state.range(1)), 'r');
  FetchResponse response;
  auto& partitions = response.responses.emplace_back().partitions;
  partitions.resize(static_cast<size_t>(state.range(0)));
  for (auto& partition : partitions) partition.records = Records(records);
  for (auto _ : state) {
    Encoder e = Encoder::ForFrame();
    if (!response.Encode(e, kFetchVersion).ok()) abort();
    benchmark::DoNotOptimize(std::move(e).Finish());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_EncodeFetchResponse)->Args({1, 200})->Args({1, 1 << 20})->Args({100, 1 << 20});

}  // namespace
}  // namespace weir::log::kafka
