// IMI, QSTICK and FRACTAL: what the bodies and the tops of the last bars say.
#pragma once

#include <array>

#include "fastcore/indicators/sma.hpp"
#include "fastcore/lanes.hpp"
#include "fastcore/window/lag.hpp"

namespace fastcore {

struct ImiParams {
  int period = 14;
};

class Imi {
 public:
  static constexpr auto spec() {
    return describe<ImiParams>(
               "IMI", "Intraday momentum index, 0 to 100: the rising bodies' share of all; 50 where there are none.")
        .formula("imi = 100 * sum(close - open where that is positive) / sum |close - open|")
        .source("Chande, Kroll, The New Technical Trader (1994), ch. 6; rows as TA-Lib's IMI")
        .inputs("open", "close")
        .outputs(line("imi"))
        .params(param("period", &ImiParams::period, 2, longest_period, "bars in the sums"));
  }
  static constexpr int warmup(const ImiParams& p) { return p.period; }

  Imi(const ImiParams& p, Arena& arena) : rises_(p.period, arena), falls_(p.period, arena) {}
  double operator()(double open, double close) noexcept {
    const double rises = rises_.push(larger(close - open, 0.0));
    return share(rises, falls_.push(larger(open - close, 0.0)));
  }
  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double rise[chunk_rows];
    double fall[chunk_rows];
    double falls[chunk_rows];
    for (std::size_t i = 0; i < n; ++i) {
      rise[i] = larger(in[1][i] - in[0][i], 0.0);
      fall[i] = larger(in[0][i] - in[1][i], 0.0);
    }
    rises_.run(rise, n, out[0]);
    falls_.run(fall, n, falls);
    for (std::size_t i = 0; i < n; ++i) out[0][i] = share(out[0][i], falls[i]);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("rises", rises_);
    archive("falls", falls_);
  }

 private:
  static double share(double rises, double falls) noexcept {
    const double all = rises + falls;
    return all > 0.0 ? 100.0 * (rises / all) : 50.0;
  }

  Window<Sum> rises_;
  Window<Sum> falls_;
};

struct QstickParams {
  int period = 10;
};

class Qstick {
 public:
  static constexpr auto spec() {
    return describe<QstickParams>("QSTICK", "Mean of the bars' bodies.")
        .formula("qstick = sma(close - open, period)")
        .source("Chande, Kroll, The New Technical Trader (1994), ch. 6; rows as TA-Lib's QSTICK")
        .inputs("open", "close")
        .outputs(line("qstick"))
        .params(param("period", &QstickParams::period, 1, longest_period, "bars in the mean"));
  }
  static constexpr int warmup(const QstickParams& p) { return p.period; }

  Qstick(const QstickParams& p, Arena& arena) : mean_({p.period}, arena) {}
  double operator()(double open, double close) noexcept { return mean_(close - open); }
  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double body[chunk_rows];
    for (std::size_t i = 0; i < n; ++i) body[i] = in[1][i] - in[0][i];
    mean_.run({body}, out, n);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("mean", mean_);
  }

 private:
  Windowed<Sma> mean_;
};

struct FractalParams {
  int left = 2;
  int right = 2;
};

class Fractal {
 public:
  static constexpr auto spec() {
    return describe<FractalParams>(
               "FRACTAL",
               "Swing highs and lows, known `right` bars later: 100 where the bar of then stands out, else 0.")
        .formula(
            "high = 100 where high[t-right] > all other highs of the last left + right + 1 bars; low = 100 where low[t-right] < all other lows")
        .source("Williams, Trading Chaos (1995), ch. 9; rows as TA-Lib's FRACTAL")
        .inputs("high", "low")
        .outputs(signal("swing_high"), signal("swing_low"))
        .params(param("left", &FractalParams::left, 1, longest_period, "bars before the swing"),
                param("right", &FractalParams::right, 1, longest_period, "bars after it"));
  }
  static constexpr int warmup(const FractalParams& p) { return p.left + p.right + 1; }

  Fractal(const FractalParams& p, Arena& arena)
      : highs_(p.right, arena),
        lows_(p.right, arena),
        before_highest_(p.left, arena),
        after_highest_(p.right, arena),
        before_lowest_(p.left, arena),
        after_lowest_(p.right, arena) {}

  std::array<double, 2> operator()(double high, double low) noexcept {
    const double top = highs_(high);
    const double bottom = lows_(low);
    const double highest = larger(left_high_, after_highest_.push(high));
    const double lowest = smaller(left_low_, after_lowest_.push(low));
    left_high_ = before_highest_.push(top);
    left_low_ = before_lowest_.push(bottom);
    return {top > highest ? 100.0 : 0.0, bottom < lowest ? 100.0 : 0.0};
  }

  void run(const std::array<const double*, 2>& in, const std::array<double*, 2>& out, std::size_t n) noexcept {
    double tried[chunk_rows];
    double before[chunk_rows + 1];  // the extremum of the bars before each bar that is tried
    double after[chunk_rows];
    highs_.run(in[0], n, [&](std::size_t i, double top) { tried[i] = top; });
    after_highest_.run(in[0], n, after);
    before[0] = left_high_;
    before_highest_.run(tried, n, before + 1);
    left_high_ = before[n];
    for (std::size_t i = 0; i < n; ++i) out[0][i] = tried[i] > before[i] && tried[i] > after[i] ? 100.0 : 0.0;
    lows_.run(in[1], n, [&](std::size_t i, double bottom) { tried[i] = bottom; });
    after_lowest_.run(in[1], n, after);
    before[0] = left_low_;
    before_lowest_.run(tried, n, before + 1);
    left_low_ = before[n];
    for (std::size_t i = 0; i < n; ++i) out[1][i] = tried[i] < before[i] && tried[i] < after[i] ? 100.0 : 0.0;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("highs", highs_);
    archive("lows", lows_);
    archive("before_highest", before_highest_);
    archive("after_highest", after_highest_);
    archive("before_lowest", before_lowest_);
    archive("after_lowest", after_lowest_);
    archive("left_high", left_high_);
    archive("left_low", left_low_);
  }

 private:
  Lag highs_;
  Lag lows_;
  Window<Highest> before_highest_;
  Window<Highest> after_highest_;
  Window<Lowest> before_lowest_;
  Window<Lowest> after_lowest_;
  double left_high_ = 0.0;  // of the bars before the one that is tried next
  double left_low_ = 0.0;
};

}  // namespace fastcore
