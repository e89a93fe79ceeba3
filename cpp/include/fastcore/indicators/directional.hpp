// The parts of Wilder's directional movement one by one: PLUS_DM, MINUS_DM, PLUS_DI, MINUS_DI, DX and ADXR.
// ADX, which has them all, is in adx.hpp.
#pragma once

#include <array>

#include "fastcore/indicators/adx.hpp"
#include "fastcore/window/lag.hpp"

namespace fastcore {

struct DirectionalParams {
  int period = 14;
  int seed = 0;
};

/// Wilder's running sum of the moves to one side; begun with the `period` - 1 moves after the first row, or `period`.
template <bool Up>
class MoveSum {
 public:
  explicit MoveSum(const DirectionalParams& p) noexcept
      : average_(Smoothing::wilder(p.period)), period_(p.period), seed_rows_(p.period + p.seed) {}

  static constexpr int warmup(const DirectionalParams& p) { return p.period == 1 ? 2 : p.period + p.seed; }

  double operator()(double high, double low) noexcept {
    const double move = side(high - high_, low_ - low);
    high_ = high;
    low_ = low;
    if (rows_ < seed_rows_) return begin(move);
    const double sum = average_(move) * period_;
    return period_ == 1 ? move : sum;  // bare: nothing of earlier moves, not even their rounding
  }

  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    std::size_t i = 0;
    for (; i < n && rows_ < seed_rows_; ++i) out[0][i] = (*this)(in[0][i], in[1][i]);
    if (i == n) return;
    double move[chunk_rows];
    move[i] = side(in[0][i] - high_, low_ - in[1][i]);
    for (std::size_t k = i + 1; k < n; ++k) move[k] = side(in[0][k] - in[0][k - 1], in[1][k - 1] - in[1][k]);
    high_ = in[0][n - 1];
    low_ = in[1][n - 1];
    average_.run(move + i, n - i, out[0] + i);
    for (; i < n; ++i) out[0][i] = period_ == 1 ? move[i] : out[0][i] * period_;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("rows", rows_);
    archive("high", high_);
    archive("low", low_);
    archive("sum", sum_);
    archive("average", average_);
  }

 private:
  /// Only the larger of the two moves counts, and only if it is one.
  static double side(double up, double down) noexcept {
    const double own = Up ? up : down;
    const double other = Up ? down : up;
    const double move = own > other ? own : 0.0;
    return own > 0.0 ? move : 0.0;
  }

  double begin(double move) noexcept {
    if (rows_ > 0) sum_ += move;
    if (++rows_ == seed_rows_) average_.seed(sum_ / period_);
    return sum_;
  }

  Recurrence average_;
  double sum_ = 0.0;
  double high_ = 0.0;
  double low_ = 0.0;
  int period_;
  int seed_rows_;  // until the sum is there, the first one included, which has no move
  int rows_ = 0;
};

/// PLUS_DM or MINUS_DM.
template <bool Up>
class DirectionalMovement {
 public:
  static constexpr auto spec() {
    return describe<DirectionalParams>(Up ? "PLUS_DM" : "MINUS_DM",
                                       Up ? "Plus directional movement: Wilder's sum of the rises of the high."
                                          : "Minus directional movement: Wilder's sum of the falls of the low.")
        .formula(
            Up ? "plus_dm = W(+dm), +dm = high - high[t-1] where that is positive and more than low[t-1] - low; W Wilder's sum, begun with period - 1 values"
               : "minus_dm = W(-dm), -dm = low[t-1] - low where that is positive and more than high - high[t-1]; W Wilder's sum, begun with period - 1 values")
        .source(Up ? "Wilder, New Concepts in Technical Trading Systems (1978), section IV; rows as TA-Lib's PLUS_DM"
                   : "Wilder, New Concepts in Technical Trading Systems (1978), section IV; rows as TA-Lib's MINUS_DM")
        .inputs("high", "low")
        .outputs(line(Up ? "plus_dm" : "minus_dm"))
        .params(param("period", &DirectionalParams::period, 1, longest_period,
                      "period of Wilder's sum; 1 is the bare movement"),
                convention("seed", &DirectionalParams::seed, wilder_sum_names, wilder_sum_doc));
  }
  static constexpr int warmup(const DirectionalParams& p) { return MoveSum<Up>::warmup(p); }

