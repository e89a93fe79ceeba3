// Prices that jump away from where the last ones were. A jump of one tick is an error as a rule, one that
// the next tick confirms is news: so the first is held until the second has spoken.
#pragma once

#include <cstddef>
#include <vector>

namespace fastcore {

/// The median of the last prices and their median absolute deviation (MAD) from it.
class JumpFilter {
 public:
  static constexpr std::size_t least_window = 4;
  static constexpr std::size_t most_window = 1024;

  /// A price is far when it is more than `times` MAD from the median of the last `window` prices.
  JumpFilter(double times, std::size_t window);

  /// Whether a price is far; never before the window is full, nor where the MAD is 0 and gives no scale.
  bool far(double price) const noexcept;
  /// Whether `price` is nearer to `suspect` than to the median.
  bool confirms(double price, double suspect) const noexcept;
  /// Takes a price into the window. O(window) in moved bytes: 40 ns at 32.
  void add(double price) noexcept;
  /// Whether the window is full: before that no price is far.
  bool full() const noexcept { return count_ == order_.size(); }
  /// Begins anew: the level has changed.
  void clear() noexcept;

  template <class Archive>
  void state(Archive& archive) {
    archive("at", at_);
    archive("count", count_);
    archive.array("order", order_.data(), order_.size());
    if constexpr (Archive::loading) {
      if (!sound()) archive.fail("a jump window that no prices leave");
      sort_again();
    }
  }

 private:
  double median() const noexcept;
  double deviation(double middle) const noexcept;
  bool sound() const noexcept;
  void sort_again() noexcept;

  double times_;
  std::vector<double> order_;   // as they came: a ring
  std::vector<double> sorted_;  // the same by size
  std::size_t at_ = 0;
  std::size_t count_ = 0;
};

}  // namespace fastcore
