// Snapshots: what comes back is what was, and what is damaged is refused, wherever the damage is.
#include "engines.hpp"
#include "fastcore/engine/snapshot.hpp"

using namespace fastcore;
using namespace fastcore::testing;

namespace {

std::vector<NodeSpec> small_plan() {
  return {node("ema", "EMA", {3}), node("std", "STDDEV", {4, 2}), node("atr", "ATR", {2}, "1m"),
          node("slow", "WMA", {3}, "", {"atr"}), node("cci", "CCI", {3}, "1m")};
}

/// Every kernel there is, on ticks and on bars.
std::vector<NodeSpec> large_plan() {
  std::vector<NodeSpec> specs;
  for (const CatalogueEntry& entry : catalogue()) {
    specs.push_back({entry.kernel->name, entry.kernel, defaults(*entry.kernel), "", {}});
    specs.push_back({std::string(entry.kernel->name) + " on bars", entry.kernel, defaults(*entry.kernel), "5s", {}});
  }
  return specs;
}

void feed(Engine& engine, const std::vector<Tick>& ticks, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i)
    engine.symbol(i % 3 == 0 ? "BTCUSDT" : "ETHUSDT")
        ->on_tick({ticks[i].ts, i % 50 == 7 ? -1.0 : ticks[i].price, ticks[i].size});
}

/// Whether `bytes` are refused as they should be.
template <class Restore>
bool refused(Restore&& restore, std::string_view bytes) {
  try {
    restore(bytes);
    return false;
  } catch (const SnapshotError& error) {
    return std::string_view(error.what()).size() > 10;
  }
}
/// Where an engine's payload holds the rows of history; the bound on symbols is right behind.
std::size_t options_at(const std::vector<NodeSpec>& plan) {
  const auto payload = [&](std::size_t history) {
    Engine::Options options;
    options.history = history;
    return std::string(unseal(SnapshotKind::engine, Engine(plan, options).snapshot()));
  };
  const std::string one = payload(1);
  const std::string other = payload(2);
  return static_cast<std::size_t>(std::mismatch(one.begin(), one.end(), other.begin()).first - one.begin());
}

const auto restore_engine = [](std::string_view bytes) { return Engine::restore(bytes); };
const auto restore_indicator = [](std::string_view bytes) { return Indicator::restore(bytes); };

/// Damages a snapshot in each place, in every way that touches one byte, and by cutting it anywhere.
template <class Restore>
void check_damage(const std::string& good, Restore&& restore) {
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    for (const int flip : {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff}) {
      bad[at] = static_cast<char>(good[at] ^ flip);
      if (!refused(restore, bad)) FAIL("byte ", at, " flipped by ", flip, " was taken");
    }
    if (!refused(restore, std::string_view(good).substr(0, at)))
      FAIL("the first ", at, " of ", good.size(), " bytes were taken");
    if (!refused(restore, std::string_view(good).substr(at + 1)))
      FAIL("the last bytes, from ", at + 1, " on, were taken");
  }
  for (const std::size_t more : std::initializer_list<std::size_t>{1, 4, 1000})
    CHECK(refused(restore, good + std::string(more, '\0')));
  CHECK(refused(restore, good + good));
}

}  // namespace

TEST_CASE("a restored engine has equal bytes and goes on as if nothing had happened") {
  const auto ticks = trades(1500, 1400);
  for (const auto& plan : {small_plan(), large_plan()}) {
    for (const std::size_t stop : std::initializer_list<std::size_t>{0, 1, 2, 10, 77, 500, 1000}) {
      CAPTURE(stop);
      Engine::Options options;
      options.history = 5;
      options.max_symbols = 9;
      options.policy.order = OrderRule::accept;
      Engine engine(plan, options);
      feed(engine, ticks, 0, stop);
      const std::string bytes = engine.snapshot();
      CHECK(engine.snapshot() == bytes);
      const auto twin = Engine::restore(bytes);
      REQUIRE(twin->snapshot() == bytes);
      CHECK(twin->options().history == 5);
      CHECK(twin->options().max_symbols == 9);
      CHECK(twin->options().policy.order == OrderRule::accept);
      CHECK(twin->symbols().size() == engine.symbols().size());
      CHECK(twin->ledger().received == engine.ledger().received);
      for (const auto& symbol : engine.symbols()) {
        CHECK(twin->find(symbol->name())->last_ts() == symbol->last_ts());
        CHECK(twin->find(symbol->name())->outcome() == symbol->outcome());
      }
      feed(engine, ticks, stop, 1500);
      feed(*twin, ticks, stop, 1500);
      for (const char* name : {"BTCUSDT", "ETHUSDT"}) {
        const Values row = row_of(*engine.symbol(name));
        REQUIRE(first_difference(row_of(*twin->symbol(name)), row) == row.size());
      }
      REQUIRE(twin->snapshot() == engine.snapshot());
    }
  }
}

