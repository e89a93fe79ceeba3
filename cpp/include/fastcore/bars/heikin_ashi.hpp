// Heikin-Ashi: the bars of another clock, each averaged with the one before. A view: it closes when they close.
//
//   close = (o + h + l + c) / 4     open = (open before + close before) / 2; at first (o + c) / 2
//   high = max(h, open, close)      low = min(l, open, close)
#pragma once

#include "fastcore/bars/bar.hpp"

namespace fastcore {

class HeikinAshi {
 public:
  template <class Emit>
  void on_part(const Bar& part, std::int64_t, const Emit& emit) noexcept {
    const Bar bar = seen(part);
    open_ = bar.open;
    close_ = bar.close;
    emit(bar);
  }

  /// The bar that such a bar would become.
  Bar seen(const Bar& part) const noexcept {
    Bar bar = part;
    bar.revision = 0;
    bar.close = 0.25 * (part.open + part.high + part.low + part.close);
    bar.open = open_ == 0.0 ? 0.5 * (part.open + part.close) : 0.5 * (open_ + close_);
    bar.high = larger(part.high, larger(bar.open, bar.close));
    bar.low = smaller(part.low, smaller(bar.open, bar.close));
    return bar;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("open", open_);
    archive("close", close_);
  }

 private:
  double open_ = 0.0;  // of the last bar; 0 for none
  double close_ = 0.0;
};

}  // namespace fastcore
