// Where two journals part: the first record that an engine would take otherwise. Where segments begin and which
// number a symbol has in them does not matter, nor do notes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "fastcore/record_diff.hpp"

namespace fastcore {

/// The first difference of two journals.
struct JournalDifference {
  std::int64_t tick = 0;  ///< ticks and quotes before it, in both
  std::int64_t ts = 0;    ///< of the first journal's tick, quote or bar, ns since 1970 UTC; 0 for none
  std::string symbol;     ///< empty for what concerns none
  std::string field;      ///< such as "price", or "record" where the kinds differ or one journal ends
  FieldValue a;
  FieldValue b;
};

/// Reads two journals in step, in constant memory. Throws JournalError, also for one that is damaged: what it held
/// cannot be told.
std::optional<JournalDifference> journal_difference(const std::string& a, const std::string& b);

}  // namespace fastcore