TEST_CASE("equal states have equal bytes, whether ticks came one by one, in batches, or after a restore") {
  const auto ticks = trades(900, 1410);
  Engine single(large_plan(), {});
  Engine batch(large_plan(), {});
  Engine peeked(large_plan(), {});
  const std::vector<Symbol*> table{batch.symbol("A").get()};
  single.symbol("A");
  peeked.symbol("A");
  Values row(single.plan().columns().size());
  for (const Tick& tick : ticks) {
    single.symbol("A")->on_tick(tick);
    peeked.symbol("A")->peek(2.0 * tick.price, 1.0, true, row.data());
    peeked.symbol("A")->on_tick(tick);
  }
  batch.on_ticks(ticks.data(), ticks.size(), table, nullptr, nullptr);
  CHECK(batch.snapshot() == single.snapshot());
  CHECK(peeked.snapshot() == single.snapshot());
}

TEST_CASE("an engine's snapshot is refused with any byte flipped, cut anywhere, or with something behind it") {
  Engine engine(small_plan(), {});
  feed(engine, trades(200, 1420), 0, 200);
  const std::string good = engine.snapshot();
  REQUIRE_FALSE(refused(restore_engine, good));
  check_damage(good, restore_engine);
}

TEST_CASE("so is a symbol's, and one with history") {
  Engine engine(small_plan(), {});
  feed(engine, trades(60, 1425), 0, 60);
  const std::string symbol = engine.snapshot_symbol(engine.symbol("ETHUSDT"), false);
  const auto restore_symbol = [](std::string_view bytes) {
    Engine into(small_plan(), {});
    return into.restore_symbol(bytes);
  };
  REQUIRE_FALSE(refused(restore_symbol, symbol));
  check_damage(symbol, restore_symbol);
  Engine::Options options;
  options.history = 5;
  Engine keeping({node("ema", "EMA", {3}), node("atr", "ATR", {2}, "1m")}, options);
  feed(keeping, trades(60, 1426), 0, 60);
  const std::string history = keeping.snapshot(true);
  REQUIRE_FALSE(refused(restore_engine, history));
  check_damage(history, restore_engine);
}

TEST_CASE("so is an indicator's") {
  Indicator indicator(*find_kernel("BBANDS"), {5, 2, 1});
  for (const double x : walk(17, 1430)) indicator.update(&x);
  const std::string good = indicator.snapshot();
  REQUIRE_FALSE(refused(restore_indicator, good));
  check_damage(good, restore_indicator);
}

TEST_CASE("bytes that were never a snapshot are refused") {
  Random random(1440);
  CHECK(refused(restore_engine, ""));
  CHECK(refused(restore_engine, "FASTCORE"));
  CHECK(refused(restore_engine, std::string(1000, '\0')));
  for (int round = 0; round < 500; ++round) {
    std::string noise(static_cast<std::size_t>(whole(random, 0, 300)), '\0');
    for (char& byte : noise) byte = static_cast<char>(whole(random, -128, 127));
    REQUIRE(refused(restore_engine, noise));
    REQUIRE(refused(restore_engine, "FASTCORE" + noise));
    REQUIRE(refused(restore_indicator, noise));
  }
}

