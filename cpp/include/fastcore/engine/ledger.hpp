// The account of every tick: each one received ends in exactly one bucket, so that "where did tick N
// go?" has an answer, always.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>

namespace fastcore {

/// What became of a tick.
enum class Outcome : std::uint8_t {
  accepted,       ///< in order, taken by bars and indicators
  late_accepted,  ///< older than the newest tick, taken as the policy asks
  late_dropped,   ///< older than the newest tick, left out
  duplicate,      ///< seen before, left out
  invalid,        ///< a price or size that cannot be, left out
  rejected,       ///< refused with an error: a timestamp in the wrong unit, an unknown symbol
  held,           ///< waits for its order or for a second opinion; goes to another bucket later
};
inline constexpr const char* outcome_names[] = {"accepted", "late_accepted", "late_dropped", "duplicate",
                                                "invalid",  "rejected",      "held"};
inline constexpr std::size_t outcome_count = sizeof outcome_names / sizeof *outcome_names;

constexpr const char* outcome_name(Outcome outcome) noexcept {
  return outcome_names[static_cast<std::size_t>(outcome)];
}
constexpr bool taken(Outcome outcome) noexcept {
  return outcome == Outcome::accepted || outcome == Outcome::late_accepted;
}

/// Counts by outcome; `received` is counted at the door, the buckets behind it.
struct Ledger {
  std::uint64_t received = 0;
  std::array<std::uint64_t, outcome_count> buckets{};

  Outcome count(Outcome outcome) noexcept {
    ++buckets[static_cast<std::size_t>(outcome)];
    return outcome;
  }
  /// A tick that was held has been released, and is counted where it ends.
  void release() noexcept { --buckets[static_cast<std::size_t>(Outcome::held)]; }
  /// Whether each tick received is in one bucket.
  bool adds_up() const noexcept {
    return std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0}) == received;
  }
  Ledger& operator+=(const Ledger& other) noexcept {
    received += other.received;
    for (std::size_t i = 0; i < outcome_count; ++i) buckets[i] += other.buckets[i];
    return *this;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("received", received);
    // What is held follows from what holds it.
    for (std::size_t i = 0; i < static_cast<std::size_t>(Outcome::held); ++i) archive(outcome_names[i], buckets[i]);
  }
};

}  // namespace fastcore
