// The last candles of a chart, each judged by the bars before it. Means are sums made anew at each bar,
// oldest first: ten additions, and nothing of a bar is left once it is out of reach. So what a pattern
// says is what TA-Lib says of the same bars alone; its running sums keep the rounding of all bars before.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>

#include "fastcore/candles/candle.hpp"
#include "fastcore/lanes.hpp"

namespace fastcore {

namespace detail {

inline constexpr std::size_t candle_reach = 10;  // bars in a mean, and the younger half of them in the recent one
inline constexpr std::size_t judged_rows = 128;  // at a time, so that they stay in the nearest cache

/// Judges n <= `judged_rows` bars, four side by side, as one call of `judge` for each; `sizes` are those of the bars
/// before, and then of the last. Compiled once, not into each pattern.
[[gnu::noinline]] inline void judge_rows(const std::array<const double*, 4>& in, std::size_t n,
                                         std::array<Lanes, candle_reach>& sizes, candle::Candle* judged) noexcept {
  const double* const open = in[0];
  const double* const high = in[1];
  const double* const low = in[2];
  const double* const close = in[3];
  // With room for a last group of four that is not full.
  double body[candle_reach + judged_rows];
  double range[candle_reach + judged_rows];
  double shadows[candle_reach + judged_rows];
  double upper[judged_rows];
  double lower[judged_rows];
  double marks[judged_rows];
  double recent[judged_rows];
  double ranges[judged_rows];
  for (std::size_t k = 0; k < candle_reach; ++k) {
    body[k] = sizes[k][0];
    range[k] = sizes[k][1];
    shadows[k] = sizes[k][2];
  }
  for (std::size_t i = 0; i < n; ++i) {
    upper[i] = candle::upper_shadow(open[i], high[i], close[i]);
    lower[i] = candle::lower_shadow(open[i], low[i], close[i]);
    body[candle_reach + i] = std::fabs(close[i] - open[i]);
    range[candle_reach + i] = high[i] - low[i];
    shadows[candle_reach + i] = upper[i] + lower[i];
  }
  for (std::size_t i = n; i < (n + lane_count - 1) / lane_count * lane_count; ++i)
    upper[i] = lower[i] = body[candle_reach + i] = range[candle_reach + i] = shadows[candle_reach + i] = 0.0;
  for (std::size_t i = 0; i < n; i += lane_count) {
    Lanes bodies{};
    Lanes all{};
    Lanes both{};
    Lanes five{};
#pragma GCC unroll 10
    for (std::size_t k = 0; k < candle_reach; ++k) {
      const Lanes height = load<Lanes>(range + i + k);
      bodies += load<Lanes>(body + i + k);
      all += height;
      both += load<Lanes>(shadows + i + k);
      if (k >= candle_reach / 2) five += height;
    }
    const Lanes mean = all / 10.0;
    store(ranges + i, mean);
    store(recent + i, five / 5.0);
    store(marks + i, candle::marks_of(load<Lanes>(body + candle_reach + i), load<Lanes>(upper + i),
                                      load<Lanes>(lower + i), bodies / 10.0, mean, both / 10.0));
  }
  for (std::size_t i = 0; i < n; ++i) {
    const auto color = static_cast<double>(close[i] >= open[i] ? candle::white : candle::black);
    judged[i] = {open[i], high[i], low[i], close[i], body[candle_reach + i], ranges[i], recent[i], marks[i] + color};
  }
  for (std::size_t k = 0; k < candle_reach; ++k)
    sizes[k] = Lanes{body[n + k], range[n + k], shadows[n + k], range[n + k]};
}

}  // namespace detail

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
    const double range = high - low;
    const double shadows = candle::upper_shadow(open, high, close) + candle::lower_shadow(open, low, close);
    sizes_[reach - 1] = Lanes{newest.body, range, shadows, range};
    return candles_;
  }

  /// Takes n bars, and hands each call the candle of its row in a run of them, the oldest first.
  template <class Use>
  void run(const std::array<const double*, 4>& in, std::size_t n, const Use& use) noexcept {
    std::array<candle::Candle, bars - 1 + detail::judged_rows> judged;
    std::array<const double*, 4> columns = in;
    for (std::size_t done = 0; done < n; done += detail::judged_rows) {
      const std::size_t rows = n - done < detail::judged_rows ? n - done : detail::judged_rows;
      for (std::size_t k = 0; k + 1 < bars; ++k) judged[bars - 2 - k] = candles_[k];
      detail::judge_rows(columns, rows, sizes_, judged.data() + bars - 1);
      for (std::size_t i = 0; i < rows; ++i) use(done + i, judged.data() + bars - 1 + i);
      for (std::size_t k = 0; k < bars; ++k) candles_[k] = judged[bars - 2 + rows - k];
      for (const double*& column : columns) column += rows;
    }
  }

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
  static constexpr std::size_t reach = detail::candle_reach;

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
