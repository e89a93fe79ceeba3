// What a tick does to a symbol: bars, rows, history, peeks, and a place in the ledger.
#include "engines.hpp"

using namespace fastcore;
using namespace fastcore::testing;

namespace {

std::vector<NodeSpec> mixed() {
  return {node("sma", "SMA", {5}),      node("atr", "ATR", {3}, "1m"),         node("macd", "MACD", {3, 6, 2}),
          node("obv", "OBV", {}, "5s"), node("slow", "EMA", {3}, "", {"atr"}), node("std", "STDDEV", {5, 1}, "5s"),
          node("z", "ZSCORE", {5})};
}

std::uint64_t bucket(const Symbol& symbol, Outcome outcome) {
  return symbol.ledger().buckets[static_cast<std::size_t>(outcome)];
}
std::uint64_t sum(const Ledger& ledger) {
  std::uint64_t all = 0;
  for (const std::uint64_t count : ledger.buckets) all += count;
  return all;
}

std::string state(Symbol& symbol) {
  ByteWriter out;
  SchemaTable schemas;
  symbol.save(schemas, out);
  return out.take();
}

}  // namespace

TEST_CASE("bars are what their definition says, on every clock, and columns change when one closes") {
  Engine::Options options;
  options.history = 50;
  Engine engine(mixed(), options);
  Symbol& symbol = *engine.symbol("A");
  const auto ticks = trades(4000, 1300);
  for (const char* text : {"1m", "5s"}) {
    const std::size_t clock = engine.plan().clock(text);
    CHECK(symbol.forming(clock).count == 0);
    CHECK(symbol.bars(clock).size() == 0);
  }
  std::vector<Tick> seen;
  Values before = row_of(symbol);
  for (const Tick& tick : ticks) {
    seen.push_back(tick);
    symbol.on_tick(tick);
    const Values row = row_of(symbol);
    for (const char* text : {"1m", "5s"}) {
      const std::size_t clock = engine.plan().clock(text);
      const std::int64_t span = engine.plan().clocks()[clock].bars.span;
      const bool closes = seen.size() > 1 && seen[seen.size() - 2].ts / span != tick.ts / span;
      for (std::size_t column = 0; column < row.size(); ++column) {
        if (engine.plan().clock_of(column) == clock && !closes) REQUIRE(same(row[column], before[column]));
      }
      if (!closes && seen.size() < ticks.size()) continue;
      const auto bars = bars_of(seen, span);
      const auto& closed = symbol.bars(clock);
      REQUIRE(closed.generation() == bars.size() - 1);
      REQUIRE(closed.size() == std::min<std::size_t>(50, bars.size() - 1));
      REQUIRE(std::memcmp(closed.last(closed.size()), bars.data() + bars.size() - 1 - closed.size(),
                          closed.size() * sizeof(Bar)) == 0);
      const Bar forming = symbol.forming(clock);
      REQUIRE(std::memcmp(&forming, &bars.back(), sizeof(Bar)) == 0);
    }
    before = row;
  }
}

TEST_CASE("history is the last rows of each clock, oldest first") {
  Engine::Options options;
  options.history = 7;
  Engine engine(mixed(), options);
  Symbol& symbol = *engine.symbol("A");
  std::vector<std::vector<Values>> model(engine.plan().clocks().size());
  std::vector<std::uint64_t> generations(model.size(), 0);
  for (const Tick& tick : trades(1500, 1310)) {
    symbol.on_tick(tick);
    const Values row = row_of(symbol);
    for (std::size_t clock = 0; clock < model.size(); ++clock) {
      const History& history = *symbol.history(clock);
      const auto& columns = engine.plan().clocks()[clock].columns;
      REQUIRE(history.width() == columns.size());
      REQUIRE(history.capacity() == 7);
      if (history.generation() != generations[clock]) {
        REQUIRE(history.generation() == ++generations[clock]);
        Values cells;
        for (const std::uint32_t column : columns) cells.push_back(row[column]);
        model[clock].push_back(cells);
      }
      REQUIRE(history.size() == std::min<std::size_t>(7, model[clock].size()));
      for (std::size_t rows = 1; rows <= history.size(); ++rows) {
        const Values last(history.last(rows), history.last(rows) + rows * columns.size());
        Values wanted;
        for (std::size_t i = model[clock].size() - rows; i < model[clock].size(); ++i)
          wanted.insert(wanted.end(), model[clock][i].begin(), model[clock][i].end());
        REQUIRE(first_difference(last, wanted) == wanted.size());
      }
    }
  }
  CHECK(generations[0] == 1500);
  CHECK(generations[1] > 20);
  Engine without(mixed(), {});
  CHECK(without.symbol("A")->history(0) == nullptr);
  CHECK(without.symbol("A")->bars(1).size() == 0);
}

