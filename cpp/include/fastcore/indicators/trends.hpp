// TRIX, COPPOCK, DPO, ERI and FOSC: how the price stands to its smoothed or foreseen self.
#pragma once

#include <array>

#include "fastcore/indicators/ema.hpp"
#include "fastcore/indicators/regression.hpp"
#include "fastcore/indicators/roc.hpp"
#include "fastcore/indicators/sma.hpp"
#include "fastcore/indicators/wma.hpp"
#include "fastcore/window/columns.hpp"
#include "fastcore/window/lag.hpp"

namespace fastcore {

struct TrixParams {
  int period = 30;
  int seed = 0;
};

class Trix {
 public:
  static constexpr auto spec() {
    return describe<TrixParams>(
               "TRIX", "Rate of change over one row of an EMA taken three times, in percent; 0 where that was 0.")
        .formula("e = ema(ema(ema(x))); trix[t] = 100 * (e[t] / e[t-1] - 1)")
        .source("Hutson, Good Trix, TASC 1:5 (1983); rows as TA-Lib's TRIX")
        .inputs("close")
        .outputs(line("trix"))
        .params(param("period", &TrixParams::period, 1, longest_period, "span of the three averages"),
                convention("seed", &TrixParams::seed, seed_names, seed_doc));
  }
  static constexpr int warmup(const TrixParams& p) { return 3 * Smoothing::warmup(p.period, p.seed) - 1; }

  explicit Trix(const TrixParams& p) noexcept
      : first_(Smoothing::ema(p.period, p.seed)),
        second_(Smoothing::ema(p.period, p.seed)),
        third_(Smoothing::ema(p.period, p.seed)),
        bare_(p.period == 1) {}
  double operator()(double close) noexcept {
    const double once = first_(close);
    if (!first_.ready()) return quiet_nan;
    const double twice = second_(once);
    if (!second_.ready()) return quiet_nan;
    const double smooth = third_(twice);
    const double before = before_;
    before_ = bare_ ? close : smooth;
    return change(before, before_);
  }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    std::size_t i = 0;
    for (; i < n && !third_.settled(); ++i) out[0][i] = (*this)(in[0][i]);
    const std::size_t rest = n - i;
    if (rest == 0) return;
    double once[chunk_rows];
    double twice[chunk_rows];
    first_.run(in[0] + i, rest, once);
    second_.run(once, rest, twice);
    third_.run(twice, rest, once);
    const double* const smooth = bare_ ? in[0] + i : once;
    double* const trix = out[0] + i;
    trix[0] = change(before_, smooth[0]);
    for (std::size_t k = 1; k < rest; ++k) trix[k] = change(smooth[k - 1], smooth[k]);
    before_ = smooth[rest - 1];
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("first", first_);
    archive("second", second_);
    archive("third", third_);
    archive("before", before_);
  }

  /// Of many symbols at once: column_kernel.hpp.
  template <class Walk, class Self, class V>
  static V across(Walk& walk, Self& self, const Series<V>& close) noexcept {
    const Series<V> smooth = walk(self.third_, walk(self.second_, walk(self.first_, close)));
    const Series<V>& now = self.bare_ ? close : smooth;
    walk.is(self.before_, now.newest());
    return change(now.x[1], now.newest());
  }

 private:
  static double change(double before, double now) noexcept {
    const double percent = 100.0 * ((now - before) / before);
    return before != 0.0 ? percent : 0.0;
  }
  static Lanes change(const Lanes& before, const Lanes& now) noexcept {
    const Lanes percent = 100.0 * ((now - before) / before);
    return either(before != Lanes{}, percent, Lanes{});
  }

  Recurrence first_;
  Recurrence second_;
  Recurrence third_;
  double before_ = 0.0;
  bool bare_;  // averages of one are the price itself, without the rounding of those before
};

struct CoppockParams {
  int period = 10;
  int first = 11;
  int second = 14;
};

class Coppock {
 public:
  static constexpr auto spec() {
    return describe<CoppockParams>("COPPOCK", "Coppock curve: a weighted average of two rates of change.")
        .formula("coppock = wma(roc(x, first) + roc(x, second), period)")
        .source("Coppock, Barron's 15 October 1962 (1962); rows as TA-Lib's COPPOCK")
        .inputs("close")
        .outputs(line("coppock"))
        .params(param("period", &CoppockParams::period, 1, longest_period, "values in the average"),
                param("first", &CoppockParams::first, 1, longest_period, "rows back of one rate of change"),
                param("second", &CoppockParams::second, 1, longest_period, "rows back of the other"));
  }
  static constexpr int warmup(const CoppockParams& p) { return (p.first > p.second ? p.first : p.second) + p.period; }

