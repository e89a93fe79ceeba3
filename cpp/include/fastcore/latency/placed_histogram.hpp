// A histogram that may be moved while it is in use: from its owner's memory to a page that other processes read.
#pragma once

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "fastcore/latency/histogram.hpp"

namespace fastcore {

class PlacedHistogram {
 public:
  PlacedHistogram() = default;
  explicit PlacedHistogram(const Histogram& records) : own_(records) {}
  PlacedHistogram(const PlacedHistogram&) = delete;
  PlacedHistogram& operator=(const PlacedHistogram&) = delete;

  /// Where it is recorded now.
  Histogram& get() noexcept { return *at_.load(std::memory_order_acquire); }
  const Histogram& get() const noexcept { return *at_.load(std::memory_order_acquire); }

  /// Records into `place` from now on, which gets what there is; `keeper` keeps that memory. Other threads may record
  /// meanwhile: what they count in that moment may stay behind, and nothing else is lost.
  void move_to(Histogram* place, std::shared_ptr<void> keeper) {
    keepers_.push_back(std::move(keeper));
    *place = get().copy();
    at_.store(place, std::memory_order_release);
  }

 private:
  Histogram own_;
  std::atomic<Histogram*> at_{&own_};
  std::vector<std::shared_ptr<void>> keepers_;  // of every place: a thread may still record into one that was left
};

}  // namespace fastcore
