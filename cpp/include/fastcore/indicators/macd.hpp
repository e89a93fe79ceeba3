// MACD: the distance between a fast and a slow EMA, its own EMA, and the distance between these two.
#pragma once

#include <array>

#include "fastcore/spec.hpp"
#include "fastcore/window/chunk.hpp"
#include "fastcore/window/columns.hpp"
#include "fastcore/window/level_average.hpp"

namespace fastcore {

/// `seed_names`, and a mean of its own for each average.
inline constexpr const char* macd_seed_names[] = {"mean", "first", "adjusted", "own"};

struct MacdParams {
  int fast = 12;
  int slow = 26;
  int signal = 9;
  int seed = 0;
};

class Macd {
 public:
  static constexpr auto spec() {
    return describe<MacdParams>("MACD", "Moving average convergence/divergence.")
        .formula("macd = ema(x, fast) - ema(x, slow); signal = ema(macd, signal); hist = macd - signal")
        .source(
            "Appel, Technical Analysis: Power Tools for Active Investors (2005), ch. 8; both averages seeded at the slow one's first row, as TA-Lib's MACD")
        .inputs("close")
        .outputs(line("macd"), signal("signal"), bar("hist"))
        .params(
            param("fast", &MacdParams::fast, 2, longest_period, "span of the fast average"),
            param("slow", &MacdParams::slow, 2, longest_period, "span of the slow average"),
            param("signal", &MacdParams::signal, 1, longest_period, "span of the signal line"),
            convention(
                "seed", &MacdParams::seed, macd_seed_names,
                "how the averages begin: with the mean of their first values, both at the slow one's first row (TA-Lib); with the first value (pandas' ewm with adjust=False, ta4j); with weights that are divided by their sum (pandas' ewm); or each with the mean of its own first values (Skender, Lean, TradingView)"));
  }
  static constexpr const char* invalid(const MacdParams& p) {
    return p.fast < p.slow ? nullptr : "fast must be less than slow";
  }
  static constexpr int warmup(const MacdParams& p) {
    return Smoothing::warmup(p.slow, p.seed % own) + Smoothing::warmup(p.signal, p.seed % own) - 1;
  }

  explicit Macd(const MacdParams& p) noexcept
      : both_({Smoothing::ema(p.fast, p.seed), Smoothing::ema(p.slow, p.seed)}),
        signal_(Smoothing::ema(p.signal, p.seed % own)) {}
  /// With averages of other factors.
  Macd(const Smoothing& fast, const Smoothing& slow, int signal) noexcept
      : both_({fast, slow}), signal_(Smoothing::ema(signal)) {}

  std::array<double, 3> operator()(double close) noexcept {
    const Pair both = both_(Pair{close, close});
    if (!both_.ready()) return {quiet_nan, quiet_nan, quiet_nan};
    const double macd = both[0] - both[1];
    const double signal = signal_(macd);
    return {macd, signal, macd - signal};
  }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 3>& out, std::size_t n) noexcept {
    std::size_t i = 0;
    for (; i < n && !(both_.settled() && signal_.settled()); ++i) by_row(in, out, i);
    const std::size_t end = i + (n - i) / lane_count * lane_count;
    if (i < end) {
      take_difference(in[0], out[0], i, end);
      take_signal(out, i, end);
    }
    for (i = end; i < n; ++i) by_row(in, out, i);
  }
  bool run_if_finite(const std::array<const double*, 1>& in, const std::array<double*, 3>& out,
                     std::size_t n) noexcept {
    return take_if_finite(*this, both_, in[0], n, [&] { run(in, out, n); });
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("both", both_);
    archive("signal", signal_);
  }

  /// Of many symbols at once: column_kernel.hpp.
  template <class Walk, class Self, class V>
  static std::array<V, 3> across(Walk& walk, Self& self, const Series<V>& close) noexcept {
    const std::array<Series<V>, 2> both = walk(self.both_, close, close);
    const auto apart = [](const V& fast, const V& slow) { return fast - slow; };
    const Series<V> macd = walk(KeptSeries{}, each_row(apart, both[0], both[1]));
    const V signal = walk(self.signal_, macd).newest();
    return {macd.newest(), signal, macd.newest() - signal};
  }

 private:
  void by_row(const std::array<const double*, 1>& in, const std::array<double*, 3>& out, std::size_t i) noexcept {
    put(out, i, (*this)(in[0][i]));
  }

  /// Whole fours of rows, at least one of them.
  void take_difference(const double* x, double* macd, std::size_t i, std::size_t end) noexcept {
    LevelAverages<2>::Fours fast(both_, 0);
    LevelAverages<2>::Fours slow(both_, 1);
    const Lanes first = load<Lanes>(x + i);
    store(macd + i, fast(first) - slow(first));
    for (i += lane_count; i < end; i += lane_count) {
      const auto moves = LevelAverages<2>::moves_at(x + i);
      store(macd + i, fast(moves) - slow(moves));
    }
    fast.end(both_);
    slow.end(both_);
  }
  void take_signal(const std::array<double*, 3>& out, std::size_t i, std::size_t end) noexcept {
    const double* const macd = out[0];
    double* const signal = out[1];
    double* const hist = out[2];
    LevelAverage::Fours smooth(signal_, 0);
    const auto write = [=](std::size_t row, const Lanes& value, const Lanes& smoothed) {
      store(signal + row, smoothed);
      store(hist + row, value - smoothed);
    };
    const Lanes first = load<Lanes>(macd + i);
    write(i, first, smooth(first));
    for (i += lane_count; i < end; i += lane_count) {
      const auto moves = LevelAverage::moves_at(macd + i);
      write(i, moves.x, smooth(moves));
    }
    smooth.end(signal_);
  }

  static constexpr int own = static_cast<int>(Seed::own);  // of the signal line the same as the mean

  LevelAverages<2> both_;  // fast and slow, seeded at the same row
  LevelAverage signal_;
};

}  // namespace fastcore
