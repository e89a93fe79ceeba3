// Stages: a tick whose parts are timed leaves the bits that it leaves untimed, and its parts are those it went through.
#include <memory>

#include "allocations.hpp"
#include "engines.hpp"
#include "fastcore/latency/placed_histogram.hpp"
#include "fastcore/latency/stages.hpp"

using namespace fastcore;
using namespace fastcore::testing;

namespace {

std::string state(Symbol& symbol) {
  ByteWriter out;
  SchemaTable schemas;
  symbol.save(schemas, out);
  return out.take();
}

std::vector<NodeSpec> of_ticks() { return {node("sma", "SMA", {5}), node("macd", "MACD", {3, 6, 2})}; }
std::vector<NodeSpec> of_bars() {
  return {node("sma", "SMA", {5}), node("atr", "ATR", {3}, "5s"), node("slow", "EMA", {3}, "", {"atr"})};
}

Policy policy_of(OrderRule rule) {
  Policy policy;
  policy.order = rule;
  if (rule == OrderRule::buffer || rule == OrderRule::revise) policy.lateness = 5 * second;
  return policy;
}

/// Some come out of order, some are no ticks.
std::vector<Tick> untidy() {
  auto ticks = trades(3000, 77);
  for (std::size_t i = 10; i < ticks.size(); i += 17) ticks[i].ts -= 3 * second;
  for (std::size_t i = 5; i < ticks.size(); i += 101) ticks[i].price = -1.0;
  return ticks;
}

}  // namespace

TEST_CASE("a tick that is timed leaves the same bits") {
  for (const bool bars : {false, true}) {
    for (const OrderRule rule : {OrderRule::drop, OrderRule::accept, OrderRule::buffer, OrderRule::revise}) {
      CAPTURE(bars);
      CAPTURE(static_cast<int>(rule));
      Engine::Options options;
      options.policy = policy_of(rule);
      Engine plain(bars ? of_bars() : of_ticks(), options);
      Engine timed(bars ? of_bars() : of_ticks(), options);
      Symbol& one = *plain.symbol("A");
      Symbol& other = *timed.symbol("A");
      Random random(5);
      for (const Tick& tick : untidy()) {
        StageProbe probe;
        const Outcome expected = one.on_tick(tick);
        REQUIRE((whole(random, 0, 2) == 0 ? other.on_tick(tick, probe) : other.on_tick(tick)) == expected);
        REQUIRE(first_difference(row_of(one), row_of(other)) == row_of(one).size());
      }
      CHECK(state(one) == state(other));
    }
  }
}

TEST_CASE("parts are those that a tick went through") {
  Engine engine(of_bars(), {});
  Symbol& symbol = *engine.symbol("A");
  StageProbe taken;
  CHECK(symbol.on_tick({start, 100.0, 1.0}, taken) == Outcome::accepted);
  for (const Stage part : {Stage::validate, Stage::bars, Stage::indicators}) CHECK(taken.entered(part));
  StageProbe late;
  CHECK(symbol.on_tick({start - 1, 100.0, 1.0}, late) == Outcome::late_dropped);
  CHECK(late.entered(Stage::validate));
  CHECK_FALSE(late.entered(Stage::bars));
  CHECK_FALSE(late.entered(Stage::indicators));
  Engine simple(of_ticks(), {});
  StageProbe ticks;
  CHECK(simple.symbol("A")->on_tick({start, 100.0, 1.0}, ticks) == Outcome::accepted);
  CHECK_FALSE(ticks.entered(Stage::bars));
  CHECK(ticks.total() == ticks.spent(Stage::validate) + ticks.spent(Stage::indicators));
}

TEST_CASE("an engine times a sample, and the parts of every fourth of it, and allocates nothing for it") {
  Engine engine(of_bars(), {});
  const auto ticks = trades(std::size_t{64} * Engine::sampling, 8);
  const std::vector<Symbol*> table{engine.symbol("A").get()};
  engine.on_ticks(ticks.data(), 100, table, nullptr, nullptr);
  const std::size_t before = allocations();
  engine.on_ticks(ticks.data() + 100, ticks.size() - 100, table, nullptr, nullptr);
  CHECK(allocations() == before);
  CHECK(engine.latency(Stage::on_ticks)->get().count() == 64);
  CHECK(engine.latency(Stage::on_tick)->get().count() == 0);
  for (const Stage part : {Stage::validate, Stage::bars, Stage::indicators})
    CHECK(engine.latency(part)->get().count() == 16);
}

TEST_CASE("a histogram that is moved keeps its records and goes on in its new place") {
  PlacedHistogram histogram;
  histogram.get().record(100);
  histogram.get().record(7000);
  auto page = std::make_shared<Histogram>();
  histogram.move_to(page.get(), page);
  histogram.get().record(100);
  CHECK(page->count() == 3);
  CHECK(page->in_bucket(Histogram::bucket(100)) == 2);
  CHECK(page->sum() == 7200);
  CHECK(page->max() == 7000);
  const std::weak_ptr<Histogram> kept = page;
  page.reset();
  CHECK_FALSE(kept.expired());
  CHECK(histogram.get().copy().count() == 3);
}
