// Spans by the clocks on the wall, which jump, and within sessions.
#include "fastcore/bars/time_grid.hpp"

#include <algorithm>
#include <limits>

#include "fastcore/engine/plan_error.hpp"
#include "fastcore/text.hpp"

namespace fastcore {

namespace {

constexpr std::int64_t farthest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t day = 86'400'000'000'000;

/// The sum, or the last nanosecond that 64 bits hold.
std::int64_t sum(std::int64_t a, std::int64_t b) noexcept {
  std::int64_t total = 0;
  return __builtin_add_overflow(a, b, &total) ? farthest : total;
}

}  // namespace

std::size_t Almanac::at(std::int64_t ts) const noexcept {
  const auto after =
      std::upper_bound(entries.begin(), entries.end(), ts, [](std::int64_t t, const Entry& e) { return t < e.from; });
  return after == entries.begin() ? 0 : static_cast<std::size_t>(after - entries.begin()) - 1;
}

void Almanac::check(const std::string& name) const {
  const auto refuse = [&](const std::string& why) {
    throw PlanError((sessions ? "the calendar " : "the time zone ") + quoted(name) + " " + why);
  };
  if (entries.empty()) refuse("has no entries");
  if (entries.size() > most_entries) refuse("has more than " + std::to_string(most_entries) + " entries");
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i > 0 && entries[i].from <= entries[i - 1].from) refuse("is not in the order of time");
    if (entries[i].from < -36500 * day) refuse("begins before 1871");
    if (!sessions && (entries[i].value < -2 * day || entries[i].value > 2 * day))
      refuse("is more than two days from UTC");
    if (sessions && entries[i].value < 0) refuse("has a session with a number below 0");
  }
}

Span TimeGrid::plain(std::int64_t ts, std::int64_t origin) const noexcept {
  std::int64_t into = (ts - origin) % span_;
  if (into < 0) into += span_;
  return {ts - into, sum(ts - into, span_ - 1)};
}

/// Whether the span that begins at local time `start` goes on over the beginning of an entry. Clocks that are put
/// back by whole spans show them twice: those are two.
bool TimeGrid::runs_on(std::size_t entry, std::int64_t start) const noexcept {
  const Almanac::Entry& before = almanac_->entries[entry - 1];
  const Almanac::Entry& after = almanac_->entries[entry];
  if ((after.value - before.value) % span_ == 0 && after.value != before.value) return false;
  return local_start(after.from - 1 + before.value) == start && local_start(after.from + after.value) == start;
}

Span TimeGrid::in_zone(std::int64_t ts) const noexcept {
  const auto& entries = almanac_->entries;
  const std::size_t here = almanac_->at(ts);
  const std::int64_t start = local_start(sum(ts, entries[here].value));
  Span span{start - entries[here].value, sum(start, span_ - 1 - entries[here].value)};
  for (std::size_t k = here; k > 0 && span.first <= entries[k].from; --k) {
    if (!runs_on(k, start)) {
      span.first = entries[k].from;
      break;
    }
    span.first = start - entries[k - 1].value;
  }
  for (std::size_t k = here + 1; k < entries.size() && span.last >= entries[k].from - 1; ++k) {
    if (!runs_on(k, start)) {
      span.last = entries[k].from - 1;
      break;
    }
    span.last = sum(start, span_ - 1 - entries[k].value);
  }
  return span;
}

/// From the beginning of the session, or of the time between two; what the calendar does not know is as in UTC.
Span TimeGrid::in_session(std::int64_t ts) const noexcept {
  const auto& entries = almanac_->entries;
  const std::size_t here = almanac_->at(ts);
  if (ts < entries[0].from) {
    const Span span = plain(ts, 0);
    return {span.first, std::min(span.last, entries[0].from - 1)};
  }
  if (here + 1 == entries.size()) {
    const Span span = plain(ts, 0);
    return {std::max(span.first, entries[here].from), span.last};
  }
  const Span whole{entries[here].from, entries[here + 1].from - 1};
  if (span_ >= day) return whole;
  const std::int64_t first = whole.first + (ts - whole.first) / span_ * span_;
  return {first, std::min(sum(first, span_ - 1), whole.last)};
}

}  // namespace fastcore
