// Indicators of the changes from row to row: CMO, CMOU, ER and VHF.
#pragma once

#include <array>
#include <cmath>

#include "fastcore/indicators/range_position.hpp"
#include "fastcore/lanes.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/chunk.hpp"
#include "fastcore/window/lag.hpp"
#include "fastcore/window/recurrence.hpp"
#include "fastcore/window/window.hpp"

namespace fastcore {

/// The change from the row before; that of the first row is 0.
class Change {
 public:
  double operator()(double x) noexcept {
    const double change = begun_ ? x - before_ : 0.0;
    begun_ = true;
    before_ = x;
    return change;
  }
  void run(const double* x, std::size_t n, double* change) noexcept {
    if (n == 0) return;
    change[0] = (*this)(x[0]);
    for (std::size_t i = 1; i < n; ++i) change[i] = x[i] - x[i - 1];
    before_ = x[n - 1];
  }
  bool begun() const noexcept { return begun_; }

  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("before", before_);
  }

 private:
  double before_ = 0.0;
  bool begun_ = false;
};

struct ChangeParams {
  int period = 14;
};

class Cmo {
 public:
  static constexpr auto spec() {
    return describe<ChangeParams>(
               "CMO",
               "Chande momentum oscillator, -100 to 100, smoothed by Wilder's average; 0 where the price has not moved at all.")
        .formula("cmo = 100 * (g - l) / (g + l), g and l Wilder's averages of the gains and of the losses")
        .source("Chande, Kroll, The New Technical Trader (1994), ch. 5; Wilder's averages and rows as TA-Lib's CMO")
        .inputs("close")
        .outputs(line("cmo"))
        .params(param("period", &ChangeParams::period, 2, longest_period, "period of Wilder's averages"));
  }
  static constexpr int warmup(const ChangeParams& p) { return p.period + 1; }

  explicit Cmo(const ChangeParams& p) noexcept : moves_({Smoothing::wilder(p.period), Smoothing::wilder(p.period)}) {}

  double operator()(double close) noexcept {
    const bool first = !change_.begun();
    const double change = change_(close);
    if (first) return quiet_nan;
    const Pair moves = moves_(Pair{larger(change, 0.0), larger(-change, 0.0)});
    return balance(moves[0], moves[1]);
  }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    std::size_t i = 0;
    if (n > 0 && !change_.begun()) out[0][i++] = (*this)(in[0][0]);
    const std::size_t rest = n - i;
    double gain[chunk_rows];
    double loss[chunk_rows];
    double gains[chunk_rows];
    double losses[chunk_rows];
    change_.run(in[0] + i, rest, gain);
    for (std::size_t k = 0; k < rest; ++k) {
      const double change = gain[k];
      gain[k] = change > 0.0 ? change : 0.0;
      loss[k] = -change > 0.0 ? -change : 0.0;
    }
    moves_.run({gain, loss}, rest, {gains, losses});
    for (std::size_t k = 0; k < rest; ++k) out[0][i + k] = balance(gains[k], losses[k]);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("change", change_);
    archive("moves", moves_);
  }

 private:
  static double balance(double gain, double loss) noexcept {
    const double all = gain + loss;
    const double x = 100.0 * ((gain - loss) / all);
    return all > 0.0 ? x : 0.0;
  }

  Recurrences<2> moves_;  // gains and losses
  Change change_;
};

class Cmou {
 public:
  static constexpr auto spec() {
    return describe<ChangeParams>(
               "CMOU",
               "Chande momentum oscillator as published, -100 to 100, from plain sums; 0 where the window is flat.")
        .formula("cmou = 100 * (sum(gains) - sum(losses)) / (sum(gains) + sum(losses))")
        .source("Chande, Kroll, The New Technical Trader (1994), ch. 5; rows as TA-Lib's CMOU")
        .inputs("close")
        .outputs(line("cmou"))
        .params(param("period", &ChangeParams::period, 2, longest_period, "changes in the sums"));
  }
  static constexpr int warmup(const ChangeParams& p) { return p.period + 1; }

  Cmou(const ChangeParams& p, Arena& arena) : gains_(p.period, arena), losses_(p.period, arena) {}

