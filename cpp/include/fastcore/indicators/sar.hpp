// SAR and SAREXT: Wilder's parabolic stop, which follows the price ever faster and turns when it is hit.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

#include "fastcore/lanes.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/spec.hpp"

namespace fastcore {

/// The stop for one side: the factor at a turn, its growth with each new extreme, and its limit.
struct Acceleration {
  double first;
  double step;
  double most;

  /// Neither the first factor nor a step is above the limit.
  static constexpr Acceleration within(double first, double step, double most) noexcept {
    return {first > most ? most : first, step > most ? most : step, most};
  }
};

/// The stop, bar by bar; which side it is on, too.
class ParabolicStop {
 public:
  /// `start` above 0 begins long at that stop, below 0 short at -start, 0 by the first two bars or, when `from_first`,
  /// long at the first bar's low with its high as the extreme.
  ParabolicStop(double start, double offset, const Acceleration& rising, const Acceleration& falling,
                bool from_first = false) noexcept
      : rising_(rising),
        falling_(falling),
        start_(start),
        offset_(offset),
        up_(rising.first),
        down_(falling.first),
        from_first_(from_first) {}

  /// The stop of this bar; NaN for the first.
  [[gnu::always_inline]] double operator()(double high, double low) noexcept {
    double stop = quiet_nan;
    if (rows_ == 2) {
      stop = long_ ? rise(high, low) : fall(high, low);
    } else if (++rows_ == 2) {
      begin(high, low);
      stop = long_ ? rise(high, low) : fall(high, low);
    }
    high_ = high;
    low_ = low;
    return stop;
  }
  /// Whether the stop just given is below the price.
  bool rising() const noexcept { return long_; }

  template <class Archive>
  void state(Archive& archive) {
    archive("rows", rows_);
    archive("long", long_);
    archive("up", up_);
    archive("down", down_);
    archive("extreme", extreme_);
    archive("stop", stop_);
    archive("high", high_);
    archive("low", low_);
    if constexpr (Archive::loading) {
      if (rows_ < 0 || rows_ > 2) archive.fail("rows");
    }
  }

 private:
  /// At the second bar.
  void begin(double high, double low) noexcept {
    if (from_first_) {
      extreme_ = high_;
      stop_ = low_ + up_ * (high_ - low_);
      return;
    }
    const double fell = low_ - low;
    long_ = start_ == 0.0 ? !(fell > 0.0 && high - high_ < fell) : start_ > 0.0;
    extreme_ = long_ ? high : low;
    stop_ = start_ != 0.0 ? std::fabs(start_) : long_ ? low_ : high_;
    high_ = high;  // the stop of the next bar is held against this bar alone
    low_ = low;
  }

  [[gnu::always_inline]] double rise(double high, double low) noexcept {
    if (low <= stop_) {
      long_ = false;
      double stop = above(extreme_, high);
      if (offset_ != 0.0) stop += stop * offset_;
      down_ = falling_.first;
      extreme_ = low;
      stop_ = above(stop + down_ * (extreme_ - stop), high);
      return stop;
    }
    const double stop = stop_;
    // Without branches: whether a bar goes further cannot be guessed.
    up_ = smaller(up_ + (high > extreme_ ? rising_.step : 0.0), rising_.most);
    extreme_ = larger(high, extreme_);
    stop_ = below(stop + up_ * (extreme_ - stop), low);
    return stop;
  }

  [[gnu::always_inline]] double fall(double high, double low) noexcept {
    if (high >= stop_) {
      long_ = true;
      double stop = below(extreme_, low);
      if (offset_ != 0.0) stop -= stop * offset_;
      up_ = rising_.first;
      extreme_ = high;
      stop_ = below(stop + up_ * (extreme_ - stop), low);
      return stop;
    }
    const double stop = stop_;
    down_ = smaller(down_ + (low < extreme_ ? falling_.step : 0.0), falling_.most);
    extreme_ = smaller(low, extreme_);
    stop_ = above(stop + down_ * (extreme_ - stop), high);
    return stop;
  }

  /// Not within this bar and the one before.
  double above(double stop, double high) const noexcept { return larger(larger(high_, high), stop); }
  double below(double stop, double low) const noexcept { return smaller(smaller(low_, low), stop); }

