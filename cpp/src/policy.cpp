// Ranges and saved form of the rules.
#include "fastcore/engine/policy.hpp"

#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "fastcore/check.hpp"
#include "fastcore/engine/jumps.hpp"

namespace fastcore {

namespace {

constexpr std::int64_t most_lateness = 86'400'000'000'000;  // a day
constexpr std::uint32_t most_remembered = 1U << 24;

/// Every rule with its name and range, once for all that walk over them.
template <class Rules, class Visit>
void each_rule(Rules& policy, const Visit& visit) {
  const auto last = [](auto rule) { return static_cast<double>(rule); };
  visit("order", policy.order, 0.0, last(OrderRule::buffer));
  visit("invalid", policy.invalid, 0.0, last(InvalidRule::clamp));
  visit("duplicates", policy.duplicates, 0.0, last(DuplicateRule::value));
  visit("crossed", policy.crossed, 0.0, last(CrossedRule::accept));
  visit("lateness", policy.lateness, 0.0, static_cast<double>(most_lateness));
  visit("buffer_size", policy.buffer_size, 1.0, static_cast<double>(most_remembered));
  visit("duplicate_window", policy.duplicate_window, 1.0, static_cast<double>(most_remembered));
  visit("jump_window", policy.jump_window, static_cast<double>(JumpFilter::least_window),
        static_cast<double>(JumpFilter::most_window));
  visit("jumps", policy.jumps, 0.0, 1e9);
}

}  // namespace

void check_policy(const Policy& policy) {
  each_rule(policy, [](const char* name, const auto& rule, double least, double most) {
    const auto value = static_cast<double>(rule);
    if (value >= least && value <= most) return;
    throw std::invalid_argument("Policy: " + std::string(name) + " must be from " + plain(least) + " to " +
                                plain(most) + ", not " + plain(value));
  });
}

void save_policy(const Policy& policy, ByteWriter& out) {
  std::uint32_t count = 0;
  each_rule(policy, [&](const char*, const auto&, double, double) { ++count; });
  out.number(count);
  each_rule(policy, [&](const char* name, const auto& rule, double, double) {
    out.text(name);
    out.number(static_cast<double>(rule));
  });
}

Policy load_policy(ByteReader& in) {
  Policy policy;
  for (std::size_t left = in.count(12); left > 0; --left) {
    const std::string saved = in.text();
    const double value = in.number<double>();
    bool known = false;
    each_rule(policy, [&](const char* name, auto& rule, double least, double most) {
      if (saved != name) return;
      known = true;
      if (!(value >= least && value <= most))
        throw SnapshotError("the snapshot holds the policy " + saved + "=" + plain(value) + ", which cannot be");
      using Rule = std::remove_reference_t<decltype(rule)>;
      if constexpr (std::is_enum_v<Rule>) {
        rule = static_cast<Rule>(static_cast<std::uint8_t>(value));
      } else {
        rule = static_cast<Rule>(value);
      }
    });
    if (!known) throw SnapshotError("the snapshot holds the policy " + saved + ", which this fastcore does not know");
  }
  return policy;
}

}  // namespace fastcore
