// The parts of a tick's way through the engine, and a watch that is held to one tick to tell them apart. Only ticks
// of a sample meet it: the others pay one comparison for it, and none on the short way.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace fastcore {

/// Two whole calls, and the parts of both.
enum class Stage : std::uint8_t { on_tick, on_ticks, validate, bars, indicators };
inline constexpr std::size_t stage_count = 5;
inline constexpr std::array<const char*, stage_count> stage_names{"on_tick", "on_ticks", "validate", "bars",
                                                                  "indicators"};
constexpr std::size_t index_of(Stage stage) noexcept { return static_cast<std::size_t>(stage); }

/// What reading the clock takes at least, in ns: measured when the program starts, and taken off each part.
std::uint64_t clock_cost() noexcept;

class StageProbe {
 public:
  /// Begins with the checks of a tick.
  StageProbe() noexcept : since_(now()) { entered_[index_of(Stage::validate)] = true; }

  /// From here on the time is that of `stage`; gives the one before.
  Stage enter(Stage stage) noexcept {
    stop();
    entered_[index_of(stage)] = true;
    return std::exchange(stage_, stage);
  }
  /// The last part is over.
  void stop() noexcept {
    const std::uint64_t at = now();
    const std::uint64_t passed = at - since_;
    spent_[index_of(stage_)] += passed > clock_cost() ? passed - clock_cost() : 0;
    since_ = at;
  }

  bool entered(Stage stage) const noexcept { return entered_[index_of(stage)]; }
  /// ns in a stage.
  std::uint64_t spent(Stage stage) const noexcept { return spent_[index_of(stage)]; }
  std::uint64_t total() const noexcept {
    std::uint64_t all = 0;
    for (const std::uint64_t one : spent_) all += one;
    return all;
  }

  static std::uint64_t now() noexcept {
    return static_cast<std::uint64_t>(
        std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count());
  }

 private:
  Stage stage_ = Stage::validate;
  std::array<std::uint64_t, stage_count> spent_{};
  std::array<bool, stage_count> entered_{};
  std::uint64_t since_;
};

/// A part within a part, as long as it lives; nothing where no probe is held to the tick.
class StagePart {
 public:
  StagePart(StageProbe* probe, Stage stage) noexcept : probe_(probe) {
    if (probe_ != nullptr) before_ = probe_->enter(stage);
  }
  StagePart(const StagePart&) = delete;
  StagePart& operator=(const StagePart&) = delete;
  ~StagePart() {
    if (probe_ != nullptr) probe_->enter(before_);
  }

 private:
  StageProbe* probe_;
  Stage before_ = Stage::validate;
};

}  // namespace fastcore
