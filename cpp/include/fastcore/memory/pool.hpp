// Objects of one type, made once and used again: what a burst needs for a moment (a batch, a revised
// bar) comes from here and goes back, so that load does not turn into calls of malloc.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

namespace fastcore {

/// A fixed number of T's; `take` and `give` cost a few instructions and never allocate.
template <class T>
class Pool {
 public:
  static_assert(std::is_nothrow_default_constructible_v<T>,
                "a pool makes all its objects at once, and that may not fail");

  /// `capacity` >= 1 objects, constructed now.
  explicit Pool(std::size_t capacity) : objects_(std::make_unique<T[]>(capacity)), capacity_(capacity) {
    assert(capacity >= 1 && "a pool holds at least one object");
    free_.reserve(capacity);
    for (std::size_t i = capacity; i > 0; --i) free_.push_back(&objects_[i - 1]);
  }

  /// An object that nobody else has, as it was given back; null when all are taken.
  T* take() noexcept {
    if (free_.empty()) return nullptr;
    T* const object = free_.back();
    free_.pop_back();
    return object;
  }

  /// Returns an object that `take` handed out, once.
  void give(T* object) noexcept {
    assert(owns(object) && "an object goes back to the pool it came from");
    assert(free_.size() < capacity_ && "an object goes back once");
    free_.push_back(object);  // never allocates: capacity was reserved
  }

  bool owns(const T* object) const noexcept {
    const auto first = reinterpret_cast<std::uintptr_t>(objects_.get());
    const auto at = reinterpret_cast<std::uintptr_t>(object);
    return at >= first && at < first + capacity_ * sizeof(T);
  }
  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t available() const noexcept { return free_.size(); }

 private:
  std::unique_ptr<T[]> objects_;
  std::vector<T*> free_;  // a stack: the object used last is the one still in the cache
  std::size_t capacity_;
};

}  // namespace fastcore
