// What a window can know about its values: sums, moments, index-weighted sums, extrema. Each is an
// associative aggregate that grows at either end and combines from three parts; window/blocks.hpp
// decides which values are in which part. V is double, or Lanes for four blocks side by side.
//
// Sums are taken about a shift inside the part itself (a prefix's first value, a suffix's last), so
// a large offset costs no digits, a constant gives exactly the constant, and a part never depends on
// a value that it does not hold.
#pragma once

#include <cstddef>

#include "fastcore/lanes.hpp"

namespace fastcore {

/// Sums of a part, and the value about which they are taken.
template <class V, std::size_t Width>
struct ShiftedPart {
  V shift;
  V sums[Width];

  template <class Archive>
  void state(Archive& archive) {
    archive("shift", shift);
    archive.array("sums", sums, Width);
  }
};

/// An aggregate that needs no shift.
template <class V>
struct PlainPart {
  V sums[1];

  template <class Archive>
  void state(Archive& archive) {
    archive.array("sums", sums, 1);
  }
};

/// The shift of a part about that of the prefix; 0 when the part is empty, since its shift has then
/// left the window.
template <class V>
V rebase(const V& shift, double count, const V& onto) noexcept {
  return count > 0 ? shift - onto : broadcast<V>(0.0);
}

/// Sum of the values about a shift: for means.
struct ShiftedSum {
  static constexpr std::size_t width = 1;
  template <class V>
  using Part = ShiftedPart<V, width>;

  template <class V>
  struct Summary {
    V shift;  ///< a value of the window
    V sum;    ///< of the differences from `shift`
    V mean(double inverse_count) const noexcept { return shift + sum * inverse_count; }
  };

  template <class V>
  static Part<V> start(const V& x) noexcept {
    return {x, {broadcast<V>(0.0)}};
  }
  template <class V>
  static void append(Part<V>& part, const V& x, double) noexcept {
    part.sums[0] += x - part.shift;
  }
  template <class V>
  static void prepend(Part<V>& part, const V& x, double n) noexcept {
    append(part, x, n);
  }
  template <class V>
  static Summary<V> combine(const Part<V>& a, double na, const Part<V>& b, double nb, const Part<V>& c) noexcept {
    const V k = c.shift;
    return {k, (a.sums[0] + na * rebase(a.shift, na, k)) + (b.sums[0] + nb * rebase(b.shift, nb, k)) + c.sums[0]};
  }
};

/// Plain sum: for flows that are not negative, where a shift would only cost digits.
struct Sum {
  static constexpr std::size_t width = 1;
  template <class V>
  using Part = PlainPart<V>;
  template <class V>
  using Summary = V;

  template <class V>
  static Part<V> start(const V& x) noexcept {
    return {{x}};
  }
  template <class V>
  static void append(Part<V>& part, const V& x, double) noexcept {
    part.sums[0] += x;
  }
  template <class V>
  static void prepend(Part<V>& part, const V& x, double) noexcept {
    part.sums[0] += x;
  }
  template <class V>
  static V combine(const Part<V>& a, double na, const Part<V>& b, double nb, const Part<V>& c) noexcept {
    const V zero = broadcast<V>(0.0);
    return ((na > 0 ? a.sums[0] : zero) + (nb > 0 ? b.sums[0] : zero)) + c.sums[0];
  }
};

/// Sums of the differences from a shift and of their squares: for variances. About a value of the
/// window the cancellation is at most a factor of the period, whatever the level of the prices.
struct Moments {
  static constexpr std::size_t width = 2;
  template <class V>
  using Part = ShiftedPart<V, width>;

  template <class V>
  struct Summary {
    V shift;    ///< a value of the window
    V sum;      ///< of the differences from `shift`
    V squares;  ///< of their squares
    V mean(double inverse_count) const noexcept { return shift + sum * inverse_count; }
    /// Population variance, never negative.
    V variance(double inverse_count) const noexcept {
      const V v = (squares - sum * (sum * inverse_count)) * inverse_count;
      return v > 0.0 ? v : broadcast<V>(0.0);
    }
  };

