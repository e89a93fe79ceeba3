// `crc32c` and `snapshot/...`: what it costs to save an engine and bring it back.
#include "bench.hpp"
#include "fastcore/catalogue.hpp"
#include "fastcore/crc32c.hpp"
#include "fastcore/engine/engine.hpp"
#include "fastcore/engine/snapshot.hpp"

namespace fastcore::bench {

namespace {

void checksum(benchmark::State& state) {
  const std::string bytes(1 << 20, 'x');
  for (auto _ : state) benchmark::DoNotOptimize(crc32c(bytes));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) << 20);
}

void checksum_by_tables(benchmark::State& state) {
  const std::string bytes(1 << 20, 'x');
  for (auto _ : state) benchmark::DoNotOptimize(crc32c_by_tables(bytes));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) << 20);
}

/// One byte a step, as the textbook has it.
void checksum_bytewise(benchmark::State& state) {
  std::uint32_t table[256];
  for (std::uint32_t i = 0; i < 256; ++i) {
    table[i] = i;
    for (int bit = 0; bit < 8; ++bit) table[i] = (table[i] >> 1) ^ ((table[i] & 1U) != 0 ? 0x82f63b78U : 0U);
  }
  const std::string bytes(1 << 20, 'x');
  for (auto _ : state) {
    std::uint32_t crc = 0xffffffffU;
    for (const char byte : bytes) crc = (crc >> 8) ^ table[(crc ^ static_cast<unsigned char>(byte)) & 0xffU];
    benchmark::DoNotOptimize(crc);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) << 20);
}

/// A hundred symbols with every indicator on ticks.
std::unique_ptr<Engine> large_engine() {
  std::vector<NodeSpec> specs;
  for (const CatalogueEntry& entry : catalogue()) {
    ParamValues params{};
    for (std::size_t i = 0; i < entry.kernel->param_count; ++i) params[i] = entry.kernel->params[i].initial;
    specs.push_back({entry.kernel->name, entry.kernel, params, "", {}});
  }
  auto engine = std::make_unique<Engine>(std::move(specs), Engine::Options{});
  const auto prices = walk(200, 9);
  for (int symbol = 0; symbol < 100; ++symbol) {
    std::int64_t ts = 1'700'000'000'000'000'000;
    for (const double price : prices) engine->symbol("S" + std::to_string(symbol))->on_tick({ts++, price, 1.0});
  }
  return engine;
}

void save(benchmark::State& state) {
  const auto engine = large_engine();
  std::size_t size = 0;
  for (auto _ : state) size = engine->snapshot().size();
  state.counters["bytes"] = static_cast<double>(size);
}

void restore(benchmark::State& state) {
  const std::string bytes = large_engine()->snapshot();
  for (auto _ : state) benchmark::DoNotOptimize(Engine::restore(bytes));
}

BENCHMARK(checksum)->Name("crc32c");
BENCHMARK(checksum_by_tables)->Name("crc32c/tables");
BENCHMARK(checksum_bytewise)->Name("crc32c/bytewise");
BENCHMARK(save)->Name("snapshot/save")->Unit(benchmark::kMillisecond);
BENCHMARK(restore)->Name("snapshot/restore")->Unit(benchmark::kMillisecond);

}  // namespace

}  // namespace fastcore::bench
