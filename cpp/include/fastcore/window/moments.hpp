// Aggregates about a shift (window/parts.hpp): means, variances, and index-weighted sums.
#pragma once

#include <array>
#include <cstddef>

#include "fastcore/lanes.hpp"
#include "fastcore/window/parts.hpp"

namespace fastcore {

/// Sum of the values about a shift: for means.
struct ShiftedSum {
  static constexpr const char* name = "mean";
  static constexpr std::array gives = {Number::shift, Number::offset};
  static constexpr std::size_t width = 1;
  template <class V>
  using Part = ShiftedPart<V, width>;

  template <class V>
  struct Fixed {
    V old_move;
    V middle;  ///< sum of the middle part about the prefix's shift
  };

  template <class V>
  struct Summary {
    V shift;   ///< a value of the window
    V offset;  ///< of the mean from `shift`
    V mean() const noexcept { return shift + offset; }
    std::array<V, 2> numbers() const noexcept { return {shift, offset}; }
  };

  template <class V>
  [[gnu::always_inline]] static Part<V> start(const V& x) noexcept {
    return {x, {broadcast<V>(0.0)}};
  }
  template <class V>
  [[gnu::always_inline]] static void append(Part<V>& part, const V& x, double) noexcept {
    part.sums[0] += x - part.shift;
  }
  template <class V>
  [[gnu::always_inline]] static void prepend(Part<V>& part, const V& x, double n) noexcept {
    append(part, x, n);
  }
  template <class V>
  [[gnu::always_inline]] static Fixed<V> fix(const Part<V>& old, const Part<V>& middle, double nb,
                                             const Part<V>& prefix) noexcept {
    return {old.shift - prefix.shift, middle.sums[0] + nb * moved<V>(middle.shift - prefix.shift, nb)};
  }
  template <class V, class Count>
  [[gnu::always_inline]] static Summary<V> combine(const V* old, const Count& na, const Fixed<V>& f, double,
                                                   const Part<V>& c, double inverse) noexcept {
    return {c.shift, ((old[0] + na * moved(f.old_move, na)) + f.middle + c.sums[0]) * inverse};
  }
};

/// Sums of the differences from a shift and of their squares: for variances. About a value of the
/// window the cancellation is at most a factor of the period, whatever the level of the prices.
struct Moments {
  static constexpr const char* name = "moments";
  static constexpr std::array gives = {Number::shift, Number::offset, Number::variance, Number::deviation};
  static constexpr std::size_t width = 2;
  template <class V>
  using Part = ShiftedPart<V, width>;

  template <class V>
  struct Fixed {
    V old_move;
    V middle;          ///< sum of the middle part about the prefix's shift
    V middle_squares;  ///< of its squares
  };

  template <class V>
  struct Summary {
    V shift;      ///< a value of the window
    V offset;     ///< of the mean from `shift`: the same bits as ShiftedSum's
    V variance;   ///< of the population, never negative
    V deviation;  ///< its root
    V mean() const noexcept { return shift + offset; }
    std::array<V, 4> numbers() const noexcept { return {shift, offset, variance, deviation}; }
  };

  template <class V>
  [[gnu::always_inline]] static Part<V> start(const V& x) noexcept {
    return {x, {broadcast<V>(0.0), broadcast<V>(0.0)}};
  }
  template <class V>
  [[gnu::always_inline]] static void append(Part<V>& part, const V& x, double) noexcept {
    const V d = x - part.shift;
    part.sums[0] += d;
    part.sums[1] += d * d;
  }
  template <class V>
  [[gnu::always_inline]] static void prepend(Part<V>& part, const V& x, double n) noexcept {
    append(part, x, n);
  }
  template <class V>
  [[gnu::always_inline]] static Fixed<V> fix(const Part<V>& old, const Part<V>& middle, double nb,
                                             const Part<V>& prefix) noexcept {
    const V move = moved<V>(middle.shift - prefix.shift, nb);
    const V sum = nb * move;
    return {old.shift - prefix.shift, middle.sums[0] + sum, middle.sums[1] + move * (2.0 * middle.sums[0] + sum)};
  }
  template <class V, class Count>
  [[gnu::always_inline]] static Summary<V> combine(const V* old, const Count& na, const Fixed<V>& f, double,
                                                   const Part<V>& c, double inverse) noexcept {
    const V move = moved(f.old_move, na);
    const V moves = na * move;
    const V sum = (old[0] + moves) + f.middle + c.sums[0];
    const V squares = (old[1] + move * (2.0 * old[0] + moves)) + f.middle_squares + c.sums[1];
    const V offset = sum * inverse;
    // In this order a NaN stays one: sums that have overflowed must not look like a flat window.
    const V variance = larger(broadcast<V>(0.0), (squares - sum * offset) * inverse);
    return {c.shift, offset, variance, square_root(variance)};
  }
};

/// Sums of the differences from a shift, plain and weighted by 1 for the oldest value up to n for
/// the newest: for weighted means and regressions.
struct Weighted {
  static constexpr const char* name = "weighted";
  static constexpr std::array gives = {Number::shift, Number::offset, Number::sum, Number::weighted};
  static constexpr std::size_t width = 2;
  template <class V>
  using Part = ShiftedPart<V, width>;

