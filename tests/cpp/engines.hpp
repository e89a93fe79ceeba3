// Engines as the tests see them: specs in short form, ticks, and what indicators say on their own.
#pragma once

#include <doctest/doctest.h>

#include "fastcore/engine/engine.hpp"
#include "kernels.hpp"

namespace fastcore::testing {

/// 2017-07-14 02:40 UTC, in the middle of a minute.
inline constexpr std::int64_t start = 1'500'000'000'000'000'000;
inline constexpr std::int64_t second = 1'000'000'000;

inline NodeSpec node(const char* name, const char* kernel, const ParamValues& params, const char* clock = "",
                     std::vector<std::string> parents = {}) {
  REQUIRE(find_kernel(kernel) != nullptr);
  return {name, find_kernel(kernel), params, clock, std::move(parents)};
}

/// Trades: irregular, often within one nanosecond, now and then after a gap.
inline std::vector<Tick> trades(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  const Values prices = walk(count, seed + 1, 100.0, 0.2);
  std::vector<Tick> all(count);
  std::int64_t ts = start;
  for (std::size_t i = 0; i < count; ++i) {
    const int pause = whole(random, 0, 99);
    ts += pause == 0 ? 200 * second : pause < 10 ? 0 : whole(random, 1, 2'000'000'000);
    all[i] = {ts, prices[i], static_cast<double>(whole(random, 0, 50)), 0, 0, 0};
  }
  return all;
}

/// Bars of a span by their definition; the last one is still forming.
inline std::vector<Bar> bars_of(const std::vector<Tick>& ticks, std::int64_t span) {
  std::vector<Bar> all;
  for (const Tick& tick : ticks) {
    const std::int64_t begin = tick.ts / span * span;
    if (all.empty() || all.back().ts != begin)
      all.push_back({begin, tick.price, tick.price, tick.price, tick.price, 0.0, 0.0, quiet_nan, 0.0, 0.0, 0, tick.ts,
                     tick.ts, 0, !all.empty(), false});
    Bar& bar = all.back();
    bar.high = std::max(bar.high, tick.price);
    bar.low = std::min(bar.low, tick.price);
    bar.close = tick.price;
    bar.volume += tick.size;
    bar.value += tick.price * tick.size;
    bar.last_ts = tick.ts;
    ++bar.count;
    if (bar.volume > 0.0) bar.vwap = std::clamp(bar.value / bar.volume, bar.low, bar.high);
  }
  return all;
}

/// One row of an indicator's inputs: of a clock that has seen times and sides, and no quote.
inline std::array<double, max_inputs> inputs_of(const Kernel& kernel, const Bar& bar, double side = 0.0) {
  std::array<double, max_inputs> row{};
  for (std::size_t k = 0; k < kernel.input_count; ++k) {
    const std::string name = kernel.inputs[k];
    row[k] = name == "open"     ? bar.open
             : name == "high"   ? bar.high
             : name == "low"    ? bar.low
             : name == "close"  ? bar.close
             : name == "volume" ? bar.volume
             : name == "ts"     ? static_cast<double>(bar.ts)
             : name == "side"   ? side
                                : quiet_nan;
  }
  return row;
}
/// On ticks the price stands for all prices, the size for the volume.
inline std::array<double, max_inputs> inputs_of(const Kernel& kernel, const Tick& tick) {
  return inputs_of(kernel, bar_of(tick.ts, tick), tick.side);
}

inline Values row_of(const Symbol& symbol) { return {symbol.cells(), symbol.cells() + symbol.plan().columns().size()}; }

/// Requires that the row's columns from `column` on are an indicator's last outputs.
inline void require_column(const Symbol& symbol, const std::string& column, const Indicator& indicator) {
  const std::size_t first = symbol.plan().column(column);
  for (std::size_t k = 0; k < indicator.kernel().output_count; ++k) {
    if (same(symbol.cells()[first + k], indicator.value()[k])) continue;
    CAPTURE(column);
    CAPTURE(k);
    REQUIRE(symbol.cells()[first + k] == indicator.value()[k]);
    FAIL("a zero of the other sign, or NaN");
  }
}

inline std::string first_column(const NodeSpec& spec) {
  return spec.kernel->output_count == 1 ? spec.name : spec.name + "." + spec.kernel->outputs[0].name;
}

}  // namespace fastcore::testing
