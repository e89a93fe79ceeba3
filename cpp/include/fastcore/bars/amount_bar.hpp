// Volume and value bars: closed by the tick that brings the sum of sizes, or of prices times sizes, to a threshold.
// A trade larger than what is missing goes into the bar whole, or is split at the threshold.
#pragma once

#include "fastcore/bars/bar.hpp"
#include "fastcore/bars/bar_spec.hpp"

namespace fastcore {

class AmountBars {
 public:
  AmountBars(Measure measure, double threshold, bool split) noexcept
      : amount_(measure == Measure::volume ? &Bar::volume : &Bar::value), threshold_(threshold), split_(split) {}

  template <class Emit>
  void on_tick(const Tick& tick, const Emit& emit) noexcept {
    if (split_) {
      split(tick, emit);
    } else {
      add(tick, emit);
    }
  }
  template <class Emit>
  void on_part(const Bar& part, std::int64_t, const Emit& emit) noexcept {
    add(part, emit);
  }
  template <class Emit>
  void on_session_end(const Emit& emit) noexcept {
    forming_.cut(emit);
  }
  Forming& forming() noexcept { return forming_; }
  const Forming& forming() const noexcept { return forming_; }

  template <class Archive>
  void state(Archive& archive) {
    forming_.state(archive);
  }

 private:
  template <class Part, class Emit>
  void add(const Part& part, const Emit& emit) noexcept {
    forming_.add(part);
    if (forming_.bar().*amount_ >= threshold_) emit(forming_.close());
  }

  /// Fills the bar that forms and as many whole ones as there are in the trade; the rest begins the next. The
  /// first piece carries the count.
  template <class Emit>
  void split(const Tick& tick, const Emit& emit) noexcept {
    const double unit = amount_ == &Bar::volume ? 1.0 : tick.price;
    Tick piece = tick;
    double left = unit * tick.size;
    bool counted = false;
    for (int i = 0; i < most_bars_at_once; ++i) {
      const double missing = forming_.empty() ? threshold_ : threshold_ - forming_.bar().*amount_;
      if (!(left >= missing)) break;
      piece.size = missing / unit;
      put(piece, counted);
      forming_.bar().*amount_ = threshold_;  // exactly, whatever the sum rounds to
      counted = true;
      left -= missing;
      emit(forming_.close());
    }
    if (counted && !(left > 0.0)) return;
    piece.size = left / unit;
    put(counted ? piece : tick, counted);
    if (forming_.bar().*amount_ >= threshold_) emit(forming_.close());
  }

  void put(const Tick& piece, bool counted) noexcept {
    forming_.add(piece);
    if (counted) --forming_.bar().count;
  }

  Forming forming_;
  double Bar::* amount_;
  double threshold_;
  bool split_;
};

}  // namespace fastcore
