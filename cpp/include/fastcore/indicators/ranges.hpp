// ADR, CVI, MASSI, NATR and RVI: how wide the bars are, whether that grows, and on which side.
#pragma once

#include <array>

#include "fastcore/indicators/atr.hpp"
#include "fastcore/indicators/changes.hpp"
#include "fastcore/indicators/ema.hpp"
#include "fastcore/indicators/sma.hpp"
#include "fastcore/indicators/stddev.hpp"
#include "fastcore/window/lag.hpp"
#include "fastcore/window/onset.hpp"

namespace fastcore {

struct AdrParams {
  int period = 14;
};

class Adr {
 public:
  static constexpr auto spec() {
    return describe<AdrParams>("ADR", "Average daily range: the mean height of the bars.")
        .formula("adr = sma(high - low, period)")
        .source("Schwager, Technical Analysis (1996), ch. 3; rows as TA-Lib's ADR")
        .inputs("high", "low")
        .outputs(line("adr"))
        .params(param("period", &AdrParams::period, 1, longest_period, "bars in the mean"));
  }
  static constexpr int warmup(const AdrParams& p) { return p.period; }

  Adr(const AdrParams& p, Arena& arena) : mean_({p.period}, arena) {}
  double operator()(double high, double low) noexcept { return mean_(high - low); }
  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double range[chunk_rows];
    for (std::size_t i = 0; i < n; ++i) range[i] = in[0][i] - in[1][i];
    mean_.run({range}, out, n);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("mean", mean_);
  }

 private:
  Windowed<Sma> mean_;
};

struct CviParams {
  int period = 10;
  int roc = 10;
};

class Cvi {
 public:
  static constexpr auto spec() {
    return describe<CviParams>(
               "CVI",
               "Chaikin's volatility: the change of the average range of the bars, in percent; 0 where that was 0.")
        .formula("e = ema(high - low, period); cvi[t] = 100 * (e[t] / e[t-roc] - 1)")
        .source("Achelis, Technical Analysis from A to Z (2000), Volatility, Chaikin's; rows as TA-Lib's CVI")
        .inputs("high", "low")
        .outputs(line("cvi"))
        .params(param("period", &CviParams::period, 2, longest_period, "span of the average"),
                param("roc", &CviParams::roc, 1, longest_period, "rows back"));
  }
  static constexpr int warmup(const CviParams& p) { return p.period + p.roc; }

  Cvi(const CviParams& p, Arena& arena) : average_({p.period}), lag_(p.roc, arena), onset_(p.period - 1) {}
  double operator()(double high, double low) noexcept {
    const double average = average_(high - low);
    if (!onset_()) return quiet_nan;
    const double before = lag_(average);
    return change(before, average);
  }
  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double range[chunk_rows];
    double average[chunk_rows];
    for (std::size_t i = 0; i < n; ++i) range[i] = in[0][i] - in[1][i];
    average_.run({range}, {average}, n);
    const std::size_t skipped = onset_.skip(n);
    for (std::size_t i = 0; i < skipped; ++i) out[0][i] = quiet_nan;
    const double* const averages = average + skipped;
    double* const cvi = out[0] + skipped;
    lag_.run(averages, n - skipped, [=](std::size_t i, double before) { cvi[i] = change(before, averages[i]); });
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("average", average_);
    archive("lag", lag_);
    archive("onset", onset_);
  }

 private:
  static double change(double before, double average) noexcept {
    const double percent = 100.0 * ((average - before) / before);
    return before != 0.0 ? percent : 0.0;
  }

  Ema average_;
  Lag lag_;
  Onset onset_;
};

struct MassiParams {
  int fast = 9;
  int slow = 25;
};

class Massi {
 public:
  static constexpr auto spec() {
    return describe<MassiParams>(
               "MASSI",
               "Mass index: how the average range of the bars stands to its own average, summed; a flat market counts 1 each bar.")
        .formula("massi = sum(e / ema(e, fast), slow), e = ema(high - low, fast)")
        .source("Dorsey, The Mass Index, TASC 10:6 (1992); rows as TA-Lib's MASSI")
        .inputs("high", "low")
        .outputs(line("massi"))
        .params(param("fast", &MassiParams::fast, 2, longest_period, "span of both averages"),
                param("slow", &MassiParams::slow, 2, longest_period, "bars in the sum"));
  }
  static constexpr int warmup(const MassiParams& p) { return 2 * p.fast + p.slow - 2; }