  double operator()(double close) noexcept {
    const double change = change_(close);
    const double gains = gains_.push(larger(change, 0.0));
    return balance(gains, losses_.push(larger(-change, 0.0)));
  }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double gain[chunk_rows];
    double loss[chunk_rows];
    double losses[chunk_rows];
    change_.run(in[0], n, gain);
    for (std::size_t i = 0; i < n; ++i) {
      const double change = gain[i];
      gain[i] = change > 0.0 ? change : 0.0;
      loss[i] = -change > 0.0 ? -change : 0.0;
    }
    gains_.run(gain, n, out[0]);
    losses_.run(loss, n, losses);
    for (std::size_t i = 0; i < n; ++i) out[0][i] = balance(out[0][i], losses[i]);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("change", change_);
    archive("gains", gains_);
    archive("losses", losses_);
  }

 private:
  static double balance(double gain, double loss) noexcept {
    const double all = gain + loss;
    const double x = 100.0 * ((gain - loss) / all);
    return all > 0.0 ? x : 0.0;
  }

  Change change_;
  Window<Sum> gains_;
  Window<Sum> losses_;
};

struct ErParams {
  int period = 10;
};

class Er {
 public:
  static constexpr auto spec() {
    return describe<ErParams>(
               "ER",
               "Kaufman's efficiency ratio, 0 to 1: the way that the price got, in parts of the way that it went; 1 where it stood still.")
        .formula("er = |x[t] - x[t-period]| / sum |x[i] - x[i-1]|")
        .source("Kaufman, Smarter Trading (1995), ch. 7; rows and 1 in a flat window as TA-Lib's ER")
        .inputs("close")
        .outputs(line("er"))
        .params(param("period", &ErParams::period, 2, longest_period, "changes on the way"));
  }
  static constexpr int warmup(const ErParams& p) { return p.period + 1; }

  Er(const ErParams& p, Arena& arena) : lag_(p.period, arena), path_(p.period, arena) {}

  double operator()(double close) noexcept {
    const double path = path_.push(std::fabs(change_(close)));
    return ratio(std::fabs(close - lag_(close)), path);
  }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double step[chunk_rows];
    double path[chunk_rows];
    change_.run(in[0], n, step);
    for (std::size_t i = 0; i < n; ++i) step[i] = std::fabs(step[i]);
    path_.run(step, n, path);
    lag_.run(in[0], n, [&](std::size_t i, double before) { out[0][i] = ratio(std::fabs(in[0][i] - before), path[i]); });
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("change", change_);
    archive("lag", lag_);
    archive("path", path_);
  }

 private:
  static double ratio(double move, double path) noexcept {
    const double x = move / path;
    return path > move ? x : 1.0;
  }

  Change change_;
  Lag lag_;
  Window<Sum> path_;
};

struct VhfParams {
  int period = 28;
};

class Vhf {
 public:
  static constexpr auto spec() {
    return describe<VhfParams>(
               "VHF",
               "Vertical horizontal filter: the range of the last values in parts of the way between them; 0 in a flat window.")
        .formula("vhf = (highest(x, period) - lowest(x, period)) / sum |x[i] - x[i-1]|, the sum of `period` changes")
        .source("White, The Vertical Horizontal Filter, Futures 20:10 (1991); rows as TA-Lib's VHF")
        .inputs("close")
        .outputs(line("vhf"))
        .params(param("period", &VhfParams::period, 2, longest_period, "values in the range, and changes on the way"));
  }
  static constexpr int warmup(const VhfParams& p) { return p.period + 1; }

  Vhf(const VhfParams& p, Arena& arena) : range_(p.period, arena), path_(p.period, arena) {}

  double operator()(double close) noexcept {
    const auto bounds = range_(close, close);
    return ratio(bounds.high - bounds.low, path_.push(std::fabs(change_(close))));
  }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double step[chunk_rows];
    double path[chunk_rows];
    double lowest[chunk_rows];
    change_.run(in[0], n, step);
    for (std::size_t i = 0; i < n; ++i) step[i] = std::fabs(step[i]);
    path_.run(step, n, path);
    range_.run(in[0], in[0], n, out[0], lowest);
    for (std::size_t i = 0; i < n; ++i) out[0][i] = ratio(out[0][i] - lowest[i], path[i]);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("change", change_);
    archive("range", range_);
    archive("path", path_);
  }

 private:
  static double ratio(double range, double path) noexcept {
    const double x = range / path;
    return path > 0.0 ? x : 0.0;
  }

  Change change_;
  PriceRange range_;
  Window<Sum> path_;
};

}  // namespace fastcore
