// Median and MAD of a small window, kept sorted.
#include "fastcore/engine/jumps.hpp"

#include <algorithm>
#include <cmath>

#include "fastcore/engine/tick.hpp"

namespace fastcore {

JumpFilter::JumpFilter(double times, std::size_t window) : times_(times), order_(window), sorted_(window) {}

double JumpFilter::median() const noexcept {
  const std::size_t half = count_ / 2;
  return count_ % 2 == 1 ? sorted_[half] : 0.5 * sorted_[half - 1] + 0.5 * sorted_[half];
}

/// The k-th smallest distance from the middle lies at one end of k + 1 neighbours: the ends close in from
/// outside until half of the values are left.
double JumpFilter::deviation(double middle) const noexcept {
  std::size_t low = 0;
  std::size_t high = count_;
  double largest = 0.0;
  while (high - low > count_ / 2) {
    const double below = middle - sorted_[low];
    const double above = sorted_[high - 1] - middle;
    largest = std::max(below, above);
    if (below > above) {
      ++low;
    } else {
      --high;
    }
  }
  return largest;
}

bool JumpFilter::far(double price) const noexcept {
  if (!full()) return false;
  const double middle = median();
  const double mad = deviation(middle);
  return mad > 0.0 && std::fabs(price - middle) > times_ * mad;
}

bool JumpFilter::confirms(double price, double suspect) const noexcept {
  return std::fabs(price - suspect) < std::fabs(price - median());
}

void JumpFilter::add(double price) noexcept {
  auto end = sorted_.begin() + static_cast<std::ptrdiff_t>(count_);
  if (full()) {
    const auto oldest = std::lower_bound(sorted_.begin(), end, order_[at_]);
    std::copy(oldest + 1, end, oldest);
    --end;
  } else {
    ++count_;
  }
  const auto place = std::upper_bound(sorted_.begin(), end, price);
  std::copy_backward(place, end, end + 1);
  *place = price;
  order_[at_] = price;
  at_ = at_ + 1 == order_.size() ? 0 : at_ + 1;
}

void JumpFilter::clear() noexcept {
  at_ = count_ = 0;
  std::fill(order_.begin(), order_.end(), 0.0);
}

/// Whether prices can have left this: NaN would not keep its place among sorted ones.
bool JumpFilter::sound() const noexcept {
  if (count_ > order_.size() || at_ >= order_.size() || (!full() && at_ != count_)) return false;
  const auto end = order_.begin() + static_cast<std::ptrdiff_t>(count_);  // until the window is full it begins at 0
  return std::all_of(order_.begin(), end, valid_price);
}

void JumpFilter::sort_again() noexcept {
  const std::size_t first = (at_ + order_.size() - count_) % order_.size();
  for (std::size_t i = 0; i < count_; ++i) sorted_[i] = order_[(first + i) % order_.size()];
  std::sort(sorted_.begin(), sorted_.begin() + static_cast<std::ptrdiff_t>(count_));
}

}  // namespace fastcore