TEST_CASE("a peek gives the row that the tick would leave, and leaves no trace") {
  Engine engine(mixed(), {});
  Engine other(mixed(), {});
  Symbol& symbol = *engine.symbol("A");
  Symbol& never = *other.symbol("A");
  Values row(engine.plan().columns().size());
  for (const Tick& tick : trades(1200, 1320)) {
    const bool closes = symbol.last_ts() / (5 * second) != tick.ts / (5 * second);
    const std::string before = state(symbol);
    symbol.peek(tick.price, tick.size, false, row.data());
    const Values peeked = row;
    symbol.peek(1e17, 0.0, true, row.data());
    REQUIRE(state(symbol) == before);
    symbol.on_tick(tick);
    never.on_tick(tick);
    const Values now = row_of(symbol);
    REQUIRE(first_difference(now, row_of(never)) == now.size());
    for (std::size_t column = 0; column < now.size(); ++column) {
      if (engine.plan().clock_of(column) == 0 || !closes) REQUIRE(same(peeked[column], now[column]));
    }
  }
}

TEST_CASE("a peek with the forming bars gives bar columns as if the bars closed with it") {
  const auto ticks = trades(700, 1330);
  for (std::size_t stop = 0; stop < ticks.size(); stop += 23) {
    Engine engine(mixed(), {});
    Symbol& symbol = *engine.symbol("A");
    for (std::size_t i = 0; i < stop; ++i) symbol.on_tick(ticks[i]);
    Values peeked(engine.plan().columns().size());
    symbol.peek(123.25, 3.0, true, peeked.data());
    symbol.on_tick({stop == 0 ? start : symbol.last_ts(), 123.25, 3.0});
    const Values after = row_of(symbol);
    symbol.on_tick({symbol.last_ts() + 3600 * second, 100.0, 1.0});
    const Values closed = row_of(symbol);
    for (std::size_t column = 0; column < peeked.size(); ++column) {
      const Values& wanted = engine.plan().clock_of(column) == 0 ? after : closed;
      CAPTURE(stop);
      CAPTURE(engine.plan().columns()[column]);
      REQUIRE(same(peeked[column], wanted[column]));
    }
  }
}