  explicit DirectionalMovement(const DirectionalParams& p) noexcept : sum_(p) {}
  double operator()(double high, double low) noexcept { return sum_(high, low); }
  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    sum_.run(in, out, n);
  }
  template <class Archive>
  void state(Archive& archive) {
    sum_.state(archive);
  }

 private:
  MoveSum<Up> sum_;
};
using PlusDm = DirectionalMovement<true>;
using MinusDm = DirectionalMovement<false>;

/// +DI or -DI: Wilder's sum of the moves to one side in percent of that of the true range.
template <bool Up>
class MoveShare {
 public:
  explicit MoveShare(const DirectionalParams& p) noexcept
      : moves_(p),
        average_(Smoothing::wilder(p.period)),
        scale_(p.period == 1 ? 1.0 : 100.0 / p.period),
        period_(p.period),
        seed_rows_(p.period + p.seed) {}

  double operator()(double high, double low, double close) noexcept {
    const double range = range_(high, low, close);
    const double moves = moves_(high, low);
    if (rows_ < seed_rows_) {
      if (rows_ > 0) sum_ += range;
      if (++rows_ < seed_rows_) return quiet_nan;
      average_.seed(sum_ / period_);
      return share(moves, average_.value());
    }
    const double average = average_(range);
    return share(moves, period_ == 1 ? range : average);
  }

  void run(const std::array<const double*, 3>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    std::size_t i = 0;
    for (; i < n && rows_ < seed_rows_; ++i) out[0][i] = (*this)(in[0][i], in[1][i], in[2][i]);
    if (i == n) return;
    double range[chunk_rows];
    double average[chunk_rows];
    range_.run({in[0] + i, in[1] + i, in[2] + i}, {range}, n - i);
    moves_.run({in[0] + i, in[1] + i}, {out[0] + i}, n - i);
    average_.run(range, n - i, average);
    for (std::size_t k = i; k < n; ++k) out[0][k] = share(out[0][k], period_ == 1 ? range[k - i] : average[k - i]);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("rows", rows_);
    archive("sum", sum_);
    archive("range", range_);
    archive("moves", moves_);
    archive("average", average_);
  }

 private:
  /// 0 where nothing moved.
  double share(double moves, double range) const noexcept {
    const double part = scale_ * (moves / range);
    return range > 0.0 ? part : 0.0;
  }

  Trange range_;
  MoveSum<Up> moves_;
  Recurrence average_;
  double sum_ = 0.0;
  double scale_;
  int period_;
  int seed_rows_;  // until the sum is there, the first one included, which has no move
  int rows_ = 0;
};

/// PLUS_DI or MINUS_DI.
template <bool Up>
class DirectionalIndicator {
 public:
  static constexpr auto spec() {
    return describe<DirectionalParams>(
               Up ? "PLUS_DI" : "MINUS_DI",
               Up ? "Plus directional indicator, 0 to 100: the rises' share of all movement; with a period of 1, 0 to 1."
                  : "Minus directional indicator, 0 to 100: the falls' share of all movement; with a period of 1, 0 to 1.")
        .formula(Up ? "plus_di = 100 * W(+dm) / W(tr); W Wilder's sum, begun with period - 1 values"
                    : "minus_di = 100 * W(-dm) / W(tr); W Wilder's sum, begun with period - 1 values")
        .source(Up ? "Wilder, New Concepts in Technical Trading Systems (1978), section IV; rows as TA-Lib's PLUS_DI"
                   : "Wilder, New Concepts in Technical Trading Systems (1978), section IV; rows as TA-Lib's MINUS_DI")
        .inputs("high", "low", "close")
        .outputs(line(Up ? "plus_di" : "minus_di"))
        .params(param("period", &DirectionalParams::period, 1, longest_period, "period of Wilder's sums"),
                convention("seed", &DirectionalParams::seed, wilder_sum_names, wilder_sum_doc));
  }
  static constexpr int warmup(const DirectionalParams& p) { return p.period + 1; }

