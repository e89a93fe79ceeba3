// RSI: the share of the gains in all that the price has moved, smoothed by Wilder's average.
#pragma once

#include <array>

#include "fastcore/spec.hpp"
#include "fastcore/window/chunk.hpp"
#include "fastcore/window/columns.hpp"
#include "fastcore/window/recurrence.hpp"

namespace fastcore {

struct RsiParams {
  int period = 14;
  int seed = 0;
};

class Rsi {
 public:
  static constexpr auto spec() {
    return describe<RsiParams>("RSI", "Relative strength index, 0 to 100; 0 where the price has not moved at all.")
        .formula("rsi = 100 * g / (g + l), g and l Wilder's averages of the gains and of the losses")
        .source("Wilder, New Concepts in Technical Trading Systems (1978), section VI; rows as TA-Lib's RSI")
        .inputs("close")
        .outputs(line("rsi"))
        .params(param("period", &RsiParams::period, 2, longest_period, "period of Wilder's averages"),
                convention("seed", &RsiParams::seed, seed_names, seed_doc));
  }
  static constexpr int warmup(const RsiParams& p) { return Smoothing::warmup(p.period, p.seed) + 1; }

  explicit Rsi(const RsiParams& p) noexcept
      : moves_({Smoothing::wilder(p.period, p.seed), Smoothing::wilder(p.period, p.seed)}) {}

  double operator()(double close) noexcept {
    if (!begun_) {
      begun_ = true;
      previous_ = close;
      return quiet_nan;
    }
    const double change = close - previous_;
    previous_ = close;
    const Pair moves = moves_(Pair{larger(change, 0.0), larger(-change, 0.0)});
    return share(moves[0], moves[1]);
  }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    const double* x = in[0];
    double* rsi = out[0];
    if (n > 0 && !begun_) {
      *rsi++ = (*this)(*x++);
      --n;
    }
    if (n == 0) return;
    double gain[chunk_rows];
    double loss[chunk_rows];
    double gains[chunk_rows];
    double losses[chunk_rows];
    gain[0] = x[0] - previous_;
    for (std::size_t i = 1; i < n; ++i) gain[i] = x[i] - x[i - 1];
    previous_ = x[n - 1];
    for (std::size_t i = 0; i < n; ++i) {
      const double change = gain[i];
      gain[i] = change > 0.0 ? change : 0.0;
      loss[i] = -change > 0.0 ? -change : 0.0;
    }
    moves_.run({gain, loss}, n, {gains, losses});
    for (std::size_t i = 0; i < n; ++i) rsi[i] = share(gains[i], losses[i]);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("previous", previous_);
    archive("moves", moves_);
  }

  /// Of many symbols at once: column_kernel.hpp.
  template <class Walk, class Self, class V>
  static V across(Walk& walk, Self& self, const Series<V>& close) noexcept {
    const Series<V> change =
        each_row([](const V& now, const V& before) { return now - before; }, close, row_before(close));
    const auto rise = [](const V& x) { return larger(x, broadcast<V>(0.0)); };
    const auto fall = [](const V& x) { return larger(-x, broadcast<V>(0.0)); };
    const std::array<Series<V>, 2> moves = walk(self.moves_, each_row(rise, change), each_row(fall, change));
    walk.is(self.previous_, close.newest());
    return share(moves[0].newest(), moves[1].newest());
  }

 private:
  static double share(double gain, double loss) noexcept {
    const double all = gain + loss;
    return all > 0.0 ? 100.0 * (gain / all) : 0.0;
  }
  static Lanes share(const Lanes& gain, const Lanes& loss) noexcept {
    const Lanes all = gain + loss;
    return either(all > Lanes{}, 100.0 * (gain / all), Lanes{});
  }

  Recurrences<2> moves_;  // gains and losses
  double previous_ = 0.0;
  bool begun_ = false;
};

}  // namespace fastcore
