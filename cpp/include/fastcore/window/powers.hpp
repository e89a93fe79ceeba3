// Powers of deviations up to the fourth, put together from parts: for skewness and kurtosis.
#pragma once

#include <array>
#include <cstddef>

#include "fastcore/lanes.hpp"
#include "fastcore/window/parts.hpp"

namespace fastcore {

/// Sums of the differences from a shift and of their second to fourth powers. About a value of the window
/// the cancellation is at most a factor of eight times the period in any power, whatever the level of the prices:
/// (x - K)^4 <= 8 ((x - mean)^4 + (K - mean)^4), and the second of these is one of the sum of the first.
struct Powers {
  static constexpr const char* name = "powers";
  static constexpr std::array gives = {Number::shift, Number::offset, Number::variance, Number::third, Number::fourth};
  static constexpr std::size_t width = 4;
  template <class V>
  using Part = ShiftedPart<V, width>;

  template <class V>
  struct Fixed {
    V old_move;
    V middle[width];  ///< sums of the middle part about the prefix's shift
  };

  template <class V>
  struct Summary {
    V shift;     ///< a value of the window
    V offset;    ///< of the mean from `shift`: the same bits as ShiftedSum's
    V variance;  ///< of the population, never negative: the same bits as those of Moments
    V third;     ///< mean of the third powers of the deviations from the mean
    V fourth;    ///< and of the fourth
    std::array<V, 5> numbers() const noexcept { return {shift, offset, variance, third, fourth}; }
  };

  template <class V>
  [[gnu::always_inline]] static Part<V> start(const V& x) noexcept {
    const V zero = broadcast<V>(0.0);
    return {x, {zero, zero, zero, zero}};
  }
  template <class V>
  [[gnu::always_inline]] static void append(Part<V>& part, const V& x, double) noexcept {
    const V d = x - part.shift;
    const V square = d * d;
    part.sums[0] += d;
    part.sums[1] += square;
    part.sums[2] += square * d;
    part.sums[3] += square * square;
  }
  template <class V>
  [[gnu::always_inline]] static void prepend(Part<V>& part, const V& x, double n) noexcept {
    append(part, x, n);
  }
  template <class V>
  [[gnu::always_inline]] static Fixed<V> fix(const Part<V>& old, const Part<V>& middle, double nb,
                                             const Part<V>& prefix) noexcept {
    Fixed<V> fixed{old.shift - prefix.shift, {}};
    const V move = moved<V>(middle.shift - prefix.shift, nb);
    shifted<V>(middle.sums, nb * move, move, fixed.middle);
    return fixed;
  }
  template <class V, class Count>
  [[gnu::always_inline]] static Summary<V> combine(const V* old, const Count& na, const Fixed<V>& f, double,
                                                   const Part<V>& c, double inverse) noexcept {
    const V move = moved(f.old_move, na);
    V sums[width];
    shifted<V>(old, na * move, move, sums);
    for (std::size_t k = 0; k < width; ++k) sums[k] = sums[k] + f.middle[k] + c.sums[k];
    const V offset = sums[0] * inverse;
    const V product = sums[0] * offset;
    const V third = sums[2] - offset * (3.0 * sums[1] - 2.0 * product);
    const V fourth = sums[3] - offset * (4.0 * sums[2] - offset * (6.0 * sums[1] - 3.0 * product));
    // In this order a NaN stays one: sums that have overflowed must not look like a flat window.
    return {c.shift, offset, larger(broadcast<V>(0.0), (sums[1] - product) * inverse), third * inverse,
            larger(broadcast<V>(0.0), fourth * inverse)};
  }

 private:
  /// Sums of values that are `move` further from the shift, `moves` all together.
  template <class V>
  [[gnu::always_inline]] static void shifted(const V* sums, const V& moves, const V& move, V* out) noexcept {
    out[0] = sums[0] + moves;
    out[1] = sums[1] + move * (2.0 * sums[0] + moves);
    out[2] = sums[2] + move * (3.0 * sums[1] + move * (3.0 * sums[0] + moves));
    out[3] = sums[3] + move * (4.0 * sums[2] + move * (6.0 * sums[1] + move * (4.0 * sums[0] + moves)));
  }
};

}  // namespace fastcore
