// How exponential averages begin: as a rule with the mean of their first values, taken about the first of them.
#pragma once

#include <array>
#include <cassert>
#include <cmath>
#include <cstddef>

namespace fastcore {

/// How an average begins, by the numbers of `seed_names`.
enum class Seed {
  mean,      ///< with the mean of the first `period` values; of several averages all end theirs at the same row
  first,     ///< with the first value
  adjusted,  ///< with weights that are divided by their sum, so that rows which are not there count for nothing
  own        ///< as `mean`, but each of several averages at its own row
};
inline constexpr const char* seed_names[] = {"mean", "first", "adjusted"};
inline constexpr const char* seed_doc =
    "how the average begins: with the mean of the first `period` values (TA-Lib), with the first value (pandas' ewm with adjust=False, ta4j), or with weights that are divided by their sum (pandas' ewm)";

/// Smoothing factor 0 < a <= 1, the values whose mean is the seed, and how it begins.
struct Smoothing {
  double a;
  int period;
  Seed seed = Seed::mean;

  /// The exponential average of the field: a = 2 / (period + 1).
  static constexpr Smoothing ema(int period, int seed = 0) noexcept {
    return {2.0 / (period + 1.0), period, static_cast<Seed>(seed)};
  }
  /// Wilder's: a = 1 / period.
  static constexpr Smoothing wilder(int period, int seed = 0) noexcept {
    return {1.0 / period, period, static_cast<Seed>(seed)};
  }
  /// Rows until the first value of an average with that seed.
  static constexpr int warmup(int period, int seed) noexcept {
    return seed == static_cast<int>(Seed::mean) ? period : 1;
  }
};

/// Seeds of N averages that are complete at the same row: that of the longest period, so a shorter one begins later,
/// unless each has a seed of its own.
template <std::size_t N>
class Seeds {
 public:
  explicit Seeds(const std::array<Smoothing, N>& all) noexcept : seed_(all[0].seed) {
    for (std::size_t i = 0; i < N; ++i) {
      assert(all[i].a > 0.0 && all[i].a <= 1.0 && all[i].period >= 1);
      a_[i] = all[i].a;
      period_[i] = all[i].period;
      if (all[i].period > longest_) longest_ = all[i].period;
    }
  }

  /// Takes one row and gives the averages so far; whether they are complete.
  bool take(const double* row, double* averages) noexcept {
    if (seed_ == Seed::first || seed_ == Seed::adjusted) {
      for (std::size_t i = 0; i < N; ++i) {
        averages[i] = row[i];
        sum_[i] = 1.0;
      }
      return true;
    }
    ++rows_;
    for (std::size_t i = 0; i < N; ++i) averages[i] = mean(i, row[i]);
    return rows_ >= longest_;
  }

  /// The smoothing factor of the next row after the seed. That of an adjusted average falls while the sum of its
  /// weights, 1 + b + b^2 ..., still grows; it is steady when that does not.
  double factor(std::size_t i, bool& steady) noexcept {
    if (seed_ != Seed::adjusted) return a_[i];
    const double weights = 1.0 + (1.0 - a_[i]) * sum_[i];
    steady = steady && weights == sum_[i];
    sum_[i] = weights;
    return 1.0 / weights;
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
  /// The mean of the first values about the first of them; of averages with seeds of their own the shorter ones go on.
  double mean(std::size_t i, double x) noexcept {
    const int place = seed_ == Seed::own ? rows_ : rows_ - (longest_ - period_[i]);
    if (place > period_[i]) {
      shift_[i] = std::fma(a_[i], x - shift_[i], shift_[i]);
    } else {
      if (place == 1) shift_[i] = x;
      if (place >= 1) sum_[i] += x - shift_[i];
    }
    const double e = shift_[i] + sum_[i] / period_[i];
    if (seed_ == Seed::own && place == period_[i]) {
      shift_[i] = e;
      sum_[i] = 0.0;
    }
    return e;
  }

  Seed seed_;
  int rows_ = 0;  // in the longest seed so far
  int longest_ = 0;
  int period_[N];
  double a_[N];
  double shift_[N] = {};
  double sum_[N] = {};  // of the seed's values about the shift, or of an adjusted average's weights
};

}  // namespace fastcore
