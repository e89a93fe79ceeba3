// The last values in order of size: for medians, quantiles and ranks. Short windows are a row in order, whose part
// between the place of the value that goes and of the one that comes moves by one; long ones are a tree.
//
// What a push changes of the order is done by the next push. Until then the newest value lies beside the order, and
// the one that the next push forgets is in it no more; so a copy of the state may push once (a peek): all it does to
// what both share is what the original's next push would begin with.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "fastcore/memory/ring.hpp"
#include "fastcore/window/rank_tree.hpp"

namespace fastcore {

/// The last `period` finite values, oldest first and in order of size. Of zeros there is one.
class SortedWindow {
 public:
  /// Windows from this many values on are a tree (bench `order/`).
  static constexpr int tree_period = 2048;

  /// `period` >= 1 values.
  SortedWindow(int period, Arena& arena)
      : values_(static_cast<std::size_t>(period), arena),
        shared_(arena.take<Shared>(1)),
        tree_(period >= tree_period ? values_.capacity() : 0, arena),
        row_(period >= tree_period ? nullptr : arena.take<double>(values_.capacity())) {
    assert(period >= 1 && "a window holds at least one value");
  }

  /// Takes the newest value; forgets the oldest once there are `period`.
  void push(double x) noexcept {
    settle();
    newest_ = x + 0.0;
    place_ = row_ != nullptr ? static_cast<std::size_t>(std::lower_bound(row_, row_ + shared_->count, x) - row_)
                             : tree_.less(x);
    below_ = place_ + (held_ == values_.capacity() && values_.oldest() < x ? 1 : 0);
    if (held_ < values_.capacity()) ++held_;
    values_.push(x);
    ++pushes_;
  }

  /// Whether counting the window's values anew is faster than keeping them in order: for batches (bench `order/`).
  bool scans() const noexcept { return values_.capacity() <= 512; }
  /// Takes the newest value as `push`, and says how many of those before it are smaller; the order is made anew by
  /// the next push.
  std::size_t push_and_count(double x) noexcept {
    const double* const before = values_.window() + (values_.capacity() - held_);
    std::size_t below = 0;
    for (std::size_t k = 0; k < held_; ++k) below += before[k] < x ? 1 : 0;
    if (held_ < values_.capacity()) ++held_;
    values_.push(x);
    pushes_ = shared_->pushes = 0;
    shared_->stale = true;
    return below;
  }

  /// How many values there are, and how many of those before the newest, at most `period`, are smaller than it.
  std::size_t size() const noexcept { return held_; }
  std::size_t below() const noexcept { return below_; }
  /// The value of that rank, 0 for the smallest. Right after a push only.
  double operator[](std::size_t rank) const noexcept {
    if (rank == place_) return newest_;
    const std::size_t other = rank < place_ ? rank : rank - 1;
    return row_ != nullptr ? row_[other] : tree_[other];
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("held", held_);
    if constexpr (Archive::loading) {
      if (held_ > values_.capacity()) archive.fail("held");
    }
    archive("values", values_);
    if constexpr (Archive::loading) order_anew();
  }

 private:
  /// What the original and its copies share.
  struct Shared {
    std::uint64_t pushes;  // whose values are in order
    std::size_t count;     // values in the row
    std::int32_t slot;     // of the tree, filled last
    bool stale;            // whether the order is that of other values
  };

  /// Puts the newest value into the order and takes out the one that the next push forgets.
  void settle() noexcept {
    if (shared_->stale) order_anew();
    if (shared_->pushes == pushes_) return;
    shared_->pushes = pushes_;
    if (held_ < values_.capacity()) {
      put(newest_);
    } else if (row_ != nullptr) {
      replace(std::lower_bound(row_, row_ + shared_->count, values_.oldest()), row_ + place_);
    } else {
      put(newest_);
      take_oldest();
    }
  }

  /// Moves what lies between the value that goes and the place of the newest, which is right before `to`.
  void replace(double* gone, double* to) const noexcept {
    if (gone < to) {
      std::copy(gone + 1, to, gone);
      to[-1] = newest_;
    } else {
      std::copy_backward(to, gone, gone + 1);
      *to = newest_;
    }
  }

  std::int32_t next_slot() const noexcept {
    return shared_->slot == static_cast<std::int32_t>(values_.capacity()) ? 1 : shared_->slot + 1;
  }

  void put(double x) noexcept {
    if (row_ == nullptr) {
      shared_->slot = next_slot();
      tree_.insert(shared_->slot, x);
      return;
    }
    double* const end = row_ + shared_->count++;
    double* const at = std::upper_bound(row_, end, x);
    std::copy_backward(at, end, end + 1);
    *at = x;
  }

  void take_oldest() noexcept {
    if (row_ == nullptr) {
      tree_.erase(next_slot());  // slots are filled in turn
      return;
    }
    double* const end = row_ + shared_->count--;
    double* const at = std::lower_bound(row_, end, values_.oldest());
    std::copy(at + 1, end, at);
  }

  void order_anew() noexcept {
    *shared_ = {};
    tree_.clear();
    pushes_ = 0;
    const double* const newest = values_.window() + values_.capacity();
    for (const double* x = newest - held_; x != newest; ++x) put(*x + 0.0);
    if (held_ == values_.capacity()) take_oldest();
  }

  Ring<double> values_;
  Shared* shared_;
  RankTree tree_;
  double* row_;            // null where the order is the tree's
  double newest_ = 0.0;    // beside the order until the next push
  std::size_t place_ = 0;  // of the newest in the order
  std::size_t below_ = 0;
  std::size_t held_ = 0;
  std::uint64_t pushes_ = 0;
};

}  // namespace fastcore
