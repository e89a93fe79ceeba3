// Plans: what is asked for twice is computed once, chains come in order, and what cannot be is refused.
#include "engines.hpp"

using namespace fastcore;
using namespace fastcore::testing;

namespace {

/// Every kernel with many parameters, some of them twice, so that windows are shared in all ways there are.
std::vector<NodeSpec> everything(const char* clock) {
  std::vector<NodeSpec> specs;
  const auto add = [&](const Kernel& kernel, const ParamValues& params) {
    specs.push_back({std::string(kernel.name) + " " + std::to_string(specs.size()), &kernel, params, clock, {}});
  };
  for (const CatalogueEntry& entry : catalogue()) {
    for (const ParamValues& params : parameters(*entry.kernel, 1200, 3)) add(*entry.kernel, params);
    for (const double period : {20.0, 33.0}) {
      ParamValues params = defaults(*entry.kernel);
      if (entry.kernel->param_count > 0 && entry.kernel->params[0].most >= period) params[0] = period;
      if (entry.kernel->invalid(params) == nullptr) add(*entry.kernel, params);
    }
  }
  return specs;
}

std::size_t node_count(std::vector<NodeSpec> specs) { return Plan(std::move(specs)).node_count(); }

}  // namespace

TEST_CASE("columns are named after the indicators, in the order written") {
  const Plan plan({node("rsi", "RSI", {14}), node("macd", "MACD", {12, 26, 9}), node("sma", "SMA", {20}, "1m")});
  CHECK(plan.columns() == std::vector<std::string>{"rsi", "macd.macd", "macd.signal", "macd.hist", "sma"});
  CHECK(plan.column("rsi") == 0);
  CHECK(plan.column("macd.hist") == 3);
  CHECK(plan.clock_of(0) == 0);
  CHECK(plan.clock_of(4) == plan.clock("1m"));
  CHECK(plan.clock("60s") == plan.clock("1m"));
  CHECK_THROWS_WITH_AS(plan.column("macd"),
                       "no column 'macd'; the engine has rsi, macd.macd, macd.signal, macd.hist, sma", PlanError);
  CHECK_THROWS_WITH_AS(plan.clock("5m"), "no indicator runs on bars of '5m'; the engine has 1m", PlanError);
  CHECK_THROWS_AS(plan.clock(""), PlanError);
}

TEST_CASE("a row is NaN before the first tick") {
  Engine engine(everything(""), {});
  for (const double x : row_of(*engine.symbol("A"))) CHECK(std::isnan(x));
}

TEST_CASE("in a plan, each indicator says what it says on its own, bit for bit, whatever it shares") {
  for (const char* clock : {"", "1m"}) {
    CAPTURE(clock);
    const auto specs = everything(clock);
    std::vector<Indicator> alone;
    alone.reserve(specs.size());
    for (const NodeSpec& spec : specs) alone.emplace_back(*spec.kernel, spec.params);
    Engine engine(specs, {});
    Symbol& symbol = *engine.symbol("A");
    const auto ticks = trades(*clock == '\0' ? 900 : 9000, 1201);
    const auto bars = bars_of(ticks, 60 * second);
    if (*clock != '\0') REQUIRE(bars.size() > 150);
    std::size_t closed = 0;
    for (const Tick& tick : ticks) {
      REQUIRE(symbol.on_tick(tick) == Outcome::accepted);
      if (*clock == '\0') {
        for (std::size_t i = 0; i < alone.size(); ++i) alone[i].update(inputs_of(*specs[i].kernel, tick).data());
      } else {
        if (bars[closed].ts + 60 * second > tick.ts) continue;
        for (std::size_t i = 0; i < alone.size(); ++i)
          alone[i].update(inputs_of(*specs[i].kernel, bars[closed]).data());
        ++closed;
      }
      for (std::size_t i = 0; i < alone.size(); ++i) require_column(symbol, first_column(specs[i]), alone[i]);
    }
  }
}

TEST_CASE("equal indicators are one node") {
  const auto rsi = node("rsi", "RSI", {14});
  const auto again = node("again", "RSI", {14});
  CHECK(node_count({rsi, again}) == node_count({rsi}));
  const auto one = node_count({rsi});
  CHECK(node_count({rsi, node("other", "RSI", {15})}) == 2 * one);
  CHECK(node_count({rsi, node("other", "RSI", {14}, "1m")}) == 2 * one);
  CHECK(node_count({rsi, node("other", "RSI", {14}, "", {"rsi"})}) == 2 * one);
  CHECK(node_count({rsi, node("other", "EMA", {14})}) == 2 * one);
  // Twice on equal bars, written differently, and of two that are one.
  CHECK(node_count({node("a", "RSI", {14}, "1m"), node("b", "RSI", {14}, "60s")}) == one);
  CHECK(node_count({rsi, again, node("a", "EMA", {9}, "", {"rsi"}), node("b", "EMA", {9}, "", {"again"})}) == 2 * one);

  Engine engine({node("b", "EMA", {9}, "", {"again"}), rsi, again, node("a", "EMA", {9}, "", {"rsi"})}, {});
  Symbol& symbol = *engine.symbol("A");
  Indicator lone_rsi(*find_kernel("RSI"), {14});
  Indicator lone_ema(*find_kernel("EMA"), {9});
  for (const Tick& tick : trades(300, 1210)) {
    symbol.on_tick(tick);
    lone_rsi.update(&tick.price);
    lone_ema.update(lone_rsi.value());
    for (const char* column : {"rsi", "again"}) require_column(symbol, column, lone_rsi);
    for (const char* column : {"a", "b"}) require_column(symbol, column, lone_ema);
  }
  CHECK(std::isfinite(lone_ema.value()[0]));
}

