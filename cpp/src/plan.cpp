// What a plan is asked once it is made.
#include "fastcore/engine/plan.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>

#include "fastcore/text.hpp"

namespace fastcore {

std::int64_t parse_span(const std::string& text) {
  struct Unit {
    std::string_view name;
    std::int64_t ns;
  };
  static constexpr Unit units[] = {{"ms", 1'000'000},
                                   {"s", 1'000'000'000},
                                   {"m", 60'000'000'000},
                                   {"h", 3'600'000'000'000},
                                   {"d", 86'400'000'000'000}};
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  if (error == std::errc() && count > 0) {
    for (const Unit& one : units) {
      if (unit == one.name && count <= std::numeric_limits<std::int64_t>::max() / 4 / one.ns) return count * one.ns;
    }
  }
  throw PlanError("bar spec " + quoted(text) +
                  " is not a whole number above 0 and one of ms, s, m, h, d, such as '5m'");
}

std::string clock_identity(const std::string& text) {
  if (text.empty()) return text;
  try {
    return std::to_string(parse_span(text)) + "ns";
  } catch (const PlanError&) {
    return text;
  }
}

std::size_t Plan::column(const std::string& name) const {
  const auto found = std::find(columns_.begin(), columns_.end(), name);
  if (found == columns_.end()) throw PlanError("no column " + quoted(name) + "; the engine has " + listed(columns_));
  return static_cast<std::size_t>(found - columns_.begin());
}

std::size_t Plan::clock(const std::string& text) const {
  const std::int64_t span = parse_span(text);
  std::vector<std::string> known;
  for (std::size_t c = 1; c < clocks_.size(); ++c) {
    if (clocks_[c].span == span) return c;
    known.push_back(clocks_[c].text);
  }
  throw PlanError("no indicator runs on bars of " + quoted(text) + "; the engine has " +
                  (known.empty() ? "no bars" : listed(known)));
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