  template <class V>
  static Part<V> start(const V& x) noexcept {
    return {x, {broadcast<V>(0.0), broadcast<V>(0.0)}};
  }
  template <class V>
  static void append(Part<V>& part, const V& x, double) noexcept {
    const V d = x - part.shift;
    part.sums[0] += d;
    part.sums[1] += d * d;
  }
  template <class V>
  static void prepend(Part<V>& part, const V& x, double n) noexcept {
    append(part, x, n);
  }
  template <class V>
  static Summary<V> combine(const Part<V>& a, double na, const Part<V>& b, double nb, const Part<V>& c) noexcept {
    const V k = c.shift;
    const V da = rebase(a.shift, na, k);
    const V db = rebase(b.shift, nb, k);
    const V a1 = na * da;
    const V b1 = nb * db;
    return {k, (a.sums[0] + a1) + (b.sums[0] + b1) + c.sums[0],
            (a.sums[1] + da * (2.0 * a.sums[0] + a1)) + (b.sums[1] + db * (2.0 * b.sums[0] + b1)) + c.sums[1]};
  }
};

/// Sums of the differences from a shift, plain and weighted by 1 for the oldest value up to n for
/// the newest: for weighted means and regressions.
struct Weighted {
  static constexpr std::size_t width = 2;
  template <class V>
  using Part = ShiftedPart<V, width>;

  template <class V>
  struct Summary {
    V shift;     ///< a value of the window
    V sum;       ///< of the differences from `shift`
    V weighted;  ///< of index (1 = oldest) x difference
  };

  template <class V>
  static Part<V> start(const V& x) noexcept {
    return {x, {broadcast<V>(0.0), broadcast<V>(0.0)}};
  }
  template <class V>
  static void append(Part<V>& part, const V& x, double n) noexcept {
    const V d = x - part.shift;
    part.sums[0] += d;
    part.sums[1] += n * d;
  }
  template <class V>
  static void prepend(Part<V>& part, const V& x, double) noexcept {
    part.sums[0] += x - part.shift;
    part.sums[1] += part.sums[0];  // every index grows by one, and the new value has index 1
  }
  template <class V>
  static Summary<V> combine(const Part<V>& a, double na, const Part<V>& b, double nb, const Part<V>& c) noexcept {
    const V k = c.shift;
    const V da = rebase(a.shift, na, k);
    const V db = rebase(b.shift, nb, k);
    return {k, (a.sums[0] + na * da) + (b.sums[0] + nb * db) + c.sums[0],
            (a.sums[1] + (0.5 * na * (na + 1.0)) * da) +
                (b.sums[1] + na * b.sums[0] + (nb * (0.5 * (nb + 1.0) + na)) * db) +
                (c.sums[1] + (na + nb) * c.sums[0])};
  }
};

/// The largest value (`Largest` true) or the smallest.
template <bool Largest>
struct Extremum {
  static constexpr std::size_t width = 1;
  template <class V>
  using Part = PlainPart<V>;
  template <class V>
  using Summary = V;

  template <class V>
  static V better(const V& a, const V& b) noexcept {
    if constexpr (Largest) {
      return larger(a, b);
    } else {
      return smaller(a, b);
    }
  }
  template <class V>
  static Part<V> start(const V& x) noexcept {
    return {{x}};
  }
  template <class V>
  static void append(Part<V>& part, const V& x, double) noexcept {
    part.sums[0] = better(part.sums[0], x);
  }
  template <class V>
  static void prepend(Part<V>& part, const V& x, double) noexcept {
    part.sums[0] = better(part.sums[0], x);
  }
  template <class V>
  static V combine(const Part<V>& a, double na, const Part<V>& b, double nb, const Part<V>& c) noexcept {
    const V newer = nb > 0 ? better(b.sums[0], c.sums[0]) : c.sums[0];
    return na > 0 ? better(a.sums[0], newer) : newer;
  }
};

using Highest = Extremum<true>;
using Lowest = Extremum<false>;

}  // namespace fastcore
