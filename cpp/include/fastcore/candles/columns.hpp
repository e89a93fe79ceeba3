// Candles of a batch, four rows at a time, as `candle::Candle` is one: a pattern is written once for both. Nothing is
// judged beforehand. A pattern that wants a rare gap asks for no mean in most batches, and a mean that it does ask for
// is made for all rows of the batch together, once.
#pragma once

#include <array>
#include <cstddef>

#include "fastcore/candles/candle.hpp"
#include "fastcore/lanes.hpp"
#include "fastcore/window/chunk.hpp"

namespace fastcore {

/// Columns of up to `most` bars, and the means before each of them as they are asked for.
class CandleColumns {
 public:
  static constexpr std::size_t most = chunk_rows / 2;

  /// Four to `most` bars; `before` are the sizes of the ten bars before them, the oldest first.
  CandleColumns(const std::array<const double*, 4>& in, std::size_t n,
                const std::array<Lanes, candle::reach>& before) noexcept
      : in_(in), rows_(n), before_(before) {}

  Lanes open(std::size_t row) const noexcept { return load<Lanes>(in_[0] + row); }
  Lanes high(std::size_t row) const noexcept { return load<Lanes>(in_[1] + row); }
  Lanes low(std::size_t row) const noexcept { return load<Lanes>(in_[2] + row); }
  Lanes close(std::size_t row) const noexcept { return load<Lanes>(in_[3] + row); }
  /// Means over the bars before each of four rows: of ten bodies, of ten ranges, of five, and of ten times both
  /// shadows.
  Lanes mean_body(std::size_t row) noexcept { return mean(Size::body, bodies_, row); }
  Lanes mean_range(std::size_t row) noexcept { return mean(Size::range, ranges_, row); }
  Lanes mean_recent(std::size_t row) noexcept { return mean(Size::recent, recents_, row); }
  Lanes mean_shadows(std::size_t row) noexcept { return mean(Size::shadows, shadows_, row); }

 private:
  enum class Size : unsigned { body = 1, range = 2, shadows = 4, recent = 8 };

  Lanes mean(Size size, const double* means, std::size_t row) noexcept {
    if ((made_ & static_cast<unsigned>(size)) == 0) make(size);
    return load<Lanes>(means + row);
  }

  [[gnu::noinline]] void make(Size size) noexcept {
    made_ |= static_cast<unsigned>(size);
    switch (size) {
      case Size::body: make<10>(bodies_, 0, [this](std::size_t i) { return absolute(close(i) - open(i)); }); break;
      case Size::range: make<10>(ranges_, 1, [this](std::size_t i) { return high(i) - low(i); }); break;
      case Size::shadows:
        make<10>(shadows_, 2, [this](std::size_t i) {
          return (high(i) - larger(open(i), close(i))) + (smaller(open(i), close(i)) - low(i));
        });
        break;
      case Size::recent: make<5>(recents_, 3, [this](std::size_t i) { return high(i) - low(i); }); break;
    }
  }

  /// Calls `use` with the first of every four rows; the last four may overlap those before.
  template <class Use>
  void each_four(const Use& use) const noexcept {
    std::size_t i = 0;
    for (; i + lane_count <= rows_; i += lane_count) use(i);
    if (i < rows_) use(rows_ - lane_count);
  }

  /// Means of `Bars` sizes, oldest first: as `CandleWindow` sums them.
  template <std::size_t Bars, class SizeOf>
  void make(double* means, std::size_t kind, const SizeOf& size_of) noexcept {
    double sizes[candle::reach + most];
    for (std::size_t k = 0; k < candle::reach; ++k) sizes[k] = before_[k][kind];
    each_four([&](std::size_t i) { store(sizes + candle::reach + i, size_of(i)); });
    each_four([&](std::size_t i) {
      const double* const oldest = sizes + candle::reach - Bars + i;
      Lanes sum{};
#pragma GCC unroll 10
      for (std::size_t k = 0; k < Bars; ++k) sum += load<Lanes>(oldest + k);
      store(means + i, sum / static_cast<double>(Bars));
    });
  }

  const std::array<const double*, 4>& in_;
  std::size_t rows_;
  const std::array<Lanes, candle::reach>& before_;
  unsigned made_ = 0;
  double bodies_[most];
  double ranges_[most];
  double recents_[most];
  double shadows_[most];
};

namespace candle {

/// The candles of four rows of a batch. What is not asked for is not computed.
class FourCandles {
 public:
  using Number = Lanes;
  static constexpr Number nothing{};

  [[gnu::always_inline]] FourCandles(CandleColumns& columns, std::size_t row) noexcept
      : open(columns.open(row)),
        high(columns.high(row)),
        low(columns.low(row)),
        close(columns.close(row)),
        body(absolute(close - open)),
        columns_(&columns),
        row_(row) {}

  /// Whether all of these can be said of it.
  [[gnu::always_inline]] Mask is(unsigned wanted) const noexcept {
    Mask all = open == open;
    if ((wanted & white) != 0) all &= close >= open;
    if ((wanted & black) != 0) all &= close < open;
    if ((wanted & long_body) != 0) all &= body > columns_->mean_body(row_);
    if ((wanted & short_body) != 0) all &= body < columns_->mean_body(row_);
    if ((wanted & doji) != 0) all &= body <= flat();
    if ((wanted & no_upper) != 0) all &= upper() < flat();
    if ((wanted & no_lower) != 0) all &= lower() < flat();
    if ((wanted & some_upper) != 0) all &= upper() > flat();
    if ((wanted & some_lower) != 0) all &= lower() > flat();
    if ((wanted & short_upper) != 0) all &= upper() < half_shadows();
    if ((wanted & short_lower) != 0) all &= lower() < half_shadows();
    if ((wanted & tall_upper) != 0) all &= upper() > half_shadows();
    if ((wanted & long_upper) != 0) all &= upper() > body;
    if ((wanted & long_lower) != 0) all &= lower() > body;
    if ((wanted & longest_upper) != 0) all &= upper() > 2.0 * body;
    if ((wanted & longest_lower) != 0) all &= lower() > 2.0 * body;
    return all;
  }
  Lanes top() const noexcept { return larger(open, close); }
  Lanes bottom() const noexcept { return smaller(open, close); }
  Lanes color() const noexcept { return either(close >= open, 1.0, -1.0); }
  Lanes equal() const noexcept { return 0.05 * columns_->mean_recent(row_); }
  Lanes near() const noexcept { return 0.2 * columns_->mean_recent(row_); }
  Lanes far() const noexcept { return 0.6 * columns_->mean_recent(row_); }
  Lanes flat() const noexcept { return 0.1 * columns_->mean_range(row_); }

  Lanes open;
  Lanes high;
  Lanes low;
  Lanes close;
  Lanes body;

 private:
  Lanes upper() const noexcept { return high - top(); }
  Lanes lower() const noexcept { return bottom() - low; }
  Lanes half_shadows() const noexcept { return columns_->mean_shadows(row_) / 2.0; }

  CandleColumns* columns_;
  std::size_t row_;
};

}  // namespace candle
}  // namespace fastcore
