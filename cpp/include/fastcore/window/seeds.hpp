// How exponential averages begin: with the mean of their first values, taken about the first of them.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>

namespace fastcore {

/// Smoothing factor 0 < a <= 1, and the values whose mean is the seed.
struct Smoothing {
  double a;
  int period;

  /// The exponential average of the field: a = 2 / (period + 1).
  static constexpr Smoothing ema(int period) noexcept { return {2.0 / (period + 1.0), period}; }
  /// Wilder's: a = 1 / period.
  static constexpr Smoothing wilder(int period) noexcept { return {1.0 / period, period}; }
};

/// Seeds of N averages that are complete at the same row: that of the longest period, so a shorter one begins later.
template <std::size_t N>
class Seeds {
 public:
  explicit Seeds(const std::array<Smoothing, N>& all) noexcept {
    for (std::size_t i = 0; i < N; ++i) {
      assert(all[i].a > 0.0 && all[i].a <= 1.0 && all[i].period >= 1);
      period_[i] = all[i].period;
      if (all[i].period > longest_) longest_ = all[i].period;
    }
  }

  /// Takes one row and gives the means so far; whether they are complete.
  bool take(const double* row, double* means) noexcept {
    ++rows_;
    for (std::size_t i = 0; i < N; ++i) {
      const int place = rows_ - (longest_ - period_[i]);
      if (place == 1) shift_[i] = row[i];
      if (place >= 1) sum_[i] += row[i] - shift_[i];
      means[i] = shift_[i] + sum_[i] / period_[i];
    }
    return rows_ >= longest_;
  }

  /// Its fields, which stand on both sides of its owner's.
  template <class Archive>
  void count_state(Archive& archive) {
    archive("seeding", rows_);
  }
  template <class Archive>
  void sum_state(Archive& archive) {
    if constexpr (Archive::loading) {
      if (rows_ < 0 || rows_ > longest_) archive.fail("the rows of a seed are outside their range");
    }
    archive.array("shift", shift_, N);
    archive.array("sum", sum_, N);
  }

 private:
  int rows_ = 0;  // in the longest seed so far
  int longest_ = 0;
  int period_[N];
  double shift_[N] = {};
  double sum_[N] = {};
};

}  // namespace fastcore
