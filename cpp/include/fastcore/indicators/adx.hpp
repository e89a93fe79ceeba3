// ADX: Wilder's directional movement, how strongly and in which direction the price goes.
#pragma once

#include <array>

#include "fastcore/indicators/trange.hpp"
#include "fastcore/lanes.hpp"
#include "fastcore/window/chunk.hpp"
#include "fastcore/window/recurrence.hpp"

namespace fastcore {

inline constexpr const char* wilder_sum_names[] = {"talib", "wilder"};
inline constexpr const char* wilder_sum_doc =
    "how Wilder's sums begin: with the `period` - 1 moves after the first bar (TA-Lib), or with `period` moves (Wilder's book, Skender, StockCharts, Lean)";

struct AdxParams {
  int period = 14;
  int seed = 0;
};

class Adx {
 public:
  static constexpr auto spec() {
    return describe<AdxParams>("ADX",
                               "Average directional index with the directional indicators +DI and -DI, each 0 to 100.")
        .formula(
            "plus_di = 100 * W(+dm) / W(tr), minus_di = 100 * W(-dm) / W(tr), dx = 100 * |plus_di - minus_di| / (plus_di + minus_di), adx = rma(dx, period); "
            "W Wilder's sum, begun with period - 1 values")
        .source(
            "Wilder, New Concepts in Technical Trading Systems (1978), section IV; sums and rows as TA-Lib's ADX, PLUS_DI, MINUS_DI")
        .inputs("high", "low", "close")
        .outputs(line("adx"), signal("plus_di"), signal("minus_di"))
        .params(param("period", &AdxParams::period, 2, longest_period, "period of Wilder's sums and of the average"),
                convention("seed", &AdxParams::seed, wilder_sum_names, wilder_sum_doc));
  }
  static constexpr std::array<int, 3> warmup(const AdxParams& p) { return {2 * p.period, p.period + 1, p.period + 1}; }

  explicit Adx(const AdxParams& p) noexcept
      : moves_({Smoothing::wilder(p.period), Smoothing::wilder(p.period)}),
        true_(Smoothing::wilder(p.period)),
        average_(Smoothing::wilder(p.period)),
        period_(p.period),
        seed_rows_(p.period + p.seed) {}

  std::array<double, 3> operator()(double high, double low, double close) noexcept {
    const Movement m = movement(high - high_, low_ - low);
    const double range = range_(high, low, close);
    high_ = high;
    low_ = low;
    if (rows_ < seed_rows_) return begin(m, range);
    const Pair moves = moves_(Pair{m.plus, m.minus});
    return directions(moves, true_(range));
  }

  void run(const std::array<const double*, 3>& in, const std::array<double*, 3>& out, std::size_t n) noexcept {
    std::size_t i = 0;
    for (; i < n && rows_ < seed_rows_; ++i) {
      const auto row = (*this)(in[0][i], in[1][i], in[2][i]);
      for (std::size_t k = 0; k < 3; ++k) out[k][i] = row[k];
    }
    if (i == n) return;
    run_sums({in[0] + i, in[1] + i, in[2] + i}, {out[0] + i, out[1] + i, out[2] + i}, n - i);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("rows", rows_);
    archive("high", high_);
    archive("low", low_);
    archive("sums", sums_.plus);
    archive("sums_minus", sums_.minus);
    archive("sums_true", sum_true_);
    archive("range", range_);
    archive("moves", moves_);
    archive("true", true_);
    archive("average", average_);
  }

 private:
  struct Movement {
    double plus;
    double minus;
  };

  /// Only the larger of the two moves counts, and only if it is one.
  static Movement movement(double up, double down) noexcept {
    return {up > down && up > 0.0 ? up : 0.0, down > up && down > 0.0 ? down : 0.0};
  }

  /// In percent; 0 where nothing moved.
  template <class V>
  static V share(V part, V all) noexcept {
    const V percent = 100.0 * (part / all);
    return all > 0.0 ? percent : broadcast<V>(0.0);
  }
  template <class V>
  static V strength(V plus, V minus) noexcept {
    return 100.0 * (absolute(plus - minus) / (plus + minus));
  }