  template <class V>
  struct Fixed {
    V old_move;
    V middle;           ///< sum of the middle part about the prefix's shift
    V middle_weighted;  ///< index-weighted, the index counted in the part
  };

  template <class V>
  struct Summary {
    V shift;     ///< a value of the window
    V offset;    ///< of the mean from `shift`: the same bits as ShiftedSum's
    V sum;       ///< of the differences from `shift`
    V weighted;  ///< sum of index (1 = oldest) x difference
    V mean() const noexcept { return shift + offset; }
    std::array<V, 4> numbers() const noexcept { return {shift, offset, sum, weighted}; }
  };

  template <class V>
  [[gnu::always_inline]] static Part<V> start(const V& x) noexcept {
    return {x, {broadcast<V>(0.0), broadcast<V>(0.0)}};
  }
  template <class V>
  [[gnu::always_inline]] static void append(Part<V>& part, const V& x, double n) noexcept {
    const V d = x - part.shift;
    part.sums[0] += d;
    part.sums[1] += n * d;
  }
  template <class V>
  [[gnu::always_inline]] static void prepend(Part<V>& part, const V& x, double) noexcept {
    part.sums[0] += x - part.shift;
    part.sums[1] += part.sums[0];  // every index grows by one, and the new value has index 1
  }
  template <class V>
  [[gnu::always_inline]] static Fixed<V> fix(const Part<V>& old, const Part<V>& middle, double nb,
                                             const Part<V>& prefix) noexcept {
    const V move = moved<V>(middle.shift - prefix.shift, nb);
    return {old.shift - prefix.shift, middle.sums[0] + nb * move, middle.sums[1] + (0.5 * nb * (nb + 1.0)) * move};
  }
  /// The index of a part's values goes on where the part before it ends.
  template <class V, class Count>
  [[gnu::always_inline]] static Summary<V> combine(const V* old, const Count& na, const Fixed<V>& f, double nb,
                                                   const Part<V>& c, double inverse) noexcept {
    const V move = moved(f.old_move, na);
    const V sum = (old[0] + na * move) + f.middle + c.sums[0];
    const V weighted = (old[1] + (0.5 * na * (na + 1.0)) * move) + (f.middle_weighted + na * f.middle) +
                       (c.sums[1] + (na + nb) * c.sums[0]);
    return {c.shift, sum * inverse, sum, weighted};
  }
};

/// Moments and Weighted in one window, for plans that ask for both: the same bits as theirs.
struct MomentsWeighted {
  static constexpr const char* name = "moments_weighted";
  static constexpr std::array gives = {Number::shift,     Number::offset, Number::variance,
                                       Number::deviation, Number::sum,    Number::weighted};
  static constexpr std::size_t width = 3;
  template <class V>
  using Part = ShiftedPart<V, width>;

  template <class V>
  struct Fixed {
    V old_move;
    V middle;
    V middle_squares;
    V middle_weighted;
  };

  template <class V>
  struct Summary {
    V shift;
    V offset;
    V variance;
    V deviation;
    V sum;
    V weighted;
    std::array<V, 6> numbers() const noexcept { return {shift, offset, variance, deviation, sum, weighted}; }
  };

  template <class V>
  [[gnu::always_inline]] static Part<V> start(const V& x) noexcept {
    const V zero = broadcast<V>(0.0);
    return {x, {zero, zero, zero}};
  }
  template <class V>
  [[gnu::always_inline]] static void append(Part<V>& part, const V& x, double n) noexcept {
    const V d = x - part.shift;
    part.sums[0] += d;
    part.sums[1] += d * d;
    part.sums[2] += n * d;
  }
  template <class V>
  [[gnu::always_inline]] static void prepend(Part<V>& part, const V& x, double) noexcept {
    const V d = x - part.shift;
    part.sums[0] += d;
    part.sums[1] += d * d;
    part.sums[2] += part.sums[0];
  }
  template <class V>
  [[gnu::always_inline]] static Fixed<V> fix(const Part<V>& old, const Part<V>& middle, double nb,
                                             const Part<V>& prefix) noexcept {
    const auto m = Moments::fix<V>(moments(old), moments(middle), nb, moments(prefix));
    const auto w = Weighted::fix<V>(weighted(old), weighted(middle), nb, weighted(prefix));
    return {m.old_move, m.middle, m.middle_squares, w.middle_weighted};
  }
  template <class V, class Count>
  [[gnu::always_inline]] static Summary<V> combine(const V* old, const Count& na, const Fixed<V>& f, double nb,
                                                   const Part<V>& c, double inverse) noexcept {
    const V old_weighted[2] = {old[0], old[2]};
    const auto m = Moments::combine<V>(old, na, {f.old_move, f.middle, f.middle_squares}, nb, moments(c), inverse);
    const auto w =
        Weighted::combine<V>(old_weighted, na, {f.old_move, f.middle, f.middle_weighted}, nb, weighted(c), inverse);
    return {m.shift, m.offset, m.variance, m.deviation, w.sum, w.weighted};
  }

 private:
  template <class V>
  static Moments::Part<V> moments(const Part<V>& part) noexcept {
    return {part.shift, {part.sums[0], part.sums[1]}};
  }
  template <class V>
  static Weighted::Part<V> weighted(const Part<V>& part) noexcept {
    return {part.shift, {part.sums[0], part.sums[2]}};
  }
};

}  // namespace fastcore
