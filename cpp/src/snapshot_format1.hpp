// What format 1 had for indicators and the parts of a snapshot, as it was: tables of their fields.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fastcore/engine/snapshot.hpp"

namespace fastcore::format1 {

/// An indicator of format 1: inputs, outputs and the fields of its state. "average~" is a recurrence,
/// "window/s:period" a window over as many values as the parameter says, of sums about a shift (s) or plain (p).
struct Indicator1 {
  const char* name;
  const char* inputs;
  const char* outputs;
  const char* fields;
};

/// Windows that indicators shared: by what they gave, as bits, narrowest first.
inline constexpr unsigned gives_mean = 1, gives_moments = 3, gives_weighted = 5, gives_all = 7;
struct Window1 {
  const char* name;
  unsigned gives;
};
inline constexpr Window1 windows[] = {{"window:mean", gives_mean},
                                      {"window:moments", gives_moments},
                                      {"window:weighted", gives_weighted},
                                      {"window:moments_weighted", gives_all}};

inline constexpr const char* self_schema =
    "last_ts:whole outcome:choice(accepted|late_accepted|late_dropped|duplicate|invalid|rejected) "
    "ledger.received:whole ledger.accepted:whole ledger.late_accepted:whole ledger.late_dropped:whole "
    "ledger.duplicate:whole ledger.invalid:whole ledger.rejected:whole ";
inline constexpr const char* policy_schema = "order:choice(drop|reject|accept) invalid:choice(drop|raise) ";
inline constexpr const char* engine_schema =
    "history:whole max_symbols:whole policy.order:choice(drop|reject|accept) policy.invalid:choice(drop|raise) "
    "unplaced.received:whole unplaced.accepted:whole unplaced.late_accepted:whole unplaced.late_dropped:whole "
    "unplaced.duplicate:whole unplaced.invalid:whole unplaced.rejected:whole ";
inline constexpr const char* bars_schema =
    "forming.ts:whole forming.open:real forming.high:real forming.low:real forming.close:real "
    "forming.volume:real forming.count:whole newest:whole ";
inline constexpr const char* bar_schema = "ts:whole open:real high:real low:real close:real volume:real count:whole ";
inline constexpr const char* indicator_schema =
    "kernel:text params[ name:text value:real ] values[ output:text value:real ] schema:whole ";
inline constexpr std::size_t ledger_bytes = 7 * sizeof(std::int64_t);

/// The words of a text, between blanks.
std::vector<std::string> words(std::string_view text);
/// Throws SnapshotError for an indicator that format 1 did not have.
const Indicator1& indicator_named(const std::string& name);
/// What a node asked of a shared window; 0 for one that shared none.
unsigned asks(const std::string& name);
/// How many values a window holds: a parameter's value, or what follows from the period. Throws SnapshotError.
int window_size(const std::string& what, const std::vector<SavedParam>& params);
/// The schema of a state of format 1, from its fields in short. Throws SnapshotError.
std::string schema_1(const char* fields, const std::vector<SavedParam>& params);

}  // namespace fastcore::format1
