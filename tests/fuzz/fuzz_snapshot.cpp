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
    params[i] = kernel.params[i].whole ? 3.0 : kernel.params[i].initial;
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
  restored->symbol("another one");
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
