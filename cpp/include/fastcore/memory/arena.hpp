// A bump allocator over one block: an indicator's arrays lie right behind its state, and nothing
// is allocated once a plan is built. It exists because a tick may not call malloc: 20 ns on a good
// day, a page fault on a bad one.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>

namespace fastcore {

/// Hands out zeroed memory from a block of fixed size, or only measures how much would be taken.
///
/// The same code runs twice: first over a measuring arena, which returns null and counts, then over
/// a block of exactly that size. Constructors therefore may keep what `take` returns but not touch it.
class Arena {
 public:
  /// Measures: `take` returns null.
  Arena() noexcept = default;

  /// Serves `size` bytes at `block`, which must be zeroed and aligned to `alignment`.
  Arena(std::byte* block, std::size_t size) noexcept : block_(block), size_(size) {
    assert(reinterpret_cast<std::uintptr_t>(block) % alignment == 0);
  }

  /// `count` zeroed objects of T, aligned for T; null while measuring.
  template <class T>
  T* take(std::size_t count) {
    static_assert(std::is_trivially_copyable_v<T>, "an arena holds only what a byte copy can move");
    static_assert(alignof(T) <= alignment, "the block's alignment is the largest there is");
    const std::size_t at = (used_ + alignof(T) - 1) / alignof(T) * alignof(T);
    used_ = at + count * sizeof(T);
    if (block_ == nullptr) return nullptr;
    if (used_ > size_) throw std::bad_alloc();  // the measuring pass and this one disagree: a bug
    return reinterpret_cast<T*>(block_ + at);
  }

  /// Bytes taken so far, padding included.
  std::size_t used() const noexcept { return used_; }
  bool measuring() const noexcept { return block_ == nullptr; }

  /// One cache line: states of two symbols never share one.
  static constexpr std::size_t alignment = 64;

 private:
  std::byte* block_ = nullptr;
  std::size_t size_ = 0;
  std::size_t used_ = 0;
};

/// A zeroed block on the heap, aligned for an arena; freed with its owner.
class Block {
 public:
  Block() noexcept = default;
  explicit Block(std::size_t size) : size_(size == 0 ? Arena::alignment : size) {
    bytes_.reset(static_cast<std::byte*>(::operator new(size_, std::align_val_t{Arena::alignment})));
    clear();
  }

  std::byte* data() const noexcept { return bytes_.get(); }
  std::size_t size() const noexcept { return size_; }
  /// Back to zeroes, as a fresh block is.
  void clear() noexcept {
    for (std::size_t i = 0; i < size_; ++i) bytes_[i] = std::byte{0};
  }

 private:
  struct Free {
    void operator()(std::byte* p) const noexcept { ::operator delete(p, std::align_val_t{Arena::alignment}); }
  };
  std::unique_ptr<std::byte[], Free> bytes_;
  std::size_t size_ = 0;
};

}  // namespace fastcore
