// Tick bars: every n ticks, or every n bars of another clock.
#pragma once

#include <cstdint>

#include "fastcore/bars/bar.hpp"

namespace fastcore {

class CountBars {
 public:
  explicit CountBars(std::int64_t count) noexcept : most_(count) {}

  template <class Emit>
  void on_tick(const Tick& tick, const Emit& emit) noexcept {
    add(tick, emit);
  }
  template <class Emit>
  void on_part(const Bar& part, std::int64_t, const Emit& emit) noexcept {
    add(part, emit);
  }
  Forming& forming() noexcept { return forming_; }
  const Forming& forming() const noexcept { return forming_; }
  /// The session is over: what forms is closed as it is.
  template <class Emit>
  void on_session_end(const Emit& emit) noexcept {
    parts_ = 0;
    forming_.cut(emit);
  }

  template <class Archive>
  void state(Archive& archive) {
    forming_.state(archive);
    archive("parts", parts_);
  }

 private:
  template <class Part, class Emit>
  void add(const Part& part, const Emit& emit) noexcept {
    forming_.add(part);
    if (++parts_ < most_) return;
    parts_ = 0;
    emit(forming_.close());
  }

  Forming forming_;
  std::int64_t most_;
  std::int64_t parts_ = 0;
};

}  // namespace fastcore