  Massi(const MassiParams& p, Arena& arena)
      : first_({p.fast}), second_({p.fast}), sum_(p.slow, arena), onset_(p.fast - 1), sum_onset_(2 * p.fast - 2) {}
  double operator()(double high, double low) noexcept {
    const double once = first_(high - low);
    const bool summed = sum_onset_();
    if (!onset_()) return quiet_nan;
    const double twice = second_(once);
    if (!summed) return quiet_nan;
    return sum_.push(twice > 0.0 ? once / twice : 1.0);
  }
  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    std::size_t i = 0;
    for (; i < n && !(onset_.begun() && sum_onset_.begun()); ++i) out[0][i] = (*this)(in[0][i], in[1][i]);
    const std::size_t rest = n - i;
    double once[chunk_rows];
    double twice[chunk_rows];
    for (std::size_t k = 0; k < rest; ++k) twice[k] = in[0][i + k] - in[1][i + k];
    first_.run({twice}, {once}, rest);
    second_.run({once}, {twice}, rest);
    for (std::size_t k = 0; k < rest; ++k) {
      const double ratio = once[k] / twice[k];
      once[k] = twice[k] > 0.0 ? ratio : 1.0;
    }
    sum_.run(once, rest, out[0] + i);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("first", first_);
    archive("second", second_);
    archive("sum", sum_);
    archive("onset", onset_);
    archive("sum_onset", sum_onset_);
  }

 private:
  Ema first_;
  Ema second_;
  Window<Sum> sum_;
  Onset onset_;
  Onset sum_onset_;
};

struct NatrParams {
  int period = 14;
  int seed = 0;
};

class Natr {
 public:
  static constexpr auto spec() {
    return describe<NatrParams>("NATR", "Average true range in percent of the close; 0 where that is 0.")
        .formula("natr = 100 * atr(period) / close")
        .source(
            "Forman, Cross-Market Evaluations with Normalized Average True Range, TASC 24:5 (2006); rows as TA-Lib's NATR")
        .inputs("high", "low", "close")
        .outputs(line("natr"))
        .params(param("period", &NatrParams::period, 1, longest_period, "period of Wilder's average"),
                convention("seed", &NatrParams::seed, atr_seed_names, atr_seed_doc));
  }
  static constexpr int warmup(const NatrParams& p) { return Atr::warmup({p.period, p.seed}); }

  explicit Natr(const NatrParams& p) noexcept : range_({p.period, p.seed}) {}
  double operator()(double high, double low, double close) noexcept { return percent(range_(high, low, close), close); }
  void run(const std::array<const double*, 3>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    range_.run(in, out, n);
    for (std::size_t i = 0; i < n; ++i) out[0][i] = percent(out[0][i], in[2][i]);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("range", range_);
  }

 private:
  static double percent(double range, double close) noexcept { return close != 0.0 ? 100.0 * (range / close) : 0.0; }

  Atr range_;
};

struct RviParams {
  int period = 14;
  int deviation = 10;
};

class Rvi {
 public:
  static constexpr auto spec() {
    return describe<RviParams>(
               "RVI",
               "Relative volatility index, 0 to 100: the share of the deviation on rows where the price rose; 50 where there is none.")
        .formula(
            "s = stddev(x, deviation); rvi = 100 * u / (u + d), u and d Wilder's averages of s where x rose and where it fell")
        .source("Dorsey, The Relative Volatility Index, TASC 11:6 (1993); rows as TA-Lib's RVI")
        .inputs("close")
        .outputs(line("rvi"))
        .params(param("period", &RviParams::period, 1, longest_period, "period of Wilder's averages"),
                param("deviation", &RviParams::deviation, 2, longest_period, "values in the deviation"));
  }
  static constexpr int warmup(const RviParams& p) { return p.period + p.deviation - 1; }

  Rvi(const RviParams& p, Arena& arena)
      : deviation_({p.deviation, 1.0}, arena),
        sides_({Smoothing::wilder(p.period), Smoothing::wilder(p.period)}),
        onset_(p.deviation - 1),
        bare_(p.period == 1) {}
  double operator()(double close) noexcept {
    const double change = change_(close);
    const double deviation = deviation_(close);
    if (!onset_()) return quiet_nan;
    const Pair now = {change > 0.0 ? deviation : 0.0, change < 0.0 ? deviation : 0.0};
    const Pair smooth = sides_(now);
    const Pair sides = bare_ ? now : smooth;
    return share(sides[0], sides[1]);
  }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    std::size_t i = 0;
    for (; i < n && !onset_.begun(); ++i) out[0][i] = (*this)(in[0][i]);
    const std::size_t rest = n - i;
    double up[chunk_rows];
    double down[chunk_rows];
    double ups[chunk_rows];
    double downs[chunk_rows];
    change_.run(in[0] + i, rest, ups);
    deviation_.run({in[0] + i}, {downs}, rest);
    for (std::size_t k = 0; k < rest; ++k) {
      up[k] = ups[k] > 0.0 ? downs[k] : 0.0;
      down[k] = ups[k] < 0.0 ? downs[k] : 0.0;
    }
    sides_.run({up, down}, rest, {ups, downs});
    const double* const raised = bare_ ? up : ups;
    const double* const fallen = bare_ ? down : downs;
    for (std::size_t k = 0; k < rest; ++k) out[0][i + k] = share(raised[k], fallen[k]);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("change", change_);
    archive("deviation", deviation_);
    archive("sides", sides_);
    archive("onset", onset_);
  }

 private:
  static double share(double up, double down) noexcept {
    const double all = up + down;
    const double x = 100.0 * (up / all);
    return all > 0.0 ? x : 50.0;
  }

  Change change_;
  Windowed<Stddev> deviation_;
  Recurrences<2> sides_;  // up and down
  Onset onset_;
  bool bare_;
};

}  // namespace fastcore
