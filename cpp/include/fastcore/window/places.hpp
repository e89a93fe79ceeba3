// Where the largest or smallest value of a window is: an extremum that carries its place along. As every
// aggregate of window/aggregates.hpp it grows at either end and combines from three parts, so that a
// search through the window is never needed, whatever leaves it.
#pragma once

#include "fastcore/lanes.hpp"
#include "fastcore/window/aggregates.hpp"

namespace fastcore {

/// Of equal values the place is that of the newest (`Newest` true) or of the oldest.
template <bool Largest, bool Newest>
struct ExtremumPlace {
  static constexpr std::size_t width = 2;

  /// The value, and its place: in a prefix counted from its start, in a suffix from its end, from 1 on.
  template <class V>
  struct Part {
    V sums[2];

    template <class Archive>
    void state(Archive& archive) {
      archive.array("sums", sums, 2);
    }
  };
  template <class V>
  struct Fixed {
    V value;
    V place;
  };
  template <class V>
  struct Summary {
    V value;
    V place;  ///< in the window: 1 for the oldest value
  };

  template <class V>
  [[gnu::always_inline]] static Part<V> start(const V& x) noexcept {
    return {{x, broadcast<V>(1.0)}};
  }
  template <class V>
  [[gnu::always_inline]] static void append(Part<V>& part, const V& x, double n) noexcept {
    const auto take = Newest ? not_worse(x, part.sums[0]) : better(x, part.sums[0]);
    part.sums[0] = take ? x : part.sums[0];
    part.sums[1] = take ? broadcast<V>(n) : part.sums[1];
  }
  template <class V>
  [[gnu::always_inline]] static void prepend(Part<V>& part, const V& x, double n) noexcept {
    const auto take = Newest ? better(x, part.sums[0]) : not_worse(x, part.sums[0]);
    part.sums[0] = take ? x : part.sums[0];
    part.sums[1] = take ? broadcast<V>(n) : part.sums[1];
  }
  /// An empty middle part gives way to the prefix, which begins where it would end.
  template <class V>
  [[gnu::always_inline]] static Fixed<V> fix(const Part<V>&, const Part<V>& middle, double nb,
                                             const Part<V>& prefix) noexcept {
    return nb > 0.0 ? Fixed<V>{middle.sums[0], middle.sums[1]} : Fixed<V>{prefix.sums[0], prefix.sums[1]};
  }
  template <class V, class Count>
  [[gnu::always_inline]] static Summary<V> combine(const V* old, const Count& na, const Fixed<V>& f, double nb,
                                                   const Part<V>& c, double) noexcept {
    const V last = c.sums[1] + (na + nb);
    const auto newer = Newest ? not_worse(c.sums[0], f.value) : better(c.sums[0], f.value);
    const V value = newer ? c.sums[0] : f.value;
    const V place = newer ? last : f.place + na;
    const auto keep = Newest ? better(old[0], value) : not_worse(old[0], value);
    const V first = (na + 1.0) - old[1];
    const V with_value = keep ? old[0] : value;
    const V with_place = keep ? first : place;
    const V length = broadcast<V>(0.0) + na;
    return {length > 0.0 ? with_value : value, length > 0.0 ? with_place : place};
  }

 private:
  template <class V>
  static auto better(const V& a, const V& b) noexcept {
    if constexpr (Largest) {
      return a > b;
    } else {
      return a < b;
    }
  }
  template <class V>
  static auto not_worse(const V& a, const V& b) noexcept {
    if constexpr (Largest) {
      return a >= b;
    } else {
      return a <= b;
    }
  }
};

}  // namespace fastcore
