// The quote that stands: what indicators of quotes read on every tick. A tick that is no quote brings NaN, and
// leaves it as it is. It is a node of the plan like any other, so that snapshots hold it.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

#include "fastcore/quiet_nan.hpp"
#include "fastcore/spec.hpp"

namespace fastcore {

class LastQuote {
 public:
  /// Its inputs need not be numbers.
  static constexpr std::size_t checked_inputs = 0;

  static constexpr auto spec() {
    return describe<NoParams>("quote", "The quote that stands.")
        .inputs("bid", "ask", "bid_size", "ask_size")
        .outputs(line("bid"), line("ask"), line("bid_size"), line("ask_size"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit LastQuote(const NoParams& = {}) noexcept {}

  std::array<double, 4> operator()(double bid, double ask, double bid_size, double ask_size) noexcept {
    if (!std::isnan(bid)) quote_ = {bid, ask, bid_size, ask_size};
    return quote_;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("bid", quote_[0]);
    archive("ask", quote_[1]);
    archive("bid_size", quote_[2]);
    archive("ask_size", quote_[3]);
  }

 private:
  std::array<double, 4> quote_{quiet_nan, quiet_nan, quiet_nan, quiet_nan};
};

}  // namespace fastcore
