// What the benchmarks share: prices, and time per row as the figure that is shown.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <vector>

namespace fastcore::bench {

/// Rows of a batch, and of a stream.
inline constexpr std::size_t row_count = 1'000'000;

/// A number from 0 up to 1.
inline double real(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

/// Prices of a random walk, the same in every run.
inline std::vector<double> walk(std::size_t rows, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<double> x(rows);
  double at = 100.0;
  for (double& value : x) value = at += 0.01 * (2.0 * real(random) - 1.0);
  return x;
}

/// Shows seconds for one of the `count` things that an iteration does; with its SI prefix, nanoseconds.
inline void per_item(benchmark::State& state, std::size_t count) {
  using benchmark::Counter;
  state.counters["each"] = Counter(static_cast<double>(count), Counter::kIsIterationInvariantRate | Counter::kInvert);
}

}  // namespace fastcore::bench
