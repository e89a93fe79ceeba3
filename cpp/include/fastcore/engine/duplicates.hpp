// Which of the last ticks have been here before. A window of keys, oldest out first, and a table that
// finds a key in it; both are made once, so that a tick costs a look or two and allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fastcore/engine/tick.hpp"

namespace fastcore {

/// What makes two ticks the same: a venue's id, or time, price and size.
struct TickKey {
  std::int64_t first;  ///< the id, or the time
  double price;        ///< 0 where the id is the key
  double size;

  bool operator==(const TickKey& other) const noexcept {
    return first == other.first && price == other.price && size == other.size;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("first", first);
    archive("price", price);
    archive("size", size);
  }
};

class DuplicateWindow {
 public:
  /// Remembers the last `capacity` keys; 0 remembers none.
  explicit DuplicateWindow(std::size_t capacity);

  /// Whether the key is among those remembered.
  bool holds(const TickKey& key) const noexcept;
  /// Remembers a key that it does not hold; the oldest is forgotten when there are `capacity`.
  void add(const TickKey& key) noexcept;

  std::size_t size() const noexcept { return count_; }
  /// Whether all keys are such as ticks have: an id alone, or a time, a price and a size.
  bool sound(bool of_ids) const noexcept;

  template <class Archive>
  void state(Archive& archive) {
    const std::size_t count = count_;
    if constexpr (Archive::loading) clear();
    archive.list(
        "remembered", count, keys_.size(), [this](std::size_t i) { return keys_[(oldest_ + i) % keys_.size()]; },
        [&](std::size_t, const TickKey& key) {
          if (holds(key)) archive.fail("a remembered tick twice");
          add(key);
        });
  }

 private:
  static constexpr std::uint32_t empty = 0xffffffff;

  void clear() noexcept;
  std::size_t home(const TickKey& key) const noexcept;
  /// Takes the key in that place of the window out of the table, and closes the gap it leaves.
  void forget(std::size_t place) noexcept;

  std::vector<TickKey> keys_;         // a ring
  std::vector<std::uint32_t> table_;  // places in the ring, by hash; at most half full
  std::size_t oldest_ = 0;
  std::size_t count_ = 0;
};

}  // namespace fastcore