  Acceleration rising_;
  Acceleration falling_;
  double start_;
  double offset_;
  double up_;    // the factors now
  double down_;
  double extreme_ = 0.0;
  double stop_ = 0.0;  // for the next bar
  double high_ = 0.0;  // of the bar before
  double low_ = 0.0;
  int rows_ = 0;  // counted up to 2
  bool long_ = true;
  bool from_first_;
};

inline constexpr const char* sar_seed_names[] = {"movement", "long"};

struct SarParams {
  double acceleration = 0.02;
  double maximum = 0.2;
  int seed = 0;
};

class Sar {
 public:
  static constexpr auto spec() {
    return describe<SarParams>("SAR", "Parabolic stop and reverse.")
        .formula(
            "sar[t+1] = sar[t] + af * (ep - sar[t]), ep the extreme of the move, af = acceleration more at each new ep up to maximum; not within the last two bars; at a hit it turns and begins at ep")
        .source("Wilder, New Concepts in Technical Trading Systems (1978), section II; first bars as TA-Lib's SAR")
        .inputs("high", "low")
        .outputs(line("sar"))
        .params(
            param("acceleration", &SarParams::acceleration, 0.0, 3e37, "first factor, and its step"),
            param("maximum", &SarParams::maximum, 0.0, 3e37, "largest factor"),
            convention(
                "seed", &SarParams::seed, sar_seed_names,
                "how the first move begins: up or down as the directional movement of the first two bars, at the first one's low or high (TA-Lib), or always up, with the first bar's high as the extreme (Skender, which hides all stops before the first turn)"));
  }
  static constexpr int warmup(const SarParams&) { return 2; }

  explicit Sar(const SarParams& p) noexcept
      : stop_(0.0, 0.0, Acceleration::within(p.acceleration, p.acceleration, p.maximum),
              Acceleration::within(p.acceleration, p.acceleration, p.maximum), p.seed != 0) {}
  double operator()(double high, double low) noexcept { return stop_(high, low); }
  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    ParabolicStop now = stop_;  // in registers: the caller's columns could be its fields
    for (std::size_t i = 0; i < n; ++i) out[0][i] = now(in[0][i], in[1][i]);
    stop_ = now;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("stop", stop_);
  }

 private:
  ParabolicStop stop_;
};

struct SarextParams {
  double start = 0.0;
  double offset = 0.0;
  double first_long = 0.02;
  double step_long = 0.02;
  double most_long = 0.2;
  double first_short = 0.02;
  double step_short = 0.02;
  double most_short = 0.2;
};

class Sarext {
 public:
  static constexpr auto spec() {
    return describe<SarextParams>("SAREXT",
                                  "Parabolic stop with a choice of start, offset and factors; negative while short.")
        .formula("sarext = sar while long, -sar while short; at a turn the stop moves away by offset * sar")
        .source(
            "Wilder, New Concepts in Technical Trading Systems (1978), section II; options and first bars as TA-Lib's SAREXT")
        .inputs("high", "low")
        .outputs(line("sarext"))
        .params(param("start", &SarextParams::start, -3e37, 3e37,
                      "first stop: long above 0, short below 0, by the bars at 0"),
                param("offset", &SarextParams::offset, 0.0, 3e37, "part of the stop added at a turn"),
                param("first_long", &SarextParams::first_long, 0.0, 3e37, "first factor while long"),
                param("step_long", &SarextParams::step_long, 0.0, 3e37, "step of the factor while long"),
                param("most_long", &SarextParams::most_long, 0.0, 3e37, "largest factor while long"),
                param("first_short", &SarextParams::first_short, 0.0, 3e37, "first factor while short"),
                param("step_short", &SarextParams::step_short, 0.0, 3e37, "step of the factor while short"),
                param("most_short", &SarextParams::most_short, 0.0, 3e37, "largest factor while short"));
  }
  static constexpr int warmup(const SarextParams&) { return 2; }

  explicit Sarext(const SarextParams& p) noexcept
      : stop_(p.start, p.offset, Acceleration::within(p.first_long, p.step_long, p.most_long),
              Acceleration::within(p.first_short, p.step_short, p.most_short)) {}
  double operator()(double high, double low) noexcept {
    const double stop = stop_(high, low);
    return stop_.rising() ? stop : -stop;
  }
  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    ParabolicStop now = stop_;  // in registers: the caller's columns could be its fields
    for (std::size_t i = 0; i < n; ++i) {
      const double stop = now(in[0][i], in[1][i]);
      out[0][i] = now.rising() ? stop : -stop;
    }
    stop_ = now;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("stop", stop_);
  }

 private:
  ParabolicStop stop_;
};

}  // namespace fastcore
