// Each row and bar is written twice, so that the last ones always lie in one piece.
#include "fastcore/engine/history.hpp"

#include <algorithm>

namespace fastcore {

namespace {

void take_back(std::uint64_t count, std::size_t& at, std::size_t& size, std::uint64_t& generation,
               std::size_t capacity) noexcept {
  at = (at + capacity - static_cast<std::size_t>(count % capacity)) % capacity;
  size -= std::min<std::size_t>(size, static_cast<std::size_t>(count));
  generation -= std::min(generation, count);
}

}  // namespace

History::History(std::size_t capacity, std::size_t width)
    : block_(std::make_shared<Block>(2 * capacity * width * sizeof(double))), capacity_(capacity), width_(width) {}

void History::push(const double* cells, const std::vector<std::uint32_t>& columns) noexcept {
  double* const first = data() + at_ * width_;
  double* const second = first + capacity_ * width_;
  for (std::size_t k = 0; k < width_; ++k) first[k] = second[k] = cells[columns[k]];
  at_ = at_ + 1 == capacity_ ? 0 : at_ + 1;
  size_ = size_ == capacity_ ? size_ : size_ + 1;
  ++generation_;
}

void History::push(const double* row) noexcept {
  double* const first = data() + at_ * width_;
  std::copy_n(row, width_, first);
  std::copy_n(row, width_, first + capacity_ * width_);
  at_ = at_ + 1 == capacity_ ? 0 : at_ + 1;
  size_ = size_ == capacity_ ? size_ : size_ + 1;
  ++generation_;
}

void History::rewind(std::uint64_t rows) noexcept { take_back(rows, at_, size_, generation_, capacity_); }

BarHistory::BarHistory(std::size_t capacity)
    : block_(std::make_shared<Block>(2 * capacity * sizeof(Bar))), received_(2 * capacity), capacity_(capacity) {}

void BarHistory::push(const Bar& bar, std::uint64_t received) noexcept {
  data()[at_] = data()[at_ + capacity_] = bar;
  received_[at_] = received_[at_ + capacity_] = received;
  at_ = at_ + 1 == capacity_ ? 0 : at_ + 1;
  size_ = size_ == capacity_ ? size_ : size_ + 1;
  ++generation_;
}

void BarHistory::rewind(std::uint64_t bars) noexcept { take_back(bars, at_, size_, generation_, capacity_); }

}  // namespace fastcore
