// Where two snapshots part: which symbol, which indicator, which field. What they say is compared, not how it
// is written: a NaN is a NaN, and an older format that says the same is equal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fastcore/record_diff.hpp"

namespace fastcore {

/// The first field in which two snapshots differ.
struct SnapshotDifference {
  /// The symbol's ticks on one side.
  struct Ticks {
    std::int64_t received = 0;
    std::int64_t last_ts = 0;  ///< ns since 1970 UTC
  };
  std::string symbol;     ///< empty: of the whole
  std::string indicator;  ///< its name in the plan, or "bars 1m"; empty: of the symbol, or of the whole
  std::string field;      ///< such as "ledger.received", "value", "macd" or "state.average.values[3]"
  FieldValue a;
  FieldValue b;
  Ticks ticks_a;
  Ticks ticks_b;
};

/// Compares two snapshots of one kind: what they are, then symbol by symbol in the order of `a`; of each symbol the
/// ledger, then by indicator its values and its state, then bars, and history where both hold it. Throws
/// SnapshotError for what is no snapshot, or was damaged.
std::optional<SnapshotDifference> snapshot_difference(std::string_view a, std::string_view b);

}  // namespace fastcore
