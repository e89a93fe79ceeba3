// `histogram/...`: what it costs to know a latency.
#include <chrono>
#include <memory>

#include "bench.hpp"
#include "fastcore/latency/placed_histogram.hpp"

namespace fastcore::bench {

namespace {

/// Latencies as they come: some hundred ns, now and then a hundred times that.
std::vector<std::uint64_t> latencies() {
  std::mt19937_64 random(8);
  std::vector<std::uint64_t> all(4096);
  for (std::uint64_t& value : all) value = (100 + random() % 300) * (random() % 100 == 0 ? 100 : 1);
  return all;
}

void record(benchmark::State& state) {
  const auto values = latencies();
  Histogram histogram;
  benchmark::DoNotOptimize(&histogram);
  for (auto _ : state) {
    for (const std::uint64_t value : values) histogram.record(value);
    benchmark::ClobberMemory();
  }
  per_item(state, values.size());
}

/// As the engine records a stage: into the page that other processes read.
void record_placed(benchmark::State& state) {
  const auto values = latencies();
  auto page = std::make_shared<Histogram>();
  PlacedHistogram histogram;
  histogram.move_to(page.get(), page);
  benchmark::DoNotOptimize(&histogram);
  for (auto _ : state) {
    for (const std::uint64_t value : values) histogram.get().record(value);
    benchmark::ClobberMemory();
  }
  per_item(state, values.size());
}

void clock_read(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(std::chrono::steady_clock::now());
  per_item(state, 1);
}

void percentile(benchmark::State& state) {
  Histogram histogram;
  for (const std::uint64_t value : latencies()) histogram.record(value);
  for (auto _ : state) benchmark::DoNotOptimize(histogram.percentile(0.999));
  per_item(state, 1);
}

void merge(benchmark::State& state) {
  Histogram histogram;
  Histogram other;
  benchmark::DoNotOptimize(&histogram);
  for (const std::uint64_t value : latencies()) other.record(value);
  for (auto _ : state) {
    histogram += other;
    benchmark::ClobberMemory();
  }
  per_item(state, 1);
}

BENCHMARK(record)->Name("histogram/record");
BENCHMARK(record_placed)->Name("histogram/record_placed");
BENCHMARK(clock_read)->Name("histogram/clock");
BENCHMARK(percentile)->Name("histogram/percentile");
BENCHMARK(merge)->Name("histogram/merge");

}  // namespace

}  // namespace fastcore::bench