TEST_CASE("every tick ends in one bucket, and only those that are taken change anything") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const OrderRule order : {OrderRule::drop, OrderRule::reject, OrderRule::accept}) {
    Engine::Options options;
    options.policy.order = order;
    Engine engine(mixed(), options);
    Symbol& symbol = *engine.symbol("A");
    const Outcome late = order == OrderRule::drop     ? Outcome::late_dropped
                         : order == OrderRule::reject ? Outcome::rejected
                                                      : Outcome::late_accepted;
    // As new as the newest is in order.
    for (int i = 0; i < 9; ++i) CHECK(symbol.on_tick({start, 100.0 + i * i, 0.0}) == Outcome::accepted);
    const Values row = row_of(symbol);
    CHECK(std::isfinite(row[0]));
    const std::pair<double, double> bad[] = {{quiet_nan, 1},     {infinity, 1},     {-infinity, 1},
                                             {0.0, 1},           {-0.0, 1},         {-5.0, 1},
                                             {100.0, quiet_nan}, {100.0, infinity}, {100.0, -1.0}};
    for (const auto& [price, size] : bad) CHECK(symbol.on_tick({start + second, price, size}) == Outcome::invalid);
    CHECK(first_difference(row, row_of(symbol)) == row.size());
    CHECK(symbol.last_ts() == start);
    CHECK(symbol.outcome() == Outcome::invalid);
    CHECK(symbol.on_tick({start - 1, 102.0, 1.0}) == late);
    CHECK(symbol.outcome() == late);
    CHECK((first_difference(row, row_of(symbol)) == row.size()) == !taken(late));
    CHECK(symbol.last_ts() == start);
    CHECK(symbol.ledger().received == 19);
    CHECK(sum(symbol.ledger()) == 19);
    CHECK(bucket(symbol, Outcome::accepted) == 9);
    CHECK(bucket(symbol, Outcome::invalid) == 9);
    CHECK(bucket(symbol, late) == 1);
  }
}

TEST_CASE("a bar from elsewhere does what the same bar made here does") {
  Engine engine({node("atr", "ATR", {3}, "1m"), node("obv", "OBV", {}, "1m")}, {});
  Symbol& made_here = *engine.symbol("ticks");
  Symbol& from_elsewhere = *engine.symbol("bars");
  const auto ticks = trades(2000, 1340);
  for (const Tick& tick : ticks) made_here.on_tick(tick);
  auto bars = bars_of(ticks, 60 * second);
  bars.pop_back();
  for (const Bar& bar : bars) REQUIRE(from_elsewhere.on_bar(1, bar) == Outcome::accepted);
  const Values row = row_of(made_here);
  CHECK(first_difference(row, row_of(from_elsewhere)) == row.size());
  CHECK(std::isfinite(row[0]));
  CHECK(from_elsewhere.ledger().received == bars.size());

  const Bar good = bar_made_elsewhere(from_elsewhere.last_ts() + 60 * second, 10, 12, 9, 11, 5);
  const auto broken = [&](double Bar::* field, double value) {
    Bar bar = good;
    bar.*field = value;
    return bar;
  };
  for (const Bar& bar :
       {broken(&Bar::high, 10.5), broken(&Bar::low, 10.5), broken(&Bar::low, 13), broken(&Bar::open, -1),
        broken(&Bar::close, quiet_nan), broken(&Bar::volume, -1), broken(&Bar::open, 12.5), broken(&Bar::close, 8.5)}) {
    CHECK(from_elsewhere.on_bar(1, bar) == Outcome::invalid);
  }
  Bar old = good;
  old.ts = start - 3600 * second;
  CHECK(from_elsewhere.on_bar(1, old) == Outcome::late_dropped);
  CHECK(first_difference(row, row_of(from_elsewhere)) == row.size());
  CHECK(from_elsewhere.on_bar(1, good) == Outcome::accepted);
  CHECK(from_elsewhere.on_bar(1, good) == Outcome::duplicate);
  CHECK(sum(from_elsewhere.ledger()) == from_elsewhere.ledger().received);
}

TEST_CASE("a bar whose volume overflows gives NaN where volume is asked for, and leaves no trace") {
  for (const std::size_t before :
       {std::size_t{0}, std::size_t{1}, std::size_t{30}}) {  // while warming up, and long after
    CAPTURE(before);
    Engine engine({node("obv", "OBV", {}, "1m"), node("vwap", "VWAP", {3}, "1m"), node("mfi", "MFI", {4}, "1m"),
                   node("sma", "SMA", {5}, "1m")},
                  {});
    Symbol& symbol = *engine.symbol("A");
    std::vector<Indicator> alone;
    for (const NodeSpec& spec : engine.plan().specs()) alone.emplace_back(*spec.kernel, spec.params);
    const Values prices = walk(before + 60, 1345);
    for (std::size_t minute = 0; minute < prices.size(); ++minute) {
      const double size = minute == before ? 1.7e308 : 5.0;
      const std::int64_t ts = start / (60 * second) * 60 * second + static_cast<std::int64_t>(minute) * 60 * second;
      REQUIRE(symbol.on_tick({ts, prices[minute], size}) == Outcome::accepted);
      REQUIRE(symbol.on_tick({ts + second, prices[minute], size}) == Outcome::accepted);
      if (minute == 0) continue;
      const Bar& closed = *symbol.bars(1).last(1);
      for (std::size_t i = 0; i < alone.size(); ++i) {
        const NodeSpec& spec = engine.plan().specs()[i];
        alone[i].update(inputs_of(*spec.kernel, closed).data());
        CAPTURE(minute);
        require_column(symbol, spec.name, alone[i]);
      }
    }
    for (const Indicator& indicator : alone) CHECK(std::isfinite(indicator.value()[0]));
  }
}