TEST_CASE("equal windows are kept once") {
  const auto bytes = [](std::vector<NodeSpec> specs) { return Plan(std::move(specs)).symbol_bytes(); };
  const std::vector<NodeSpec> all = {node("sma", "SMA", {2000}), node("bbands", "BBANDS", {2000, 2, 2}),
                                     node("std", "STDDEV", {2000, 1}), node("zscore", "ZSCORE", {2000}),
                                     node("wide", "BBANDS", {2000, 3, 3})};
  std::size_t separate = 0;
  std::size_t largest = 0;
  for (const NodeSpec& spec : all) {
    separate += bytes({spec});
    largest = std::max(largest, bytes({spec}));
  }
  CHECK(separate > 4 * largest);
  CHECK(bytes(all) < largest + largest / 4);
  // Of another period, input or clock the window is another.
  for (const NodeSpec& other : {node("x", "STDDEV", {1999, 1}), node("x", "STDDEV", {2000, 1}, "1m"),
                                node("x", "STDDEV", {2000, 1}, "", {"zscore"})}) {
    CHECK(bytes({all[3], other}) > largest + largest / 2);
  }
}

TEST_CASE("chains run in the order of their links, however they were written") {
  Engine engine({node("d", "ATR", {5}, "", {"c.upper", "c.lower", "b"}), node("c", "BBANDS", {10, 2, 1}, "", {"b"}),
                 node("b", "EMA", {9}, "", {"a.hist"}), node("a", "MACD", {12, 26, 9}),
                 node("deviation", "STDDEV", {10, 2}, "", {"b"})},
                {});
  Symbol& symbol = *engine.symbol("A");
  Indicator a(*find_kernel("MACD"), {12, 26, 9});
  Indicator b(*find_kernel("EMA"), {9});
  Indicator c(*find_kernel("BBANDS"), {10, 2, 1});
  Indicator d(*find_kernel("ATR"), {5});
  Indicator deviation(*find_kernel("STDDEV"), {10, 2});
  for (const Tick& tick : trades(400, 1220)) {
    symbol.on_tick(tick);
    a.update(&tick.price);
    b.update(a.value() + 2);
    c.update(b.value());
    deviation.update(b.value());
    const double bar[] = {c.value()[0], c.value()[2], b.value()[0]};
    d.update(bar);
    require_column(symbol, "a.macd", a);
    require_column(symbol, "b", b);
    require_column(symbol, "c.upper", c);
    require_column(symbol, "d", d);
    require_column(symbol, "deviation", deviation);
  }
  CHECK(d.ready());
  CHECK(std::isfinite(d.value()[0]));
}

TEST_CASE("a chain leaves out the rows for which its parent has no value, at any time") {
  // Without volume VWAP has none: here long after everything has settled.
  Engine engine({node("vwap", "VWAP", {3}), node("ema", "EMA", {4}, "", {"vwap"}),
                 node("std", "STDDEV", {10, 1}, "", {"vwap"}), node("sma", "SMA", {3}, "", {"ema"})},
                {});
  Symbol& symbol = *engine.symbol("A");
  Indicator vwap(*find_kernel("VWAP"), {3});
  Indicator ema(*find_kernel("EMA"), {4});
  Indicator deviation(*find_kernel("STDDEV"), {10, 1});
  Indicator sma(*find_kernel("SMA"), {3});
  const auto ticks = trades(300, 1225);
  std::size_t without = 0;
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    Tick tick = ticks[i];
    tick.size = i / 7 % 3 == 2 ? 0.0 : tick.size + 1.0;
    symbol.on_tick(tick);
    vwap.update(inputs_of(vwap.kernel(), tick).data());
    ema.update(vwap.value());
    deviation.update(vwap.value());
    sma.update(ema.value());
    without += std::isnan(vwap.value()[0]) ? 1 : 0;
    require_column(symbol, "vwap", vwap);
    require_column(symbol, "ema", ema);
    require_column(symbol, "std", deviation);
    require_column(symbol, "sma", sma);
  }
  CHECK(without > 50);
  CHECK(std::isfinite(sma.value()[0]));
}

