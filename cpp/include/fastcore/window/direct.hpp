// Short windows, summed anew at each tick: below eight values that takes fewer steps than keeping
// blocks, and forgets as exactly. In batch four rows go side by side.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstring>

#include "fastcore/lanes.hpp"
#include "fastcore/memory/ring.hpp"
#include "fastcore/window/aggregates.hpp"
#include "fastcore/window/chunk.hpp"

namespace fastcore {

/// A window of the last `period` (1 to 7) values and its aggregate.
template <class Aggregate>
class DirectWindow {
 public:
  template <class V>
  using Summary = typename Aggregate::template Summary<V>;

  /// From this period on, blocks are faster: bench `window/mean`.
  static constexpr int too_long = 8;

  DirectWindow(int period, Arena& arena)
      : values_(static_cast<std::size_t>(period), arena), period_(period), inverse_(1.0 / period) {
    assert(period >= 1 && period < too_long);
  }

  [[gnu::noinline]] Summary<double> push(double x) noexcept {
    values_.push(x);
    return summary<double>(values_.window());
  }

  template <std::size_t Outputs, class Finish>
  void run(const double* x, std::size_t n, const std::array<double*, Outputs>& out, const Finish& finish) noexcept {
    for (std::size_t i = 0; i < n; i += chunk_rows) run_chunk(x + i, std::min(n - i, chunk_rows), out, i, finish);
  }

  template <class Archive>
  void state(Archive& archive) {
    values_.state(archive);
  }

 private:
  template <class V>
  using Part = typename Aggregate::template Part<V>;

  template <std::size_t Outputs, class Finish>
  void run_chunk(const double* x, std::size_t n, const std::array<double*, Outputs>& out, std::size_t base,
                 const Finish& finish) noexcept {
    double line[too_long + chunk_rows];  // the window before x, and x: each row's window lies in one piece
    const auto period = static_cast<std::size_t>(period_);
    std::memcpy(line, values_.window(), period * sizeof(double));
    std::memcpy(line + period, x, n * sizeof(double));
    const double* const first = line + 1;
    std::size_t i = 0;
    for (; i + lane_count <= n; i += lane_count)
      put(out, base + i, finish(summary<Lanes>(first + i), load<Lanes>(x + i)));
    for (; i < n; ++i) put(out, base + i, finish(summary<double>(first + i), x[i]));
    values_.push_many(x, n);
  }

  /// Of the window that begins at `oldest`; for Lanes also of the three after it.
  template <class V>
  Summary<V> summary(const double* oldest) const noexcept {
    Part<V> all = Aggregate::template start<V>(load<V>(oldest));
    for (int k = 1; k < period_; ++k) {
      Aggregate::template append<V>(all, load<V>(oldest + k), k + 1);
      // Ends GCC's wish to vectorise six steps: it then waits for what the last push stored (STDDEV of 5
      // rows: 20 ns a tick against 6, bench `stream/STDDEV`).
      if constexpr (sizeof(V) == sizeof(double)) __asm__ volatile("");
    }
    const V none[Aggregate::width] = {};
    const auto fixed = Aggregate::template fix<V>(Part<V>{}, Part<V>{}, 0.0, all);
    return Aggregate::template combine<V>(none, 0.0, fixed, 0.0, all, inverse_);
  }

  Ring<double> values_;
  int period_;
  double inverse_;
};

}  // namespace fastcore
