// Ranges of the rules.
#include "fastcore/engine/policy.hpp"

#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>

#include "fastcore/check.hpp"
#include "fastcore/engine/jumps.hpp"

namespace fastcore {

namespace {

constexpr std::int64_t most_lateness = 86'400'000'000'000;  // a day
constexpr std::int64_t most_silence = 1000 * most_lateness;
constexpr std::int64_t most_ahead = 366 * most_lateness;
constexpr std::uint32_t most_remembered = 1U << 24;

/// Every rule with its name and range, once for all that walk over them.
template <class Rules, class Visit>
void each_rule(Rules& policy, const Visit& visit) {
  const auto last = [](auto rule) { return static_cast<double>(rule); };
  visit("order", policy.order, 0.0, last(OrderRule::revise));
  visit("invalid", policy.invalid, 0.0, last(InvalidRule::clamp));
  visit("duplicates", policy.duplicates, 0.0, last(DuplicateRule::value));
  visit("crossed", policy.crossed, 0.0, last(CrossedRule::accept));
  visit("sequence", policy.sequence, 0.0, last(SequenceRule::id));
  visit("fill", policy.fill, 0.0, last(FillRule::flat));
  visit("large_trades", policy.large_trades, 0.0, last(LargeTradeRule::split));
  visit("silence", policy.silence, 0.0, static_cast<double>(most_silence));
  visit("lateness", policy.lateness, 0.0, static_cast<double>(most_lateness));
  visit("ahead", policy.ahead, 0.0, static_cast<double>(most_ahead));
  visit("buffer_size", policy.buffer_size, 1.0, static_cast<double>(most_remembered));
  visit("revise_bars", policy.revise_bars, 1.0, 1024.0);
  visit("duplicate_window", policy.duplicate_window, 1.0, static_cast<double>(most_remembered));
  visit("jump_window", policy.jump_window, static_cast<double>(JumpFilter::least_window),
        static_cast<double>(JumpFilter::most_window));
  visit("jumps", policy.jumps, 0.0, 1e9);
}

void check_range(const char* name, double value, double least, double most) {
  if (value >= least && value <= most) return;
  throw std::invalid_argument("Policy: " + std::string(name) + " must be from " + plain(least) + " to " + plain(most) +
                              ", not " + plain(value));
}

}  // namespace

void check_policy(const Policy& policy) {
  each_rule(policy, [](const char* name, const auto& rule, double least, double most) {
    check_range(name, static_cast<double>(rule), least, most);
  });
}

void check_rule(const char* name, double value) {
  const Policy any;
  each_rule(any, [name, value](const std::string_view one, const auto&, double least, double most) {
    if (one == name) check_range(name, value, least, most);
  });
}

}  // namespace fastcore
