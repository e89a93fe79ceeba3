// Bars of every kind take nothing from the heap, and lose nothing between them; spans of a zone part time without a
// hole.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "allocations.hpp"
#include "engines.hpp"

using namespace fastcore;           // NOLINT(google-build-using-namespace): a test file
using namespace fastcore::testing;  // NOLINT(google-build-using-namespace)

namespace {

constexpr const char* bar_kinds[] = {"1m",
                                     "5s@+2s",
                                     "7tick",
                                     "100vol",
                                     "1e4value",
                                     "range:0.5",
                                     "renko:0.3",
                                     "tick_imbalance:10",
                                     "vol_runs:adaptive:20:5",
                                     "5m from 1m",
                                     "3bar from 7tick",
                                     "heikin_ashi from 1m",
                                     "1h@zone",
                                     "1h@market"};

/// An hour back at the beginning of the ticks, and two sessions of ten minutes.
Almanacs almanacs() {
  Almanac zone;
  zone.entries = {{0, 3600 * second}, {start + 60 * second, 0}};
  Almanac market;
  market.sessions = true;
  market.entries = {
      {start - 60 * second, 1}, {start + 540 * second, 0}, {start + 700 * second, 2}, {start + 1300 * second, 0}};
  return {{"zone", std::make_shared<const Almanac>(zone)}, {"market", std::make_shared<const Almanac>(market)}};
}

std::vector<NodeSpec> all_kinds() {
  std::vector<NodeSpec> specs;
  specs.reserve(std::size(bar_kinds));
  for (const char* const kind : bar_kinds)
    specs.push_back(node(("on " + std::to_string(specs.size())).c_str(), "SMA", {1}, kind));
  return specs;
}

Engine::Options options_of(OrderRule order, LargeTradeRule large) {
  Engine::Options options;
  options.history = 5000;
  options.policy.order = order;
  options.policy.large_trades = large;
  options.policy.fill = FillRule::flat;
  options.policy.silence = 60 * second;
  options.policy.sequence = SequenceRule::id;
  return options;
}

}  // namespace

TEST_CASE("no kind of bar allocates at a tick, late or not, nor at the word of time or a gap") {
  for (const OrderRule order : {OrderRule::drop, OrderRule::accept, OrderRule::revise}) {
    for (const LargeTradeRule large : {LargeTradeRule::whole, LargeTradeRule::split}) {
      Engine engine(all_kinds(), options_of(order, large), almanacs());
      Symbol& symbol = *engine.symbol("A");
      auto ticks = trades(2000, 1700);
      for (std::size_t i = 5; i < ticks.size(); i += 9) ticks[i].ts = ticks[i - 5].ts;
      const std::size_t before = allocations();
      for (const Tick& tick : ticks) {
        symbol.on_tick(tick);
        if (tick.size == 7.0) symbol.on_time(tick.ts + second);
        if (tick.size == 9.0) symbol.on_gap(Gap::feed);
      }
      CHECK(allocations() == before);
      CHECK(symbol.ledger().adds_up());
      CHECK(symbol.bars(1).size() > 20);
    }
  }
}

TEST_CASE("what goes into bars is in them: volume, value and ticks") {
  for (const LargeTradeRule large : {LargeTradeRule::whole, LargeTradeRule::split}) {
    Engine engine(all_kinds(), options_of(OrderRule::drop, large), almanacs());
    Symbol& symbol = *engine.symbol("A");
    double volume = 0.0;
    double value = 0.0;
    const auto ticks = trades(3000, 1800);
    for (const Tick& tick : ticks) {
      symbol.on_tick(tick);
      volume += tick.size;
      value += tick.price * tick.size;
    }
    for (const char* const kind : bar_kinds) {
      CAPTURE(kind);
      const std::size_t clock = engine.plan().clock(kind);
      Bar sum = symbol.forming(clock);
      const BarHistory& closed = symbol.bars(clock);
      REQUIRE(closed.size() == closed.generation());
      for (std::size_t k = 0; k < closed.size(); ++k) {
        const Bar& bar = closed.last(closed.size())[k];
        sum.volume += bar.volume;
        sum.value += bar.value;
        sum.count += bar.count;
        CHECK(bar.low <= bar.high);
        CHECK(bar.first_ts <= bar.last_ts);
      }
      CHECK(sum.count == static_cast<std::int64_t>(ticks.size()));
      CHECK(sum.volume == doctest::Approx(volume).epsilon(1e-12));
      CHECK(sum.value == doctest::Approx(value).epsilon(1e-12));
    }
  }
}

TEST_CASE("a grid parts time without a hole, by UTC, a zone and a calendar") {
  const Almanacs known = almanacs();
  const TimeGrid grids[] = {{60 * second, 0},
                            {3600 * second, 1800 * second},
                            {3600 * second, 0, known.at("zone")},
                            {7000 * second, 0, known.at("zone")},
                            {86400 * second, 0, known.at("zone")},
                            {420 * second, 0, known.at("market")},
                            {86400 * second, 0, known.at("market")}};
  for (const TimeGrid& grid : grids) {
    std::int64_t at = start - 5000 * second;
    for (int i = 0; i < 40; ++i) {
      const Span span = grid.at(at);
      REQUIRE(span.first <= at);
      REQUIRE(at <= span.last);
      for (const std::int64_t inside : {span.first, span.first + (span.last - span.first) / 2, span.last}) {
        CHECK(grid.at(inside).first == span.first);
        CHECK(grid.at(inside).last == span.last);
      }
      at = span.last + 1;
    }
  }
  const Span last = grids[1].at(std::numeric_limits<std::int64_t>::max());
  CHECK(last.last == std::numeric_limits<std::int64_t>::max());
}

TEST_CASE("an almanac that cannot be is refused by its name") {
  const auto refused = [](bool sessions, std::vector<Almanac::Entry> entries, const char* sentence) {
    Almanac one;
    one.sessions = sessions;
    one.entries = std::move(entries);
    CHECK_THROWS_WITH_AS(one.check("x"), sentence, PlanError);
  };
  refused(false, {}, "the time zone 'x' has no entries");
  refused(false, {{5, 0}, {5, 1}}, "the time zone 'x' is not in the order of time");
  refused(false, {{0, 3 * 86'400'000'000'000}}, "the time zone 'x' is more than two days from UTC");
  refused(true, {{0, -1}}, "the calendar 'x' has a session with a number below 0");
  refused(true, {{std::numeric_limits<std::int64_t>::min(), 1}}, "the calendar 'x' begins before 1871");
}
