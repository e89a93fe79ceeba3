// Which columns of a restored engine start anew, since the snapshot had no state for them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace fastcore {

/// A column that starts anew after a restore, and why: the rest of a sentence.
struct ColdColumn {
  std::size_t column;
  std::string why;
};

/// In row order; one list for all symbols that were restored together.
using ColdColumns = std::shared_ptr<const std::vector<ColdColumn>>;

inline ColdColumns no_cold_columns() {
  static const auto none = std::make_shared<const std::vector<ColdColumn>>();
  return none;
}

}  // namespace fastcore