  explicit DirectionalIndicator(const DirectionalParams& p) noexcept : share_(p) {}
  double operator()(double high, double low, double close) noexcept { return share_(high, low, close); }
  void run(const std::array<const double*, 3>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    share_.run(in, out, n);
  }
  template <class Archive>
  void state(Archive& archive) {
    share_.state(archive);
  }

 private:
  MoveShare<Up> share_;
};
using PlusDi = DirectionalIndicator<true>;
using MinusDi = DirectionalIndicator<false>;

class Dx {
 public:
  static constexpr auto spec() {
    return describe<DirectionalParams>(
               "DX", "Directional movement index, 0 to 100: how one-sided the movement is, before ADX averages it.")
        .formula(
            "dx = 100 * |plus_di - minus_di| / (plus_di + minus_di); the last one where nothing moved, 0 in the first row")
        .source("Wilder, New Concepts in Technical Trading Systems (1978), section IV; rows as TA-Lib's DX")
        .inputs("high", "low", "close")
        .outputs(line("dx"))
        .params(param("period", &DirectionalParams::period, 2, longest_period, "period of Wilder's sums"),
                convention("seed", &DirectionalParams::seed, wilder_sum_names, wilder_sum_doc));
  }
  static constexpr int warmup(const DirectionalParams& p) { return p.period + 1; }

  explicit Dx(const DirectionalParams& p) noexcept : parts_({p.period, p.seed}) {}

  double operator()(double high, double low, double close) noexcept {
    const auto row = parts_(high, low, close);
    return index(row[1], row[2]);
  }
  void run(const std::array<const double*, 3>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double plus[chunk_rows];
    double minus[chunk_rows];
    parts_.run(in, {out[0], plus, minus}, n);
    for (std::size_t i = 0; i < n; ++i) out[0][i] = index(plus[i], minus[i]);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("parts", parts_);
    archive("last", last_);
  }

 private:
  double index(double plus, double minus) noexcept {
    const double sum = plus + minus;
    const double dx = 100.0 * (absolute(plus - minus) / sum);
    last_ = sum >= 1e-14 ? dx : last_;
    return last_;
  }

  Adx parts_;
  double last_ = 0.0;
};

class Adxr {
 public:
  static constexpr auto spec() {
    return describe<DirectionalParams>(
               "ADXR", "Average directional index rating: the mean of ADX and the ADX `period` - 1 rows ago.")
        .formula("adxr[t] = (adx[t] + adx[t-period+1]) / 2")
        .source("Wilder, New Concepts in Technical Trading Systems (1978), section IV; rows as TA-Lib's ADXR")
        .inputs("high", "low", "close")
        .outputs(line("adxr"))
        .params(param("period", &DirectionalParams::period, 2, longest_period, "period of ADX"),
                convention("seed", &DirectionalParams::seed, wilder_sum_names, wilder_sum_doc));
  }
  static constexpr int warmup(const DirectionalParams& p) { return 3 * p.period - 1; }

  Adxr(const DirectionalParams& p, Arena& arena) : parts_({p.period, p.seed}), lag_(p.period - 1, arena) {}

  double operator()(double high, double low, double close) noexcept {
    const double adx = parts_(high, low, close)[0];
    return (adx + lag_(adx)) * 0.5;
  }
  void run(const std::array<const double*, 3>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double adx[chunk_rows];
    double plus[chunk_rows];
    double minus[chunk_rows];
    parts_.run(in, {adx, plus, minus}, n);
    double* const adxr = out[0];
    lag_.run(adx, n, [&](std::size_t i, double before) { adxr[i] = (adx[i] + before) * 0.5; });
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("parts", parts_);
    archive("lag", lag_);
  }

 private:
  Adx parts_;
  Lag lag_;
};

}  // namespace fastcore
