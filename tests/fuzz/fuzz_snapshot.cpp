// Snapshots of any payload in an envelope that is whole: refused with a SnapshotError, or made into something that
// takes ticks, saves itself, and comes back the same.
//
// An input is a byte for the format, one for the kind, and a payload: the checksum would keep all else out.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <new>

#include "fastcore/catalogue.hpp"
#include "fastcore/crc32c.hpp"
#include "fastcore/engine/engine.hpp"
#include "fastcore/engine/snapshot.hpp"
#include "fastcore/engine/snapshot_diff.hpp"
#include "fastcore/indicator.hpp"
#include "fuzz.hpp"

namespace fastcore::fuzz {

namespace {

constexpr std::int64_t start = 1'700'000'000'000'000'000;

ParamValues defaults(const Kernel& kernel) {
  ParamValues params{};
  for (std::size_t i = 0; i < kernel.param_count; ++i)
    params[i] = kernel.params[i].whole && kernel.params[i].choices == nullptr ? 3.0 : kernel.params[i].initial;
  return params;
}

NodeSpec node(const char* name, const char* kernel, const char* clock, std::vector<std::string> parents = {}) {
  const Kernel* const found = find_kernel(kernel);
  return {name, found, defaults(*found), clock, std::move(parents)};
}

/// Ticks and bars, chains, windows that are shared and windows that are not.
std::unique_ptr<Engine> engine(bool guarded, std::size_t history) {
  Engine::Options options;
  options.history = history;
  if (guarded) {
    options.policy.order = OrderRule::buffer;
    options.policy.duplicates = DuplicateRule::value;
    options.policy.lateness = 1'000'000'000;
    options.policy.jumps = 5.0;
    options.policy.buffer_size = options.policy.duplicate_window = 20;
  }
  return std::make_unique<Engine>(
      std::vector<NodeSpec>{node("ema", "EMA", ""), node("sma", "SMA", ""), node("dev", "STDDEV", ""),
                            node("atr", "ATR", "1s"), node("slow", "WMA", "", {"atr"})},
      options);
}

/// What else a snapshot may hold: every kind of bar, revisions, gaps, ticks far ahead, quotes and formulas.
std::unique_ptr<Engine> rich_engine(bool revising) {
  Engine::Options options;
  options.history = 3;
  options.policy.large_trades = LargeTradeRule::split;
  options.policy.fill = FillRule::flat;
  options.policy.silence = 5'000'000'000;
  if (revising) {
    options.policy.order = OrderRule::revise;
    options.policy.revise_bars = 3;
    options.policy.buffer_size = 30;
  } else {
    options.policy.ahead = 60'000'000'000;
    options.policy.sequence = SequenceRule::id;
    options.policy.invalid = InvalidRule::clamp;
  }
  std::vector<NodeSpec> specs{node("fast", "EMA", ""), node("slow", "SMA", ""),
                              node(".0", "x - y", "", {"fast", "slow"}), node("gap", "abs(x)", "", {".0"})};
  if (!revising) specs.push_back(node("mid", "MICROPRICE", ""));
  static constexpr const char* kinds[] = {"1s",
                                          "3tick",
                                          "7vol",
                                          "900value",
                                          "range:2",
                                          "renko:1",
                                          "tick_runs:3",
                                          "vol_runs:5",
                                          "tick_imbalance:2",
                                          "vol_imbalance:adaptive:3:2",
                                          "2s from 1s",
                                          "2bar from 3tick",
                                          "heikin_ashi from 1s"};
  for (const char* const kind : kinds) specs.push_back(node(kind, "SMA", kind));
  return std::make_unique<Engine>(std::move(specs), options);
}

/// Ticks that are late, early and missing, a quote, and a session's end.
void feed_rich(Symbol& symbol, int count) {
  for (int i = 0; i < count; ++i) {
    const std::int64_t late = i % 5 == 4 ? 1'500'000'000 : 0;
    const std::int64_t early = i % 11 == 10 ? 90'000'000'000 : 0;
    symbol.on_tick({start + std::int64_t{400'000'000} * i - late + early, 100.0 + i % 7, 1.0 + i % 3,
                    i % 9 == 8 ? 0 : i, 0, static_cast<std::int8_t>(i % 3 - 1)});
  }
  symbol.on_quote({start + std::int64_t{400'000'000} * count, 100.0, 101.0, 2.0, 3.0});
  symbol.on_gap(Gap::session);
}

void feed(Symbol& symbol, int count) {
  const std::int64_t from = std::max(start, symbol.last_ts());
  // A time near the end of all times would be no test of snapshots.
  for (int i = 0; i < count && from < start * 5; ++i)
    symbol.on_tick({from + std::int64_t{300'000'000} * i, 100.0 + i % 7, 1.0, 0, 0, 0});
}

std::string sealed(std::uint32_t version, SnapshotKind kind, std::string_view payload) {
  std::string bytes = seal(kind, payload);
  std::memcpy(bytes.data() + 8, &version, sizeof version);
  const std::uint32_t sum = crc32c({bytes.data(), bytes.size() - 4});
  std::memcpy(bytes.data() + bytes.size() - 4, &sum, sizeof sum);
  return bytes;
}

void require(bool holds) {
  if (!holds) std::abort();
}

void check_engine(std::string_view bytes) {
  const auto restored = Engine::restore(bytes);
  for (const auto& symbol : restored->symbols()) feed(*symbol, 12);
  const std::size_t most = restored->options().max_symbols;
  if (most == 0 || restored->symbols().size() < most) restored->symbol("another one");
  const std::string again = restored->snapshot(true);
  require(Engine::restore(again)->snapshot(true) == again);
  require(!snapshot_difference(again, again));
  snapshot_difference(bytes, again);
  snapshot_difference(again, bytes);
}

void check_indicator(std::string_view bytes) {
  Indicator restored = Indicator::restore(bytes);
  double row[max_inputs];
  for (int i = 0; i < 12; ++i) {
    std::fill(std::begin(row), std::end(row), 100.0 + i % 7);
    restored.update(row);
  }
  const std::string again = restored.snapshot();
  require(Indicator::restore(again).snapshot() == again);
  snapshot_difference(bytes, again);
}

void check_symbol(std::string_view bytes) {
  const auto into = engine(false, 3);
  feed(*into->symbol("a"), 3);
  const std::string before = into->snapshot(true);
  try {
    feed(*into->restore_symbol(bytes), 12);
  } catch (const SnapshotError&) {
    require(into->snapshot(true) == before);  // refused without a trace
    throw;
  }
  const std::string again = into->snapshot(true);
  require(Engine::restore(again)->snapshot(true) == again);
}

/// A snapshot as an input.
std::string input_of(const std::string& snapshot) {
  const Envelope envelope = open(snapshot);
  std::string input{static_cast<char>(envelope.version - 1), static_cast<char>(static_cast<int>(envelope.kind) - 1)};
  return input.append(envelope.payload);
}

}  // namespace

std::vector<std::string> seeds() {
  std::vector<std::string> all;
  for (const int ticks : {0, 2, 40}) {
    for (const bool guarded : {false, true}) {
      const auto made = engine(guarded, 4);
      feed(*made->symbol("b"), ticks);
      all.push_back(input_of(made->snapshot(ticks > 2)));
      all.push_back(input_of(made->snapshot_symbol(made->symbol("b"), ticks > 2)));
    }
  }
  for (const int ticks : {3, 60}) {
    for (const bool revising : {false, true}) {
      const auto made = rich_engine(revising);
      feed_rich(*made->symbol("r"), ticks);
      all.push_back(input_of(made->snapshot(ticks > 3)));
      all.push_back(input_of(made->snapshot_symbol(made->symbol("r"), ticks > 3)));
    }
  }
  for (const CatalogueEntry& entry : catalogue()) {
    ParamValues params = defaults(*entry.kernel);
    try {
      check_params(*entry.kernel, params);
    } catch (const ParameterError&) {
      for (std::size_t i = 0; i < entry.kernel->param_count; ++i) params[i] = entry.kernel->params[i].initial;
    }
    Indicator indicator(*entry.kernel, params);
    const double row[max_inputs] = {3.0, 4.0, 2.0, 3.0, 1.0};
    for (int i = 0; i < 9; ++i) indicator.update(row);
    all.push_back(input_of(indicator.snapshot()));
  }
  return all;
}

}  // namespace fastcore::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fastcore;
  if (size < 2) return 0;
  const std::string_view payload(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto kind = static_cast<SnapshotKind>(1 + data[1] % 3);
  const std::string bytes = fuzz::sealed(1 + data[0] % 2, kind, payload);
  try {
    switch (kind) {
      case SnapshotKind::engine: fuzz::check_engine(bytes); break;
      case SnapshotKind::indicator: fuzz::check_indicator(bytes); break;
      case SnapshotKind::symbol: fuzz::check_symbol(bytes); break;
    }
  } catch (const SnapshotError&) {
    return 0;  // refused, as most are
  } catch (const std::bad_alloc&) {
    return 0;
  }
  return 0;
}
