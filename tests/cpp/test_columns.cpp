// States in columns: a universe whose bars come together leaves what its symbols alone would.
#include <doctest/doctest.h>

#include "engines.hpp"

namespace fastcore::testing {

namespace {

constexpr std::size_t universe = 19;  // two blocks and a part of one

std::vector<NodeSpec> plan() {
  return {node("ema", "EMA", {3}, "1m"), node("rma", "RMA", {2}, "1m"), node("dema", "DEMA", {2}, "1m"),
          node("tema", "TEMA", {2}, "1m"), node("rsi", "RSI", {2}, "1m"), node("trix", "TRIX", {2}, "1m"),
          node("macd", "MACD", {2, 3, 2}, "1m"), node("sma", "SMA", {3}, "1m"), node("std", "STDDEV", {3, 1.0}, "1m"),
          node("chain", "EMA", {2}, "", {"rsi"}), node("bare", "TRIX", {1}, "1m"), node("atr", "ATR", {3}, "1m"),
          // Windows of blocks, even and odd, alone and shared, and one that is read by what stays with its symbol.
          node("sma8", "SMA", {8}, "1m"), node("sma9", "SMA", {9}, "1m"), node("bb9", "BBANDS", {9}, "1m"),
          node("wma9", "WMA", {9}, "1m"), node("z11", "ZSCORE", {11}, "1m"), node("wma13", "WMA", {13}, "1m"),
          node("roc", "ROC", {4}, "1m"), node("mom", "MOM", {1}, "1m"), node("rocp", "ROCP", {7}, "1m"),
          node("of", "EMA", {3}, "", {"sma9"}),
          // Nodes that read the same step two by two, whatever is left alone.
          node("ema4", "EMA", {4}, "1m"), node("ema5", "EMA", {5}, "1m"), node("rsi3", "RSI", {3}, "1m"),
          node("roc9", "ROC", {9}, "1m"), node("macd4", "MACD", {3, 4, 2}, "1m"), node("tema3", "TEMA", {3}, "1m")};
}

/// Two engines of the same symbols: bars come to one by one call for all, to the other symbol by symbol.
struct Both {
  static constexpr double flat = 100.0;
  Engine many{plan(), {}};
  Engine single{plan(), {}};
  std::vector<Symbol*> symbols;
  std::size_t clock = many.plan().clock("1m");

  Both() {
    for (std::size_t i = 0; i < universe; ++i) {
      symbols.push_back(many.symbol("S" + std::to_string(i)).get());
      single.symbol("S" + std::to_string(i));
    }
  }

  void bar_for_one(std::size_t at, std::int64_t ts) const {
    const Bar bar = CrossSection{ts, &flat, &flat, &flat, &flat, &flat}.at(0);
    CHECK(many.symbols()[at]->on_bar(clock, bar) == single.symbols()[at]->on_bar(clock, bar));
  }
  /// Whether one more bar of each goes through columns.
  bool in_columns(std::int64_t ts) {
    const Values all(universe, flat);
    const CrossSection same{ts, all.data(), all.data(), all.data(), all.data(), all.data()};
    for (std::size_t i = 0; i < universe; ++i) single.symbols()[i]->on_bar(clock, same.at(i));
    return many.on_plain_bars(clock, same);
  }

  void bars(std::int64_t ts, const Values& close, const Values& volume) {
    Values high = close;
    for (double& price : high) price += 0.5;
    const CrossSection all{ts, close.data(), high.data(), close.data(), close.data(), volume.data()};
    std::size_t taken = 0;
    for (std::size_t i = 0; i < universe; ++i)
      taken += single.symbols()[i]->on_bar(clock, all.at(i)) == Outcome::accepted ? 1 : 0;
    CHECK(many.on_bars(clock, symbols, all) == taken);
    for (std::size_t i = 0; i < universe; ++i) {
      const std::size_t row = many.plan().columns().size() * sizeof(double);
      CHECK(std::memcmp(symbols[i]->cells(), single.symbols()[i]->cells(), row) == 0);
    }
  }
};

}  // namespace

TEST_CASE("a universe in columns is its symbols alone") {
  Random random(7);
  for (int round = 0; round < 20; ++round) {
    Both both;
    std::int64_t ts = start;
    const int calls = whole(random, 30, 60);
    const int restless = round % 3;  // never, sometimes, often
    // Windows whose blocks begin at different bars do not go on side by side, the rest does.
    if (round % 4 == 3) both.bar_for_one(5, ts - 60 * second);
    for (int call = 0; call < calls; ++call) {
      ts += 60 * second;
      Values close(universe);
      Values volume(universe);
      for (std::size_t i = 0; i < universe; ++i) {
        close[i] = 100.0 + whole(random, -8, 8) / 8.0;
        volume[i] = whole(random, 0, 9);
      }
      if (restless != 0 && whole(random, 0, 40) == 0) volume[static_cast<std::size_t>(whole(random, 0, 18))] = -1.0;
      both.bars(ts, close, volume);
      if (restless == 0 && call == 29) CHECK(both.in_columns(ts += 60 * second));
      if (restless == 0 || whole(random, 0, restless == 1 ? 20 : 4) != 0) continue;
      const auto at = static_cast<std::size_t>(whole(random, 0, 18));
      Symbol& one = *both.many.symbols()[at];
      Symbol& other = *both.single.symbols()[at];
      switch (whole(random, 0, 4)) {
        case 0: CHECK(one.ledger().received == other.ledger().received); break;
        case 1:
          CHECK(one.on_tick({ts + 90 * second, 101.0, 1.0}) == other.on_tick({ts + 90 * second, 101.0, 1.0}));
          break;
        case 2: CHECK(*one.bars(both.clock).received(1) == *other.bars(both.clock).received(1)); break;
        case 3: CHECK(both.many.snapshot() == both.single.snapshot()); break;
        default: CHECK(one.last_ts() == other.last_ts());
      }
    }
    CHECK(both.many.snapshot(true) == both.single.snapshot(true));
  }
}

TEST_CASE("a symbol in columns outlives its engine, with all that it had") {
  std::shared_ptr<Symbol> kept;
  std::uint64_t received = 0;
  {
    Both both;
    for (int call = 0; call < 40; ++call)
      both.bars(start + call * (60 * second), Values(universe, 100.0 + call % 3), Values(universe, 1.0));
    kept = both.many.symbols()[3];
    received = both.single.symbols()[3]->ledger().received;
  }
  CHECK(kept->ledger().received == received);
}

TEST_CASE("a symbol that is dropped leaves columns with its account") {
  Both both;
  for (int call = 0; call < 40; ++call)
    both.bars(start + call * (60 * second), Values(universe, 100.0 + call % 3), Values(universe, 1.0));
  CHECK(both.many.drop("S4"));
  CHECK(both.many.ledger().received == both.single.ledger().received);
  CHECK(both.many.symbols().size() == universe - 1);
}

}  // namespace fastcore::testing