  Coppock(const CoppockParams& p, Arena& arena)
      : first_({p.first}, arena), second_({p.second}, arena), average_({p.period}, arena) {}
  // Windows forget, so what the rates give before their time is gone when it matters.
  double operator()(double close) noexcept {
    const double first = first_(close);
    return average_(first + second_(close));
  }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double first[chunk_rows];
    double second[chunk_rows];
    first_.run(in, {first}, n);
    second_.run(in, {second}, n);
    for (std::size_t i = 0; i < n; ++i) first[i] += second[i];
    average_.run({first}, out, n);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("first", first_);
    archive("second", second_);
    archive("average", average_);
  }

 private:
  Roc first_;
  Roc second_;
  Windowed<Wma> average_;
};

struct DpoParams {
  int period = 20;
};

class Dpo {
 public:
  static constexpr auto spec() {
    return describe<DpoParams>(
               "DPO",
               "Detrended price oscillator: the price half a period ago less the mean of the last `period` values.")
        .formula("dpo[t] = x[t - floor(period / 2) - 1] - sma(x, period)[t]")
        .source("Achelis, Technical Analysis from A to Z (2000), Detrended Price Oscillator; rows as TA-Lib's DPO")
        .inputs("close")
        .outputs(line("dpo"))
        .params(param("period", &DpoParams::period, 2, longest_period, "values in the mean"));
  }
  static constexpr int warmup(const DpoParams& p) { return p.period > p.period / 2 + 2 ? p.period : p.period / 2 + 2; }

  Dpo(const DpoParams& p, Arena& arena) : lag_(p.period / 2 + 1, arena), mean_({p.period}, arena) {}
  double operator()(double close) noexcept {
    const double before = lag_(close);
    return before - mean_(close);
  }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double mean[chunk_rows];
    mean_.run(in, {mean}, n);
    double* const dpo = out[0];
    lag_.run(in[0], n, [&](std::size_t i, double before) { dpo[i] = before - mean[i]; });
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("lag", lag_);
    archive("mean", mean_);
  }

 private:
  Lag lag_;
  Windowed<Sma> mean_;
};

struct EriParams {
  int period = 13;
};

class Eri {
 public:
  static constexpr auto spec() {
    return describe<EriParams>("ERI",
                               "Elder-ray: how far the high is above an average of the close, and the low from it.")
        .formula("bull = high - ema(close, period); bear = low - ema(close, period)")
        .source("Elder, Trading for a Living (1993), section 25; rows as TA-Lib's ERI")
        .inputs("high", "low", "close")
        .outputs(bar("bull"), bar("bear"))
        .params(param("period", &EriParams::period, 1, longest_period, "span of the average"));
  }
  static constexpr int warmup(const EriParams& p) { return p.period; }

  explicit Eri(const EriParams& p) noexcept : average_({p.period}) {}
  std::array<double, 2> operator()(double high, double low, double close) noexcept {
    const double average = average_(close);
    return {high - average, low - average};
  }
  void run(const std::array<const double*, 3>& in, const std::array<double*, 2>& out, std::size_t n) noexcept {
    double average[chunk_rows];
    average_.run({in[2]}, {average}, n);
    for (std::size_t i = 0; i < n; ++i) {
      out[0][i] = in[0][i] - average[i];
      out[1][i] = in[1][i] - average[i];
    }
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("average", average_);
  }

 private:
  Ema average_;
};

struct FoscParams {
  int period = 5;
};

class Fosc {
 public:
  static constexpr auto spec() {
    return describe<FoscParams>(
               "FOSC",
               "Forecast oscillator: how far the price is from what a regression line foresaw, in percent; 0 where the price is 0.")
        .formula("fosc[t] = 100 * (x[t] - tsf(x, period)[t-1]) / x[t]")
        .source("Chande, Kroll, The New Technical Trader (1994), ch. 4; rows as TA-Lib's FOSC")
        .inputs("close")
        .outputs(line("fosc"))
        .params(param("period", &FoscParams::period, 2, longest_period, "values under the line"));
  }
  static constexpr int warmup(const FoscParams& p) { return p.period + 1; }

  Fosc(const FoscParams& p, Arena& arena) : forecast_({p.period}, arena) {}
  double operator()(double close) noexcept {
    const double foreseen = foreseen_;
    foreseen_ = forecast_(close);
    return miss(close, foreseen);
  }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    if (n == 0) return;
    double forecast[chunk_rows];
    forecast_.run(in, {forecast}, n);
    out[0][0] = miss(in[0][0], foreseen_);
    for (std::size_t i = 1; i < n; ++i) out[0][i] = miss(in[0][i], forecast[i - 1]);
    foreseen_ = forecast[n - 1];
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("forecast", forecast_);
    archive("foreseen", foreseen_);
  }

 private:
  static double miss(double close, double foreseen) noexcept {
    const double percent = 100.0 * ((close - foreseen) / close);
    return close != 0.0 ? percent : 0.0;
  }

  Windowed<Tsf> forecast_;
  double foreseen_ = 0.0;
};

}  // namespace fastcore
