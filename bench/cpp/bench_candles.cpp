// `candles/all`: one bar through an engine that looks for every candlestick pattern, and `candles/one`:
// through an engine with one of them.
#include <string>

#include "bench.hpp"
#include "fastcore/catalogue.hpp"
#include "fastcore/engine/symbol.hpp"

namespace fastcore::bench {

namespace {

constexpr std::int64_t minute = 60'000'000'000;

/// Bars whose bodies and shadows vary as a market's do.
std::vector<Bar> chart(std::size_t rows) {
  std::mt19937_64 random(5);
  std::vector<Bar> bars(rows);
  double close = 100.0;
  for (std::size_t i = 0; i < rows; ++i) {
    const double open = close + 0.1 * (real(random) - 0.5);
    close = open + (2.0 * real(random) - 1.0) * (random() % 3 == 0 ? 1.0 : 0.1);
    const double high = std::max(open, close) + 0.3 * real(random);
    const double low = std::min(open, close) - 0.3 * real(random);
    Bar& bar = bars[i];
    bar.ts = 1'700'000'040'000'000'000 + static_cast<std::int64_t>(i) * minute;
    bar.open = open;
    bar.high = high;
    bar.low = low;
    bar.close = close;
    bar.volume = 1.0;
    bar.count = 1;
  }
  return bars;
}

void patterns(benchmark::State& state, const std::string& wanted) {
  std::vector<NodeSpec> specs;
  for (const CatalogueEntry& entry : catalogue()) {
    if (std::string(entry.family) != "candles" || (!wanted.empty() && wanted != entry.kernel->name)) continue;
    NodeSpec spec{entry.kernel->name, entry.kernel, {}, "1m", {}};
    for (std::size_t i = 0; i < entry.kernel->param_count; ++i) spec.params[i] = entry.kernel->params[i].initial;
    specs.push_back(std::move(spec));
  }
  const auto plan = std::make_shared<const Plan>(std::move(specs));
  const std::vector<Bar> bars = chart(10'000);
  for (auto _ : state) {
    state.PauseTiming();
    Symbol symbol("S", plan, Policy{}, 0);
    state.ResumeTiming();
    for (const Bar& bar : bars) symbol.on_bar(1, bar);
    benchmark::DoNotOptimize(symbol.cells()[0]);
  }
  per_item(state, bars.size());
}

BENCHMARK_CAPTURE(patterns, all, "")->Name("candles/all");
BENCHMARK_CAPTURE(patterns, one, "CDLENGULFING")->Name("candles/one");

}  // namespace

}  // namespace fastcore::bench