TEST_CASE("an envelope holds its payload, and says what is wrong with it") {
  for (const std::string& payload : {std::string(), std::string("x"), std::string(1000, 'y')}) {
    CHECK(unseal(SnapshotKind::engine, seal(SnapshotKind::engine, payload)) == payload);
    CHECK(unseal(SnapshotKind::indicator, seal(SnapshotKind::indicator, payload)) == payload);
  }
  const auto why = [](const std::string& bytes, SnapshotKind kind = SnapshotKind::engine) -> std::string {
    try {
      unseal(kind, bytes);
      return "";
    } catch (const SnapshotError& error) {
      return error.what();
    }
  };
  const std::string good = seal(SnapshotKind::engine, "payload");
  CHECK(why(good) == "");
  CHECK(why(good, SnapshotKind::indicator) == "this is the snapshot of an engine, not of an indicator");
  CHECK(why("short") == "a snapshot has at least 28 bytes, this has 5");
  std::string other = good;
  other[0] = 'f';
  CHECK(why(other) == "these bytes are not a fastcore snapshot: they do not begin with FASTCORE");
  std::string newer = good;
  newer[8] = 9;
  CHECK(why(newer).find("the snapshot has format 9, this fastcore reads up to 2") == 0);
  CHECK(why(good + "z").find("the snapshot says that it holds 7 bytes, but there are 8") == 0);
  std::string damaged = good;
  damaged[26] = 'P';
  CHECK(why(damaged) == "the snapshot's checksum does not match its bytes: it is damaged");
}

TEST_CASE("a payload that lies, in an envelope that does not, is refused or makes a sound engine") {
  // The checksum guards against accidents; who writes it anew may claim anything, and still must not
  // get past the end of anything.
  Engine engine(small_plan(), {});
  feed(engine, trades(60, 1450), 0, 60);
  const std::string good = engine.snapshot();
  const std::string payload(unseal(SnapshotKind::engine, good));
  std::size_t taken_anyway = 0;
  std::size_t refusals = 0;
  const auto ticks = trades(40, 1452);
  const auto attempt = [&](const std::string& lie) {
    try {
      const auto restored = Engine::restore(seal(SnapshotKind::engine, lie));
      ++taken_anyway;
      for (const Tick& tick : ticks) {
        for (const auto& symbol : restored->symbols()) symbol->on_tick(tick);
      }
      restored->snapshot();
    } catch (const SnapshotError&) {
      ++refusals;
    }
  };
  // Any number of rows of history and of symbols is as good as another; see "sizes that no machine has" for those.
  const std::size_t options = options_at(small_plan());
  for (std::size_t at = 0; at < payload.size(); ++at) {
    if (at >= options && at < options + 16) continue;
    CAPTURE(at);
    for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string lie = payload;
      lie[at] = static_cast<char>(value);
      CAPTURE(value);
      CHECK_NOTHROW(attempt(lie));
    }
    CHECK_NOTHROW(attempt(payload.substr(0, at)));
  }
  CHECK(refusals > 100);
  CHECK(taken_anyway > 100);  // many are other numbers in fields that may be any
}

TEST_CASE("sizes that no machine has, in an envelope that is whole, are refused like any damage") {
  Engine engine(small_plan(), {});
  feed(engine, trades(60, 1460), 0, 60);
  const std::string payload(unseal(SnapshotKind::engine, engine.snapshot()));
  const std::size_t options = options_at(small_plan());
  const auto with = [&](std::size_t at, std::uint64_t value) {
    std::string lie = payload;
    std::memcpy(lie.data() + at, &value, sizeof value);
    return seal(SnapshotKind::engine, lie);
  };
  const auto why = [&](const std::string& bytes) -> std::string {
    try {
      Engine::restore(bytes);
      return "";
    } catch (const SnapshotError& error) {
      return error.what();
    }
  };
  // Rows of history so many that their bytes, counted, are none.
  for (const std::uint64_t history : {std::uint64_t{1} << 60, std::uint64_t{1} << 62}) {
    CAPTURE(history);
    CHECK(why(with(options, history)).find("history must be from 0 to") != std::string::npos);
  }
  CHECK(why(with(options, ~std::uint64_t{0})).find("does not fit it: history") != std::string::npos);
  CHECK(why(with(options + 8, 1)).find("more than its own max_symbols of 1") != std::string::npos);
  CHECK(why(with(options + 8, 2)) == "");
}