  std::array<double, 3> directions(const Pair& moves, double all) noexcept {
    return index(share(static_cast<double>(moves[0]), all), share(static_cast<double>(moves[1]), all));
  }

  /// The first row has no movement; the sums begin with the rows after it. Wilder's sum over `period` is
  /// the average times `period`, and only ratios of sums are shown.
  std::array<double, 3> begin(const Movement& m, double range) noexcept {
    if (rows_ > 0) {
      sums_.plus += m.plus;
      sums_.minus += m.minus;
      sum_true_ += range;
    }
    if (++rows_ < seed_rows_) return {quiet_nan, quiet_nan, quiet_nan};
    const Pair moves = {sums_.plus / period_, sums_.minus / period_};
    moves_.seed(moves);
    true_.seed(sum_true_ / period_);
    if (seed_rows_ == period_) return {quiet_nan, quiet_nan, quiet_nan};
    return directions(moves, true_.value());
  }

  /// A row without direction counts as 0 in the seed of the average, and holds it afterwards.
  std::array<double, 3> index(double plus, double minus) noexcept {
    if (plus + minus >= directionless) return {average_(strength(plus, minus)), plus, minus};
    return {average_.ready() ? average_.value() : average_(0.0), plus, minus};
  }

  void run_sums(const std::array<const double*, 3>& in, const std::array<double*, 3>& out, std::size_t n) noexcept {
    double plus[chunk_rows];
    double minus[chunk_rows];
    double range[chunk_rows];
    double smooth[chunk_rows];
    run_movements(in, n, plus, minus);
    range_.run(in, {range}, n);
    moves_.run({plus, minus}, n, {out[1], out[2]});
    true_.run(range, n, smooth);
    Lanes least = broadcast<Lanes>(100.0);
    std::size_t i = 0;
    for (; i + lane_count <= n; i += lane_count) {
      const Lanes all = load<Lanes>(smooth + i);
      const Lanes p = share(load<Lanes>(out[1] + i), all);
      const Lanes m = share(load<Lanes>(out[2] + i), all);
      store(out[1] + i, p);
      store(out[2] + i, m);
      store(range + i, strength(p, m));
      least = smaller(p + m, least);
    }
    bool directed = least[0] >= directionless && least[1] >= directionless && least[2] >= directionless &&
                    least[3] >= directionless;
    for (; i < n; ++i) {
      const double p = share(out[1][i], smooth[i]);
      const double m = share(out[2][i], smooth[i]);
      out[1][i] = p;
      out[2][i] = m;
      range[i] = strength(p, m);
      directed = directed && p + m >= directionless;
    }
    if (directed) {
      average_.run(range, n, out[0]);
    } else {
      for (i = 0; i < n; ++i) out[0][i] = index(out[1][i], out[2][i])[0];
    }
  }

  void run_movements(const std::array<const double*, 3>& in, std::size_t n, double* plus, double* minus) noexcept {
    const auto put = [&](std::size_t i, double high, double low) {
      const Movement m = movement(in[0][i] - high, low - in[1][i]);
      plus[i] = m.plus;
      minus[i] = m.minus;
    };
    put(0, high_, low_);
    for (std::size_t i = 1; i < n; ++i) put(i, in[0][i - 1], in[1][i - 1]);
    high_ = in[0][n - 1];
    low_ = in[1][n - 1];
  }

  static constexpr double directionless = 1e-14;

  Trange range_;
  Recurrences<2> moves_;  // up and down
  Recurrence true_;
  Recurrence average_;
  Movement sums_{0.0, 0.0};
  double sum_true_ = 0.0;
  double high_ = 0.0;
  double low_ = 0.0;
  int period_;
  int seed_rows_;  // until the sums are there, the first one included, which has no movement
  int rows_ = 0;
};

}  // namespace fastcore
