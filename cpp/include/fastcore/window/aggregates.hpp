// What a window can know about its values: sums, moments, index-weighted sums, extrema. Each is an
// associative aggregate that grows at either end and combines from three parts; window/blocks.hpp
// decides which values are in which part. V is double, or Lanes for four blocks side by side. Those
// that are the same wherever one counts from are here, those about a shift in rooms of their own.
#pragma once

#include <cstddef>

#include "fastcore/lanes.hpp"
#include "fastcore/window/moments.hpp"
#include "fastcore/window/parts.hpp"
#include "fastcore/window/powers.hpp"

namespace fastcore {

/// Plain sum: for flows that are not negative, where a shift would only cost digits.
struct Sum {
  static constexpr std::size_t width = 1;
  template <class V>
  using Part = PlainPart<V>;
  template <class V>
  struct Fixed {
    V middle;
  };
  template <class V>
  using Summary = V;

  template <class V>
  [[gnu::always_inline]] static Part<V> start(const V& x) noexcept {
    return {{x}};
  }
  template <class V>
  [[gnu::always_inline]] static void append(Part<V>& part, const V& x, double) noexcept {
    part.sums[0] += x;
  }
  template <class V>
  [[gnu::always_inline]] static void prepend(Part<V>& part, const V& x, double) noexcept {
    part.sums[0] += x;
  }
  template <class V>
  [[gnu::always_inline]] static Fixed<V> fix(const Part<V>&, const Part<V>& middle, double nb,
                                             const Part<V>&) noexcept {
    return {moved(middle.sums[0], nb)};
  }
  template <class V, class Count>
  [[gnu::always_inline]] static V combine(const V* old, const Count& na, const Fixed<V>& f, double, const Part<V>& c,
                                          double) noexcept {
    return (moved(old[0], na) + f.middle) + c.sums[0];
  }
};

/// The largest value (`Largest` true) or the smallest.
template <bool Largest>
struct Extremum {
  static constexpr std::size_t width = 1;
  template <class V>
  using Part = PlainPart<V>;
  template <class V>
  struct Fixed {
    V middle;
  };
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
  [[gnu::always_inline]] static Part<V> start(const V& x) noexcept {
    return {{x}};
  }
  template <class V>
  [[gnu::always_inline]] static void append(Part<V>& part, const V& x, double) noexcept {
    part.sums[0] = better(part.sums[0], x);
  }
  template <class V>
  [[gnu::always_inline]] static void prepend(Part<V>& part, const V& x, double) noexcept {
    part.sums[0] = better(part.sums[0], x);
  }
  /// An empty middle part gives way to the prefix, which begins where it would end.
  template <class V>
  [[gnu::always_inline]] static Fixed<V> fix(const Part<V>&, const Part<V>& middle, double nb,
                                             const Part<V>& prefix) noexcept {
    return {nb > 0 ? middle.sums[0] : prefix.sums[0]};
  }
  template <class V, class Count>
  [[gnu::always_inline]] static V combine(const V* old, const Count& na, const Fixed<V>& f, double, const Part<V>& c,
                                          double) noexcept {
    const V newer = better(f.middle, c.sums[0]);
    return na > 0.0 ? better(old[0], newer) : newer;
  }
};

using Highest = Extremum<true>;
using Lowest = Extremum<false>;

}  // namespace fastcore
