// A hash table with linear probing over a ring of keys.
#include "fastcore/engine/duplicates.hpp"

#include <algorithm>
#include <cstring>

namespace fastcore {

namespace {

std::uint64_t mixed(std::uint64_t x) noexcept {
  x ^= x >> 32;
  x *= 0x9e3779b97f4a7c15U;
  x ^= x >> 29;
  x *= 0xbf58476d1ce4e5b9U;
  return x ^ (x >> 32);
}

std::uint64_t bits_of(double x) noexcept {
  const double unsigned_zero = x + 0.0;  // -0 equals 0, so it must hash alike
  std::uint64_t bits = 0;
  std::memcpy(&bits, &unsigned_zero, sizeof bits);
  return bits;
}

}  // namespace

DuplicateWindow::DuplicateWindow(std::size_t capacity) : keys_(capacity) {
  std::size_t places = 2;
  while (places < 2 * capacity) places *= 2;
  table_.assign(places, empty);
}

void DuplicateWindow::clear() noexcept {
  std::fill(table_.begin(), table_.end(), empty);
  oldest_ = count_ = 0;
}

std::size_t DuplicateWindow::home(const TickKey& key) const noexcept {
  const std::uint64_t hash =
      mixed(static_cast<std::uint64_t>(key.first) ^ mixed(bits_of(key.price) + 3 * bits_of(key.size)));
  return static_cast<std::size_t>(hash) & (table_.size() - 1);
}

bool DuplicateWindow::holds(const TickKey& key) const noexcept {
  for (std::size_t at = home(key); table_[at] != empty; at = (at + 1) & (table_.size() - 1)) {
    if (keys_[table_[at]] == key) return true;
  }
  return false;
}

bool DuplicateWindow::sound(bool of_ids) const noexcept {
  for (std::size_t i = 0; i < count_; ++i) {
    const TickKey& key = keys_[(oldest_ + i) % keys_.size()];
    const bool of_tick = of_ids ? key.first != 0 && key.price == 0.0 && key.size == 0.0
                                : key.first >= 0 && valid_price(key.price) && valid_size(key.size);
    if (!of_tick) return false;
  }
  return true;
}

void DuplicateWindow::add(const TickKey& key) noexcept {
  if (keys_.empty()) return;
  if (count_ == keys_.size()) {
    forget(oldest_);
    oldest_ = oldest_ + 1 == keys_.size() ? 0 : oldest_ + 1;
    --count_;
  }
  const std::size_t place = (oldest_ + count_) % keys_.size();
  keys_[place] = key;
  std::size_t at = home(key);
  while (table_[at] != empty) at = (at + 1) & (table_.size() - 1);
  table_[at] = static_cast<std::uint32_t>(place);
  ++count_;
}

void DuplicateWindow::forget(std::size_t place) noexcept {
  const std::size_t mask = table_.size() - 1;
  std::size_t hole = home(keys_[place]);
  while (table_[hole] != place) hole = (hole + 1) & mask;
  // Keys behind the hole move up where they may: none may stand before its home.
  for (std::size_t at = (hole + 1) & mask; table_[at] != empty; at = (at + 1) & mask) {
    const std::size_t from_home = (at - home(keys_[table_[at]])) & mask;
    if (from_home >= ((at - hole) & mask)) {
      table_[hole] = table_[at];
      hole = at;
    }
  }
  table_[hole] = empty;
}

}  // namespace fastcore
