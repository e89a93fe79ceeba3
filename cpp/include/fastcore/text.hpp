// Names in error messages.
#pragma once

#include <string>
#include <vector>

namespace fastcore {

/// A name between quotes.
inline std::string quoted(const std::string& text) { return "'" + text + "'"; }

/// Names with commas between.
inline std::string listed(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

}  // namespace fastcore
