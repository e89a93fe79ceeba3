// What closes a bar, read from the text that users write: "5m", "1d@America/New_York", "100tick", "50vol",
// "1e6value", "range:5", "renko:10", "tick_imbalance:100", "5m from 1m".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fastcore/engine/plan_error.hpp"

namespace fastcore {

enum class BarKind : std::uint8_t { time, count, amount, range, renko, imbalance, runs, heikin_ashi };
/// What of a tick is counted: itself, its size, or its price times its size.
enum class Measure : std::uint8_t { ticks, volume, value };

/// A bar spec, taken apart.
struct BarSpec {
  BarKind kind = BarKind::time;
  Measure measure = Measure::ticks;
  std::int64_t span = 0;      ///< of time bars, ns
  std::int64_t origin = 0;    ///< of time bars: ns by which boundaries lie after the multiples of the span
  std::string anchor;         ///< of time bars: time zone or calendar; empty for UTC
  double threshold = 0.0;     ///< of others: count, amount, difference of prices, or imbalance; above 0
  std::int64_t expected = 0;  ///< of adaptive thresholds: ticks that a bar is expected to have; 0: fixed
  std::int64_t memory = 0;    ///< and bars over which that is averaged
  std::string source;         ///< bars that these are made from; empty for ticks

  /// One text for all ways of writing the same.
  std::string identity() const;
};

/// Throws PlanError with the forms that there are.
BarSpec parse_bar_spec(const std::string& text);

/// Names of the time zones and calendars that a text needs; none for ticks. Throws PlanError.
std::vector<std::string> anchors_of(const std::string& text);

/// Nanoseconds of a time span such as "250ms", "1s", "5m", "1h", "1d"; throws PlanError.
std::int64_t parse_span(const std::string& text);

/// BarSpec::identity of a text; for ticks and for what this fastcore does not know the text itself.
std::string clock_identity(const std::string& text);

}  // namespace fastcore
