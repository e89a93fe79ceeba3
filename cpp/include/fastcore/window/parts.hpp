// Parts of a window, of which its aggregates are made.
//
// Sums are taken about a shift inside the part itself (a prefix's first value, a suffix's last), so
// a large offset costs no digits, a constant gives exactly the constant, and a part never depends on
// a value that it does not hold. To combine, the old and the middle part are moved onto the shift of
// the prefix; what that needs is fixed for a whole block, and kept in Fixed.
#pragma once

#include <cstddef>

#include "fastcore/lanes.hpp"

namespace fastcore {

/// The numbers that a summary can hold. An aggregate lists which it gives, in the order in which it
/// gives them, so that a wider window can serve the readers of a narrower one.
enum class Number : unsigned char { shift, offset, variance, deviation, sum, weighted, third, fourth };

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

/// The old part's move, 0 when it is empty, since its shift has then left the window. Counts are one
/// number for all lanes, or one for each.
template <class V, class Count>
V moved(const V& move, const Count& count) noexcept {
  return count > 0.0 ? move : broadcast<V>(0.0);
}

}  // namespace fastcore
