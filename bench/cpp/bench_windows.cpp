// `window/AGGREGATE/stream/PERIOD` and `window/AGGREGATE/batch/PERIOD`: what a window costs a value, whatever
// its length; and `window/worst`: the slowest tick, which no rescan and no burst may make slow.
#include <algorithm>
#include <chrono>

#include "bench.hpp"
#include "fastcore/window/window.hpp"

namespace fastcore::bench {

namespace {

/// A summary's last number: the one that needs all the others.
struct LastNumber {
  template <class S, class V>
  V operator()(const S& summary, const V&) const {
    if constexpr (std::is_same_v<S, V>) {
      return summary;
    } else {
      return summary.numbers().back();
    }
  }
};

template <class Aggregate>
struct Housed {
  explicit Housed(int period) : block(measure(period)), arena(block.data(), block.size()), window(period, arena) {}
  static std::size_t measure(int period) {
    Arena arena;
    const Window<Aggregate> unused(period, arena);
    return arena.used();
  }
  Block block;
  Arena arena;
  Window<Aggregate> window;
};

template <class Aggregate>
void stream(benchmark::State& state) {
  const auto x = walk(row_count, 1);
  Housed<Aggregate> housed(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    for (const double value : x) benchmark::DoNotOptimize(LastNumber()(housed.window.push(value), value));
  }
  per_item(state, row_count);
}

template <class Aggregate>
void batch(benchmark::State& state) {
  const auto x = walk(row_count, 1);
  std::vector<double> out(row_count);
  Housed<Aggregate> housed(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    for (std::size_t i = 0; i < row_count; i += chunk_rows) {
      housed.window.run(x.data() + i, std::min(chunk_rows, row_count - i), std::array<double*, 1>{out.data() + i},
                        LastNumber());
    }
    benchmark::ClobberMemory();
  }
  per_item(state, row_count);
}

template <class Aggregate>
void add(const char* name) {
  const auto add_path = [&](const char* path, void (*work)(benchmark::State&)) {
    const std::string full = std::string("window/") + name + path;
    auto* const rows = benchmark::RegisterBenchmark(full.c_str(), work);
    rows->Unit(benchmark::kMillisecond);
    for (const int period : {3, 4, 5, 6, 7, 8, 14, 20, 100, 2000}) rows->Arg(period);
  };
  add_path("/stream", stream<Aggregate>);
  add_path("/batch", batch<Aggregate>);
}

/// Percentiles of single pushes at period 2000, the clock's own cost included.
template <class Aggregate>
void worst(benchmark::State& state) {
  using Clock = std::chrono::steady_clock;
  const auto x = walk(row_count, 1);
  Housed<Aggregate> housed(2000);
  std::vector<std::int64_t> times(row_count);
  for (auto _ : state) {
    for (std::size_t i = 0; i < row_count; ++i) {
      const auto before = Clock::now();
      benchmark::DoNotOptimize(housed.window.push(x[i]));
      times[i] = std::chrono::nanoseconds(Clock::now() - before).count();
    }
  }
  std::sort(times.begin(), times.end());
  state.counters["p50_ns"] = static_cast<double>(times[row_count / 2]);
  state.counters["p99.97_ns"] = static_cast<double>(times[row_count - row_count * 3 / 10000]);
}

const bool registered = [] {
  add<ShiftedSum>("mean");
  add<Sum>("sum");
  add<Moments>("moments");
  add<Weighted>("weighted");
  add<MomentsWeighted>("moments_weighted");
  add<Highest>("highest");
  benchmark::RegisterBenchmark("window/worst/mean", worst<ShiftedSum>)->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("window/worst/moments", worst<Moments>)->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("window/worst/highest", worst<Highest>)->Unit(benchmark::kMillisecond);
  return true;
}();

}  // namespace

}  // namespace fastcore::bench
