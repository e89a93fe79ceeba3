// What a plan is asked once it is made.
#include "fastcore/engine/plan.hpp"

#include <algorithm>

#include "fastcore/text.hpp"

namespace fastcore {

std::size_t Plan::column(const std::string& name) const {
  const auto found = std::find(columns_.begin(), columns_.end(), name);
  if (found == columns_.end()) throw PlanError("no column " + quoted(name) + "; the engine has " + listed(columns_));
  return static_cast<std::size_t>(found - columns_.begin());
}

std::size_t Plan::clock(const std::string& text) const {
  for (std::size_t c = 1; c < clocks_.size(); ++c) {
    if (clocks_[c].text == text) return c;  // as the plan has it: reading it as a bar spec took half of an on_bar
  }
  const std::string identity = parse_bar_spec(text).identity();
  std::vector<std::string> known;
  for (std::size_t c = 1; c < clocks_.size(); ++c) {
    if (clocks_[c].identity == identity) return c;
    known.push_back(clocks_[c].text);
  }
  throw PlanError("no indicator runs on bars of " + quoted(text) + "; the engine has " +
                  (known.empty() ? "no bars" : listed(known)));
}

std::size_t Plan::node_of(std::size_t column) const noexcept {
  std::size_t node = 0;
  while (column_source_[column] - wirings_[node].out >= states_[node].kernel->cell_count) ++node;  // below 0 is large
  return node;
}

bool Plan::all_ready(std::size_t clock, const std::byte* symbol, std::size_t& known) const noexcept {
  for (; known < state_count(clock); ++known) {
    const State& state = states_[first_state_[clock] + known];
    if (!state.kernel->ready(symbol + state.offset)) return false;
  }
  return true;
}

void Plan::make(std::byte* symbol) const {
  auto* const cells = reinterpret_cast<double*>(symbol);
  std::fill(cells, cells + columns_.size(), quiet_nan);
  for (const State& s : states_) s.kernel->make(symbol + s.offset, s.bytes, s.params);
}

}  // namespace fastcore
