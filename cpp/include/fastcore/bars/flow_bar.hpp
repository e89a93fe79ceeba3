// Imbalance and runs bars: closed by the tick that brings what buyers took less what sellers took, or the larger of
// the two, to a threshold. Source: M. Lopez de Prado, Advances in Financial Machine Learning, 2.3.2. A tick without
// a side has that of the last change of the price.
//
// An adaptive threshold is what a bar of E[T] ticks is expected to bring, from averages over the bars before:
//   imbalance: E[T] max(|E[buy - sell]|, E[buy + sell] / sqrt(E[T]))     runs: E[T] max(E[buy], E[sell])
// with E of a tick but for T. As published, without the second term and the bounds on T below, bars soon have one
// tick each or never end; a walk without a trend comes as far as the second term.
#pragma once

#include <cmath>
#include <cstdint>

#include "fastcore/bars/bar.hpp"
#include "fastcore/bars/bar_spec.hpp"

namespace fastcore {

class FlowBars {
 public:
  explicit FlowBars(const BarSpec& spec) noexcept
      : runs_(spec.kind == BarKind::runs),
        measure_(spec.measure),
        expected_(static_cast<double>(spec.expected)),
        alpha_(2.0 / (static_cast<double>(spec.memory) + 1.0)),
        threshold_(spec.threshold) {}

  template <class Emit>
  void on_tick(const Tick& tick, const Emit& emit) noexcept {
    forming_.add(tick);
    turn(tick);
    const double amount = measure_ == Measure::ticks    ? 1.0
                          : measure_ == Measure::volume ? tick.size
                                                        : tick.price * tick.size;
    bought_ += side_ > 0 ? amount : 0.0;
    sold_ += side_ < 0 ? amount : 0.0;
    ++ticks_;
    if (!full()) return;
    if (expected_ > 0.0) learn();
    bought_ = sold_ = 0.0;
    ticks_ = 0;
    emit(forming_.close());
  }
  /// A bar cut short says nothing of what to expect.
  template <class Emit>
  void on_session_end(const Emit& emit) noexcept {
    bought_ = sold_ = 0.0;
    ticks_ = 0;
    forming_.cut(emit);
  }
  Forming& forming() noexcept { return forming_; }
  const Forming& forming() const noexcept { return forming_; }

  template <class Archive>
  void state(Archive& archive) {
    forming_.state(archive);
    archive("price", price_);
    archive("side", side_);
    archive("ticks", ticks_);
    archive("bought", bought_);
    archive("sold", sold_);
    archive("threshold", threshold_);
    archive("mean_ticks", mean_ticks_);
    archive("mean_bought", mean_bought_);
    archive("mean_sold", mean_sold_);
  }

 private:
  /// A bar of an adaptive threshold has at most this many times the ticks that were expected at first, and is
  /// expected to have between that and its inverse.
  static constexpr double most = 10.0;

  void turn(const Tick& tick) noexcept {
    if (tick.side != 0) {
      side_ = tick.side;
    } else if (price_ > 0.0 && tick.price != price_) {
      side_ = tick.price > price_ ? 1 : -1;
    }
    price_ = tick.price;
  }

  bool full() const noexcept {
    const double flow = runs_ ? larger(bought_, sold_) : std::fabs(bought_ - sold_);
    if (expected_ == 0.0) return flow >= threshold_;
    const auto ticks = static_cast<double>(ticks_);
    if (mean_ticks_ == 0.0) return ticks >= expected_;
    return flow >= threshold_ || ticks >= most * expected_;
  }

  void learn() noexcept {
    const auto ticks = static_cast<double>(ticks_);
    if (mean_ticks_ == 0.0) {
      mean_ticks_ = ticks;
      mean_bought_ = bought_ / ticks;
      mean_sold_ = sold_ / ticks;
    } else {
      mean_ticks_ += alpha_ * (ticks - mean_ticks_);
      mean_bought_ += alpha_ * (bought_ / ticks - mean_bought_);
      mean_sold_ += alpha_ * (sold_ / ticks - mean_sold_);
    }
    mean_ticks_ = larger(expected_ / most, smaller(expected_ * most, mean_ticks_));
    const double one =
        runs_ ? larger(mean_bought_, mean_sold_)
              : larger(std::fabs(mean_bought_ - mean_sold_), (mean_bought_ + mean_sold_) / std::sqrt(mean_ticks_));
    threshold_ = mean_ticks_ * one;
  }

  Forming forming_;
  bool runs_;
  Measure measure_;
  std::int8_t side_ = 0;  // of the last tick; 0 before the price first changes
  double expected_;       // ticks of the first bar; 0 where the threshold is fixed
  double alpha_;          // weight of the newest bar in the averages
  double threshold_;
  double price_ = 0.0;  // of the last tick; 0 for none
  double bought_ = 0.0;
  double sold_ = 0.0;
  std::int64_t ticks_ = 0;
  double mean_ticks_ = 0.0;  // of a bar; 0 before the first
  double mean_bought_ = 0.0;  // of a tick
  double mean_sold_ = 0.0;
};

}  // namespace fastcore
