// Our containers and the standard's, in pairs: `ring/...` against std::deque, `arena/...` and `pool/...`
// against the heap. The target is 3 to 5 times; ARCHITECTURE.md says where it is met.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <memory>
#include <numeric>

#include "bench.hpp"
#include "fastcore/memory/arena.hpp"
#include "fastcore/memory/pool.hpp"
#include "fastcore/memory/ring.hpp"
#include "fastcore/window/deviation.hpp"

namespace fastcore::bench {

namespace {

struct HousedRing {
  explicit HousedRing(std::size_t capacity)
      : block(measure(capacity)), arena(block.data(), block.size()), ring(capacity, arena) {}
  static std::size_t measure(std::size_t capacity) {
    Arena arena;
    const Ring<double> unused(capacity, arena);
    return arena.used();
  }
  Block block;
  Arena arena;
  Ring<double> ring;
};

constexpr std::size_t push_count = 100'000;

// A lag, as momentum uses it: the newest value less what falls out of the window.
void ring_lag(benchmark::State& state) {
  const auto x = walk(push_count, 1);
  std::vector<double> out(push_count);
  HousedRing housed(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    for (std::size_t i = 0; i < push_count; ++i) {
      out[i] = x[i] - housed.ring.oldest();
      housed.ring.push(x[i]);
    }
    benchmark::ClobberMemory();
  }
  per_item(state, push_count);
}
void deque_lag(benchmark::State& state) {
  const auto x = walk(push_count, 1);
  std::vector<double> out(push_count);
  std::deque<double> window(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    for (std::size_t i = 0; i < push_count; ++i) {
      out[i] = x[i] - window.front();
      window.pop_front();
      window.push_back(x[i]);
    }
    benchmark::ClobberMemory();
  }
  per_item(state, push_count);
}

// A window that is read as a whole after each value: a mean deviation, with the vectors that
// neighbours in memory allow.
void ring_scan(benchmark::State& state) {
  const auto x = walk(push_count, 1);
  HousedRing housed(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    for (const double value : x) {
      housed.ring.push(value);
      benchmark::DoNotOptimize(absolute_deviations(housed.ring.window(), housed.ring.capacity(), value));
    }
  }
  per_item(state, push_count);
}
void deque_scan(benchmark::State& state) {
  const auto x = walk(push_count, 1);
  std::deque<double> window(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    for (const double value : x) {
      window.pop_front();
      window.push_back(value);
      double sum = 0.0;
      for (const double other : window) sum += std::fabs(other - value);
      benchmark::DoNotOptimize(sum);
    }
  }
  per_item(state, push_count);
}

// A window handed on as one array, as a column of history is: no copy, or one.
void ring_view(benchmark::State& state) {
  const auto x = walk(push_count, 1);
  HousedRing housed(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    for (const double value : x) {
      housed.ring.push(value);
      benchmark::DoNotOptimize(housed.ring.window());
    }
  }
  per_item(state, push_count);
}
void deque_view(benchmark::State& state) {
  const auto x = walk(push_count, 1);
  std::deque<double> window(static_cast<std::size_t>(state.range(0)));
  std::vector<double> view(window.size());
  for (auto _ : state) {
    for (const double value : x) {
      window.pop_front();
      window.push_back(value);
      std::copy(window.begin(), window.end(), view.begin());
      benchmark::DoNotOptimize(view.data());
    }
  }
  per_item(state, push_count);
}

// The arrays of a plan's states: a few hundred of 8 to 512 doubles, zeroed.
std::vector<std::size_t> array_sizes() {
  std::mt19937_64 random(5);
  std::vector<std::size_t> sizes(256);
  for (std::size_t& size : sizes) size = std::size_t{8} << (random() % 7);
  return sizes;
}
void arena_take(benchmark::State& state) {
  const auto sizes = array_sizes();
  std::vector<double*> arrays(sizes.size());
  for (auto _ : state) {
    Arena measured;
    for (const std::size_t size : sizes) measured.take<double>(size);
    const Block block(measured.used());
    Arena arena(block.data(), block.size());
    for (std::size_t i = 0; i < sizes.size(); ++i) arrays[i] = arena.take<double>(sizes[i]);
    benchmark::DoNotOptimize(arrays.data());
    benchmark::ClobberMemory();
  }
  per_item(state, sizes.size());
}
void heap_take(benchmark::State& state) {
  const auto sizes = array_sizes();
  std::vector<std::unique_ptr<double[]>> arrays(sizes.size());
  for (auto _ : state) {
    for (std::size_t i = 0; i < sizes.size(); ++i) arrays[i] = std::make_unique<double[]>(sizes[i]);
    benchmark::DoNotOptimize(arrays.data());
    benchmark::ClobberMemory();
    for (auto& array : arrays) array.reset();
  }
  per_item(state, sizes.size());
}
// Without the block's own making and clearing: what one more array costs.
void arena_bump(benchmark::State& state) {
  const auto sizes = array_sizes();
  Arena measured;
  for (const std::size_t size : sizes) measured.take<double>(size);
  const Block block(measured.used());
  for (auto _ : state) {
    Arena arena(block.data(), block.size());
    for (const std::size_t size : sizes) benchmark::DoNotOptimize(arena.take<double>(size));
  }
  per_item(state, sizes.size());
}
void heap_bump(benchmark::State& state) {
  const auto sizes = array_sizes();
  std::vector<void*> arrays(sizes.size());
  for (auto _ : state) {
    for (std::size_t i = 0; i < sizes.size(); ++i)
      benchmark::DoNotOptimize(arrays[i] = std::malloc(sizes[i] * sizeof(double)));
    for (void* const array : arrays) std::free(array);
  }
  per_item(state, sizes.size());
}

struct Order {
  double numbers[24];
};
constexpr std::size_t burst = 64;

// A burst takes objects and gives them back in another order.
std::vector<std::size_t> give_order() {
  std::vector<std::size_t> order(burst);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::shuffle(order.begin(), order.end(), std::mt19937_64(6));
  return order;
}
void pool_burst(benchmark::State& state) {
  const auto order = give_order();
  Pool<Order> pool(burst);
  Order* out[burst];
  for (auto _ : state) {
    for (Order*& object : out) {
      object = pool.take();
      object->numbers[0] = 1.0;
    }
    benchmark::ClobberMemory();
    for (const std::size_t i : order) pool.give(out[i]);
  }
  per_item(state, burst);
}
void heap_burst(benchmark::State& state) {
  const auto order = give_order();
  Order* out[burst];
  for (auto _ : state) {
    for (Order*& object : out) {
      object = new Order;
      benchmark::DoNotOptimize(object);
      object->numbers[0] = 1.0;
    }
    benchmark::ClobberMemory();
    for (const std::size_t i : order) delete out[i];
  }
  per_item(state, burst);
}

BENCHMARK(ring_lag)->Name("ring/lag")->Arg(20)->Arg(2000);
BENCHMARK(deque_lag)->Name("ring/lag/deque")->Arg(20)->Arg(2000);
BENCHMARK(ring_scan)->Name("ring/scan")->Arg(20)->Arg(200)->Arg(2000);
BENCHMARK(deque_scan)->Name("ring/scan/deque")->Arg(20)->Arg(200)->Arg(2000);
BENCHMARK(ring_view)->Name("ring/view")->Arg(20)->Arg(200);
BENCHMARK(deque_view)->Name("ring/view/deque")->Arg(20)->Arg(200);
BENCHMARK(arena_take)->Name("arena/build");
BENCHMARK(heap_take)->Name("arena/build/new");
BENCHMARK(arena_bump)->Name("arena/take");
BENCHMARK(heap_bump)->Name("arena/take/malloc");
BENCHMARK(pool_burst)->Name("pool/burst");
BENCHMARK(heap_burst)->Name("pool/burst/new");

}  // namespace

}  // namespace fastcore::bench
