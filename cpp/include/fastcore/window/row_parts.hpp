// What rows in a tree (window/row_tree.hpp) can come to together: sums, moments, extrema, weighted means.
#pragma once

#include <algorithm>

namespace fastcore {

/// The sum of numbers.
struct SumPart {
  using Row = double;
  double sum;
  static SumPart of(double x) noexcept { return {x}; }
  void add(double x) noexcept { sum += x; }
  void join(const SumPart& other, double) noexcept { sum += other.sum; }
};

/// Sums of the differences from the oldest number and of their squares: for means and deviations.
struct MomentsPart {
  using Row = double;
  double shift;
  double sum;
  double squares;
  static MomentsPart of(double x) noexcept { return {x, 0.0, 0.0}; }
  void add(double x) noexcept {
    const double d = x - shift;
    sum += d;
    squares += d * d;
  }
  void join(const MomentsPart& other, double n) noexcept {
    const double move = other.shift - shift;
    squares += other.squares + move * (2.0 * other.sum + n * move);
    sum += other.sum + n * move;
  }
  double mean(double n) const noexcept { return shift + sum / n; }
  double variance(double n) const noexcept { return std::max(0.0, (squares - sum * (sum / n)) / n); }
};

/// The largest number (`Largest` true) or the smallest.
template <bool Largest>
struct ExtremePart {
  using Row = double;
  double value;
  static ExtremePart of(double x) noexcept { return {x}; }
  void add(double x) noexcept { value = Largest ? std::max(value, x) : std::min(value, x); }
  void join(const ExtremePart& other, double) noexcept { add(other.value); }
};

/// Sums of sizes, and of the prices' differences from the oldest with the weight of their sizes.
struct WeightedPart {
  struct Row {
    double price;
    double size;
  };
  double shift;
  double moves;
  double sizes;
  static WeightedPart of(const Row& x) noexcept { return {x.price, 0.0, x.size}; }
  void add(const Row& x) noexcept {
    moves += (x.price - shift) * x.size;
    sizes += x.size;
  }
  void join(const WeightedPart& other, double) noexcept {
    moves += other.moves + (other.shift - shift) * other.sizes;
    sizes += other.sizes;
  }
  double mean() const noexcept { return shift + moves / sizes; }
};

}  // namespace fastcore
