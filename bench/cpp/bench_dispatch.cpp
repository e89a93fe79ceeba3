// `dispatch/HOW/NODES`: one tick through many nodes of eight types, by one indirect call for each type
// (as a plan does it), by one for each node in mixed order, by virtual calls, and by no indirection at all.
#include <algorithm>
#include <memory>
#include <tuple>

#include "bench.hpp"
#include "fastcore/indicators/families.hpp"
#include "fastcore/kernel.hpp"

namespace fastcore::bench {

namespace {

using Types = TypeList<Ema, Rma, Rsi, Sma, Wma, Stddev, Mom, Roc>;
constexpr std::size_t type_count = Types::size;
constexpr double period = 14.0;

ParamValues params_of(const Kernel& kernel) {
  ParamValues params{};
  for (std::size_t i = 0; i < kernel.param_count; ++i) params[i] = i == 0 ? period : kernel.params[i].initial;
  return params;
}

std::array<const Kernel*, type_count> kernels() {
  std::array<const Kernel*, type_count> all{};
  std::size_t i = 0;
  for_each(Types{}, [&](auto* type) { all[i++] = &kernel_of<std::remove_pointer_t<decltype(type)>>(); });
  return all;
}

/// Which type each node is of: by turns, or shuffled.
std::vector<std::size_t> types_of(std::size_t count, bool shuffled) {
  std::vector<std::size_t> types(count);
  for (std::size_t i = 0; i < count; ++i) types[i] = i * type_count / count;
  if (shuffled) std::shuffle(types.begin(), types.end(), std::mt19937_64(7));
  return types;
}

/// Ticks before the clock starts: every node has settled.
constexpr std::size_t warm_ticks = 64;

/// Runs `tick` over prices; cell 0 is the price, node i writes cell i + 1.
template <class Tick>
void measure(benchmark::State& state, std::size_t count, Tick&& tick) {
  const auto prices = walk(4096, 3);
  std::vector<double> cells(count + 1);
  std::size_t at = 0;
  const auto next = [&] {
    cells[0] = prices[at++ % prices.size()];
    tick(cells.data());
    benchmark::ClobberMemory();
  };
  for (std::size_t i = 0; i < warm_ticks; ++i) next();
  for (auto _ : state) next();
  per_item(state, count);
}

/// States in one block in the order of `types`, as a plan lays them.
struct Laid {
  explicit Laid(const std::vector<std::size_t>& types) {
    const auto all = kernels();
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < types.size(); ++i) {
      nodes.push_back({static_cast<std::uint32_t>(bytes), static_cast<std::uint32_t>(i + 1), {}});
      bytes += (all[types[i]]->bytes(params_of(*all[types[i]])) + Arena::alignment - 1) / Arena::alignment *
               Arena::alignment;
    }
    block = Block(bytes);
    for (std::size_t i = 0; i < types.size(); ++i) {
      const Kernel& kernel = *all[types[i]];
      const auto params = params_of(kernel);
      kernel.make(block.data() + nodes[i].state, kernel.bytes(params), params);
    }
  }
  Block block;
  std::vector<Wiring> nodes;
};

void by_groups(benchmark::State& state, StepNodes Kernel::* step) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const auto types = types_of(count, false);
  const Laid laid(types);
  struct Group {
    StepNodes step;
    const Wiring* nodes;
    std::size_t count;
  };
  std::vector<Group> groups;
  for (std::size_t i = 0; i < count; ++i) {
    if (i == 0 || types[i] != types[i - 1]) groups.push_back({kernels()[types[i]]->*step, &laid.nodes[i], 0});
    ++groups.back().count;
  }
  // A node has settled only after its warm-up.
  std::size_t ticks = 0;
  measure(state, count, [&](double* cells) {
    if (++ticks <= warm_ticks) {
      for (std::size_t i = 0; i < count; ++i)
        kernels()[types[i]]->step_many(laid.block.data(), &laid.nodes[i], 1, cells);
    } else {
      for (const Group& group : groups) group.step(laid.block.data(), group.nodes, group.count, cells);
    }
  });
}

void by_nodes(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const auto types = types_of(count, true);
  const Laid laid(types);
  std::vector<StepNodes> steps;
  steps.reserve(count);
  for (const std::size_t type : types) steps.push_back(kernels()[type]->step_one);
  measure(state, count, [&](double* cells) {
    for (std::size_t i = 0; i < count; ++i) steps[i](laid.block.data(), &laid.nodes[i], 1, cells);
  });
}

/// A node on the heap behind a virtual call, as a class hierarchy has it.
struct Virtual {
  virtual ~Virtual() = default;
  virtual void step(const double* in, double* out) = 0;
};

/// A node with arrays of its own.
template <class T>
struct Owned {
  Owned() : block(kernel_of<T>().bytes(params_of(kernel_of<T>()))) {
    kernel_of<T>().make(block.data(), block.size(), params_of(kernel_of<T>()));
  }
  void step(const double* in, double* out) { reinterpret_cast<Node<T>*>(block.data())->step(in, out); }
  Block block;
};
template <class T>
struct OwnedVirtual final : Virtual {
  void step(const double* in, double* out) override { node.step(in, out); }
  Owned<T> node;
};

void by_virtual_calls(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  std::vector<std::unique_ptr<Virtual>> nodes;
  for (const std::size_t type : types_of(count, true)) {
    std::size_t i = 0;
    for_each(Types{}, [&](auto* tag) {
      if (i++ == type) nodes.push_back(std::make_unique<OwnedVirtual<std::remove_pointer_t<decltype(tag)>>>());
    });
  }
  measure(state, count, [&](double* cells) {
    for (std::size_t i = 0; i < count; ++i) nodes[i]->step(cells, cells + i + 1);
  });
}

template <class... T>
std::tuple<std::vector<Owned<T>>...> vectors(TypeList<T...>, std::size_t each) {
  return {std::vector<Owned<T>>(each)...};
}

void by_vectors(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  auto all = vectors(Types{}, count / type_count);
  measure(state, count, [&](double* cells) {
    std::size_t i = 0;
    const auto step = [&](auto& nodes) {
      for (auto& node : nodes) node.step(cells, cells + ++i);
    };
    std::apply([&](auto&... nodes) { (step(nodes), ...); }, all);
  });
}

const bool registered = [] {
  const auto add = [](const char* name, auto work) {
    benchmark::RegisterBenchmark(name, work)->Arg(8)->Arg(64)->Arg(512)->Arg(8192);
  };
  add("dispatch/grouped", [](benchmark::State& state) { by_groups(state, &Kernel::step_many); });
  add("dispatch/grouped_settled", [](benchmark::State& state) { by_groups(state, &Kernel::settled_many); });
  add("dispatch/mixed", by_nodes);
  add("dispatch/virtual", by_virtual_calls);
  add("dispatch/vectors", by_vectors);
  return true;
}();

}  // namespace

}  // namespace fastcore::bench