TEST_CASE("a batch does what its ticks do one by one, and says what became of each") {
  Engine batch(mixed(), {});
  Engine single(mixed(), {});
  auto ticks = trades(3000, 1350);
  Random random(1351);
  for (Tick& tick : ticks) {
    tick.symbol = static_cast<std::uint32_t>(whole(random, 0, 3));  // 3 is in no table
    const int kind = whole(random, 0, 49);
    if (kind == 0) tick.price = -1.0;
    if (kind == 1) tick.ts -= 100 * second;
    if (kind == 2) tick.ts /= 1'000'000;  // milliseconds
  }
  std::vector<Symbol*> table;
  for (const char* name : {"A", "B", "C"}) table.push_back(batch.symbol(name).get());
  const std::size_t width = batch.plan().columns().size();
  Values rows(ticks.size() * width, -1.0);
  std::vector<std::uint8_t> outcomes(ticks.size(), 99);
  std::size_t taken_one_by_one = 0;
  const std::size_t taken_in_batches = [&] {
    std::size_t all = 0;
    std::size_t at = 0;
    for (const std::size_t count : cuts(ticks.size(), random, 400)) {
      all += batch.on_ticks(ticks.data() + at, count, table, rows.data() + at * width, outcomes.data() + at);
      at += count;
    }
    return all;
  }();
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    const Tick& tick = ticks[i];
    const Values row(rows.data() + i * width, rows.data() + (i + 1) * width);
    if (tick.symbol == 3) {
      REQUIRE(outcomes[i] == static_cast<std::uint8_t>(Outcome::rejected));
      for (const double x : row) REQUIRE(std::isnan(x));
      continue;
    }
    Symbol& symbol = *single.symbol(std::string(1, static_cast<char>('A' + tick.symbol)));
    Outcome outcome = Outcome::rejected;
    if (tick.ts >= earliest_ts) outcome = symbol.on_tick(tick);
    taken_one_by_one += taken(outcome) ? 1 : 0;
    REQUIRE(outcomes[i] == static_cast<std::uint8_t>(outcome));
    const Values wanted = row_of(symbol);
    REQUIRE(first_difference(row, wanted) == wanted.size());
  }
  CHECK(taken_in_batches == taken_one_by_one);
  CHECK(batch.ledger().received == ticks.size());
  CHECK(sum(batch.ledger()) == ticks.size());
  CHECK(batch.drop("B"));
  CHECK_FALSE(batch.drop("B"));
  CHECK(batch.find("B").get() == nullptr);
  CHECK(batch.ledger().received == ticks.size());
}

TEST_CASE("an engine holds no more symbols than it may") {
  Engine::Options options;
  options.max_symbols = 2;
  Engine engine(mixed(), options);
  engine.symbol("A");
  engine.symbol("B");
  CHECK_THROWS_WITH_AS(engine.symbol("C"), "symbol 'C' would be number 3, but max_symbols is 2; drop one first",
                       CapacityError);
  CHECK(engine.symbol("A").get() == engine.find("A").get());
  engine.drop("A");
  CHECK(engine.symbol("C")->name() == "C");
}
