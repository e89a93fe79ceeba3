// The last candles of a chart, each judged by the bars before it. Means are sums made anew at each bar,
// oldest first: ten additions, and nothing of a bar is left once it is out of reach. So what a pattern
// says is what TA-Lib says of the same bars alone; its running sums keep the rounding of all bars before.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "fastcore/candles/candle.hpp"
#include "fastcore/lanes.hpp"

namespace fastcore {

/// The last `Bars` candles, newest first.
template <int Bars>
class CandleWindow {
 public:
  static constexpr std::size_t bars = Bars;

  /// Takes the newest bar; the candles are then judged, the newest first. Compiled once, not into each pattern.
  [[gnu::noinline]] const std::array<candle::Candle, bars>& push(double open, double high, double low,
                                                                 double close) noexcept {
    const candle::Candle newest = candle::judge(open, high, low, close, means());
    for (std::size_t k = bars - 1; k > 0; --k) candles_[k] = candles_[k - 1];
    candles_[0] = newest;
    for (std::size_t k = 0; k + 1 < reach; ++k) sizes_[k] = sizes_[k + 1];
    sizes_[reach - 1] = sizes_of({open, high, low, close});
    return candles_;
  }

  /// What n >= `bars` + 10 pushes leave behind.
  [[gnu::noinline]] void leave(const std::array<const double*, 4>& in, std::size_t n) noexcept {
    const auto bar = [&](std::size_t i) { return std::array<double, 4>{in[0][i], in[1][i], in[2][i], in[3][i]}; };
    for (std::size_t k = 0; k < reach; ++k) sizes_[k] = sizes_of(bar(n - bars - reach + k));
    for (std::size_t k = n - bars; k < n; ++k) {
      const auto [open, high, low, close] = bar(k);
      push(open, high, low, close);
    }
  }
  /// Sizes of the ten bars before the next: body, range, both shadows, range; the oldest first.
  const std::array<Lanes, candle::reach>& sizes() const noexcept { return sizes_; }

  template <class Archive>
  void state(Archive& archive) {
    // As numbers side by side, which is what both arrays are.
    double numbers[bars * candle::candle_numbers];
    double sizes[reach * lane_count];
    std::memcpy(numbers, candles_.data(), sizeof numbers);
    std::memcpy(sizes, sizes_.data(), sizeof sizes);
    archive.array("candles", numbers, bars * candle::candle_numbers);
    archive.array("sizes", sizes, reach * lane_count);
    if constexpr (Archive::loading) {
      for (std::size_t k = 1; k <= bars; ++k) {
        const double marks = numbers[k * candle::candle_numbers - 1];
        if (!(marks >= 0.0 && marks < 65536.0)) archive.fail("candles");
      }
      std::memcpy(candles_.data(), numbers, sizeof numbers);
      std::memcpy(sizes_.data(), sizes, sizeof sizes);
    }
  }

 private:
  static constexpr std::size_t reach = candle::reach;

  static Lanes sizes_of(const std::array<double, 4>& bar) noexcept {
    const auto [open, high, low, close] = bar;
    const double range = high - low;
    const double shadows = candle::upper_shadow(open, high, close) + candle::lower_shadow(open, low, close);
    return Lanes{std::fabs(close - open), range, shadows, range};
  }

  /// Four sums side by side. The recent range begins at the sixth bar: the older ones count nothing in it.
  candle::Means means() const noexcept {
    using Bits = long long __attribute__((vector_size(32)));
    constexpr Bits older = {-1, -1, -1, 0};
    Lanes sum{};
    for (std::size_t k = 0; k < reach / 2; ++k)
      sum += reinterpret_cast<Lanes>(reinterpret_cast<const Bits&>(sizes_[k]) & older);
    for (std::size_t k = reach / 2; k < reach; ++k) sum += sizes_[k];
    return {sum[0] / 10.0, sum[1] / 10.0, sum[2] / 10.0, sum[3] / 5.0};
  }

  std::array<Lanes, reach> sizes_{};  // body, range, both shadows, range: of the bars before, oldest first
  std::array<candle::Candle, bars> candles_{};
};

}  // namespace fastcore