TEST_CASE("a chain runs on the clock of its parent") {
  Engine engine({node("slow", "EMA", {3}, "", {"rsi"}), node("rsi", "RSI", {5}, "1m")}, {});
  CHECK(engine.plan().clock_of(0) == engine.plan().clock("1m"));
  Symbol& symbol = *engine.symbol("A");
  Indicator rsi(*find_kernel("RSI"), {5});
  Indicator slow(*find_kernel("EMA"), {3});
  const auto ticks = trades(3000, 1230);
  const auto bars = bars_of(ticks, 60 * second);
  std::size_t closed = 0;
  for (const Tick& tick : ticks) {
    symbol.on_tick(tick);
    if (bars[closed].ts + 60 * second <= tick.ts) slow.update(rsi.update(&bars[closed++].close));
    require_column(symbol, "rsi", rsi);
    require_column(symbol, "slow", slow);
  }
  CHECK(std::isfinite(slow.value()[0]));
}

TEST_CASE("what cannot be a plan is refused in a sentence") {
  const auto refuse = [](std::vector<NodeSpec> specs, const char* sentence) {
    CHECK_THROWS_WITH_AS(Plan(std::move(specs)), sentence, PlanError);
  };
  const auto a = node("a", "SMA", {5});
  refuse({}, "an engine needs at least one indicator");
  refuse({node("a", "SMA", {5}, "", {"a"})}, "the plan has a cycle: a -> a");
  refuse({node("a", "SMA", {5}, "", {"b"}), node("b", "SMA", {5}, "", {"a"})}, "the plan has a cycle: a -> b -> a");
  refuse({node("x", "SMA", {5}), node("a", "SMA", {5}, "", {"b"}), node("b", "SMA", {5}, "", {"c"}),
          node("c", "ATR", {5}, "", {"x", "x", "a"})},
         "the plan has a cycle: a -> b -> c -> a");
  refuse({a, node("b", "SMA", {5}, "", {"c"})}, "'b' is of 'c', which is not in the plan; it has a, b");
  refuse({node("m", "MACD", {12, 26, 9}), node("b", "SMA", {5}, "", {"m"})},
         "'b' is of 'm', which has several outputs: choose one of 'm.macd', 'm.signal', 'm.hist'");
  refuse({node("m", "MACD", {12, 26, 9}), node("b", "SMA", {5}, "", {"m.histogram"})},
         "'b' is of 'm.histogram', which is not in the plan; it has m.macd, m.signal, m.hist, b");
  refuse({a, node("b", "ATR", {5}, "", {"a"})}, "'b': ATR takes 3 inputs, but .of() names 1");
  refuse({a, node("b", "SMA", {5}, "", {"a", "a"})}, "'b': SMA takes 1 inputs, but .of() names 2");
  refuse({a, node("b", "SMA", {5}, "1m", {"a"})}, "'b' is of 'a' and runs on its clock: leave out .on(\"1m\")");
  refuse({a, node("b", "SMA", {5}, "1m"), node("c", "DONCHIAN", {5}, "", {"a", "b"})},
         "'c' is of columns that run on different clocks: a, b");
  refuse({a, node("a", "EMA", {5})}, "two indicators are named 'a'");
  refuse({node("m", "MACD", {12, 26, 9}), node("m", "MACD", {12, 26, 9})}, "two indicators are named 'm'");
  refuse({node("", "SMA", {5})}, "indicator name '' must not be empty or hold a dot, which separates an output");
  refuse({node("m.hist", "SMA", {5})},
         "indicator name 'm.hist' must not be empty or hold a dot, which separates an output");
  CHECK_THROWS_AS(Plan({node("a", "SMA", {0})}), ParameterError);
  CHECK_THROWS_AS(Plan({node("a", "MACD", {26, 12, 9})}), ParameterError);
}

TEST_CASE("a chain of a thousand links is as good as one of two") {
  std::vector<NodeSpec> specs{node("n0", "MOM", {1})};
  for (int i = 1; i < 1000; ++i)
    specs.push_back(node(("n" + std::to_string(i)).c_str(), "MOM", {1}, "", {"n" + std::to_string(i - 1)}));
  std::reverse(specs.begin(), specs.end());
  const Plan plan(specs);
  CHECK(plan.columns().front() == "n999");
  CHECK(plan.columns().size() == 1000);
}

TEST_CASE("spans are whole numbers of known units") {
  CHECK(parse_span("250ms") == 250'000'000);
  CHECK(parse_span("1s") == second);
  CHECK(parse_span("90m") == 5400 * second);
  CHECK(parse_span("4h") == 14400 * second);
  CHECK(parse_span("1d") == 86400 * second);
  for (const char* text : {"", "m", "0m", "-1m", "1", "1.5m", "1 m", " 1m", "1m ", "1M", "1w", "1us", "+1m", "1mm",
                           "999999999999999999999h", "100000d"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_span(text), PlanError);
  }
  CHECK_THROWS_WITH_AS(parse_span("5x"),
                       "bar spec '5x' is not a whole number above 0 and one of ms, s, m, h, d, such as '5m'",
                       PlanError);
}
